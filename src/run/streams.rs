//! The command's three streams on this side: where its input comes from, where its output goes.
//!
//! Each output has a thread that writes, so that a reader that is slow holds up nobody but the command, and that only
//! when its credit is used up. What was written is granted again.

use std::any::Any;
use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::mpsc::{Receiver, Sender};

use rustix::event::{PollFd, PollFlags, poll};

use super::events::Event;
use crate::agent::message::{Stream, WINDOW};

/// Bytes that are read of stdin at once.
const PIECE: usize = 32 << 10;

/// So much is written before it is granted again: a message for every line would cost more than the line.
const GRANT: u32 = WINDOW / 4;

/// Where the command's streams lead.
pub struct Streams {
    /// What it reads; nothing, where there is none.
    pub stdin: Option<OwnedFd>,
    /// What it says.
    pub stdout: Box<dyn Write + Send>,
    /// What it complains with.
    pub stderr: Box<dyn Write + Send>,
    /// The terminal that stdin is, where the command has one of its own.
    pub terminal: Option<Box<dyn Terminal>>,
}

/// A terminal here, which a command's own one is shown on.
pub trait Terminal: Send {
    /// Its rows and columns.
    ///
    /// # Errors
    /// When it is gone.
    fn size(&self) -> io::Result<(u16, u16)>;

    /// Lets every key through as it is, until what is returned is dropped.
    ///
    /// # Errors
    /// When it is gone.
    fn lend(&self) -> io::Result<Box<dyn Any>>;
}

/// What a command is given: its input, and the terminal that it is typed at.
pub(super) struct Given {
    pub(super) stdin: Option<OwnedFd>,
    pub(super) terminal: Option<Box<dyn Terminal>>,
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").finish_non_exhaustive()
    }
}

/// What a writer tells.
pub(super) enum Written {
    /// So much more may come.
    Grant(Stream, u32),
    /// Nobody reads any more.
    Closed(Stream),
    /// All is written.
    Done,
}

/// Writes what comes, until no more will.
pub(super) fn write_out(
    stream: Stream,
    mut out: Box<dyn Write + Send>,
    pieces: &Receiver<Vec<u8>>,
    tell: &Sender<Event>,
) {
    let mut owed = 0_u32;
    let mut is_open = true;
    for piece in pieces {
        if is_open && out.write_all(&piece).and_then(|()| out.flush()).is_err() {
            is_open = false;
            let _over = tell.send(Event::Written(Written::Closed(stream)));
        }
        // What nobody reads is granted too: it may be under way already.
        owed += u32::try_from(piece.len()).unwrap_or(u32::MAX);
        if owed >= GRANT {
            let _over = tell.send(Event::Written(Written::Grant(stream, owed)));
            owed = 0;
        }
    }
    let _over = tell.send(Event::Written(Written::Done));
}

/// What the thread that reads stdin is told.
pub(super) enum Appetite {
    /// So much more may be sent.
    More(u32),
    /// The command reads no more.
    Enough,
}

/// Reads stdin as far as the command takes it. Ends at its end, or when `stop` is closed at its other end.
pub(super) fn read_in(
    stdin: OwnedFd,
    stop: &OwnedFd,
    appetite: &Receiver<Appetite>,
    tell: &Sender<Event>,
) {
    let mut stdin = fs_err::File::from_parts(stdin.into(), "stdin");
    let mut credit = WINDOW;
    let mut piece = vec![0; PIECE];
    loop {
        // Without credit there is nothing to do but wait for some.
        let news = if credit == 0 {
            appetite.recv().ok()
        } else {
            appetite.try_recv().ok()
        };
        match news {
            Some(Appetite::More(bytes)) => {
                credit = credit.saturating_add(bytes).min(WINDOW);
                continue;
            }
            Some(Appetite::Enough) => return,
            None if credit == 0 => return,
            None => {}
        }
        let mut wanted = [
            PollFd::new(&stdin, PollFlags::IN),
            PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN),
        ];
        match poll(&mut wanted, None) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(_broken) => return,
            Ok(_) => {}
        }
        if !wanted[1].revents().is_empty() {
            return;
        }
        let room = PIECE.min(credit as usize);
        let event = match stdin.read(&mut piece[..room]) {
            Ok(read @ 1..) => {
                credit -= u32::try_from(read).unwrap_or_default();
                Event::Stdin(Some(piece[..read].to_vec()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Ok(_) | Err(_) => Event::Stdin(None),
        };
        let is_last = matches!(event, Event::Stdin(None));
        if tell.send(event).is_err() || is_last {
            return;
        }
    }
}
