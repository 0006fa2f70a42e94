//! Accounts, by number alone: two of one group and one outside of it, each with a home, all with one project.

use std::ffi::OsStr;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::inside;
use crate::support::{Ended, Sandbox};
use crate::tree::{Packing, Tree};

/// The group that shares the store.
pub const TEAM: u32 = 61_000;

/// Somebody who runs pyro.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    pub uid: u32,
    groups: &'static str,
}

pub const ALICE: Account = Account {
    uid: 61_001,
    groups: "61000",
};
pub const BOB: Account = Account {
    uid: 61_002,
    groups: "61000",
};
/// Not of the group.
pub const CAROL: Account = Account {
    uid: 61_003,
    groups: "61003",
};

/// Says what is missing for a test, which then passes, but not where CI is set.
pub fn not_run(needs: &str) {
    println!("not run: needs {needs}");
    assert!(std::env::var_os("CI").is_none(), "the gate needs {needs}");
}

/// Whether this process may become other accounts.
pub fn there_are_accounts() -> bool {
    let found = Command::new("setpriv").arg("--version").output();
    let there = rustix::process::geteuid().is_root() && found.is_ok_and(|out| out.status.success());
    if !there {
        not_run("root and setpriv, to be two accounts");
    }
    there
}

/// A project that all accounts read, and a store that the team shares.
pub struct Team {
    sandbox: Sandbox,
    store: PathBuf,
    lower: Option<PathBuf>,
}

impl Team {
    /// The store of an empty folder with this mode, which belongs to the first account and the team.
    pub fn new(mode: u32) -> Self {
        let sandbox = Sandbox::new();
        let store = sandbox.store();
        fs_err::create_dir(&store).unwrap();
        Self::with_store(sandbox, store, mode)
    }

    /// The same with a store at this empty folder.
    pub fn with_store(sandbox: Sandbox, store: PathBuf, mode: u32) -> Self {
        set_mode(&sandbox.path(""), 0o755);
        chown(&store, Some(ALICE.uid), Some(TEAM)).unwrap();
        set_mode(&store, mode);
        // The folder of built programs may stand in somebody's closed home.
        let built = Path::new(env!("CARGO_BIN_EXE_pyro"));
        let ours = sandbox.path("pyro");
        if fs_err::hard_link(built, &ours).is_err() {
            fs_err::copy(built, &ours).unwrap();
        }
        for account in [ALICE, BOB, CAROL] {
            let home = sandbox.path(&format!("home-{}", account.uid));
            fs_err::create_dir(&home).unwrap();
            chown(&home, Some(account.uid), Some(account.uid)).unwrap();
            set_mode(&home, 0o700);
        }
        let team = Self {
            sandbox,
            store,
            lower: None,
        };
        chown(team.sandbox.work(), None, Some(TEAM)).unwrap();
        set_mode(&team.sandbox.work(), 0o2775);
        team
    }

    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    pub fn store(&self) -> &Path {
        &self.store
    }

    /// Takes a folder that is not there yet, below the store's, for the store.
    pub fn enter(&mut self, name: &str) {
        self.store.push(name);
    }

    pub fn home(&self, account: Account) -> PathBuf {
        self.sandbox.path(&format!("home-{}", account.uid))
    }

    /// Puts the store beneath another one, which is used from now on.
    pub fn put_beneath(&mut self, upper: &Path) {
        self.lower = Some(std::mem::replace(&mut self.store, upper.to_owned()));
    }

    /// Uses another store above the same lower one.
    pub fn put_above(&mut self, upper: &Path) {
        upper.clone_into(&mut self.store);
    }

