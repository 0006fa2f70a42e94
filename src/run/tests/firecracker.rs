//! A Firecracker that is played: the program only says where it runs, and a thread of the test is its API and its guest.
//! The real one is asked in `tests/run`, where `PYRO_FIRECRACKER` names it.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, kill_process};

use super::stand::{Kept, PATIENT, agent_on, exec};
use crate::run::engine::Firecracker;
use crate::run::engine::{Engine as _, Guest, Places, Probe};
use crate::run::reach::Reach;
use crate::run::{Ended, Ending, Error, Limits, Machine, Parts, Size, Streams, Talk};

/// What is played when all six requests were answered, or before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Play {
    /// The agent calls, and does what it is told.
    Guest,
    /// The machine ends without a call.
    EndsUnheard,
    /// It runs, and nobody calls.
    NeverCalls,
    /// This request is answered so, and then nothing more comes.
    Says(&'static str, &'static [u8]),
    /// This request is answered so, and then it hangs up.
    HangsUp(&'static str, &'static [u8]),
}

const YES: &[u8] = b"HTTP/1.1 204 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n\r\n";

/// What was asked, each with its document.
type Asked = Vec<(String, serde_json::Value)>;

/// A place with a program, homes of run folders, and what a machine is made of.
struct Stage {
    folder: tempfile::TempDir,
    engine: Firecracker,
}

impl Stage {
    /// One whose program is these lines of shell.
    fn with(lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("firecracker");
        // Written by another process: a child of another test could still hold it open, and then it could not be started.
        let written = Command::new("sh")
            .args([
                "-c",
                "printf '#!/bin/sh\\n%s\\n' \"$1\" >\"$0\" && chmod 755 \"$0\"",
            ])
            .args([program.as_os_str(), lines.as_ref()])
            .status();
        assert!(written.unwrap().success());
        let mut image = vec![0; 2048];
        image[1080..1082].copy_from_slice(&[0x53, 0xef]);
        fs_err::write(folder.path().join("rootfs"), image).unwrap();
        fs_err::write(folder.path().join("vmlinux"), "a kernel").unwrap();
        let engine = engine(&program, folder.path());
        Self { folder, engine }
    }

