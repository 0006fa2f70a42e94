//! Frames: what one stream of bytes is cut into, between pyro and the agent. Both sides compile this file.
//!
//! ```text
//! type u8 | length u32, little-endian | payload, `length` bytes, at most 1 MiB
//! ```
//!
//! Nothing is allocated by what a length says: a frame is whole before it is looked at, and one that says that it is
//! too long ends the conversation at once. `docs/run-protocol.md` has every type.

use std::fmt;
use std::io::{self, Read};

/// The protocol that is spoken here.
pub const VERSION: u32 = 1;

/// How long a payload may be.
pub const MAX_PAYLOAD: usize = 1 << 20;

/// Bytes before the payload.
pub const HEADER: usize = 5;

/// Bytes that are asked of the system at once.
const CHUNK: usize = 64 << 10;

/// Why bytes are no frame, or a frame no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// A type that this side does not know.
    UnknownType(u8),
    /// A length above [`MAX_PAYLOAD`].
    TooLong(u64),
    /// A payload that ends before what it should hold, or says something that cannot be.
    Malformed(u8),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownType(kind) => write!(f, "a frame of unknown type {kind}"),
            Self::TooLong(length) => {
                write!(
                    f,
                    "a frame of {length} bytes, of which {MAX_PAYLOAD} are the most"
                )
            }
            Self::Malformed(kind) => write!(f, "a malformed frame of type {kind}"),
        }
    }
}

impl std::error::Error for FrameError {}

/// Appends a frame whose payload `fill` writes.
///
/// # Errors
/// When the payload is too long; `out` is then as it was.
pub fn append(
    out: &mut Vec<u8>,
    kind: u8,
    fill: impl FnOnce(&mut Vec<u8>),
) -> Result<(), FrameError> {
    let start = out.len();
    out.extend_from_slice(&[kind, 0, 0, 0, 0]);
    fill(out);
    let length = out.len() - start - HEADER;
    match u32::try_from(length) {
        Ok(short) if length <= MAX_PAYLOAD => {
            out[start + 1..start + HEADER].copy_from_slice(&short.to_le_bytes());
            Ok(())
        }
        _ => {
            out.truncate(start);
            Err(FrameError::TooLong(length as u64))
        }
    }
}

/// Cuts what arrives into frames.
///
/// It holds at most one frame and what one read brought beyond it.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    taken: usize,
}

impl Decoder {
    /// Reads once; 0 is the end of the stream.
    ///
    /// # Errors
    /// What the reader says.
    pub fn read_from(&mut self, reader: &mut impl Read) -> io::Result<usize> {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        let before = self.bytes.len();
        self.bytes.resize(before + CHUNK, 0);
        let read = reader.read(&mut self.bytes[before..]);
        let count = *read.as_ref().unwrap_or(&0);
        self.bytes.truncate(before + count);
        read
    }

    /// The next whole frame, its type and payload; `None` until more has come.
    ///
    /// # Errors
    /// When its length is not allowed; nothing behind that can be told apart any more.
    pub fn next_frame(&mut self) -> Result<Option<(u8, &[u8])>, FrameError> {
        let rest = &self.bytes[self.taken..];
        let Some((&[kind, a, b, c, d], rest)) = rest.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes([a, b, c, d]);
        let length = match usize::try_from(length) {
            Ok(length) if length <= MAX_PAYLOAD => length,
            _ => return Err(FrameError::TooLong(length.into())),
        };
        let Some(payload) = rest.get(..length) else {
            return Ok(None);
        };
        self.taken += HEADER + length;
        Ok(Some((kind, payload)))
    }
}
