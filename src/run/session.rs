//! The talk with a guest: hello, command, streams, end. One loop over one queue of events; it never waits for anybody
//! in particular, so a limit of time, a signal or the guest's death is always heard.
//!
//! ```text
//! reader of the socket --\                       /-- writer of the socket
//! reader of stdin --------+-- events -> [talk] --+
//! signals ---------------/                       \-- grants of credit
//!                 writers of stdout and stderr: fed by the reader of the socket, told of here
//! ```

use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::engine::Guest;
use super::error::Error;
use super::events::{Event, Listening, Outputs, read_socket, write_socket};
use super::streams::{Given, Streams, write_out};
use crate::agent::frame::VERSION;
use crate::agent::message::Exec;

mod command;

use command::Conversation;

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the machine's start to its hello, and then until the command is started.
    pub boot: Duration,
    /// From the command's start to its end; without one it may run for ever.
    pub command: Option<Duration>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this code.
    Code(u8),
    /// By this signal.
    Signal(u8),
    /// It ran for longer than it may.
    TimedOut,
    /// pyro was sent this signal, and the command did not end of it in time.
    Interrupted(u8),
    /// The machine went away beneath it.
    Lost {
        /// What happened.
        what: String,
        /// The last lines that the machine and its engine said.
        said: Vec<String>,
    },
}

impl Ending {
    /// The exit code that says so.
    ///
    /// ```
    /// use pyro::run::Ending;
    /// assert_eq!(Ending::Signal(15).exit_code(), 143);
    /// ```
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Code(code) => *code,
            Self::Signal(signal) | Self::Interrupted(signal) => 128_u8.saturating_add(*signal),
            Self::TimedOut => 124,
            Self::Lost { .. } => 125,
        }
    }
}

/// A command that was started, and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How it ended.
    pub ending: Ending,
    /// The signal that it died of, whoever sent it.
    pub signal: Option<u8>,
    /// How long the machine took to say hello.
    pub boot: Duration,
    /// How long the command ran.
    pub ran: Duration,
}

/// The queue that everything comes to, and the signals of this process, from here on.
pub struct Talk {
    events: Receiver<Event>,
    pub(super) tell: Sender<Event>,
    /// Only kept: dropping it ends the listening.
    _listening: Option<Listening>,
}

/// A guest that has said hello.
pub struct Met {
    guest: Guest,
    frames: Sender<Vec<u8>>,
    grants: Sender<(crate::agent::message::Stream, u32)>,
    boot: Duration,
    given: Given,
}

