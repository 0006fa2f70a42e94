//! `pyro config`: values and where they came from.

use serde_json::{Value, json};

use crate::support::Sandbox;

fn setting(document: &Value, name: &str) -> Value {
    let settings = document["settings"].as_array().unwrap();
    let found = settings.iter().find(|setting| setting["name"] == name);
    found
        .unwrap_or_else(|| panic!("no {name} in {document:#}"))
        .clone()
}

#[test]
fn every_setting_tells_its_origin() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "pyro.toml",
        "[store]\nlock-timeout = \"90s\"\n[registry.\"localhost:5000\"]\ninsecure = true\n",
    );
    let ended = sandbox
        .pyro(["config"])
        .env("PYRO_CONFIG", "pyro.toml")
        .env("PYRO_JOBS", "3")
        .env("PYRO_PLATFORM", "linux/arm64")
        .run();
    insta::assert_snapshot!(ended, @r#"
    exit code 0
    ----- stdout
    SETTING  VALUE  FROM
    check  quick  default
    file  -  default
    firecracker  -  default
    gc.keep  -  default
    gc.max-size  -  default
    gc.min-free  -  default
    gc.older-than  -  default
    http.connect-seconds  10  default
    http.helper-seconds  30  default
    http.idle-seconds  30  default
    http.min-rate  1K  default
    http.retries  1  PYRO_HTTP_RETRIES
    jobs  3  PYRO_JOBS
    limits.max-entries  4000000  default
    limits.max-manifest  4M  default
    limits.max-ratio  250  default
    limits.max-unpacked  1T  default
    lock  update  default
    login-files  [HOME]/.config/containers/auth.json [HOME]/.docker/config.json  default
    offline  false  default
    platform  linux/arm64  PYRO_PLATFORM
    profile  -  default
    registry."localhost:5000".ca  -  default
    registry."localhost:5000".fallback  true  default
    registry."localhost:5000".insecure  true  [WORK]/pyro.toml
    registry."localhost:5000".mirrors  -  default
    registry."localhost:5000".token-realms  -  default
    run.boot-timeout-seconds  60  default
    run.engine  auto  default
    run.mem-mib  512  default
    run.scratch-size  -  default
    run.timeout-seconds  -  default
    run.vcpu-count  1  default
    runtime-bundle-dir  [WORK]  default
    store.durability  durable  default
    store.lock-timeout  90s  [WORK]/pyro.toml
    store.lower  -  default
    store.path  [STORE]  PYRO_STORE
    "#);
}

#[test]
fn machines_are_set_by_file_and_variable() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "pyro.toml",
        "[run]\nengine = \"qemu-tcg\"\nvcpu-count = 2\nmem-mib = 1024\nscratch-size = \"2G\"\n\
         boot-timeout-seconds = 90\ntimeout-seconds = 600\n",
    );
    let config = |variables: &[(&str, &str)]| {
        let mut pyro = sandbox.pyro(["config"]).env("PYRO_CONFIG", "pyro.toml");
        for (name, value) in variables {
            pyro = pyro.env(name, value);
        }
        pyro.run()
    };
    let ended = config(&[
        ("PYRO_ENGINE", "namespace"),
        ("PYRO_VCPU_COUNT", "4"),
        ("PYRO_SCRATCH_SIZE", "64M"),
    ]);
    let said: Vec<&str> = ended
        .stdout
        .lines()
        .filter(|line| line.starts_with("run."))
        .collect();
    insta::assert_snapshot!(said.join("\n"), @"
    run.boot-timeout-seconds  90  [WORK]/pyro.toml
    run.engine  namespace  PYRO_ENGINE
    run.mem-mib  1024  [WORK]/pyro.toml
    run.scratch-size  64M  PYRO_SCRATCH_SIZE
    run.timeout-seconds  600  [WORK]/pyro.toml
    run.vcpu-count  4  PYRO_VCPU_COUNT
    ");
    let ended = config(&[("PYRO_ENGINE", "kvm")]);
    insta::assert_snapshot!(ended, @"
    exit code 78
    ----- stderr
    error: PYRO_ENGINE is `kvm`: expected auto, firecracker, qemu, qemu-kvm, qemu-tcg or namespace
    ");
    let ended = config(&[("PYRO_MEM_MIB", "0")]);
    insta::assert_snapshot!(ended, @"
    exit code 78
    ----- stderr
    error: PYRO_MEM_MIB is `0`: number would be zero for non-zero type
    ");
}

#[test]
fn limits_are_set_by_file_and_variable() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "pyro.toml",
        "[limits]\nmax-entries = 10\nmax-unpacked = \"2G\"\nmax-ratio = 9\nmax-manifest = \"64K\"\n",
    );
    let ended = sandbox
        .pyro(["config"])
        .env("PYRO_CONFIG", "pyro.toml")
        .env("PYRO_LIMITS_MAX_RATIO", "7")
        .env("PYRO_LIMITS_MAX_UNPACKED", "512M")
        .run()
        .code(0);
    let said: Vec<&str> = ended
        .stdout
        .lines()
        .filter(|line| line.contains("limits."))
        .collect();
    let expected = [
        "limits.max-entries  10  [WORK]/pyro.toml",
        "limits.max-manifest  64K  [WORK]/pyro.toml",
        "limits.max-ratio  7  PYRO_LIMITS_MAX_RATIO",
        "limits.max-unpacked  512M  PYRO_LIMITS_MAX_UNPACKED",
    ];
    assert_eq!(said, expected);
    for (name, value) in [
        ("PYRO_LIMITS_MAX_ENTRIES", "many"),
        ("PYRO_LIMITS_MAX_UNPACKED", "-1"),
        ("PYRO_LIMITS_MAX_RATIO", "1:9"),
        ("PYRO_LIMITS_MAX_MANIFEST", "big"),
    ] {
        let ended = sandbox.pyro(["config"]).env(name, value).run().code(78);
        assert!(ended.stderr.contains(name), "{ended}");
    }
}

