//! A sandbox with a declaration, logins and a store that it may share with another; and what must always hold in it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::registry::Login;
use super::{Ended, Pyro, Sandbox, open_up};

/// A declaration of one environment, `env` 1.0.0: its other keys, then its sources, each a key and a value.
pub fn envs_toml(keys: &str, sources: &[(&str, &str)]) -> String {
    let source = |(kind, place): &(&str, &str)| {
        format!("[[environments.env.sources]]\n{kind} = \"{place}\"\n")
    };
    let sources: String = sources.iter().map(source).collect();
    format!("schema = 1\n[environments.env]\nversion = \"1.0.0\"\n{keys}\n{sources}")
}

/// One user's world; all of it is gone when dropped.
pub struct Scene {
    sandbox: Sandbox,
    store: PathBuf,
    /// Certificates to trust; without it, those of this machine.
    authority: Option<PathBuf>,
}

impl Scene {
    /// An empty world.
    pub fn new() -> Self {
        Self::of(Sandbox::new())
    }

    /// An empty world in memory.
    pub fn in_memory() -> Self {
        Self::of(Sandbox::in_memory())
    }

    fn of(sandbox: Sandbox) -> Self {
        let store = sandbox.store();
        Self {
            sandbox,
            store,
            authority: None,
        }
    }

    /// An empty world that uses the store of another.
    pub fn beside(other: &Self) -> Self {
        Self {
            store: other.store.clone(),
            ..Self::new()
        }
    }

    /// A world with this declaration.
    pub fn declaring(envs: &str) -> Self {
        let scene = Self::new();
        scene.declare(envs);
        scene
    }

    pub fn store(&self) -> &Path {
        &self.store
    }

    /// A path in this world.
    pub fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    /// Writes `envs.toml`.
    pub fn declare(&self, envs: &str) {
        self.sandbox.write("envs.toml", envs);
    }

    /// Writes the user's configuration.
    pub fn configure(&self, text: &str) {
        self.sandbox.write("../home/.config/pyro/config.toml", text);
    }

    /// Writes a login for a registry, as `docker login` does.
    pub fn log_in(&self, registry: &str, login: &Login) {
        let auths = json!({"auths": {registry: {"auth": login.base64()}}});
        self.sandbox
            .write("../docker/config.json", &auths.to_string());
    }

    /// Trusts the certificates in this file, and no others.
    pub fn trust(&mut self, authority: &Path) {
        self.authority = Some(authority.to_owned());
    }

    /// The folder with the declaration, where pyro runs.
    pub fn project(&self) -> PathBuf {
        self.sandbox.work()
    }

    /// The names in `store/`: store paths, staging, trash.
    pub fn store_names(&self) -> Vec<String> {
        let Ok(entries) = fs_err::read_dir(self.store.join("store")) else {
            return Vec::new();
        };
        let name = |entry: std::io::Result<fs_err::DirEntry>| entry.unwrap().file_name();
        entries
            .map(|entry| name(entry).into_string().unwrap())
            .collect()
    }

    /// The text of the lock.
    pub fn lock(&self) -> String {
        fs_err::read_to_string(self.sandbox.work().join("envs.lock")).unwrap()
    }