impl Talk {
    /// Begins to listen to signals: from here on they end a command, and not this process.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn begin() -> Result<Self, Error> {
        let deaf = Self::deaf();
        let listening = Listening::begin(deaf.tell.clone())?;
        Ok(Self {
            _listening: Some(listening),
            ..deaf
        })
    }

    /// One that hears no signals.
    pub(super) fn deaf() -> Self {
        let (tell, events) = channel();
        Self {
            events,
            tell,
            _listening: None,
        }
    }

    /// Waits until the guest says hello. The outputs are led away from here on.
    ///
    /// # Errors
    /// When it does not in time, ends, or speaks something else; it is gone then.
    pub fn meet(
        &self,
        mut guest: Guest,
        limits: &Limits,
        streams: Streams,
    ) -> Result<Met, (Box<Error>, Streams)> {
        let begun = Instant::now();
        let wires = match self.connect(&guest) {
            Ok(wires) => wires,
            Err(error) => return Err((Box::new(error), streams)),
        };
        match self.hello(begun + limits.boot, limits.boot) {
            Ok(()) => {}
            Err(failed) => {
                let said = guest.last_words();
                let _ended = wires.reader.join();
                // What it still said is of no interest; a signal is.
                let interrupted = self.events.try_iter().find_map(|event| match event {
                    Event::Signal(signal) => Some(Error::Interrupted { signal }),
                    _ => None,
                });
                let error = interrupted.unwrap_or_else(|| failed.with(said));
                return Err((Box::new(error), streams));
            }
        }
        let Streams {
            stdin,
            stdout,
            stderr,
            terminal,
        } = streams;
        for (stream, out, pieces) in [
            (crate::agent::message::Stream::Stdout, stdout, wires.stdout),
            (crate::agent::message::Stream::Stderr, stderr, wires.stderr),
        ] {
            let tell = self.tell.clone();
            std::thread::spawn(move || write_out(stream, out, &pieces, &tell));
        }
        Ok(Met {
            guest,
            frames: wires.frames,
            grants: wires.grants,
            boot: begun.elapsed(),
            given: Given { stdin, terminal },
        })
    }

    fn connect(&self, guest: &Guest) -> Result<Wires, Error> {
        let line = guest.line.again();
        let line = line.map_err(|error| Error::system("share the socket of the machine", error))?;
        let (stdout, stdout_pieces) = channel();
        let (stderr, stderr_pieces) = channel();
        let (grant, grants) = channel();
        let (frame, frames) = channel();
        let outputs = Outputs {
            stdout,
            stderr,
            grants,
        };
        let tell = self.tell.clone();
        let (there, socket) = channel();
        let reader = std::thread::spawn(move || {
            let again = |socket: UnixStream| Ok((socket.try_clone()?, socket));
            let lost = match line.answer().and_then(|there| there.map(again).transpose()) {
                Ok(Some((ours, theirs))) => {
                    let _over = there.send(theirs);
                    return read_socket(ours, &outputs, &tell);
                }
                Ok(None) => None,
                Err(error) => Some(Error::system("take the call of the agent", error)),
            };
            let _over = tell.send(Event::Lost(lost));
        });
        std::thread::spawn(move || {
            // It comes when the agent has called, or never.
            if let Ok(socket) = socket.recv() {
                write_socket(socket, &frames);
            }
        });
        Ok(Wires {
            reader,
            frames: frame,
            grants: grant,
            stdout: stdout_pieces,
            stderr: stderr_pieces,
        })
    }

    fn hello(&self, until: Instant, limit: Duration) -> Result<(), NoHello> {
        match self.next(Some(until)) {
            Some(Event::Hello(VERSION)) => Ok(()),
            Some(Event::Hello(found)) => Err(NoHello::Told(Error::Version { found })),
            Some(Event::Trouble(text)) => Err(NoHello::Told(Error::Trouble { text })),
            Some(Event::Lost(Some(error))) => Err(NoHello::Told(error)),
            Some(Event::Signal(signal)) => Err(NoHello::Told(Error::Interrupted { signal })),
            Some(Event::Lost(None)) => Err(NoHello::Silent("ended before it came up".to_owned())),
            Some(_) => Err(NoHello::Told(Error::Order {
                what: "it said something before hello",
            })),
            None => {
                let seconds = limit.as_secs_f64();
                let what = format!("did not come up within {seconds} seconds");
                Err(NoHello::Silent(what))
            }
        }
    }

    /// The next event; `None` when it is time.
    fn next(&self, until: Option<Instant>) -> Option<Event> {
        let Some(until) = until else {
            return self.events.recv().ok();
        };
        let left = until.saturating_duration_since(Instant::now());
        // This side keeps a sender itself, so an error is that it is time.
        self.events.recv_timeout(left).ok()
    }

    /// Runs the command to its end. The guest is gone when this returns.
    ///
    /// # Errors
    /// When the command could not be started.
    pub fn execute(&self, met: Met, exec: &Exec, limits: &Limits) -> Result<Ended, Error> {
        Conversation::new(self, met).hold(exec, limits)
    }
}

struct Wires {
    reader: JoinHandle<()>,
    frames: Sender<Vec<u8>>,
    grants: Sender<(crate::agent::message::Stream, u32)>,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
}

/// Why there was no hello.
enum NoHello {
    /// This is why.
    Told(Error),
    /// The machine ended or was silent; its last words may tell.
    Silent(String),
}

impl NoHello {
    fn with(self, said: Vec<String>) -> Error {
        match self {
            Self::Told(error) => error,
            Self::Silent(what) => Error::Boot { what, said },
        }
    }
}
