//! The quick check: one `lstat` of each entry, and `readlink` of each link.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Stat};
use rustix::io::Errno;

use super::findings::Findings;
use super::is_shortage;
use crate::model::digest::RecordHash;
use crate::model::manifest::{Entry, EntryKind, Manifest};
use crate::store::error::{Doing, Error};
use crate::store::folders::Folders;

/// What a look at every entry shows.
pub(super) struct Looked {
    pub(super) findings: Findings,
    /// Whether something has another time than the sealed one.
    pub(super) times_off: bool,
    /// The account that owns the path.
    pub(super) owner: u32,
    /// BLAKE3 of inode and ctime of the path and each entry: what a remembered full check was made of.
    pub(super) seen: RecordHash,
}

/// One `lstat` an entry.
pub(super) fn quick(top_path: &Path, top: &OwnedFd, manifest: &Manifest) -> Result<Looked, Error> {
    let mut findings = Findings::default();
    let mut seen = blake3::Hasher::new();
    let meta = rustix::fs::fstat(top).doing("look at", top_path)?;
    let mut times_off = !is_sealed_time(&meta);
    let owner = meta.st_uid;
    remember(&mut seen, &meta);
    let mut folders = Folders::new(top);
    for Entry { path, kind } in manifest.entries() {
        let found = folders.parent_of(path).and_then(|parent| {
            let meta = rustix::fs::statat(parent.as_fd(), path.name(), AtFlags::SYMLINK_NOFOLLOW)?;
            let target = match kind {
                EntryKind::Symlink { .. }
                    if FileType::from_raw_mode(meta.st_mode) == FileType::Symlink =>
                {
                    Some(rustix::fs::readlinkat(
                        parent.as_fd(),
                        path.name(),
                        Vec::new(),
                    )?)
                }
                _ => None,
            };
            Ok((meta, target))
        });
        let (meta, target) = match found {
            Ok(found) => found,
            Err(Errno::NOENT) => {
                findings.fault(path, "is missing");
                continue;
            }
            Err(Errno::NOTDIR | Errno::LOOP) => {
                findings.fault(path, "does not stand in a folder");
                continue;
            }
            Err(error) if is_shortage(error) => {
                return Err(Error::io("look at", top_path.join(path.as_os_str()), error));
            }
            Err(_unreadable) => {
                findings.fault(path, "cannot be opened");
                continue;
            }
        };
        let target = target.as_ref().map(std::ffi::CString::as_bytes);
        if let Some(what) = difference(kind, &meta, target) {
            findings.fault(path, what);
        }
        times_off |= !is_sealed_time(&meta);
        remember(&mut seen, &meta);
    }
    let seen = RecordHash::from(seen.finalize());
    Ok(Looked {
        findings,
        times_off,
        owner,
        seen,
    })
}

/// Adds what changes when somebody writes to an entry or puts another in its place.
fn remember(seen: &mut blake3::Hasher, meta: &Stat) {
    let mut line = [0; 24];
    line[..8].copy_from_slice(&meta.st_ino.to_le_bytes());
    line[8..16].copy_from_slice(&meta.st_ctime.to_le_bytes());
    line[16..].copy_from_slice(&meta.st_ctime_nsec.to_le_bytes());
    seen.update(&line);
}

fn is_sealed_time(meta: &Stat) -> bool {
    meta.st_mtime == 1 && meta.st_mtime_nsec == 0
}

fn difference(kind: &EntryKind, meta: &Stat, found_target: Option<&[u8]>) -> Option<&'static str> {
    let found = FileType::from_raw_mode(meta.st_mode);
    match kind {
        EntryKind::Directory => (found != FileType::Directory).then_some("is not a folder"),
        EntryKind::File {
            size, executable, ..
        } => {
            if found != FileType::RegularFile {
                Some("is not an ordinary file")
            } else if meta.st_size.cast_unsigned() != *size {
                Some("has the wrong size")
            } else if (meta.st_mode & 0o100 != 0) != *executable {
                Some("has the wrong exec bit")
            } else {
                None
            }
        }
        EntryKind::Symlink { target } => {
            if found != FileType::Symlink {
                Some("is not a symlink")
            } else if found_target != Some(target.as_bytes()) {
                Some("points elsewhere")
            } else {
                None
            }
        }
    }
}
