//! Lines for bash in a sandbox, with `pyro` on the path.

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::support::Sandbox;

/// What a line did: its exit code, and stdout and stderr as they came.
pub struct Said {
    pub code: i32,
    pub text: String,
}

impl Said {
    /// Fails the test unless the exit code is this one.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, expected, "{self}");
        self
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {}\n{}", self.code, self.text)
    }
}

/// Runs a line. Programs other than pyro are this machine's; its variables are not there.
pub fn shell(sandbox: &Sandbox, line: &str) -> Said {
    let pyro = Path::new(env!("CARGO_BIN_EXE_pyro"));
    let mut folders = vec![pyro.parent().unwrap().to_owned()];
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    let output = Command::new("bash")
        .args(["-c", &format!("exec 2>&1\n{line}")])
        .env_clear()
        .env("PATH", std::env::join_paths(folders).unwrap())
        .env("LANG", "C")
        .env("HOME", sandbox.path("home"))
        .env("TMPDIR", sandbox.path("tmp"))
        .env("PYRO_STORE", sandbox.store())
        .env("PYRO", pyro) // what tests/gate/demo.sh runs instead of building
        .current_dir(sandbox.work())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Said {
        code: output.status.code().expect("ended by a signal"),
        text: sandbox.filtered(std::str::from_utf8(&output.stdout).unwrap()),
    }
}
