//! Copies a large file of this machine into a staged one: several threads take pieces of it, and holes are not read.
//!
//! What is hashed is what is written, as everywhere; a hole is hashed as the zeros that it stands for, and stays one.

use std::os::fd::OwnedFd;
use std::sync::{Mutex, OnceLock};

use blake3::hazmat::{ChainingValue, HasherExt};
use rustix::fs::SeekFrom;
use rustix::io::Errno;

use super::buffer::Buffer;
use super::crew::Crew;
use super::error::{Doing, Error};
use super::file_writer::{self, CHUNK};
use super::piecewise::{self, PIECE};
use super::uninterrupted;
use crate::model::digest::FileHash;
use crate::model::path::EntryPath;

/// From this size on it is worth the threads.
pub(super) const LARGE: u64 = 2 * PIECE;

/// One copy.
pub(super) struct LargeCopy<'a> {
    /// What it is called in messages.
    pub(super) entry: &'a EntryPath,
    pub(super) from: &'a fs_err::File,
    pub(super) to: &'a OwnedFd,
    /// Bytes, more than one piece.
    pub(super) size: u64,
    /// Whether somebody will wait until it is on the disk.
    pub(super) is_synced: bool,
}

/// Why a piece has no chaining value.
enum Stop {
    /// The file ended before.
    Short,
    Failed(Error),
}

impl LargeCopy<'_> {
    /// Copies all; gives the hash, or `None` where the file was not as long as was said.
    pub(super) fn copy(&self, crew: &Crew) -> Result<Option<FileHash>, Error> {
        uninterrupted::ftruncate(self.to, self.size).doing("write", self.entry.as_os_str())?;
        let offsets: Vec<u64> = (0..self.size.div_ceil(PIECE)).map(|n| n * PIECE).collect();
        let values: Vec<OnceLock<ChainingValue>> =
            offsets.iter().map(|_| OnceLock::new()).collect();
        let pieces: Vec<_> = offsets.into_iter().zip(&values).collect();
        let stop = Mutex::new(None);
        let begin = || Buffer::new(CHUNK);
        crew.share(&pieces, begin, |buffer, (offset, value)| {
            if stop.lock().is_ok_and(|stop| stop.is_some()) {
                return;
            }
            match self.piece(*offset, buffer) {
                Ok(found) => {
                    let _first_and_only = value.set(found);
                }
                Err(why) => {
                    if let Ok(mut stop) = stop.lock() {
                        stop.get_or_insert(why);
                    }
                }
            }
        });
        match stop.into_inner().unwrap_or_default() {
            Some(Stop::Failed(error)) => return Err(error),
            Some(Stop::Short) => return Ok(None),
            None => {}
        }
        let values: Option<Vec<_>> = values.iter().map(|value| value.get().copied()).collect();
        Ok(values.map(|values| piecewise::root(&values)))
    }

    fn piece(&self, offset: u64, buffer: &mut [u8]) -> Result<ChainingValue, Stop> {
        let end = self.size.min(offset + PIECE);
        let mut hasher = piecewise::hasher(offset);
        let mut at = offset;
        while at < end {
            let data = self.next_data(at, end)?;
            hash_zeros(&mut hasher, data - at);
            let hole = self.next_hole(data, end);
            at = data;
            while at < hole {
                let left = usize::try_from(hole - at).unwrap_or(usize::MAX);
                let wanted = buffer.len().min(left);
                let chunk = &mut buffer[..wanted];
                self.read(chunk, at)?;
                hasher.update(chunk);
                file_writer::write_around_holes(self.to, chunk, at)
                    .doing("write", self.entry.as_os_str())
                    .map_err(Stop::Failed)?;
                at += wanted as u64;
            }
        }
        if self.is_synced {
            file_writer::begin_write_back(self.to, offset..end);
        }
        Ok(hasher.finalize_non_root())
    }

    /// Fills all of `chunk`.
    fn read(&self, chunk: &mut [u8], position: u64) -> Result<(), Stop> {
        let mut filled = 0;
        while filled < chunk.len() {
            match rustix::io::pread(self.from, &mut chunk[filled..], position + filled as u64) {
                Ok(0) => return Err(Stop::Short),
                Ok(count) => filled += count,
                Err(Errno::INTR) => {}
                Err(errno) => {
                    // As where the content is read to its end.
                    let (entry, source) = (self.entry.clone(), errno.into());
                    return Err(Stop::Failed(Error::Content { entry, source }));
                }
            }
        }
        Ok(())
    }

    /// Where there is data again; `end` where all before it is a hole.
    fn next_data(&self, at: u64, end: u64) -> Result<u64, Stop> {
        match rustix::fs::seek(self.from, SeekFrom::Data(at)) {
            Ok(data) => Ok(data.clamp(at, end)),
            // A hole to the end of the file, which must be where it was.
            Err(Errno::NXIO) => match rustix::fs::fstat(self.from) {
                Ok(meta) if meta.st_size.cast_unsigned() >= end => Ok(end),
                _ => Err(Stop::Short),
            },
            // A file system that does not know holes.
            Err(_) => Ok(at),
        }
    }

    /// Where the next hole begins; `end` where there is none before it.
    fn next_hole(&self, at: u64, end: u64) -> u64 {
        match rustix::fs::seek(self.from, SeekFrom::Hole(at)) {
            // No hole where data was found: it went meanwhile, or the file system tells what is not so.
            Ok(hole) if hole > at => hole.min(end),
            _ => end,
        }
    }
}

