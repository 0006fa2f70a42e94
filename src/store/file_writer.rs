//! Writes the content of one staged file: hashed as it passes, holes left where whole blocks are zero.

use std::io::Read;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Advice, Mode, OFlags, Timespec, Timestamps};

use crate::model::digest::FileHash;
use crate::model::path::EntryPath;

use super::error::{Doing, Error};
use super::folding::not_made;
use super::uninterrupted;

/// Bytes read and written at once; blocks keep their alignment because every read but the last fills it.
pub(super) const CHUNK: usize = 256 * 1024;
/// Bytes after which the disk may begin: what is on its way early need not be waited for in the end.
const AT_ONCE: u64 = 8 << 20;
/// What counts as a hole: an aligned block of zeros.
const BLOCK: usize = 4096;
/// The time that every sealed thing has.
pub(super) const SEALED_TIME: Timestamps = Timestamps {
    last_access: Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    },
    last_modification: Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    },
};

/// The mode of a sealed file.
pub(super) fn sealed_mode(executable: bool) -> Mode {
    Mode::from_raw_mode(if executable { 0o555 } else { 0o444 })
}

/// Makes a file without content, for whoever writes it alone.
pub(super) fn create(folder: BorrowedFd<'_>, entry: &EntryPath) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    uninterrupted::openat(folder, entry.name(), flags, Mode::RUSR | Mode::WUSR)
        .map_err(|errno| not_made(folder, entry, errno))
}

/// The first part of a file, which was read already.
pub(super) struct Begun<'b> {
    pub(super) buffer: &'b mut [u8],
    /// How much of the buffer that is; all of it, and there may be more.
    pub(super) filled: usize,
    /// Whether somebody will wait until it is on the disk.
    pub(super) is_synced: bool,
}

/// Copies into `fd` what was read already and the rest of `content`; tells how many bytes there were and their hash.
pub(super) fn copy(
    entry: &EntryPath,
    fd: &OwnedFd,
    content: &mut dyn Read,
    begun: Begun<'_>,
) -> Result<(u64, FileHash), Error> {
    let Begun {
        buffer,
        mut filled,
        is_synced,
    } = begun;
    let mut hasher = blake3::Hasher::new();
    let mut position = 0_u64;
    let mut written_to = 0_u64;
    let mut under_way = 0_u64;
    while filled > 0 {
        let chunk = &buffer[..filled];
        hasher.update(chunk);
        written_to = write_around_holes(fd, chunk, position)
            .doing("write", entry.as_os_str())?
            .unwrap_or(written_to);
        position += filled as u64;
        if is_synced && position - under_way >= AT_ONCE {
            begin_write_back(fd, under_way..position);
            under_way = position;
        }
        if filled < buffer.len() {
            break;
        }
        filled = fill(entry, content, buffer)?;
    }
    if written_to < position {
        uninterrupted::ftruncate(fd, position).doing("write", entry.as_os_str())?;
    }
    Ok((position, FileHash::from(hasher.finalize())))
}

/// Lets the disk begin with these bytes: what is not on it yet is on its way from now on and stays; other pages may go.
pub(super) fn begin_write_back(fd: &OwnedFd, bytes: Range<u64>) {
    if let Some(length) = NonZeroU64::new(bytes.end - bytes.start) {
        let _only_a_hint = rustix::fs::fadvise(fd, bytes.start, Some(length), Advice::DontNeed);
    }
}

/// Writes a whole file that is in memory.
pub(super) fn write(entry: &EntryPath, fd: &OwnedFd, content: &[u8]) -> Result<(), Error> {
    let written = write_around_holes(fd, content, 0).doing("write", entry.as_os_str())?;
    let length = content.len() as u64;
    if written.unwrap_or_default() < length {
        uninterrupted::ftruncate(fd, length).doing("write", entry.as_os_str())?;
    }
    Ok(())
}

/// Hashes what `fd` holds from its beginning, as after a reflink.
pub(super) fn hash(
    entry: &EntryPath,
    fd: &OwnedFd,
    buffer: &mut [u8],
) -> Result<(u64, FileHash), Error> {
    let mut hasher = blake3::Hasher::new();
    let mut position = 0_u64;
    loop {
        match rustix::io::pread(fd, &mut *buffer, position) {
            Ok(0) => return Ok((position, FileHash::from(hasher.finalize()))),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                position += count as u64;
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Error::io("read", entry.as_os_str(), error)),
        }
    }
}

/// Sets mode and time of a file that will not be written again.
pub(super) fn seal(entry: &EntryPath, fd: impl AsFd, executable: bool) -> Result<(), Error> {
    uninterrupted::fchmod(&fd, sealed_mode(executable))
        .doing("set the mode of", entry.as_os_str())?;
    rustix::fs::futimens(&fd, &SEALED_TIME).doing("set the time of", entry.as_os_str())
}

/// Reads until the buffer is full or the source ends.
pub(super) fn fill(
    entry: &EntryPath,
    content: &mut dyn Read,
    buffer: &mut [u8],
) -> Result<usize, Error> {
    let mut filled = 0;
    while filled < buffer.len() {
        match content.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(source) => {
                return Err(Error::Content {
                    entry: entry.clone(),
                    source,
                });
            }
        }
    }
    Ok(filled)
}

/// Writes the blocks of `chunk` that hold something; tells where the last write ended.
pub(super) fn write_around_holes(
    fd: &OwnedFd,
    chunk: &[u8],
    position: u64,
) -> rustix::io::Result<Option<u64>> {
    let mut end = None;
    let mut run: Option<usize> = None;
    let mut at = 0;
    while at < chunk.len() {
        let block = &chunk[at..chunk.len().min(at + BLOCK)];
        let hole = block.len() == BLOCK && is_zero(block);
        match (hole, run) {
            (false, None) => run = Some(at),
            (true, Some(start)) => {
                write_all(fd, &chunk[start..at], position + start as u64)?;
                end = Some(position + at as u64);
                run = None;
            }
            _ => {}
        }
        at += block.len();
    }
    if let Some(start) = run {
        write_all(fd, &chunk[start..], position + start as u64)?;
        end = Some(position + chunk.len() as u64);
    }
    Ok(end)
}

fn is_zero(block: &[u8]) -> bool {
    // Sixteen bytes at a time, without a branch in between: the compiler makes vector code of it.
    block
        .chunks(256)
        .all(|part| part.iter().fold(0, |all, byte| all | byte) == 0)
}

fn write_all(fd: &OwnedFd, mut bytes: &[u8], mut position: u64) -> rustix::io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::pwrite(fd, bytes, position) {
            Ok(0) => return Err(rustix::io::Errno::IO),
            Ok(count) => {
                bytes = &bytes[count..];
                position += count as u64;
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