    /// Declares `vm`, an archive of `tree`, and locks it with its output, so that nobody needs the source again.
    pub fn declare(&self, version: &str, tree: &Tree) {
        let archive = self.sandbox.work().join("vm.tar");
        tree.pack(&archive, Packing::Plain);
        let text = format!(
            "schema = 1\nprofile = \"p\"\n[environments.vm]\nversion = \"{version}\"\n\
             [[environments.vm.sources]]\narchive = \"vm.tar\"\n"
        );
        self.sandbox.write("envs.toml", &text);
        let scratch = self.sandbox.path("scratch");
        let words = ["lock", "--upgrade", "--outputs"];
        let locked = self.sandbox.pyro(words).env("PYRO_STORE", &scratch);
        locked.run().code(0);
        let delete = ["store", "delete", "--yes"];
        let deleted = self.sandbox.pyro(delete).env("PYRO_STORE", scratch).run();
        deleted.code(0);
        for name in ["vm.tar", "envs.toml", "envs.lock"] {
            set_mode(&self.sandbox.work().join(name), 0o644);
        }
    }

    /// pyro as somebody, below other programs or none, not run yet.
    pub fn command(&self, who: Account, umask: &str, above: &[&str], words: &[&str]) -> Command {
        let pyro = self.sandbox.pyro(words).command;
        let mut command = Command::new("sh");
        command.args(["-c", "umask \"$0\" && exec \"$@\"", umask]);
        command.args(above);
        let uid = who.uid.to_string();
        command.args(["setpriv", "--reuid", &uid, "--regid", &uid]);
        command.args(["--groups", who.groups]);
        command.arg(self.sandbox.path("pyro")).args(words);
        command.env_clear().current_dir(self.sandbox.work());
        let home = self.home(who);
        for (name, value) in pyro.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        for (name, below) in [
            ("HOME", ""),
            ("XDG_CONFIG_HOME", ".config"),
            ("XDG_DATA_HOME", ".local/share"),
            ("XDG_CACHE_HOME", ".cache"),
            ("TMPDIR", ""),
        ] {
            command.env(name, home.join(below));
        }
        command.env("PYRO_STORE", &self.store);
        if let Some(lower) = &self.lower {
            command.env("PYRO_LOWER", lower);
        }
        command.stdin(std::process::Stdio::null());
        command
    }

    /// pyro as somebody, run to its end.
    pub fn run(&self, who: Account, umask: &str, words: &[&str]) -> Ended {
        let mut pyro = self.sandbox.pyro([""; 0]);
        pyro.command = self.command(who, umask, &[], words);
        pyro.run()
    }

    /// Its document, of a command that succeeds.
    #[track_caller]
    pub fn ask(&self, who: Account, umask: &str, words: &[&str]) -> Value {
        let words = [words, &["--json"]].concat();
        let ended = self.run(who, umask, &words).code(0);
        ended.document(&self.sandbox)
    }

    /// The status and the path of the only environment of a realization.
    #[track_caller]
    pub fn realize(&self, who: Account, umask: &str, words: &[&str]) -> (String, PathBuf) {
        let document = self.ask(who, umask, &[&["realize"], words].concat());
        let all = document["environments"].as_array().unwrap();
        assert_eq!(all.len(), 1, "{document:#}");
        let text = |key: &str| all[0][key].as_str().unwrap_or_default().to_owned();
        (text("status"), text("path").into())
    }

    /// The names in `store/`.
    pub fn names(&self) -> Vec<String> {
        inside::names(&self.store.join("store"))
    }
}

pub fn set_mode(path: &Path, mode: u32) {
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Writes other bytes of the same length into a sealed file and puts its time back: only a full check sees it.
pub fn hide_damage(file: &Path) {
    let size = fs_err::metadata(file).unwrap().len();
    let mode = inside::mode(file);
    set_mode(file, 0o644);
    fs_err::write(file, vec![b'#'; usize::try_from(size).unwrap()]).unwrap();
    set_mode(file, mode);
    let sealed = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1);
    let opened = fs_err::File::open(file).unwrap();
    opened.set_modified(sealed).unwrap();
}

/// The account that owns a file itself.
pub fn owner(path: &Path) -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    fs_err::symlink_metadata(path).unwrap().uid()
}

/// Words as a path's last component.
pub fn file_name(path: &Path) -> &str {
    path.file_name().and_then(OsStr::to_str).unwrap()
}
