//! A command in a guest that has said hello: started, fed, limited, and told of.

use std::any::Any;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGTERM, SIGWINCH};

use super::{Ended, Ending, Limits, Met, Talk};
use crate::agent::message::{Exec, Exit, Message, Stage};
use crate::model::escape::Escaped;
use crate::run::error::Error;
use crate::run::events::Event;
use crate::run::streams::{Appetite, Written, read_in};

/// How long a command may take to end once its time is up.
const AFTER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long it may take once pyro was told to end.
const AFTER_SIGNAL: Duration = Duration::from_secs(5);
/// How long the agent may take to tell the end of what was killed, and to hand over what it had said.
const AFTER_KILL: Duration = Duration::from_secs(2);

/// What is due at a certain time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// The command must have been started.
    Start,
    /// It must have ended.
    Timeout,
    /// It must have ended of the signal it was sent.
    Kill,
    /// The agent must have told of the end.
    Abandon,
    /// Output must have been taken off us.
    Leave,
}

/// Why the command is being ended.
#[derive(Debug, Clone, Copy)]
enum Cause {
    Timeout,
    Signal(u8),
}

/// What there is to tell at the end.
enum Over {
    Exit(Exit),
    Lost(Option<Error>),
}

pub(super) struct Conversation<'t> {
    talk: &'t Talk,
    met: Met,
    /// The terminal of this side, for as long as the command's own one is shown on it.
    lent: Option<Box<dyn Any>>,
    appetite: Option<Sender<Appetite>>,
    /// Bytes of input that were sent and not granted again.
    unread: u32,
    /// Closed when this is dropped, which ends the reader of stdin.
    stop: Option<UnixStream>,
    started: Option<Instant>,
    cause: Option<Cause>,
    due: Option<(Instant, Due)>,
    over: Option<(Over, Instant)>,
    writers: usize,
}

impl<'t> Conversation<'t> {
    pub(super) fn new(talk: &'t Talk, met: Met) -> Self {
        Self {
            talk,
            met,
            lent: None,
            appetite: None,
            unread: 0,
            stop: None,
            started: None,
            cause: None,
            due: None,
            over: None,
            writers: 2,
        }
    }

    pub(super) fn hold(mut self, exec: &Exec, limits: &Limits) -> Result<Ended, Error> {
        let mut frame = Vec::new();
        let message = Message::Exec(exec.clone());
        message.append_to(&mut frame).map_err(Error::TooLong)?;
        // That nobody writes any more is told by the reader.
        let _lost = self.met.frames.send(frame);
        self.due = Some((Instant::now() + limits.boot, Due::Start));
        // All that the command has said is written before its end is told.
        while self.over.is_none() || self.writers > 0 {
            match self.talk.next(self.due.map(|(at, _)| at)) {
                Some(event) => self.take(event, exec, limits)?,
                None => match self.due.take() {
                    Some((_, Due::Leave)) => break,
                    Some((_, due)) => self.fall_due(due, limits)?,
                    None => {}
                },
            }
        }
        Ok(self.ended())
    }

    fn send(&self, message: &Message<'_>) {
        let mut frame = Vec::new();
        if message.append_to(&mut frame).is_ok() {
            let _lost = self.met.frames.send(frame);
        }
    }

    fn take(&mut self, event: Event, exec: &Exec, limits: &Limits) -> Result<(), Error> {
        match event {
            Event::Started if self.started.is_none() => self.start(limits)?,
            Event::Failed(stage, errno) if self.started.is_none() => {
                return Err(not_started(exec, stage, errno));
            }
            Event::Trouble(text) if self.started.is_none() => return Err(Error::Trouble { text }),
            Event::Signal(signal) => self.signal(signal)?,
            Event::Exit(exit) if self.started.is_some() => self.end(Over::Exit(exit)),
            Event::Lost(error) if self.started.is_none() => {
                return Err(error.unwrap_or_else(|| self.no_start("ended".to_owned())));
            }
            Event::Lost(error) => self.end(Over::Lost(error)),
            // What was not sent cannot be granted again; so nobody can fill the queue of who reads stdin.
            Event::Appetite(bytes) if (1..=self.unread).contains(&bytes) => {
                self.unread -= bytes;
                self.feed(Appetite::More(bytes));
            }
            Event::Enough => {
                self.feed(Appetite::Enough);
                self.appetite = None;
            }
            Event::Stdin(Some(bytes)) => {
                let count = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                self.unread = self.unread.saturating_add(count);
                self.send(&Message::Stdin(&bytes));
            }
            Event::Stdin(None) => self.send(&Message::StdinEnd),
            Event::Written(Written::Grant(stream, bytes)) => {
                let _lost = self.met.grants.send((stream, bytes));
                self.send(&Message::Credit { stream, bytes });
            }
            Event::Written(Written::Closed(stream)) => self.send(&Message::Close(stream)),
            Event::Written(Written::Done) => self.writers -= 1,
            Event::Hello(_)
            | Event::Started
            | Event::Failed(..)
            | Event::Trouble(_)
            | Event::Appetite(_)
            | Event::Exit(_) => {
                let what = "it said something out of its turn";
                let error = Error::Order { what };
                if self.started.is_none() {
                    return Err(error);
                }
                self.met.guest.end();
                self.end(Over::Lost(Some(error)));
            }
        }
        Ok(())
    }

