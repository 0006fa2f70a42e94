//! A user whose store is on a disk of its own, and what he realizes there.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::inside;
use crate::support::http::{Response, Server};
use crate::support::{Ended, Pyro, Sandbox};
use crate::tree::{Packing, Tree};

/// The account of an ordinary user.
pub const NOBODY: u32 = 65_534;

pub const REALIZE: &[&str] = &["realize", "--profile", "ci", "--out-link", "result"];

/// More than this many files are synced together, fewer one by one.
const MANY: u8 = 90;
/// Of so many the sync begins beside the second walk.
const CROWD: u16 = 300;

/// The version of the environment that a declaration asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// A folder of few files.
    Few,
    /// A folder of many files.
    Many,
    /// A folder of more.
    Crowd,
    /// An archive behind a URL.
    Download,
    /// A folder for a profile that is deleted again.
    Spare,
    /// A folder of two files.
    Small,
}

/// The user's world around the disk.
pub struct World {
    sandbox: Sandbox,
    server: Server,
    project: PathBuf,
    /// Runs this program as this account, where it is not the test's own.
    other: Option<(PathBuf, u32)>,
}

impl World {
    /// A user whose own folder is on the disk, too; it is made by who mounts the disk.
    pub fn new() -> Self {
        let sandbox = Sandbox::in_memory();
        let project = sandbox.path("disk/project");
        Self::of(sandbox, project)
    }

    /// A user who has only the store there.
    pub fn beside_the_disk() -> Self {
        let sandbox = Sandbox::in_memory();
        let project = sandbox.work();
        Self::of(sandbox, project)
    }

    fn of(sandbox: Sandbox, project: PathBuf) -> Self {
        fs_err::create_dir(sandbox.path("disk")).unwrap();
        let sources = sandbox.path("sources");
        write(&few(), &sources.join("few"));
        write(&Contents::Many.after(Tree::new()), &sources.join("many"));
        write(&Contents::Crowd.after(Tree::new()), &sources.join("crowd"));
        write(&few().file("spare", "spare"), &sources.join("spare"));
        let small = Tree::new().file("bin/run", "#!/bin/sh\n");
        let small = small.file("share/large", vec![9; 9000]);
        write(&small, &sources.join("small"));
        let archive = sandbox.path("env.tar.gz");
        few()
            .file("download", vec![7; 70_000])
            .pack(&archive, Packing::Gzip);
        let archive = fs_err::read(archive).unwrap();
        let server = Server::start(move |request, stream| {
            let answer = Response::new(200, "application/gzip", archive.clone());
            answer.write(&request.method, usize::MAX, stream)
        });
        Self {
            sandbox,
            server,
            project,
            other: None,
        }
    }

    /// The same of an ordinary user, who owns all that is there by now; needs root.
    pub fn of_nobody(mut self) -> Self {
        // They may not be able to reach the program where it was built.
        let program = self.sandbox.path("pyro");
        // By another process: a child of another test must not inherit it open for writing, when it is busy.
        let mut copy = Command::new("cp");
        let copied = copy.arg(env!("CARGO_BIN_EXE_pyro")).arg(&program).status();
        assert!(copied.unwrap().success());
        self.other = Some((program, NOBODY));
        self.hand_over();
        self
    }

    /// Gives everything to the account that uses it.
    pub fn hand_over(&self) {
        if let Some((_, account)) = self.other {
            let mut chown = Command::new("chown");
            chown.args(["-R", &format!("{account}:{account}")]);
            let changed = chown.arg(self.sandbox.path("")).status();
            assert!(changed.unwrap().success());
        }
    }

    /// Where the disk is mounted.
    pub fn disk(&self) -> PathBuf {
        self.sandbox.path("disk")
    }

    /// The store, on the disk.
    pub fn store(&self) -> PathBuf {
        self.disk().join("store")
    }

    /// The user's own folder.
    pub fn project(&self) -> &Path {
        &self.project
    }

    /// pyro on the disk, not run yet.
    pub fn command(&self, words: &[&str]) -> Command {
        self.pyro(words).command
    }

