//! Runs the built program where nothing of this account or machine is seen: own home, own store, bare environment.

#[allow(dead_code, reason = "each test binary uses a part of it")]
pub mod http;
#[allow(dead_code, reason = "each test binary uses a part of it")]
pub mod images;
#[allow(dead_code, reason = "each test binary uses a part of it")]
pub mod memory;
#[allow(dead_code, reason = "each test binary uses a part of it")]
pub mod needs;
#[allow(dead_code, reason = "each test binary uses a part of it")]
pub mod oracle;
#[allow(dead_code, reason = "each test binary uses a part of it")]
pub mod proxy;
#[allow(dead_code, reason = "each test binary uses a part of it")]
pub mod registry;
#[allow(dead_code, reason = "each test binary uses a part of it")]
pub mod scene;
#[allow(dead_code, reason = "each test binary uses a part of it")]
pub mod stepper;
#[allow(dead_code, reason = "each test binary uses a part of it")]
pub mod token_issuer;

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder of its own with a home, a work folder and a place for a store; gone at the end, sealed folders too.
pub struct Sandbox {
    root: TempDir,
}

impl Sandbox {
    pub fn new() -> Self {
        Self::of(tempfile::tempdir().unwrap())
    }

    /// One in memory, where this machine has such a place: for tests that ask very often, and not what a sync keeps.
    pub fn in_memory() -> Self {
        Self::of(
            tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_none| tempfile::tempdir().unwrap()),
        )
    }

    fn of(root: TempDir) -> Self {
        for name in ["home", "work", "tmp"] {
            fs_err::create_dir(root.path().join(name)).unwrap();
        }
        Self { root }
    }

    /// The folder that commands run in.
    pub fn work(&self) -> PathBuf {
        self.path("work")
    }

    /// The store of every command.
    pub fn store(&self) -> PathBuf {
        self.path("store")
    }

    /// A path in the sandbox.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Writes a file in the work folder, with the folders above it.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.work().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, text).unwrap();
        path
    }

    /// `pyro` with these words, not run yet.
    pub fn pyro<I>(&self, args: I) -> Pyro<'_>
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pyro"));
        command
            .args(args)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LANG", "C")
            .env("HOME", self.path("home"))
            .env("XDG_CONFIG_HOME", self.path("home/.config"))
            .env("XDG_DATA_HOME", self.path("home/.local/share"))
            .env("XDG_CACHE_HOME", self.path("home/.cache"))
            .env("TMPDIR", self.path("tmp"))
            // Once is enough to see that something is tried again; tests that need more say so.
            .env("PYRO_HTTP_RETRIES", "1")
            .env("PYRO_STORE", self.store())
            .current_dir(self.work())
            .stdin(Stdio::null());
        Pyro {
            sandbox: self,
            command,
        }
    }

    /// Replaces what differs from run to run: the sandbox's folders, digests.
    pub fn filtered(&self, text: &str) -> String {
        let named = [
            (self.store(), "[STORE]"),
            (self.path("home"), "[HOME]"),
            (self.work(), "[WORK]"),
            (self.root.path().to_owned(), "[TEMP]"),
        ];
        let text = named.iter().fold(text.to_owned(), |text, (path, name)| {
            text.replace(path.to_str().unwrap(), name)
        });
        without_hashes(&text)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        open_up(self.root.path());
    }
}

/// Gives folders back the permission that sealing took, so that they can be removed.
fn open_up(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let open = std::fs::Permissions::from_mode(0o700);
    if fs_err::set_permissions(folder, open).is_err() {
        return;
    }
    let Ok(entries) = fs_err::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}

/// Each run of exactly 64 hex digits becomes `[HASH]`.
fn without_hashes(text: &str) -> String {
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c| !is_hex(c)).unwrap_or(rest.len());
        out.push_str(if digits == 64 {
            "[HASH]"
        } else {
            &rest[..digits]
        });
        let other = rest[digits..]
            .find(is_hex)
            .map_or(rest.len(), |n| digits + n);
        out.push_str(&rest[digits..other]);
        rest = &rest[other..];
    }
    out
}

/// Columns stand two blanks apart, so that the length of the sandbox's path does not show.
pub fn narrowed(text: &str) -> String {
    let narrow = |line: &str| {
        let words = line.trim_start();
        let indent = &line[..line.len() - words.len()];
        let columns: Vec<&str> = words
            .split("  ")
            .map(str::trim)
            .filter(|column| !column.is_empty())
            .collect();
        format!("{indent}{}\n", columns.join("  "))
    };
    text.lines().map(narrow).collect()
}

/// A command to be run.
pub struct Pyro<'a> {
    sandbox: &'a Sandbox,
    /// For tests that start it themselves.
    pub command: Command,
}

impl Pyro<'_> {
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub fn cwd(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.command.stdout(stdout);
        self
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Ended {
        let output = self.command.output().unwrap();
        let text = |bytes: &[u8]| self.sandbox.filtered(std::str::from_utf8(bytes).unwrap());
        Ended {
            code: output.status.code().expect("ended by a signal"),
            stdout: narrowed(&text(&output.stdout)),
            stderr: text(&output.stderr),
            raw_stdout: String::from_utf8(output.stdout).unwrap(),
        }
    }
}

/// What a command did; `Display` is for inline snapshots.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    /// Filtered, as is `stderr`.
    pub stdout: String,
    pub stderr: String,
    pub raw_stdout: String,
}

impl Ended {
    /// Fails the test unless the exit code is this one.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, expected, "{self}");
        self
    }

    /// The one document on stdout, checked against the schema that the program prints for it.
    #[track_caller]
    pub fn document(&self, sandbox: &Sandbox) -> Value {
        let document: Value = serde_json::from_str(&self.raw_stdout)
            .unwrap_or_else(|error| panic!("{error}: {self}"));
        let id = document["schema"]
            .as_str()
            .unwrap_or_else(|| panic!("no schema: {self}"));
        let name = id.strip_suffix("/1").unwrap();
        let schema = sandbox.pyro(["schema", name]).run().code(0);
        let schema: Value = serde_json::from_str(&schema.raw_stdout).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        if let Err(error) = validator.validate(&document) {
            panic!("{name}: {error} in {document:#}");
        }
        document
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {}", self.code)?;
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                write!(f, "\n----- {name}\n{}", text.trim_end_matches('\n'))?;
            }
        }
        Ok(())
    }
}
