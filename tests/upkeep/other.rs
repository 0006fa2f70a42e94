//! Another account on the same machine, without any rights of its own.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::support::needs;

/// An account that is in no list: all that counts is the number.
pub struct Other {
    uid: u32,
    /// Where it can run pyro from: the folder of the build may be hidden from it.
    bin: TempDir,
}

impl Other {
    /// The account; `None` where only root could become it, which is then said.
    pub fn new(uid: u32) -> Option<Self> {
        if !needs::root("to become another user") {
            return None;
        }
        let bin = tempfile::tempdir().unwrap();
        show(bin.path());
        let built = Path::new(env!("CARGO_BIN_EXE_pyro"));
        let own = bin.path().join("pyro");
        if fs_err::hard_link(built, &own).is_err() {
            // By another process: a child of another test must not inherit it open for writing, when it is busy.
            let copied = Command::new("cp").arg(built).arg(&own).status();
            assert!(copied.unwrap().success());
        }
        Some(Self { uid, bin })
    }

    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// A folder of its own.
    pub fn folder(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        self.own(folder.path());
        folder
    }

    /// Makes it the owner of a file or folder, and of nothing below it.
    pub fn own(&self, path: &Path) {
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.uid)).unwrap();
    }

    /// Another program, run by this account in `folder` with nothing of this environment.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
            .env("LANG", "C")
            .env("HOME", folder)
            .current_dir(folder)
            .stdin(Stdio::null())
            .uid(self.uid)
            .gid(self.uid);
        command
    }

    /// Runs pyro as this account, in `folder` and on `store`.
    pub fn pyro(&self, store: &Path, folder: &Path, words: &[&str]) -> Said {
        let mut command = self.command(self.program(), folder);
        Said::of(command.args(words).env("PYRO_STORE", store))
    }

    pub fn program(&self) -> PathBuf {
        self.bin.path().join("pyro")
    }
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    pub fn of(command: &mut Command) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        Self {
            code: status.code(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "{self:#?}");
        self
    }

    #[track_caller]
    pub fn document(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// Lets everybody look into a folder.
pub fn show(folder: &Path) {
    let open = std::fs::Permissions::from_mode(0o755);
    fs_err::set_permissions(folder, open).unwrap();
}