    /// A place beside the disk.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    fn pyro(&self, words: &[&str]) -> Pyro<'_> {
        let pyro = self.sandbox.pyro(words).env("PYRO_STORE", self.store());
        let mut pyro = pyro.cwd(self.project());
        if let Some((program, account)) = &self.other {
            let mut theirs = Command::new(program);
            copy_words(&pyro.command, &mut theirs);
            theirs.uid(*account).gid(*account);
            pyro.command = theirs;
        }
        pyro
    }

    /// Runs pyro on the disk.
    pub fn run(&self, words: &[&str]) -> Ended {
        self.pyro(words).run()
    }

    /// pyro on the disk, started by strace with these words and not run yet.
    pub fn under_strace(&self, strace: &[&str], words: &[&str]) -> Command {
        self.main_under_strace(&[&["-f"], strace].concat(), words)
    }

    /// The same, where strace sees the main thread alone.
    pub fn main_under_strace(&self, strace: &[&str], words: &[&str]) -> Command {
        let pyro = self.pyro(words).command;
        let mut command = Command::new("strace");
        command.args(["-y", "-qq", "-s", "0"]).args(strace);
        command.arg(pyro.get_program());
        copy_words(&pyro, &mut command);
        command
    }

    /// The path that the profile `ci` shows.
    pub fn shown(&self) -> PathBuf {
        let link = self.store().join("profiles/ci/current/env");
        fs_err::canonicalize(link).unwrap()
    }

    /// The only path that a profile shows.
    pub fn shown_by(&self, profile: &str) -> PathBuf {
        let current = self.store().join("profiles").join(profile).join("current");
        let mut names = inside::names(&current);
        names.retain(|name| name != "generation.json");
        assert_eq!(names.len(), 1, "{names:?}");
        fs_err::canonicalize(current.join(&names[0])).unwrap()
    }

    /// Where the downloads of the account are that uses the store.
    pub fn downloads(&self) -> PathBuf {
        let own = rustix::process::geteuid().as_raw();
        let account = self.other.as_ref().map_or(own, |(_, account)| *account);
        self.store().join("downloads").join(account.to_string())
    }

    /// Runs pyro, which must succeed; `moment` says when, for a reader.
    #[track_caller]
    pub fn succeed(&self, words: &[&str], moment: &str) -> Ended {
        let ended = self.run(words);
        assert_eq!(ended.code, 0, "{moment}: {words:?}: {ended}");
        ended
    }

    /// Writes the declaration that asks for this version.
    pub fn declare(&self, version: Version) {
        let folder = |name: &str| {
            let folder = self.sandbox.path("sources").join(name);
            format!("local = '{}'", folder.display())
        };
        let (number, source) = match version {
            Version::Few => (1, folder("few")),
            Version::Many => (2, folder("many")),
            Version::Crowd => (6, folder("crowd")),
            Version::Download => {
                let url = format!("http://{}/env.tar.gz", self.server.address());
                (3, format!("archive = '{url}'"))
            }
            Version::Spare => (4, folder("spare")),
            Version::Small => (5, folder("small")),
        };
        self.declare_source(number, &source);
    }

    /// Writes the declaration of this version, with this source, a key and a value.
    pub fn declare_source(&self, version: u32, source: &str) {
        let text = format!(
            "schema = 1\n[environments.env]\nversion = \"{version}\"\n\
             [[environments.env.sources]]\n{source}\n"
        );
        fs_err::write(self.project().join("envs.toml"), text).unwrap();
    }
}

/// Files of all sizes, an empty one among them.
fn few() -> Tree {
    Contents::Few.after(Tree::new())
}

/// What a source holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    Few,
    Many,
    Crowd,
}

impl Contents {
    /// Behind what a tree has already.
    pub fn after(self, tree: Tree) -> Tree {
        match self {
            Self::Few => tree
                .file("bin/run", "#!/bin/sh\n")
                .file("empty", "")
                .file("share/large", vec![3; 200_000])
                .file("share/deep/below/small", "small"),
            Self::Many => (0..MANY).fold(Self::Few.after(tree), |tree, n| {
                tree.file(&format!("many/{}/{n}", n % 7), vec![n; 6000])
            }),
            Self::Crowd => (0..CROWD).fold(Self::Few.after(tree), |tree, n| {
                tree.file(&format!("crowd/{}/{n}", n % 7), n.to_le_bytes())
            }),
        }
    }
}

/// Writes a source: the tree, and what no tree of these tests has, a symlink and an empty folder.
fn write(tree: &Tree, folder: &Path) {
    tree.write(folder);
    fs_err::create_dir(folder.join("hollow")).unwrap();
    fs_err::os::unix::fs::symlink("../bin/run", folder.join("share/link")).unwrap();
}

/// Arguments, environment and folder of a command.
fn copy_words(from: &Command, to: &mut Command) {
    to.args(from.get_args()).env_clear();
    for (name, value) in from.get_envs() {
        to.env(name, value.unwrap_or_default());
    }
    if let Some(folder) = from.get_current_dir() {
        to.current_dir(folder);
    }
}

/// Takes a file out of a path.
///
/// Cutting one short would rewrite a block in place, and the disk may have that before it has the new size.
pub fn damage(path: &Path) {
    inside::unlink(&path.join("share/large"));
}
