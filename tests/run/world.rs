//! A sandbox whose declaration has the environment `tiny`, and a run that has come to its command.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::support::Sandbox;
use super::support::images::tiny::tiny;

/// Nothing is realized yet.
pub fn world() -> Sandbox {
    let sandbox = Sandbox::new();
    let text = format!(
        "schema = 1\nprofile = \"p\"\n[environments.tiny]\nversion = \"1\"\n\
         artifacts = {{ kernel = \"vmlinuz\", rootfs = \"rootfs.ext4\", modules = \"modules\" }}\n\
         [[environments.tiny.sources]]\nlocal = '{}'\n",
        tiny().display()
    );
    sandbox.write("envs.toml", &text);
    sandbox
}

/// A run whose command has said `ready`.
pub struct Running {
    pub child: Child,
    pub stdout: BufReader<ChildStdout>,
}

impl Running {
    /// Runs a line of shell; its stdin stays open.
    pub fn start(sandbox: &Sandbox, line: &str) -> Self {
        let mut command = sandbox
            .pyro(["run", "tiny", "--", "sh", "-c", line])
            .command;
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        stdout.read_line(&mut said).unwrap();
        assert_eq!(said, "ready\n", "it did not come to run");
        Self { child, stdout }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// What it says next.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    /// Closes its stdin, and waits for its end: its code and the rest of what it said.
    pub fn finish(mut self) -> (Option<i32>, String) {
        drop(self.child.stdin.take());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}