    fn start(&mut self, limits: &Limits) -> Result<(), Error> {
        let now = Instant::now();
        self.started = Some(now);
        self.due = limits.command.map(|limit| (now + limit, Due::Timeout));
        if let Some(terminal) = &self.met.given.terminal {
            let lent = terminal.lend();
            self.lent = Some(lent.map_err(|error| Error::system("use the terminal", error))?);
            // It may have changed while the machine came up.
            self.resize();
        }
        let Some(stdin) = self.met.given.stdin.take() else {
            self.send(&Message::StdinEnd);
            return Ok(());
        };
        let pair = UnixStream::pair();
        let (stop, stopped) =
            pair.map_err(|error| Error::system("make a socket for stdin", error))?;
        let (appetite, news) = channel();
        let tell = self.talk.tell.clone();
        (self.appetite, self.stop) = (Some(appetite), Some(stop));
        std::thread::spawn(move || read_in(stdin, &stopped.into(), &news, &tell));
        Ok(())
    }

    /// Tells the size of the terminal.
    fn resize(&self) {
        let terminal = self.met.given.terminal.as_ref();
        if let Some(Ok((rows, columns))) = terminal.map(|terminal| terminal.size()) {
            self.send(&Message::Window { rows, columns });
        }
    }

    fn feed(&mut self, news: Appetite) {
        if let Some(appetite) = &self.appetite {
            let _ended = appetite.send(news);
        }
    }

    fn signal(&mut self, signal: u8) -> Result<(), Error> {
        if i32::from(signal) == SIGWINCH {
            if self.started.is_some() {
                self.resize();
            }
            return Ok(());
        }
        let ends = [SIGHUP, SIGINT, SIGQUIT, SIGTERM].contains(&i32::from(signal));
        if !ends {
            self.send(&Message::Signal(signal));
            return Ok(());
        }
        if self.started.is_none() {
            return Err(Error::Interrupted { signal });
        }
        let now = Instant::now();
        if self.over.is_some() {
            // Only somebody who does not read keeps us.
            self.due = Some((now, Due::Leave));
        } else if matches!(self.cause, Some(Cause::Signal(_))) {
            // Asked twice: no more patience.
            self.due = Some((now, Due::Kill));
        } else {
            self.cause = Some(self.cause.unwrap_or(Cause::Signal(signal)));
            self.send(&Message::Signal(signal));
            self.due = Some((now + AFTER_SIGNAL, Due::Kill));
        }
        Ok(())
    }

    fn fall_due(&mut self, due: Due, limits: &Limits) -> Result<(), Error> {
        let signal = |number: i32| Message::Signal(u8::try_from(number).unwrap_or_default());
        let now = Instant::now();
        match due {
            Due::Start => {
                let seconds = limits.boot.as_secs_f64();
                let what = format!("did not start the command within {seconds} seconds");
                return Err(self.no_start(what));
            }
            Due::Timeout => {
                self.cause = Some(Cause::Timeout);
                self.send(&signal(SIGTERM));
                self.due = Some((now + AFTER_TIMEOUT, Due::Kill));
            }
            Due::Kill => {
                self.send(&signal(SIGKILL));
                self.due = Some((now + AFTER_KILL, Due::Abandon));
            }
            Due::Abandon => {
                // The reader sees that the machine has gone, and that ends this.
                self.met.guest.end();
                self.due = Some((now + AFTER_KILL, Due::Leave));
            }
            Due::Leave => {}
        }
        Ok(())
    }

    fn end(&mut self, over: Over) {
        if self.over.is_none() {
            self.over = Some((over, Instant::now()));
            // Who ended it by force does not wait for its readers either.
            self.due = self
                .cause
                .map(|_| (Instant::now() + AFTER_KILL, Due::Leave));
        }
    }

    fn no_start(&mut self, what: String) -> Error {
        let said = self.met.guest.last_words();
        Error::Boot { what, said }
    }

    fn ended(mut self) -> Ended {
        let now = Instant::now();
        let started = self.started.unwrap_or(now);
        let (over, at) = self.over.take().unwrap_or((Over::Lost(None), now));
        let signal = match over {
            Over::Exit(Exit::Signal(signal)) => Some(signal),
            _ => None,
        };
        let was_killed = signal.is_some_and(|signal| i32::from(signal) == SIGKILL);
        let ending = match (self.cause, over) {
            (Some(Cause::Timeout), _) => Ending::TimedOut,
            (Some(Cause::Signal(signal)), Over::Lost(_)) => Ending::Interrupted(signal),
            (Some(Cause::Signal(signal)), Over::Exit(_)) if was_killed => {
                Ending::Interrupted(signal)
            }
            (_, Over::Exit(Exit::Code(code))) => Ending::Code(code),
            (_, Over::Exit(Exit::Signal(signal))) => Ending::Signal(signal),
            (None, Over::Lost(error)) => Ending::Lost {
                what: error.map_or_else(
                    || "the machine ended beneath the command".to_owned(),
                    |error| error.to_string(),
                ),
                said: self.met.guest.last_words(),
            },
        };
        Ended {
            ending,
            signal,
            boot: self.met.boot,
            ran: at.saturating_duration_since(started),
        }
    }
}

fn not_started(exec: &Exec, stage: Stage, errno: u32) -> Error {
    let named = match stage {
        Stage::Folder => Some(&exec.cwd),
        Stage::Program | Stage::Streams => exec.argv.first(),
    };
    let errno = i32::try_from(errno).unwrap_or_default();
    Error::Command {
        stage,
        program: Escaped(named.map_or(&[][..], Vec::as_slice)).to_string(),
        source: io::Error::from_raw_os_error(errno),
    }
}
