//! One user's world: a home, a folder with `envs.toml`, a store, and the built program without anybody's settings.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::oracle::make_removable;
use super::registry::Login;

/// The world; all of it is gone when dropped.
pub struct Scene {
    temp: TempDir,
    store: PathBuf,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Scene {
    /// An empty world.
    pub fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        for folder in ["home", "project", "docker"] {
            fs_err::create_dir(temp.path().join(folder)).unwrap();
        }
        let store = temp.path().join("store");
        Self { temp, store }
    }

    /// An empty world that uses the store of another.
    pub fn beside(other: &Self) -> Self {
        Self {
            store: other.store.clone(),
            ..Self::new()
        }
    }

    pub fn store(&self) -> &Path {
        &self.store
    }

    /// The folder with the declaration, where commands run.
    pub fn project(&self) -> PathBuf {
        self.temp.path().join("project")
    }

    /// A path in this world that is nobody's yet.
    pub fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    /// Writes `envs.toml`.
    pub fn declare(&self, text: &str) -> &Self {
        fs_err::write(self.project().join("envs.toml"), text).unwrap();
        self
    }

    /// Writes the user's configuration.
    pub fn configure(&self, text: &str) -> &Self {
        let folder = self.path("home").join(".config/pyro");
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::write(folder.join("config.toml"), text).unwrap();
        self
    }

    /// Writes a login for a registry, as `docker login` does.
    pub fn log_in(&self, registry: &str, login: &Login) -> &Self {
        let auths = json!({"auths": {registry: {"auth": login.base64()}}});
        fs_err::write(self.path("docker").join("config.json"), auths.to_string()).unwrap();
        self
    }

    /// The text of the lock.
    pub fn lock(&self) -> String {
        fs_err::read_to_string(self.project().join("envs.lock")).unwrap()
    }

    /// The program, with these arguments, in this world.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_by(&[], arguments)
    }

    /// The same, run by another program such as strace.
    pub fn command_by(&self, runner: &[&str], arguments: &[&str]) -> Command {
        let mut words = runner.to_vec();
        words.push(env!("CARGO_BIN_EXE_pyro"));
        words.extend(arguments);
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .current_dir(self.project())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("DOCKER_CONFIG", self.path("docker"))
            .env("PYRO_STORE", &self.store)
            .env("TMPDIR", self.temp.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    /// Runs the program, which must succeed, and gives its one JSON document.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ended.code, 0, "{arguments:?}: {ended:#?}");
        ended.document()
    }

    /// Realizes the declaration and gives the store path of its only environment.
    pub fn realize(&self) -> PathBuf {
        only_path(&self.json(&["realize"]))
    }

    /// What must hold at every moment: all store paths are right in every byte, and every profile shows such paths.
    pub fn assert_sound(&self) {
        if self.store.join("store").exists() {
            let checker = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checker/check.py");
            let checked = Command::new("python3").arg(checker).arg("store").arg(&self.store).output();
            let checked = checked.expect("python3 is installed");
            assert!(checked.status.success(), "{checked:?}");
        }
        let Ok(profiles) = fs_err::read_dir(self.store.join("profiles")) else {
            return;
        };
        for profile in profiles.map(Result::unwrap) {
            let current = profile.path().join("current");
            let Ok(shown) = fs_err::read_dir(&current) else {
                // No generation yet; a link to nothing would be one that was half made.
                assert!(!current.is_symlink(), "{} leads nowhere", current.display());
                continue;
            };
            for link in shown.map(Result::unwrap).filter(|link| link.path().is_symlink()) {
                let path = fs_err::canonicalize(link.path()).unwrap();
                assert!(path.join("environment.json").exists(), "{}", path.display());
            }
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // Store paths are sealed: their folders refuse removal.
        make_removable(self.temp.path());
    }
}

impl Ended {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The one JSON document on stdout.
    pub fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// The error of the JSON document, as text to look for words in.
    pub fn error(&self) -> String {
        let document = self.document();
        assert_eq!(document["error"]["exit_code"], self.code, "{self:#?}");
        document["error"].to_string()
    }
}

/// The store path of the only environment in what `realize` answered.
pub fn only_path(document: &Value) -> PathBuf {
    let environments = document["environments"].as_array().unwrap();
    assert_eq!(environments.len(), 1, "{document:#}");
    PathBuf::from(environments[0]["path"].as_str().unwrap())
}
