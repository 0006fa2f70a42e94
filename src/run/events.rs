//! All that happens while a command runs, from every side, in one queue.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::{Handle, Signals};

use super::error::Error;
use super::streams::Written;
use crate::agent::frame::Decoder;
use crate::agent::message::{Exit, Message, Stage, Stream, WINDOW};

/// Something that happened.
pub(super) enum Event {
    /// The agent is there, and speaks this protocol.
    Hello(u32),
    /// The command runs.
    Started,
    /// It could not be started.
    Failed(Stage, u32),
    /// Its input may go on, by so much.
    Appetite(u32),
    /// It reads no more.
    Enough,
    /// It ended; all of its output is with the writers.
    Exit(Exit),
    /// There can be no command.
    Trouble(String),
    /// The other side has gone, or does not keep to the protocol.
    Lost(Option<Error>),
    /// A writer tells.
    Written(Written),
    /// Input; `None` is its end.
    Stdin(Option<Vec<u8>>),
    /// This process was sent a signal.
    Signal(u8),
}

/// The outputs, as the reader of the socket sees them.
pub(super) struct Outputs {
    pub(super) stdout: Sender<Vec<u8>>,
    pub(super) stderr: Sender<Vec<u8>>,
    /// What the guest was granted; the reader counts it down.
    pub(super) grants: Receiver<(Stream, u32)>,
}

/// Reads what the agent sends until it ends or errs. Output goes to the writers, and no more than was granted.
pub(super) fn read_socket(mut socket: UnixStream, outputs: &Outputs, tell: &Sender<Event>) {
    let mut reader = SocketReader {
        outputs,
        stdout: WINDOW,
        stderr: WINDOW,
    };
    let mut decoder = Decoder::default();
    let lost = 'reading: loop {
        match decoder.read_from(&mut socket) {
            Ok(0) => break None,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            // Reset: it has gone, with something of ours unread.
            Err(_gone) => break None,
            Ok(_) => {}
        }
        loop {
            let event = match Message::next_of(&mut decoder) {
                Ok(None) => break,
                Ok(Some(message)) => reader.event(&message),
                Err(error) => Err(Error::Protocol(error)),
            };
            match event {
                Ok(None) => {}
                Ok(Some(event)) => {
                    let is_last = matches!(event, Event::Exit(_));
                    if tell.send(event).is_err() || is_last {
                        return;
                    }
                }
                Err(error) => break 'reading Some(error),
            }
        }
    };
    let _over = tell.send(Event::Lost(lost));
}

struct SocketReader<'o> {
    outputs: &'o Outputs,
    stdout: u32,
    stderr: u32,
}

impl SocketReader<'_> {
    fn event(&mut self, message: &Message<'_>) -> Result<Option<Event>, Error> {
        Ok(Some(match message {
            Message::Hello { version } => Event::Hello(*version),
            Message::Started => Event::Started,
            Message::Failed { stage, errno } => Event::Failed(*stage, *errno),
            Message::Stdout(bytes) => return self.output(Stream::Stdout, bytes),
            Message::Stderr(bytes) => return self.output(Stream::Stderr, bytes),
            Message::Credit {
                stream: Stream::Stdin,
                bytes,
            } => Event::Appetite(*bytes),
            Message::Close(Stream::Stdin) => Event::Enough,
            Message::Exit(exit) => Event::Exit(*exit),
            Message::Trouble(text) => Event::Trouble(String::from_utf8_lossy(text).into_owned()),
            _ => {
                let what = "it sent what only pyro sends";
                return Err(Error::Order { what });
            }
        }))
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) -> Result<Option<Event>, Error> {
        while let Ok((stream, bytes)) = self.outputs.grants.try_recv() {
            let left = if stream == Stream::Stdout {
                &mut self.stdout
            } else {
                &mut self.stderr
            };
            *left = left.saturating_add(bytes);
        }
        let (left, writer) = if stream == Stream::Stdout {
            (&mut self.stdout, &self.outputs.stdout)
        } else {
            (&mut self.stderr, &self.outputs.stderr)
        };
        if bytes.is_empty() {
            // It would cost no credit, and so might come for ever.
            let what = "it sent output without a byte";
            return Err(Error::Order { what });
        }
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        *left = left.checked_sub(length).ok_or(Error::Order {
            what: "it sent more output than it was granted",
        })?;
        // A writer is there for as long as this is.
        let _over = writer.send(bytes.to_vec());
        Ok(None)
    }
}

/// Writes frames to the agent as they come, so that nobody else waits for it.
pub(super) fn write_socket(mut socket: UnixStream, frames: &Receiver<Vec<u8>>) {
    for frame in frames {
        if socket.write_all(&frame).is_err() {
            // That it has gone is told where it is read.
            return;
        }
    }
}

/// The signals of this process, for as long as it is kept.
pub(super) struct Listening(Handle);

impl Listening {
    /// Takes those that a user, a supervisor or a terminal sends to a command.
    pub(super) fn begin(tell: Sender<Event>) -> Result<Self, Error> {
        let wanted = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH];
        let mut signals =
            Signals::new(wanted).map_err(|error| Error::system("listen for signals", error))?;
        let handle = signals.handle();
        std::thread::spawn(move || {
            for signal in signals.forever() {
                let signal = u8::try_from(signal).unwrap_or_default();
                if tell.send(Event::Signal(signal)).is_err() {
                    return;
                }
            }
        });
        Ok(Self(handle))
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.close();
    }
}
