//! How much one source may make of itself: against archives that unpack to more than anybody meant.
//!
//! What is counted is what costs, and it is counted before it is spent:
//!
//! - *Entries* cost memory and inodes: each member, each folder that a name implies, and one more for every 256 bytes
//!   of a name and its target, so that names of 4,095 bytes do not take sixteen times the memory that was allowed.
//! - *Unpacked bytes* cost time, since every byte is hashed: files as they read, holes and all, and what an archive
//!   has besides its files (extended headers, what follows the end). A header says how long a file is, so one that
//!   is too long is refused before its first byte.
//! - The *ratio* is of bytes that cost disk: those of blocks that are not all zero, against the compressed bytes that
//!   were read so far. Disk images are mostly zeros, and those compress a thousandfold in gzip and ten thousandfold
//!   in zstd; zeros become holes and count for nothing here. Small sources are not looked at.
//!
//! All layers of an image are one source.

use std::cell::Cell;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of a name and its target that one entry pays for.
const NAME: usize = 256;
/// The unit in which zeros become holes.
const HOLE: usize = 4096;
/// Written bytes that no ratio is looked at below.
const RATIO_FLOOR: u64 = 64 << 20;

/// What one source may come to.
///
/// ```
/// use pyro::unpack::Limits;
/// assert_eq!(Limits::default().max_unpacked, 1 << 40);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Members, implied folders, and long names once for every 256 bytes.
    pub max_entries: u64,
    /// Bytes of all files with their holes, and of what is no file in an archive.
    pub max_unpacked: u64,
    /// Bytes written for each compressed byte that was read, holes aside; looked at from 64 MiB on.
    pub max_ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_entries: 4_000_000,
            max_unpacked: 1 << 40,
            max_ratio: 250,
        }
    }
}

/// Which limit a source went over, and where it was set.
///
/// ```
/// use pyro::unpack::Limit;
/// assert_eq!(Limit::Entries(5).key(), "max-entries");
/// assert_eq!(Limit::Entries(5).to_string(), "more than 5 entries in one source");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Too many entries.
    #[error("more than {0} entries in one source")]
    Entries(u64),
    /// Too many bytes.
    #[error("more than {0} bytes unpacked from one source")]
    Unpacked(u64),
    /// Too much made of too little.
    #[error("more than {0} bytes written for each byte of a source that was read")]
    Ratio(u64),
}

impl Limit {
    /// The key of the setting that raises it.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Entries(_) => "max-entries",
            Self::Unpacked(_) => "max-unpacked",
            Self::Ratio(_) => "max-ratio",
        }
    }
}

/// What one source has taken of its limits; the layers of an image share one.
///
/// ```
/// use pyro::unpack::{Allowance, Limits};
/// let allowance = Allowance::new(Limits::default());
/// let mut compressed = allowance.counting(&b"..."[..]);
/// assert_eq!(std::io::copy(&mut compressed, &mut std::io::sink())?, 3);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Allowance {
    limits: Limits,
    entries: Cell<u64>,
    unpacked: Cell<u64>,
    written: Cell<u64>,
    /// Counted where the source is read, which may be another thread.
    read: AtomicU64,
}

