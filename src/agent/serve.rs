//! The agent's work: one command, its streams, its end.
//!
//! One thread, one wait. Nothing is read of the command before the other side has granted room for it, and nothing is
//! taken from the other side beyond what was granted; so neither a silent reader nor a fast writer fills memory.
//!
//! When the command has ended, what stands in its pipes at that moment is sent, and no more: a child that it left
//! behind may hold them open for ever. All that the command itself wrote is in them by then.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;

use super::command::{self, Running};
use super::frame::Decoder;
use super::message::{Exit, Message, Stream, WINDOW};
use super::sys;

/// Bytes of output in one frame: with its header, what a virtio port takes in one piece.
const PIECE: usize = (32 << 10) - 5;

/// SIGKILL.
const KILL: u8 = 9;

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The command's end was told, or that it could not be started.
    Told,
    /// The other side has gone, and the command with it.
    Gone,
}

/// One of the command's output streams.
struct Output {
    pipe: Option<File>,
    /// What the other side still takes.
    credit: usize,
    /// What is left to send once the command has ended.
    left: Option<usize>,
}

impl Output {
    fn new(pipe: Option<File>) -> Self {
        Self {
            pipe,
            credit: WINDOW as usize,
            left: None,
        }
    }

    /// How many bytes may be read now.
    fn room(&self) -> usize {
        PIECE.min(self.credit).min(self.left.unwrap_or(usize::MAX))
    }

    fn is_over(&self) -> bool {
        self.pipe.is_none() || self.left == Some(0)
    }

    /// The command has ended: what it wrote is all there.
    fn finish(&mut self) {
        self.left = Some(self.pipe.as_ref().map_or(0, sys::waiting));
    }
}

/// What the command is given to read.
struct Input {
    pipe: Option<File>,
    pending: VecDeque<u8>,
    /// Whether no more will come.
    ended: bool,
    /// What the other side may still send.
    granted: usize,
}

struct Talk {
    socket: File,
    children: File,
    decoder: Decoder,
    frame: Vec<u8>,
    piece: Vec<u8>,
}

impl Talk {
    fn send(&mut self, message: &Message<'_>) -> io::Result<()> {
        self.frame.clear();
        message
            .append_to(&mut self.frame)
            .map_err(io::Error::other)?;
        self.socket.write_all(&self.frame)
    }

