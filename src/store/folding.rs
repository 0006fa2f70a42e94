//! File systems for which two names of one folder are one: ext4 and tmpfs with `casefold`, and what is mounted from
//! systems that always fold.
//!
//! Which names are one depends on the file system and the folder, so nobody asks beforehand: the tree knows that it
//! has no such name, the file system says that there is one, and then the folder is listed for the other name.

use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, Dir};
use rustix::io::Errno;

use super::error::Error;
use crate::model::path::EntryPath;

/// The error of making `path`, which the tree does not have, in the folder `parent`.
pub(super) fn not_made(parent: BorrowedFd<'_>, path: &EntryPath, errno: Errno) -> Error {
    match other_name(parent, path) {
        Some(other) if errno == Errno::EXIST => Error::Folds {
            entry: path.clone(),
            other,
        },
        _ => Error::io("make", path.as_os_str(), errno),
    }
}

/// The name under which the folder lists what it shows as `path`, if that is another one.
fn other_name(parent: BorrowedFd<'_>, path: &EntryPath) -> Option<EntryPath> {
    let there = rustix::fs::statat(parent, path.name(), AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let mut names: Vec<Vec<u8>> = Dir::read_from(parent)
        .ok()?
        .filter_map(Result::ok)
        .filter(|entry| entry.ino() == there.st_ino)
        .map(|entry| entry.file_name().to_bytes().to_vec())
        .collect();
    if names.iter().any(|name| name == path.name()) {
        return None;
    }
    // A file with several names is listed under each of them; the likeliest goes first.
    let lower = |name: &[u8]| String::from_utf8_lossy(name).to_lowercase();
    let wanted = lower(path.name());
    names.sort_by_key(|name| lower(name) != wanted);
    let name = names.first()?;
    match path.parent() {
        Some(folder) => folder.join(name).ok(),
        None => EntryPath::new(name).ok(),
    }
}
