//! Reading ahead in a thread: bytes are fetched, checked and inflated there while files are written here.
//!
//! ```text
//! source -> decoder -> [full pieces] -> reader of the tar -> files
//!              ^-------- [empty ones] <------'
//! ```
//!
//! The pieces go round, so there are never more than a few, and none is made anew. What is read, and every error of it,
//! comes in the order in which it would have come without the thread.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

/// Bytes of a piece.
const PIECE: usize = 64 * 1024;
/// How many pieces there are.
const PIECES: usize = 8;

/// Gives what `bytes` has to `work`, read ahead where there is another processor for it.
pub fn ahead<T>(bytes: Box<dyn Read + Send + '_>, work: impl FnOnce(&mut dyn Read) -> T) -> T {
    let source = Mutex::new(Some(bytes));
    let take = || {
        let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
        source.take()
    };
    std::thread::scope(|scope| {
        let (full, filled) = channel();
        let (emptied, empty) = channel();
        let take = &take;
        let read = move || {
            if let Some(bytes) = take() {
                read(bytes, &full, &empty);
            }
        };
        let is_alone = std::thread::available_parallelism().is_ok_and(|count| count.get() == 1);
        let thread = std::thread::Builder::new().name("pyro-ahead".to_owned());
        if is_alone || thread.spawn_scoped(scope, read).is_err() {
            // Nobody has taken it.
            return work(&mut *take().unwrap_or_else(|| Box::new(io::empty())));
        }
        work(&mut Ahead {
            filled,
            emptied,
            piece: Vec::new(),
            at: 0,
            end: 0,
            is_over: false,
        })
    })
}

/// What the thread gives: a piece and how much of it is filled, or why there is no more.
type Piece = io::Result<(Vec<u8>, usize)>;

/// Reads to the end, or until nobody takes it any more.
fn read(mut bytes: Box<dyn Read + Send + '_>, full: &Sender<Piece>, empty: &Receiver<Vec<u8>>) {
    let mut made = 0;
    loop {
        let mut piece = match empty.try_recv() {
            Ok(piece) => piece,
            Err(_none) if made < PIECES => {
                made += 1;
                vec![0; PIECE]
            }
            Err(_none) => match empty.recv() {
                Ok(piece) => piece,
                Err(_nobody) => return,
            },
        };
        let (filled, end) = fill(&mut *bytes, &mut piece);
        if filled > 0 && full.send(Ok((piece, filled))).is_err() {
            return;
        }
        match end {
            None => {}
            Some(Ok(())) => return,
            Some(Err(error)) => {
                let _nobody = full.send(Err(error));
                return;
            }
        }
    }
}

/// Reads until the piece is full, or the end or an error comes; how much there is, and which of these.
fn fill(bytes: &mut dyn Read, piece: &mut [u8]) -> (usize, Option<io::Result<()>>) {
    let mut filled = 0;
    while filled < piece.len() {
        match bytes.read(&mut piece[filled..]) {
            Ok(0) => return (filled, Some(Ok(()))),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(Err(error))),
        }
    }
    (filled, None)
}

/// The other end.
struct Ahead {
    filled: Receiver<Piece>,
    emptied: Sender<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
    end: usize,
    is_over: bool,
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.is_over {
            return Ok(0);
        }
        if self.at == self.end {
            let piece = std::mem::take(&mut self.piece);
            if !piece.is_empty() {
                let _read_to_its_end = self.emptied.send(piece);
            }
            match self.filled.recv() {
                Ok(Ok((piece, end))) => (self.piece, self.at, self.end) = (piece, 0, end),
                Ok(Err(error)) => {
                    self.is_over = true;
                    (self.at, self.end) = (0, 0);
                    return Err(error);
                }
                Err(_end) => {
                    self.is_over = true;
                    (self.at, self.end) = (0, 0);
                    return Ok(0);
                }
            }
        }
        let count = buffer.len().min(self.end - self.at);
        buffer[..count].copy_from_slice(&self.piece[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A byte for each place, that does not repeat soon.
    fn byte(at: usize) -> u8 {
        (at.wrapping_mul(0x9e37_79b9) >> 13).to_le_bytes()[0]
    }

    /// So many bytes, given in odd portions with interruptions between them, and an error at their end.
    struct Odd {
        at: usize,
        count: usize,
        calls: usize,
        ends_well: bool,
    }

    impl Read for Odd {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.calls += 1;
            if self.calls % 7 == 3 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            if self.at == self.count && !self.ends_well {
                return Err(io::Error::other("broke off"));
            }
            let portion = 1 + self.calls.wrapping_mul(7919) % 5000;
            let end = self.count.min(self.at + portion.min(buffer.len()));
            for (place, at) in buffer.iter_mut().zip(self.at..end) {
                *place = byte(at);
            }
            let count = end - self.at;
            self.at = end;
            Ok(count)
        }
    }

    fn odd(count: usize, ends_well: bool) -> Odd {
        Odd {
            at: 0,
            count,
            calls: 0,
            ends_well,
        }
    }

    #[test]
    fn all_comes_in_its_order_and_then_the_end() {
        for count in [0, 1, PIECE, PIECE + 1, 3 * PIECES * PIECE + 17] {
            let mut found = Vec::new();
            let read = ahead(Box::new(odd(count, true)), |bytes| {
                bytes.read_to_end(&mut found)
            });
            assert_eq!(read.unwrap(), count);
            assert!(found.into_iter().eq((0..count).map(byte)));
        }
    }

    #[test]
    fn an_error_comes_behind_all_that_was_before_it() {
        let left = PIECE + 5;
        let mut found = Vec::new();
        let read = ahead(Box::new(odd(left, false)), |bytes| {
            bytes.read_to_end(&mut found)
        });
        assert_eq!(read.unwrap_err().to_string(), "broke off");
        assert_eq!(found.len(), left);
    }

    #[test]
    fn who_stops_early_ends_the_reading() {
        let endless = io::repeat(7);
        let first = ahead(Box::new(endless), |bytes| {
            let mut first = [0; 3];
            bytes.read_exact(&mut first).map(|()| first)
        });
        assert_eq!(first.unwrap(), [7; 3]);
    }
}
