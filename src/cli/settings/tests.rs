use super::*;

fn around() -> Surroundings {
    Surroundings::bare("/here").with("HOME", "/home")
}

fn resolve(around: &Surroundings) -> Result<Settings, SettingsError> {
    Settings::resolve(Flags::default(), around)
}

fn store_of(around: &Surroundings) -> (String, String) {
    let store = resolve(around).unwrap().store;
    (store.value.display().to_string(), store.origin.to_string())
}

#[test]
fn the_store_is_looked_for_from_strong_to_weak() {
    let dir = tempfile::tempdir().unwrap();
    let (user, system) = (dir.path().join("user.toml"), dir.path().join("system.toml"));
    let mut around = around();
    assert_eq!(
        store_of(&around),
        ("/home/.local/share/pyro".into(), "default".into())
    );
    around = around.with("XDG_DATA_HOME", "/data");
    assert_eq!(store_of(&around), ("/data/pyro".into(), "default".into()));
    fs_err::write(&system, "[store]\npath = \"/system\"\n").unwrap();
    around = around.with_system_config(&system);
    assert_eq!(
        store_of(&around),
        ("/system".into(), system.display().to_string())
    );
    fs_err::write(&user, "[store]\npath = \"/user\"\n").unwrap();
    around = around.with("PYRO_CONFIG", &user);
    assert_eq!(
        store_of(&around),
        ("/user".into(), user.display().to_string())
    );
    around = around.with("PYRO_ENVIRONMENT_CACHE_DIR", "cache");
    assert_eq!(
        store_of(&around),
        ("/here/cache".into(), "PYRO_ENVIRONMENT_CACHE_DIR".into())
    );
    around = around.with("PYRO_STORE", "./store");
    assert_eq!(
        store_of(&around),
        ("/here/store".into(), "PYRO_STORE".into())
    );
    let flags = Flags {
        store: Some("flag".into()),
        ..Flags::default()
    };
    let store = Settings::resolve(flags, &around).unwrap().store;
    assert_eq!(store.value, Path::new("/here/flag"));
    assert_eq!(store.origin, Origin::Flag("--store"));
}

#[test]
fn files_are_merged_key_by_key() {
    let dir = tempfile::tempdir().unwrap();
    let (user, system) = (
        dir.path().join("pyro/config.toml"),
        dir.path().join("system.toml"),
    );
    fs_err::create_dir(dir.path().join("pyro")).unwrap();
    fs_err::write(&user, "[registry.\"a.example\"]\ninsecure = true\n").unwrap();
    let text = "[store]\nlock-timeout = \"5s\"\n[registry.\"a.example\"]\ninsecure = false\n\
        token-realms = [\"t.example\"]\n";
    fs_err::write(&system, text).unwrap();
    let settings = resolve(
        &around()
            .with("XDG_CONFIG_HOME", dir.path())
            .with_system_config(&system),
    )
    .unwrap();
    assert_eq!(settings.lock_timeout.value.to_string(), "5s");
    let registry = &settings.registries["a.example"];
    assert_eq!(
        registry.insecure,
        Sourced {
            value: true,
            origin: Origin::file(&user)
        }
    );
    assert_eq!(registry.token_realms.value, ["t.example"]);
    assert_eq!(registry.token_realms.origin, Origin::file(&system));
    assert_eq!(settings.config_files, [(user, true), (system, true)]);
}

#[test]
fn bad_variables_are_named() {
    for (name, value) in [
        ("PYRO_LOCK_TIMEOUT", "soon"),
        ("PYRO_JOBS", "0"),
        ("PYRO_PLATFORM", "amd64"),
        ("PYRO_PROFILE", "@x"),
        ("PYRO_OFFLINE", "maybe"),
        ("PYRO_CHECK", "some"),
        ("XDG_DATA_HOME", "relative"),
        ("HOME", "relative"),
        ("PYRO_CONFIG", "missing.toml"),
    ] {
        let error = resolve(&around().with(name, value))
            .unwrap_err()
            .to_string();
        assert!(error.contains(name), "{name}: {error}");
    }
}

#[test]
fn a_flag_settles_what_two_variables_leave_open() {
    let around = around().with("PYRO_LOCKED", "1").with("PYRO_FROZEN", "1");
    assert!(matches!(
        resolve(&around),
        Err(SettingsError::Conflict { .. })
    ));
    let flags = Flags {
        lock_mode: Some(LockMode::Frozen),
        ..Flags::default()
    };
    let settings = Settings::resolve(flags, &around).unwrap();
    assert_eq!(settings.lock_mode.origin, Origin::Flag("--frozen"));
}

#[test]
fn without_a_home_only_a_named_store_will_do() {
    let bare = Surroundings::bare("/here");
    assert!(matches!(resolve(&bare), Err(SettingsError::NoHome)));
    assert_eq!(
        resolve(&bare.with("PYRO_STORE", "/s"))
            .unwrap()
            .login_files
            .value,
        [""; 0].map(PathBuf::from)
    );
}