    /// One whose program says where it runs and is silent then; and who plays it.
    fn playing(play: Play) -> (Self, JoinHandle<Asked>) {
        let stage = Self::with("echo on the console; echo $$ $PWD >\"$0.where\"; exec sleep 1000");
        let told = stage.folder.path().join("firecracker.where");
        let mode = rustix::fs::Mode::RWXU;
        rustix::fs::mknodat(rustix::fs::CWD, &told, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let parts = stage.folder.path().to_owned();
        let player = std::thread::spawn(move || {
            let told = fs_err::read_to_string(&told).unwrap();
            let (pid, folder) = told.trim_end().split_once(' ').unwrap();
            let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
            Player { play, pid, parts }.play(Path::new(folder))
        });
        (stage, player)
    }

    fn machine(&self) -> Machine {
        let part = |name| self.folder.path().join(name);
        let (kernel, image) = (part("vmlinux"), part("rootfs"));
        let parts = Parts {
            kernel: &kernel,
            image: &image,
            modules: None,
            initrd: None,
        };
        let size = Size {
            vcpus: 1,
            memory_mib: 128,
            scratch: None,
        };
        Machine::prepare(&parts, size, &Reach::default(), "box").unwrap()
    }

    fn start(&self) -> Result<Guest, Error> {
        self.engine.start(&self.machine())
    }

    /// That nothing of the machine is left.
    fn is_bare(&self) -> bool {
        let homes = fs_err::read_dir(self.folder.path().join("home"));
        homes.unwrap().next().is_none()
    }
}

/// The program at `path`, on a machine with KVM.
fn engine(path: &Path, folder: &Path) -> Firecracker {
    let places = Places {
        firecracker: Some(path.to_owned()),
        runtime: vec![folder.join("home")],
        ..Places::default()
    };
    Firecracker::find(&places, None, &|| Probe::Fast).unwrap()
}

struct Player {
    play: Play,
    pid: Pid,
    /// Where the parts of the machine are.
    parts: PathBuf,
}

impl Player {
    fn play(&self, folder: &Path) -> Asked {
        let listener = UnixListener::bind(folder.join("api")).unwrap();
        let (mut caller, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        let mut heard = Vec::new();
        while let Some((words, document)) = next_request(&mut caller, &mut heard) {
            self.look_at(&document);
            let says = match self.play {
                Play::Says(at, says) | Play::HangsUp(at, says) if at == words => says,
                _ => YES,
            };
            asked.push((words.clone(), document));
            // Whoever has given up hears no more.
            let _heard = caller.write_all(says);
            match self.play {
                Play::HangsUp(at, _) if at == words => return asked,
                _ => {}
            }
        }
        match self.play {
            Play::Guest => {
                let call = UnixStream::connect(folder.join("vsock_1024")).unwrap();
                let agent = agent_on(&call);
                drop(call);
                let watched = agent.watch().unwrap();
                let mut fds = [PollFd::new(&watched, PollFlags::IN)];
                while poll(&mut fds, None).is_err() {}
            }
            Play::EndsUnheard => kill_process(self.pid, Signal::KILL).unwrap(),
            Play::NeverCalls | Play::Says(..) | Play::HangsUp(..) => {}
        }
        asked
    }

    /// What is named in a document must be what Firecracker would find there.
    fn look_at(&self, document: &serde_json::Value) {
        for (key, part) in [("kernel_image_path", "vmlinux"), ("path_on_host", "rootfs")] {
            let Some(path) = document[key].as_str() else {
                continue;
            };
            let number = path.strip_prefix("/proc/self/fd/").unwrap();
            let theirs = format!("/proc/{}/fd/{number}", self.pid.as_raw_nonzero());
            let there = fs_err::read_link(theirs).unwrap();
            assert_eq!(there, fs_err::canonicalize(self.parts.join(part)).unwrap());
        }
    }
}

/// One request; `None` when the caller has gone.
fn next_request(
    caller: &mut UnixStream,
    heard: &mut Vec<u8>,
) -> Option<(String, serde_json::Value)> {
    let mut piece = [0; 4096];
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut request = httparse::Request::new(&mut headers);
        if let httparse::Status::Complete(head) = request.parse(heard).unwrap() {
            let words = format!("{} {}", request.method.unwrap(), request.path.unwrap());
            let length = request.headers.iter().find(|h| h.name == "Content-Length");
            let length = std::str::from_utf8(length.unwrap().value).unwrap();
            let end = head + length.parse::<usize>().unwrap();
            if heard.len() >= end {
                let document = serde_json::from_slice(&heard[head..end]).unwrap();
                heard.drain(..end);
                return Some((words, document));
            }
        }
        match caller.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(read) => heard.extend_from_slice(&piece[..read]),
        }
    }
}

/// Talks to a machine that was started, and runs a line of shell in it.
fn talk(guest: Guest, limits: Limits, line: &str) -> (Result<Ended, Error>, Kept) {
    let stdout = Kept::default();
    let streams = Streams {
        stdin: None,
        stdout: Box::new(stdout.clone()),
        stderr: Box::new(std::io::sink()),
        terminal: None,
    };
    let talk = Talk::deaf();
    let met = talk.meet(guest, &limits, streams);
    let met = met.map_err(|(error, _)| *error);
    let exec = exec(&["sh", "-c", line]);
    let ended = met.and_then(|met| talk.execute(met, &exec, &limits));
    (ended, stdout)
}