#[test]
fn a_flag_wins_over_its_variable() {
    let sandbox = Sandbox::new();
    let ended = sandbox
        .pyro(["config", "--store", "mine", "--json"])
        .run()
        .code(0);
    let document = ended.document(&sandbox);
    let store = sandbox.work().join("mine");
    let expected =
        json!({"name": "store.path", "value": store, "origin": "flag", "origin_name": "--store"});
    assert_eq!(setting(&document, "store.path"), expected);
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_relative_store_counts_from_the_current_folder() {
    let sandbox = Sandbox::new();
    let ended = sandbox
        .pyro(["config", "--json"])
        .cwd(sandbox.path("tmp"))
        .env("PYRO_STORE", "./s")
        .run();
    let store = setting(&ended.document(&sandbox), "store.path");
    assert_eq!(store["value"], json!(sandbox.path("tmp/s")));
}

#[test]
fn the_default_store_is_in_the_data_folder() {
    let sandbox = Sandbox::new();
    let ended = sandbox
        .pyro(["config", "--json"])
        .without_env("PYRO_STORE")
        .run();
    let store = setting(&ended.document(&sandbox), "store.path");
    assert_eq!(
        store["value"],
        json!(sandbox.path("home/.local/share/pyro"))
    );
    assert_eq!(store["origin"], "default");
}

#[test]
fn an_unknown_key_is_shown_in_its_line() {
    let sandbox = Sandbox::new();
    sandbox.write("pyro.toml", "# mine\n[store]\nlock-timout = \"90s\"\n");
    let run = |args: &[&str]| sandbox.pyro(args).env("PYRO_CONFIG", "pyro.toml").run();
    insta::assert_snapshot!(run(&["config"]), @r#"
    exit code 78
    ----- stderr
    error: unknown field `lock-timout`, expected one of `path`, `lower`, `lock-timeout`, `durability`
     --> [WORK]/pyro.toml:3:1
      |
    3 | lock-timout = "90s"
      | ^^^^^^^^^^^
    hint: `pyro schema config` prints what the file may say
    "#);
    let ended = run(&["config", "--json"]).code(78);
    let error = &ended.document(&sandbox)["error"];
    assert_eq!((&error["line"], &error["column"]), (&json!(3), &json!(1)));
    assert_eq!(error["kind"], "configuration");
}

#[test]
fn a_bad_variable_is_named() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!(sandbox.pyro(["config"]).env("PYRO_LOCK_TIMEOUT", "soon").run(), @"
    exit code 78
    ----- stderr
    error: PYRO_LOCK_TIMEOUT is `soon`: `soon` is not a duration: expected a number and s, m, h or d, such as 90s, 10m or 14d
    ");
    insta::assert_snapshot!(sandbox.pyro(["config"]).env("PYRO_JSON", "perhaps").run(), @"
    exit code 78
    ----- stderr
    error: PYRO_JSON is `perhaps`: expected 1, true, 0 or false
    ");
}

#[test]
fn a_config_file_that_was_named_must_be_there() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!(sandbox.pyro(["config"]).env("PYRO_CONFIG", "none.toml").run(), @"
    exit code 78
    ----- stderr
    error: PYRO_CONFIG names a file that does not exist: [WORK]/none.toml
    ");
}