impl Allowance {
    /// Nothing is taken yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let none = || Cell::new(0);
        Self {
            limits,
            entries: none(),
            unpacked: none(),
            written: none(),
            read: AtomicU64::new(0),
        }
    }

    /// `bytes`, the source as it comes, counted; the ratio is against these.
    pub fn counting<R: Read>(&self, bytes: R) -> Counted<'_, R> {
        Counted {
            bytes,
            read: &self.read,
        }
    }

    /// Takes an entry whose name and target are so long together.
    pub(super) fn entry(&self, names: usize) -> Result<(), Limit> {
        let pays = 1 + names.saturating_sub(1) / NAME;
        take(&self.entries, pays as u64, self.limits.max_entries).map_err(Limit::Entries)
    }

    /// Takes bytes that are about to be read out of the source.
    pub(super) fn unpacked(&self, bytes: u64) -> Result<(), Limit> {
        take(&self.unpacked, bytes, self.limits.max_unpacked).map_err(Limit::Unpacked)
    }

    /// The content of a file, which ends with an [`OverRatio`] once too much would be written.
    pub(super) fn metering<R: Read>(&self, content: R) -> Metered<'_, R> {
        Metered {
            content,
            allowance: self,
        }
    }

    fn wrote(&self, bytes: &[u8]) -> io::Result<()> {
        let kept = bytes.chunks(HOLE).filter(|block| !is_zero(block));
        let kept: usize = kept.map(<[u8]>::len).sum();
        let written = self.written.get().saturating_add(kept as u64);
        self.written.set(written);
        let most = self.read.load(Ordering::Relaxed);
        let most = self.limits.max_ratio.saturating_mul(most);
        if written > RATIO_FLOOR && written > most {
            let over = OverRatio(Limit::Ratio(self.limits.max_ratio));
            return Err(io::Error::new(io::ErrorKind::InvalidData, over));
        }
        Ok(())
    }
}

/// Adds `more` to what is taken, or tells the limit.
fn take(taken: &Cell<u64>, more: u64, limit: u64) -> Result<(), u64> {
    match taken.get().checked_add(more).filter(|sum| *sum <= limit) {
        Some(sum) => {
            taken.set(sum);
            Ok(())
        }
        None => Err(limit),
    }
}

fn is_zero(block: &[u8]) -> bool {
    // Most blocks with something in them have it in the first few bytes.
    block
        .chunks(64)
        .all(|part| part.iter().fold(0, |all, byte| all | byte) == 0)
}

/// Marks, inside an `io::Error`, that a file was cut short for its ratio.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error(transparent)]
pub(super) struct OverRatio(pub(super) Limit);

/// See [`Allowance::counting`].
#[derive(Debug)]
pub struct Counted<'a, R> {
    bytes: R,
    read: &'a AtomicU64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// See [`Allowance::metering`].
pub(super) struct Metered<'a, R> {
    content: R,
    allowance: &'a Allowance,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        self.allowance.wrote(&buffer[..count])?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowance(max_entries: u64, max_unpacked: u64) -> Allowance {
        Allowance::new(Limits {
            max_entries,
            max_unpacked,
            ..Limits::default()
        })
    }

    #[test]
    fn the_last_one_that_is_allowed_is_allowed() {
        let allowance = allowance(3, 10);
        assert_eq!(allowance.entry(0), Ok(()));
        assert_eq!(allowance.entry(257), Ok(()));
        assert_eq!(allowance.entry(1), Err(Limit::Entries(3)));
        assert_eq!(allowance.unpacked(10), Ok(()));
        assert_eq!(allowance.unpacked(0), Ok(()));
        assert_eq!(allowance.unpacked(1), Err(Limit::Unpacked(10)));
        assert_eq!(allowance.unpacked(u64::MAX), Err(Limit::Unpacked(10)));
    }

    #[test]
    fn zeros_are_not_written_and_the_rest_stops_soon_after_the_ratio() {
        let allowance = allowance(1, 1);
        let read = |count: u64, byte| {
            let content = io::repeat(byte).take(count);
            io::copy(&mut allowance.metering(content), &mut io::sink())
        };
        let (mut source, mut sink) = (allowance.counting(&[0_u8; 100][..]), io::sink());
        io::copy(&mut source, &mut sink).unwrap();
        assert!(read(100 << 20, 0).is_ok());
        // Below the floor a ratio says nothing; a hundred bytes allow 25,000.
        assert!(read(RATIO_FLOOR, 1).is_ok());
        assert!(read(1, 1).is_err());
        let overshoot = allowance.written.get() - RATIO_FLOOR;
        assert!(overshoot <= 64 << 10, "{overshoot}");
    }
}
