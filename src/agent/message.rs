//! Messages: what the frames mean. Both sides compile this file; `docs/run-protocol.md` is its text.

use super::frame::{Decoder, FrameError, VERSION, append};

/// What a hello begins with.
const MAGIC: [u8; 4] = *b"pyro";

/// Bytes of one stream that may be under way before the other side has granted more.
pub const WINDOW: u32 = 256 << 10;

/// One of the command's three streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// What it reads.
    Stdin,
    /// What it says.
    Stdout,
    /// What it complains of.
    Stderr,
}

impl Stream {
    const fn number(self) -> u8 {
        match self {
            Self::Stdin => 0,
            Self::Stdout => 1,
            Self::Stderr => 2,
        }
    }

    const fn of_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Stdin),
            1 => Some(Self::Stdout),
            2 => Some(Self::Stderr),
            _ => None,
        }
    }
}

/// A command, as it is to be started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exec {
    /// Whose it shall be.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Rows and columns of the terminal that it gets; without one it gets three pipes.
    pub terminal: Option<(u16, u16)>,
    /// Its folder.
    pub cwd: Vec<u8>,
    /// The program and its arguments.
    pub argv: Vec<Vec<u8>>,
    /// All of its variables.
    pub env: Vec<(Vec<u8>, Vec<u8>)>,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(u8),
    /// By this signal.
    Signal(u8),
}

/// What could not be done to start a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The program could not be started.
    Program,
    /// Its folder cannot be entered.
    Folder,
    /// There is no terminal or pipe for it.
    Streams,
}

