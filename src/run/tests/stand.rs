//! What the tests stand on: the agent as a plain process, and streams that are kept.

use std::io::{self, Write};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::agent::message::Exec;
use crate::run::child::Child;
use crate::run::engine::Guest;
use crate::run::error::Error;
use crate::run::events::Event;
use crate::run::{Ended, Limits, Streams, Talk};

pub(super) const PATIENT: Limits = Limits {
    boot: Duration::from_secs(60),
    command: None,
};

/// The agent's program with one end of a pair of sockets, and the other end.
pub(super) fn agent() -> (Child, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (agent_on(&theirs), ours)
}

/// The agent's program, which talks on this socket.
pub(super) fn agent_on(theirs: &UnixStream) -> Child {
    let mut command = Command::new(env!("PYRO_AGENT"));
    command.args(["serve", &theirs.as_raw_fd().to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    Child::spawn(command, &[theirs.as_fd()]).unwrap()
}

pub(super) fn guest() -> Guest {
    let (child, socket) = agent();
    Guest::of(child, socket)
}

pub(super) fn exec(argv: &[&str]) -> Exec {
    let pair = |name: &str, value: &str| (name.into(), value.into());
    Exec {
        uid: 0,
        gid: 0,
        terminal: None,
        cwd: b"/".to_vec(),
        argv: argv.iter().map(|word| word.as_bytes().to_vec()).collect(),
        env: vec![pair("PATH", "/usr/bin:/bin"), pair("GREETING", "hi = ho")],
    }
}

/// A place where output is kept, and each piece of it told of.
#[derive(Clone, Default)]
pub(super) struct Kept {
    bytes: Arc<Mutex<Vec<u8>>>,
    heard: Option<Sender<()>>,
}

impl Kept {
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.lock().unwrap().extend_from_slice(bytes);
        if let Some(heard) = &self.heard {
            let _nobody = heard.send(());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a command was and did.
pub(super) struct Told {
    pub(super) ended: Result<Ended, Error>,
    pub(super) stdout: Kept,
    pub(super) stderr: Kept,
}

/// A descriptor that gives these bytes and ends.
pub(super) fn input(bytes: Vec<u8>) -> OwnedFd {
    let (mut writer, reader) = UnixStream::pair().unwrap();
    std::thread::spawn(move || {
        // A command that reads no more closes it.
        let _all_read = writer.write_all(&bytes);
    });
    reader.into()
}

/// Runs it with the real agent; `moved` is called when the first output is there.
pub(super) fn run_with(
    exec: &Exec,
    stdin: Option<OwnedFd>,
    limits: Limits,
    moved: impl FnOnce(Sender<Event>) + Send + 'static,
) -> Told {
    let (heard, first) = std::sync::mpsc::channel();
    let stdout = Kept {
        heard: Some(heard),
        ..Kept::default()
    };
    let stderr = Kept::default();
    let streams = Streams {
        stdin,
        stdout: Box::new(stdout.clone()),
        stderr: Box::new(stderr.clone()),
        terminal: None,
    };
    let talk = Talk::deaf();
    let tell = talk.tell.clone();
    std::thread::spawn(move || {
        if first.recv().is_ok() {
            moved(tell);
        }
    });
    let met = talk.meet(guest(), &limits, streams);
    let met = met.map_err(|(error, _)| *error);
    let ended = met.and_then(|met| talk.execute(met, exec, &limits));
    Told {
        ended,
        stdout,
        stderr,
    }
}

/// Runs a line of shell.
pub(super) fn shell(line: &str) -> Told {
    run_with(&exec(&["sh", "-c", line]), None, PATIENT, |_| {})
}