    /// pyro in this world, not run yet.
    fn pyro(&self, words: &[&str]) -> Pyro<'_> {
        let pyro = self.sandbox.pyro(words).env("PYRO_STORE", &self.store);
        let pyro = pyro.env("DOCKER_CONFIG", self.path("docker"));
        match &self.authority {
            Some(authority) => pyro.env("SSL_CERT_FILE", authority),
            None => pyro,
        }
    }

    /// Runs pyro to its end.
    pub fn run(&self, words: &[&str]) -> Ended {
        self.pyro(words).run()
    }

    /// pyro, started by another program such as strace (or by none), in this world.
    pub fn command(&self, runner: &[&OsStr], words: &[&str]) -> Command {
        let pyro = self.pyro(words).command;
        let Some((program, before)) = runner.split_first() else {
            return pyro;
        };
        let mut command = Command::new(program);
        command
            .args(before)
            .arg(pyro.get_program())
            .args(words)
            .env_clear();
        command.current_dir(self.sandbox.work());
        for (name, value) in pyro.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command
    }

    /// Runs pyro, which must succeed, and gives its one JSON document, which must fit its schema.
    #[track_caller]
    pub fn json(&self, words: &[&str]) -> Value {
        let ended = self.run(&[words, &["--json"]].concat()).code(0);
        ended.document(&self.sandbox)
    }

    /// The same without holding it against its schema, for tests that ask very often.
    #[track_caller]
    pub fn quick_json(&self, words: &[&str]) -> Value {
        let ended = self.run(&[words, &["--json"]].concat()).code(0);
        serde_json::from_str(&ended.raw_stdout).unwrap()
    }

    /// Runs pyro, which must fail with this code, and gives the error of its JSON document as text to look for
    /// words in.
    #[track_caller]
    pub fn error(&self, words: &[&str], code: i32) -> String {
        let ended = self.run(&[words, &["--json"]].concat()).code(code);
        let document: Value = serde_json::from_str(&ended.raw_stdout).unwrap();
        assert_eq!(document["error"]["exit_code"], code, "{ended}");
        document["error"].to_string()
    }

    /// Realizes the declaration and gives what was done for its only environment.
    #[track_caller]
    pub fn realize(&self) -> Realized {
        Realized::only(&self.json(&["realize"]))
    }

    /// What must hold at every moment: all store paths are right in every byte, and every profile shows such paths.
    pub fn assert_sound(&self) {
        assert_sound(&self.store);
    }
}

/// What `realize` did for an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Realized {
    pub path: PathBuf,
    pub status: String,
    pub source: String,
    pub source_digest: Option<String>,
}

impl Realized {
    /// The only environment in what `realize` answered.
    #[track_caller]
    pub fn only(document: &Value) -> Self {
        let environments = document["environments"].as_array().unwrap();
        assert_eq!(environments.len(), 1, "{document:#}");
        let text = |key: &str| environments[0][key].as_str().map(str::to_owned);
        Self {
            path: text("path").unwrap().into(),
            status: text("status").unwrap(),
            source: text("source").unwrap(),
            source_digest: text("source_digest"),
        }
    }

    /// Its manifest.
    pub fn manifest(&self) -> Value {
        let text = fs_err::read(self.path.join("environment.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

/// Removes a folder with sealed ones in it, if it is there.
pub fn remove_sealed(folder: &Path) {
    if folder.exists() {
        open_up(folder);
        fs_err::remove_dir_all(folder).unwrap();
    }
}

/// See [`Scene::assert_sound`]; a store that is not there yet is sound.
fn assert_sound(store: &Path) {
    assert_paths_right(store);
    assert_profiles_show_paths(store);
}

/// Every store path is what its manifest says, in every byte, by the independent checker.
fn assert_paths_right(store: &Path) {
    if store.join("layout.json").exists() {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checker/check.py");
        let mut command = Command::new("python3");
        // A version manager that stands before it takes longer to start than the check takes.
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("/usr/bin:{path}"));
        command.arg(program).arg("store").arg(store);
        let checked = command.output().expect("python3 is installed");
        assert!(checked.status.success(), "{checked:?}");
    }
}

/// No profile shows what is not there.
pub fn assert_profiles_show_paths(store: &Path) {
    let Ok(profiles) = fs_err::read_dir(store.join("profiles")) else {
        return;
    };
    for profile in profiles.map(Result::unwrap) {
        let current = profile.path().join("current");
        let Ok(shown) = fs_err::read_dir(&current) else {
            assert!(!current.is_symlink(), "{} leads nowhere", current.display());
            continue;
        };
        for link in shown
            .map(Result::unwrap)
            .filter(|link| link.path().is_symlink())
        {
            let path = fs_err::canonicalize(link.path()).unwrap();
            assert!(path.join("environment.json").exists(), "{}", path.display());
        }
    }
}
