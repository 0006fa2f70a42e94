//! Reads and hashes the content of a path, in pieces that several threads take at once.
//!
//! A large file is read in pieces that are merged to its hash ([`piecewise`]). Memory is one buffer a thread, and 32
//! bytes a piece. Nothing is mapped: a disk that fails under a mapped page would end the process instead of telling us.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, OnceLock};

use blake3::hazmat::{ChainingValue, HasherExt};
use rustix::fs::{Mode, OFlags};

use super::is_damage;
use crate::model::digest::FileHash;
use crate::model::manifest::{Entry, EntryKind, Manifest};
use crate::model::path::EntryPath;
use crate::store::buffer::Buffer;
use crate::store::crew::Crew;
use crate::store::error::{Doing, Error};
use crate::store::file_writer::{self, CHUNK};
use crate::store::folders::Folders;
use crate::store::piecewise::{self, PIECE};
use crate::store::uninterrupted;

/// What one thread reads at a time.
struct Piece<'m> {
    file: File<'m>,
    part: Part,
}

#[derive(Clone, Copy)]
struct File<'m> {
    /// Its place in the manifest.
    index: usize,
    path: &'m EntryPath,
    size: u64,
    hash: FileHash,
}

enum Part {
    /// All of a small file.
    Whole,
    /// The bytes from `offset`, whose chaining value belongs into this slot.
    From { offset: u64, slot: usize },
}

/// A file of several pieces, and where its chaining values begin.
struct Split<'m> {
    file: File<'m>,
    slots: std::ops::Range<usize>,
}

/// What is wrong with entries, by their place in the manifest.
pub(super) type Faults = Vec<(usize, &'static str)>;

/// Reads and hashes every file; tells which are not as the manifest says, in its order.
///
/// # Errors
/// When the system has run out of something.
pub(super) fn read_all(top: &OwnedFd, manifest: &Manifest, crew: &Crew) -> Result<Faults, Error> {
    let (pieces, splits) = cut(manifest);
    let slots = splits.last().map_or(0, |split| split.slots.end);
    let values: Vec<OnceLock<ChainingValue>> = (0..slots).map(|_| OnceLock::new()).collect();
    let faults = Mutex::new(Faults::new());
    let shortage = Mutex::new(None);
    let begin = || (Folders::new(top), Buffer::new(CHUNK));
    crew.share(&pieces, begin, |(folders, buffer), piece| {
        if shortage.lock().is_ok_and(|shortage| shortage.is_some()) {
            return;
        }
        let what = match read(folders, buffer, piece, &values) {
            Ok(Found::Right) => return,
            Ok(Found::Wrong) => "has the wrong content",
            Err(error) if is_damage(&error) => "cannot be read",
            Err(error) => {
                if let Ok(mut shortage) = shortage.lock() {
                    *shortage = Some(error);
                }
                return;
            }
        };
        if let Ok(mut faults) = faults.lock() {
            faults.push((piece.file.index, what));
        }
    });
    if let Some(error) = shortage.into_inner().unwrap_or_default() {
        return Err(error);
    }
    let mut faults = faults.into_inner().unwrap_or_default();
    for split in splits {
        let values: Option<Vec<ChainingValue>> = values[split.slots]
            .iter()
            .map(|slot| slot.get().copied())
            .collect();
        // Where a piece is missing its fault is known.
        if values.is_some_and(|values| piecewise::root(&values) != split.file.hash) {
            faults.push((split.file.index, "has the wrong content"));
        }
    }
    // Of what several pieces of a file say, the first word in the alphabet: that it cannot be read.
    faults.sort_unstable();
    faults.dedup_by_key(|(index, _)| *index);
    Ok(faults)
}

/// The pieces of all files, in the order of the manifest.
fn cut(manifest: &Manifest) -> (Vec<Piece<'_>>, Vec<Split<'_>>) {
    let mut pieces = Vec::new();
    let mut splits = Vec::new();
    let mut slots = 0;
    for (index, Entry { path, kind }) in manifest.entries().iter().enumerate() {
        let EntryKind::File { size, blake3, .. } = kind else {
            continue;
        };
        let file = File {
            index,
            path,
            size: *size,
            hash: *blake3,
        };
        if *size <= PIECE {
            let part = Part::Whole;
            pieces.push(Piece { file, part });
            continue;
        }
        let first = slots;
        let mut offset = 0;
        while offset < *size {
            let slot = slots;
            let part = Part::From { offset, slot };
            pieces.push(Piece { file, part });
            slots += 1;
            offset += PIECE;
        }
        let slots = first..slots;
        splits.push(Split { file, slots });
    }
    (pieces, splits)
}

enum Found {
    /// As far as this piece alone can tell.
    Right,
    Wrong,
}

fn read(
    folders: &mut Folders<&OwnedFd>,
    buffer: &mut [u8],
    piece: &Piece<'_>,
    values: &[OnceLock<ChainingValue>],
) -> Result<Found, Error> {
    let File {
        path, size, hash, ..
    } = piece.file;
    let fd = open(folders, path)?;
    let right = match piece.part {
        Part::Whole => file_writer::hash(path, &fd, buffer)? == (size, hash),
        Part::From { offset, slot } => match read_from(&fd, piece.file, offset, buffer)? {
            Some(value) => values[slot].set(value).is_ok(),
            None => false,
        },
    };
    Ok(if right { Found::Right } else { Found::Wrong })
}

/// The chaining value of the piece at `offset`; `None` where the file is not as long as it should be.
fn read_from(
    fd: &OwnedFd,
    file: File<'_>,
    offset: u64,
    buffer: &mut [u8],
) -> Result<Option<ChainingValue>, Error> {
    let meta = rustix::fs::fstat(fd).doing("look at", file.path.as_os_str())?;
    if meta.st_size.cast_unsigned() != file.size {
        return Ok(None);
    }
    let end = file.size.min(offset + PIECE);
    let mut hasher = piecewise::hasher(offset);
    let mut position = offset;
    while position < end {
        let left = usize::try_from(end - position).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        match rustix::io::pread(fd, &mut buffer[..wanted], position) {
            Ok(0) => return Ok(None),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                position += count as u64;
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Error::io("read", file.path.as_os_str(), error)),
        }
    }
    Ok(Some(hasher.finalize_non_root()))
}

fn open(folders: &mut Folders<&OwnedFd>, path: &EntryPath) -> Result<OwnedFd, Error> {
    let parent = folders
        .parent_of(path)
        .doing("open the folder of", path.as_os_str())?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    uninterrupted::openat(parent.as_fd(), path.name(), flags, Mode::empty())
        .doing("open", path.as_os_str())
}