#[test]
fn it_is_told_the_machine_and_the_agent_calls() {
    let (stage, player) = Stage::playing(Play::Guest);
    let guest = stage.start().unwrap();
    let process = format!("/proc/{}", guest.id());
    assert!(Path::new(&process).exists());
    assert!(!stage.is_bare());
    let (ended, stdout) = talk(guest, PATIENT, "echo hello; exit 7");
    assert_eq!(ended.unwrap().ending, Ending::Code(7));
    assert_eq!(stdout.text(), "hello\n");
    assert!(!Path::new(&process).exists());
    assert!(stage.is_bare());
    let asked = player.join().unwrap();
    let words: Vec<&str> = asked.iter().map(|(words, _)| words.as_str()).collect();
    assert_eq!(
        words,
        [
            "PUT /machine-config",
            "PUT /boot-source",
            "PUT /drives/rootfs",
            "PUT /vsock",
            "PUT /entropy",
            "PUT /actions"
        ]
    );
}

#[test]
fn a_machine_that_does_not_call_is_given_up() {
    let (stage, player) = Stage::playing(Play::EndsUnheard);
    let (ended, _) = talk(stage.start().unwrap(), PATIENT, "true");
    match ended.unwrap_err() {
        Error::Boot { what, said } => {
            assert_eq!(what, "ended before it came up");
            assert_eq!(said, ["on the console"]);
        }
        other => panic!("{other:?}"),
    }
    assert!(stage.is_bare());
    player.join().unwrap();
    let (stage, player) = Stage::playing(Play::NeverCalls);
    let limits = Limits {
        boot: Duration::from_millis(200),
        command: None,
    };
    let (ended, _) = talk(stage.start().unwrap(), limits, "true");
    let error = ended.unwrap_err().to_string();
    assert_eq!(error, "the machine did not come up within 0.2 seconds");
    assert!(stage.is_bare());
    player.join().unwrap();
}

#[test]
fn what_it_does_not_do_is_told_with_its_last_words() {
    let refusal = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 36\r\n\r\n{\"fault_message\": \"no such kernel\"}\n";
    for (play, what) in [
        (
            Play::Says("PUT /boot-source", refusal),
            "refused `PUT /boot-source` (400): no such kernel: [PARTS]/vmlinux",
        ),
        (Play::HangsUp("PUT /vsock", b""), "hung up at `PUT /vsock`"),
        (
            Play::HangsUp("PUT /actions", b"HTTP/1.1 40"),
            "hung up at `PUT /actions`",
        ),
        (
            Play::Says("PUT /machine-config", b"hello\r\n"),
            "gave no answer to `PUT /machine-config`: invalid HTTP version",
        ),
        (
            Play::Says("PUT /entropy", b""),
            "did not answer `PUT /entropy` within 0.2 seconds",
        ),
    ] {
        let (mut stage, player) = Stage::playing(play);
        if matches!(play, Play::Says(_, b"")) {
            stage.engine.patience = Duration::from_millis(200);
        }
        let error = stage.start().unwrap_err();
        let parts = stage.folder.path().to_str().unwrap();
        let what = what.replace("[PARTS]", parts);
        assert_eq!(error.to_string(), format!("the engine {what}"));
        assert!(error.may_be_of_engine());
        match error {
            Error::Engine { said, .. } => assert_eq!(said, ["on the console"], "{play:?}"),
            other => panic!("{other:?}"),
        }
        assert!(stage.is_bare(), "{play:?}");
        player.join().unwrap();
    }
}

#[test]
fn one_that_ends_at_once_or_cannot_be_started_is_told() {
    let stage = Stage::with("echo 'no such option' >&2; exit 1");
    match stage.start().unwrap_err() {
        Error::Engine { what, said } => {
            assert_eq!(what.to_string(), "ended before it could be told anything");
            assert_eq!(said, ["no such option"]);
        }
        other => panic!("{other:?}"),
    }
    assert!(stage.is_bare());
    let stage = Stage::with("true");
    let refused = std::fs::Permissions::from_mode(0o600);
    fs_err::set_permissions(&stage.engine.program, refused).unwrap();
    let error = stage.start().unwrap_err();
    assert!(error.to_string().starts_with("cannot start"), "{error}");
    assert!(error.may_be_of_engine());
    assert!(stage.is_bare());
    let mut stage = Stage::with("true");
    stage.engine.homes = vec!["/proc/home".into()];
    let error = stage.start().unwrap_err();
    assert_eq!(error.to_string(), "cannot make /proc/home");
}