    /// Reads once; whether there is another side.
    fn receive(&mut self) -> io::Result<bool> {
        match self.decoder.read_from(&mut self.socket) {
            Ok(0) => Ok(false),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Says hello on `socket`, runs the command that comes, and tells how it ended.
///
/// `children` is from [`sys::children`]. An error is one of the connection; the command does not outlive it.
pub fn serve(socket: File, children: File) -> io::Result<Ended> {
    let mut talk = Talk {
        socket,
        children,
        decoder: Decoder::default(),
        frame: Vec::new(),
        piece: vec![0; PIECE],
    };
    talk.send(&Message::hello())?;
    let exec = loop {
        match Message::next_of(&mut talk.decoder).map_err(io::Error::other)? {
            Some(Message::Exec(exec)) => break exec,
            // A signal that comes before the command is for nobody.
            Some(_) => continue,
            None => {}
        }
        if !talk.receive()? {
            return Ok(Ended::Gone);
        }
    };
    let running = match command::start(&exec) {
        Ok(running) => running,
        Err((stage, error)) => {
            let errno = u32::try_from(error.raw_os_error().unwrap_or(errno_of(&error)));
            let errno = errno.unwrap_or_default();
            talk.send(&Message::Failed { stage, errno })?;
            return Ok(Ended::Told);
        }
    };
    let pid = running.pid;
    let mut work = Work::new(running);
    let ended = talk
        .send(&Message::Started)
        .and_then(|()| work.go_on(&mut talk));
    if !matches!(ended, Ok(Ended::Told)) {
        sys::signal_group(pid, KILL);
    }
    ended
}

/// The number of an error that std made up.
fn errno_of(error: &io::Error) -> i32 {
    match error.kind() {
        io::ErrorKind::NotFound => 2,
        io::ErrorKind::NotADirectory => 20,
        _ => 22,
    }
}

struct Work {
    pid: u32,
    stdin: Input,
    stdout: Output,
    stderr: Output,
    terminal: Option<File>,
    exit: Option<Exit>,
}

impl Work {
    fn new(running: Running) -> Self {
        Self {
            pid: running.pid,
            stdin: Input {
                pipe: running.stdin,
                pending: VecDeque::new(),
                ended: false,
                granted: WINDOW as usize,
            },
            stdout: Output::new(running.stdout),
            stderr: Output::new(running.stderr),
            terminal: running.terminal,
            exit: None,
        }
    }

    fn go_on(&mut self, talk: &mut Talk) -> io::Result<Ended> {
        loop {
            if let Some(exit) = self.exit
                && self.stdout.is_over()
                && self.stderr.is_over()
            {
                talk.send(&Message::Exit(exit))?;
                return Ok(Ended::Told);
            }
            let [socket, children, stdin, stdout, stderr] = self.wait(talk)?;
            if socket != 0 {
                if !talk.receive()? {
                    return Ok(Ended::Gone);
                }
                self.obey(talk)?;
            }
            if stdout != 0 {
                pass_on(&mut self.stdout, talk, Stream::Stdout)?;
            }
            if stderr != 0 {
                pass_on(&mut self.stderr, talk, Stream::Stderr)?;
            }
            if stdin != 0 {
                self.stdin.feed(talk)?;
            }
            if children != 0 {
                self.reap(talk);
            }
        }
    }

    fn wait(&self, talk: &Talk) -> io::Result<[i16; 5]> {
        let readable = |output: &'_ Output| {
            if output.room() == 0 { None } else { Some(()) }
        };
        let stdin_wants = if self.stdin.pending.is_empty() {
            0
        } else {
            sys::WRITABLE
        };
        // A terminal is one file: that its other side has gone is told where it is read.
        let stdin = self.stdin.pipe.as_ref();
        let stdin = stdin.filter(|_| stdin_wants != 0 || self.terminal.is_none());
        let stdout = readable(&self.stdout).and(self.stdout.pipe.as_ref());
        let stderr = readable(&self.stderr).and(self.stderr.pipe.as_ref());
        sys::wait([
            (Some(talk.socket.as_fd()), sys::READABLE),
            (Some(talk.children.as_fd()), sys::READABLE),
            (stdin.map(|pipe| pipe.as_fd()), stdin_wants),
            (stdout.map(|pipe| pipe.as_fd()), sys::READABLE),
            (stderr.map(|pipe| pipe.as_fd()), sys::READABLE),
        ])
    }

    /// Does what has come.
    fn obey(&mut self, talk: &mut Talk) -> io::Result<()> {
        while let Some(message) = Message::next_of(&mut talk.decoder).map_err(io::Error::other)? {
            match message {
                Message::Stdin(bytes) => self.stdin.take(bytes)?,
                Message::StdinEnd => self.stdin.end(),
                Message::Credit { stream, bytes } => {
                    if let Some(output) = self.output(stream) {
                        output.credit = output.credit.saturating_add(bytes as usize);
                    }
                }
                Message::Close(stream) => {
                    if let Some(output) = self.output(stream) {
                        output.pipe = None;
                    }
                }
                Message::Signal(signal) => sys::signal_group(self.pid, signal),
                Message::Window { rows, columns } => {
                    if let Some(terminal) = &self.terminal {
                        sys::resize(terminal, rows, columns)?;
                    }
                }
                _ => return Err(io::Error::other("a message that a host does not send")),
            }
        }
        Ok(())
    }

    fn output(&mut self, stream: Stream) -> Option<&mut Output> {
        match stream {
            Stream::Stdin => None,
            Stream::Stdout => Some(&mut self.stdout),
            Stream::Stderr => Some(&mut self.stderr),
        }
    }

    /// Takes every child that has ended: as process 1, orphans too.
    fn reap(&mut self, talk: &mut Talk) {
        // What is read says nothing that the children themselves do not say better.
        let _emptied = talk.children.read(&mut talk.piece);
        while let Some((pid, status)) = sys::reap() {
            if u32::try_from(pid) == Ok(self.pid) {
                self.exit = Some(exit_of(status));
                self.stdout.finish();
                self.stderr.finish();
                self.stdin.pipe = None;
            }
        }
    }
}

/// The end that a status of the kernel means.
fn exit_of(status: i32) -> Exit {
    let [low, high, ..] = status.to_le_bytes();
    match low & 0x7f {
        0 => Exit::Code(high),
        signal => Exit::Signal(signal),
    }
}

/// Reads once of a stream and sends it.
fn pass_on(output: &mut Output, talk: &mut Talk, stream: Stream) -> io::Result<()> {
    let room = output.room();
    let Some(pipe) = output.pipe.as_mut().filter(|_| room > 0) else {
        return Ok(());
    };
    let read = match pipe.read(&mut talk.piece[..room]) {
        Ok(read) => read,
        Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
        // A terminal whose other side is closed ends so.
        Err(_over) => 0,
    };
    if read == 0 {
        output.pipe = None;
        return Ok(());
    }
    output.credit -= read;
    output.left = output.left.map(|left| left.saturating_sub(read));
    let piece = std::mem::take(&mut talk.piece);
    let sent = talk.send(&match stream {
        Stream::Stderr => Message::Stderr(&piece[..read]),
        Stream::Stdin | Stream::Stdout => Message::Stdout(&piece[..read]),
    });
    talk.piece = piece;
    sent
}

impl Input {
    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() > self.granted {
            return Err(io::Error::other("more input than was granted"));
        }
        self.granted -= bytes.len();
        if self.pipe.is_some() {
            self.pending.extend(bytes);
        }
        Ok(())
    }

    fn end(&mut self) {
        self.ended = true;
        if self.pending.is_empty() {
            self.pipe = None;
        }
    }

    /// Writes once to the command, and grants as much again; or sees that the command reads no more.
    fn feed(&mut self, talk: &mut Talk) -> io::Result<()> {
        let Some(pipe) = self.pipe.as_mut() else {
            return Ok(());
        };
        let (bytes, _) = self.pending.as_slices();
        let written = if bytes.is_empty() {
            // Only told because nobody reads any more.
            Err(io::ErrorKind::BrokenPipe.into())
        } else {
            pipe.write(bytes)
        };
        match written {
            Ok(written) => {
                self.pending.drain(..written);
                self.granted += written;
                if self.ended && self.pending.is_empty() {
                    self.pipe = None;
                }
                talk.send(&Message::Credit {
                    stream: Stream::Stdin,
                    bytes: u32::try_from(written).unwrap_or(u32::MAX),
                })
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(())
            }
            Err(_nobody_reads) => {
                self.pipe = None;
                self.pending.clear();
                talk.send(&Message::Close(Stream::Stdin))
            }
        }
    }
}

/// Tells why there will be no command.
pub fn tell_trouble(socket: &mut File, text: &str) -> io::Result<()> {
    let mut frame = Vec::new();
    let message = Message::Trouble(text.as_bytes());
    message.append_to(&mut frame).map_err(io::Error::other)?;
    socket.write_all(&frame)
}