fn hash_zeros(hasher: &mut blake3::Hasher, mut count: u64) {
    static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
    while count > 0 {
        let part = usize::try_from(count).map_or(ZEROS.len(), |count| count.min(ZEROS.len()));
        hasher.update(&ZEROS[..part]);
        count -= part as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use fs_err::os::unix::fs::FileExt;

    use super::*;

    /// A file of so many bytes, of which these places are data; and the copy that was made of it as if it had `size`.
    fn copied(
        length: u64,
        data: &[(u64, &[u8])],
        size: u64,
    ) -> (Option<FileHash>, [Vec<u8>; 2], [u64; 2]) {
        let temp = tempfile::tempdir().unwrap();
        let paths = ["from", "to"].map(|name| temp.path().join(name));
        let file = fs_err::File::create_new(&paths[0]).unwrap();
        file.set_len(length).unwrap();
        for (at, bytes) in data {
            file.write_all_at(bytes, *at).unwrap();
        }
        let from = fs_err::File::open(&paths[0]).unwrap();
        let to = fs_err::File::create_new(&paths[1]).unwrap();
        let copy = LargeCopy {
            entry: &EntryPath::new(b"image").unwrap(),
            from: &from,
            to: &to.into_parts().0.into(),
            size,
            is_synced: true,
        };
        let hash = copy.copy(&Crew::of_processors()).unwrap();
        let blocks = || {
            from.sync_all().unwrap();
            fs_err::File::open(&paths[1]).unwrap().sync_all().unwrap();
            paths
                .each_ref()
                .map(|path| fs_err::metadata(path).unwrap().blocks())
        };
        let blocks = blocks();
        (hash, paths.map(|path| fs_err::read(path).unwrap()), blocks)
    }

    #[test]
    fn a_copy_has_the_bytes_the_hash_and_the_holes() {
        let data: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8 + 1).collect();
        let places: [&[(u64, usize)]; 5] = [
            &[],
            &[(0, 3_000_000)],
            // Over the border of two pieces, and at the end.
            &[(PIECE - 10_007, 50_021), (2 * PIECE - 1, 1)],
            // One byte after each border, with holes between.
            &[(1, 1), (PIECE + 1, 1), (PIECE + 8192, 70_000)],
            &[
                (4096, 4096),
                (12_288, 1_048_576),
                (PIECE + 300_000, 3_000_000),
            ],
        ];
        for length in [2 * PIECE, 2 * PIECE + 5000, 3 * PIECE - 1] {
            for places in places {
                let data: Vec<_> = places
                    .iter()
                    .map(|(at, count)| (*at, &data[..*count]))
                    .collect();
                let (hash, [from, to], [had, has]) = copied(length, &data, length);
                assert!(from == to, "{length} {places:?}");
                assert_eq!(hash, Some(FileHash::of(&from)), "{length} {places:?}");
                // One block more for the list of extents.
                assert!(has <= had + 8, "{length} {places:?}: {has} blocks of {had}");
            }
        }
    }

    #[test]
    fn a_file_that_is_shorter_has_no_hash() {
        let full = vec![7; usize::try_from(2 * PIECE).unwrap()];
        for (length, data) in [(2 * PIECE, &full[..]), (PIECE, &full[..1]), (0, b"")] {
            let (hash, ..) = copied(length, &[(0, data)], 2 * PIECE + 1);
            assert_eq!(hash, None, "{length}");
        }
    }
}
