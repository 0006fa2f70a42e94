//! A sandbox whose declaration has `box`, a root of files without kernel, and who runs it.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Sandbox, needs};
use crate::world::Running;

/// The account of an ordinary user.
const NOBODY: u32 = 65_534;

/// What busybox is called there.
const PROGRAMS: [&str; 26] = [
    "cat", "chmod", "echo", "find", "grep", "head", "id", "ifconfig", "ls", "mknod", "mount", "nc",
    "od", "poweroff", "printf", "rm", "setsid", "sh", "sleep", "stty", "true", "tty", "umount",
    "uname", "unshare", "wc",
];

pub struct Room {
    pub sandbox: Sandbox,
    /// A program that an ordinary account can reach, where it runs it.
    theirs: Option<PathBuf>,
}

/// One for this account, and where this is root, one for an ordinary account.
pub fn rooms() -> Vec<Room> {
    let mut rooms = vec![Room::own()];
    if needs::root("to become an ordinary user as well") {
        rooms.push(Room::own().of_nobody());
    }
    rooms
}

impl Room {
    /// That of this account. Nothing is realized yet.
    pub fn own() -> Self {
        let sandbox = Sandbox::new();
        let bin = sandbox.work().join("box/bin");
        fs_err::create_dir_all(&bin).unwrap();
        fs_err::copy("/bin/busybox", bin.join("busybox")).expect("busybox of busybox-static");
        for name in PROGRAMS {
            fs_err::os::unix::fs::symlink("busybox", bin.join(name)).unwrap();
        }
        sandbox.write("box/etc/issue", "box\n");
        sandbox.write("box/root/.profile", "");
        // Looked at from outside, that would be a folder of the host.
        let away = sandbox.path("away");
        fs_err::os::unix::fs::symlink(&away, sandbox.work().join("box/run")).unwrap();
        let text = "schema = 1\nprofile = \"p\"\n[environments.box]\nversion = \"1\"\nlayout = \"rootfs\"\n\
                    [[environments.box.sources]]\nlocal = 'box'\n";
        sandbox.write("envs.toml", text);
        Self {
            sandbox,
            theirs: None,
        }
    }

    fn of_nobody(mut self) -> Self {
        let program = self.sandbox.path("pyro");
        // By another process: a child of another test must not inherit it open for writing, when it is busy.
        let built = env!("CARGO_BIN_EXE_pyro");
        let copied = Command::new("cp").arg(built).arg(&program).status();
        assert!(copied.unwrap().success());
        let mut chown = Command::new("chown");
        chown.args(["-R", &format!("{NOBODY}:{NOBODY}")]);
        assert!(chown.arg(self.sandbox.path("")).status().unwrap().success());
        self.theirs = Some(program);
        self
    }

    /// pyro with these words, not run yet.
    pub fn command(&self, words: &[&str]) -> Command {
        let own = self.sandbox.pyro(words).command;
        match &self.theirs {
            None => own,
            Some(program) => {
                let mut command = like(&own, Command::new(program));
                command.uid(NOBODY).gid(NOBODY);
                command
            }
        }
    }

    /// The same, started by somebody who left a folder of the host open, as 9.
    pub fn command_with_open_folder(&self, words: &[&str]) -> Command {
        let own = self.command(words);
        let mut command = Command::new("sh");
        let script = "exec 9< /; exec \"$0\" \"$@\"";
        command.args(["-c", script]).arg(own.get_program());
        let mut command = like(&own, command);
        if self.theirs.is_some() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Makes a folder that belongs to who runs it.
    pub fn gives(&self, folder: &Path) {
        fs_err::create_dir_all(folder).unwrap();
        if self.theirs.is_some() {
            std::os::unix::fs::chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    /// The document that it says, with this exit code.
    #[track_caller]
    pub fn document(&self, words: &[&str], code: i32) -> Value {
        let output = self.command(words).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Both streams of a line of shell, whatever its code.
    pub fn says(&self, line: &str) -> String {
        let line = format!("exec 2>&1; {line}");
        let words = ["run", "-q", "box", "--", "sh", "-c", &line];
        let output = self.command(&words).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A run of a line of shell that has said `ready`; its stdin stays open.
    pub fn start(&self, line: &str) -> Running {
        let mut command = self.command(&["run", "box", "--", "sh", "-c", line]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        stdout.read_line(&mut said).unwrap();
        assert_eq!(said, "ready\n", "it did not come to run");
        Running { child, stdout }
    }

    /// What it complains of where no namespaces may be made.
    pub fn forbidding(&self, words: &[&str]) -> String {
        let own = self.sandbox.pyro(words).command;
        let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$0\" \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "sh", "-c", script]);
        command.arg(own.get_program());
        let output = like(&own, command).output().unwrap();
        assert_eq!(output.status.code(), Some(125));
        self.sandbox
            .filtered(std::str::from_utf8(&output.stderr).unwrap())
    }
}

/// The same with another program.
pub fn like(own: &Command, mut command: Command) -> Command {
    command.args(own.get_args()).env_clear();
    for (name, value) in own.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    if let Some(folder) = own.get_current_dir() {
        command.current_dir(folder);
    }
    command.stdin(Stdio::null());
    command
}