impl Stage {
    const ALL: [Self; 3] = [Self::Program, Self::Folder, Self::Streams];
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// Agent: all is ready for a command.
    Hello {
        /// The protocol that it speaks.
        version: u32,
    },
    /// Host: start this. Once.
    Exec(Exec),
    /// Agent: it runs.
    Started,
    /// Agent: it could not be started; nothing follows.
    Failed {
        /// What was being done.
        stage: Stage,
        /// What the system said.
        errno: u32,
    },
    /// Host: bytes for the command to read.
    Stdin(&'a [u8]),
    /// Host: there are no more.
    StdinEnd,
    /// Agent: bytes that the command said.
    Stdout(&'a [u8]),
    /// Agent: bytes that the command complained with.
    Stderr(&'a [u8]),
    /// Either: so many more bytes of this stream may come.
    Credit {
        /// The stream.
        stream: Stream,
        /// How many.
        bytes: u32,
    },
    /// Either: nobody reads this stream any more.
    Close(Stream),
    /// Host: send this signal to the command.
    Signal(u8),
    /// Host: the terminal has so many rows and columns now.
    Window {
        /// Rows.
        rows: u16,
        /// Columns.
        columns: u16,
    },
    /// Agent: it ended; all of its output came before.
    Exit(Exit),
    /// Agent: there will be no command, and why, for people.
    Trouble(&'a [u8]),
}

impl<'a> Message<'a> {
    const fn kind(&self) -> u8 {
        match self {
            Self::Hello { .. } => 1,
            Self::Exec(_) => 2,
            Self::Started => 3,
            Self::Failed { .. } => 4,
            Self::Stdin(_) => 5,
            Self::StdinEnd => 6,
            Self::Stdout(_) => 7,
            Self::Stderr(_) => 8,
            Self::Credit { .. } => 9,
            Self::Close(_) => 10,
            Self::Signal(_) => 11,
            Self::Window { .. } => 12,
            Self::Exit(_) => 13,
            Self::Trouble(_) => 14,
        }
    }

    /// The hello of this side.
    #[must_use]
    pub const fn hello() -> Self {
        Self::Hello { version: VERSION }
    }

    /// Appends it as a frame.
    ///
    /// # Errors
    /// When it is too long for one; `out` is then as it was.
    pub fn append_to(&self, out: &mut Vec<u8>) -> Result<(), FrameError> {
        append(out, self.kind(), |out| match self {
            Self::Hello { version } => {
                out.extend_from_slice(&MAGIC);
                out.extend_from_slice(&version.to_le_bytes());
            }
            Self::Exec(exec) => exec.append_to(out),
            Self::Started | Self::StdinEnd => {}
            Self::Failed { stage, errno } => {
                let number = Stage::ALL.iter().position(|known| known == stage);
                out.push(u8::try_from(number.unwrap_or_default()).unwrap_or_default());
                out.extend_from_slice(&errno.to_le_bytes());
            }
            Self::Stdin(bytes)
            | Self::Stdout(bytes)
            | Self::Stderr(bytes)
            | Self::Trouble(bytes) => out.extend_from_slice(bytes),
            Self::Credit { stream, bytes } => {
                out.push(stream.number());
                out.extend_from_slice(&bytes.to_le_bytes());
            }
            Self::Close(stream) => out.push(stream.number()),
            Self::Signal(signal) => out.push(*signal),
            Self::Window { rows, columns } => {
                out.extend_from_slice(&rows.to_le_bytes());
                out.extend_from_slice(&columns.to_le_bytes());
            }
            Self::Exit(Exit::Code(code)) => out.extend_from_slice(&[0, *code]),
            Self::Exit(Exit::Signal(signal)) => out.extend_from_slice(&[1, *signal]),
        })
    }

    /// The next message that has come whole.
    ///
    /// # Errors
    /// When what came is none.
    pub fn next_of(decoder: &'a mut Decoder) -> Result<Option<Self>, FrameError> {
        match decoder.next_frame()? {
            None => Ok(None),
            Some((kind, payload)) => Self::decode(kind, payload).map(Some),
        }
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// When its type is not known, or its payload not what that type has.
    pub fn decode(kind: u8, payload: &'a [u8]) -> Result<Self, FrameError> {
        let mut fields = Fields(payload);
        let read = match kind {
            1 => fields.hello(),
            2 => Exec::read(&mut fields).map(Self::Exec),
            3 => Some(Self::Started),
            4 => fields.failed(),
            5 => Some(Self::Stdin(fields.rest())),
            6 => Some(Self::StdinEnd),
            7 => Some(Self::Stdout(fields.rest())),
            8 => Some(Self::Stderr(fields.rest())),
            9 => fields.stream().and_then(|stream| {
                let bytes = fields.u32()?;
                Some(Self::Credit { stream, bytes })
            }),
            10 => fields.stream().map(Self::Close),
            11 => fields.signal().map(Self::Signal),
            12 => fields
                .window()
                .map(|(rows, columns)| Self::Window { rows, columns }),
            13 => fields.exit().map(Self::Exit),
            14 => Some(Self::Trouble(fields.rest())),
            _ => return Err(FrameError::UnknownType(kind)),
        };
        // A hello may say more one day: who speaks another version is told so, not that it babbles.
        let is_whole = fields.0.is_empty() || kind == 1;
        read.filter(|_| is_whole).ok_or(FrameError::Malformed(kind))
    }
}

impl Exec {
    fn append_to(&self, out: &mut Vec<u8>) {
        let (terminal, (rows, columns)) = match self.terminal {
            Some(size) => (1, size),
            None => (0, (0, 0)),
        };
        out.extend_from_slice(&self.uid.to_le_bytes());
        out.extend_from_slice(&self.gid.to_le_bytes());
        out.push(terminal);
        out.extend_from_slice(&rows.to_le_bytes());
        out.extend_from_slice(&columns.to_le_bytes());
        append_bytes(out, &self.cwd);
        append_count(out, self.argv.len());
        for word in &self.argv {
            append_bytes(out, word);
        }
        append_count(out, self.env.len());
        for (name, value) in &self.env {
            append_bytes(out, name);
            append_bytes(out, value);
        }
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (uid, gid) = (fields.u32()?, fields.u32()?);
        let terminal = fields.u8()?;
        let size = fields.window()?;
        let terminal = match terminal {
            0 if size == (0, 0) => None,
            1 => Some(size),
            _ => return None,
        };
        let cwd = fields.text()?;
        let argv = fields.u32()?;
        let argv = (0..argv)
            .map(|_| fields.text())
            .collect::<Option<Vec<_>>>()?;
        let env = fields.u32()?;
        let env = (0..env).map(|_| {
            let name = fields.text()?;
            (!name.is_empty() && !name.contains(&b'=')).then_some(())?;
            Some((name, fields.text()?))
        });
        let env = env.collect::<Option<Vec<_>>>()?;
        (!argv.is_empty()).then_some(Self {
            uid,
            gid,
            terminal,
            cwd,
            argv,
            env,
        })
    }
}

fn append_count(out: &mut Vec<u8>, count: usize) {
    // What does not fit is too long for a frame in any case.
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    out.extend_from_slice(&count.to_le_bytes());
}

fn append_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    append_count(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// What is left of a payload.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Bytes that the system takes as a text: without NUL.
    fn text(&mut self) -> Option<Vec<u8>> {
        let length = usize::try_from(self.u32()?).ok()?;
        let bytes = self.take(length)?;
        (!bytes.contains(&0)).then(|| bytes.to_vec())
    }

    fn stream(&mut self) -> Option<Stream> {
        Stream::of_number(self.u8()?)
    }

    fn window(&mut self) -> Option<(u16, u16)> {
        Some((self.u16()?, self.u16()?))
    }

    /// A number that is a signal.
    fn signal(&mut self) -> Option<u8> {
        self.u8().filter(|signal| (1..=64).contains(signal))
    }

    fn hello(&mut self) -> Option<Message<'a>> {
        (self.array::<4>()? == MAGIC).then_some(())?;
        let version = self.u32()?;
        Some(Message::Hello { version })
    }

    fn failed(&mut self) -> Option<Message<'a>> {
        let stage = *Stage::ALL.get(usize::from(self.u8()?))?;
        let errno = self.u32()?;
        Some(Message::Failed { stage, errno })
    }

    fn exit(&mut self) -> Option<Exit> {
        match self.u8()? {
            0 => self.u8().map(Exit::Code),
            1 => self.signal().map(Exit::Signal),
            _ => None,
        }
    }
}
