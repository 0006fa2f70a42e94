//! Output that is kept for the document instead of being passed on.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that are kept of each stream; a document is no place for more.
pub(super) const MOST: usize = 8 << 20;

/// The beginning of a stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Captured(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    truncated: bool,
}

impl Captured {
    /// What was kept, and whether there was more.
    pub(super) fn take(&self) -> (Vec<u8>, bool) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut kept.bytes), kept.truncated)
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST - kept.bytes.len();
        kept.truncated |= bytes.len() > room;
        kept.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        // What is not kept is taken all the same: the command must not notice.
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_cut_and_said() {
        let mut captured = Captured::default();
        captured.write_all(&vec![1; MOST]).unwrap();
        assert_eq!(captured.clone().take(), (vec![1; MOST], false));
        captured.write_all(&vec![2; MOST - 1]).unwrap();
        captured.write_all(b"34").unwrap();
        captured.write_all(b"5").unwrap();
        let (bytes, truncated) = captured.take();
        assert_eq!(
            (bytes.len(), bytes.last(), truncated),
            (MOST, Some(&b'3'), true)
        );
    }
}
