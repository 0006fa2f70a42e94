//! Folders and lock files that have their mode before they have their name, and links.
//!
//! The umask takes its part of the mode that `mkdir` and `open` are given; a second call gives it back. In between
//! another account of the group would find a thing that it may not use, and find it so for ever if the maker is
//! killed there. So both are made as `.new-<random>` beside their place, and renamed there without replacing.
//! Nothing guards such a name: a collector may remove it at any time, and its maker then starts again.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::{Errno, Result as IoResult};

use super::error::{Doing as _, Error};
use super::record_file::{is_random_id, random_id};
use super::uninterrupted;

/// How a thing is called that has no name yet.
const PREFIX: &str = ".new-";

/// Makes a folder, whose name is left to be synced; `false` where something has that name already.
pub(super) fn folder(path: &Path, mode: u32) -> Result<bool, Error> {
    let mode = Mode::from_raw_mode(mode);
    let make = |new: &Path| {
        rustix::fs::mkdir(new, mode)?;
        rustix::fs::chmod(new, mode)
    };
    // Unfinished work is its maker's alone under any dot name.
    if is_dot_name(path) {
        make(path).doing("make", path)?;
        return Ok(true);
    }
    // What has a name is whole on the disk, its mode included.
    let make_whole = |new: &Path| {
        make(new)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        uninterrupted::fsync(uninterrupted::open(new, flags, Mode::empty())?)
    };
    Ok(named(path, make_whole, AtFlags::REMOVEDIR)?.is_some())
}

/// Makes an empty file; none where something has that name already.
pub(super) fn file(path: &Path, mode: u32) -> Result<Option<OwnedFd>, Error> {
    let mode = Mode::from_raw_mode(mode);
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let make = |new: &Path| {
        let fd = uninterrupted::open(new, flags, mode)?;
        uninterrupted::fchmod(&fd, mode)?;
        Ok(fd)
    };
    named(path, make, AtFlags::empty())
}

/// Makes a symlink; `false` where something has that name already.
pub(super) fn link(path: &Path, target: &Path) -> Result<bool, Error> {
    let make = |new: &Path| rustix::fs::symlink(target, new);
    Ok(named(path, make, AtFlags::empty())?.is_some())
}

/// Makes something under a name of its own, then gives it the name `path` if that is free.
fn named<T>(
    path: &Path,
    make: impl Fn(&Path) -> IoResult<T>,
    removal: AtFlags,
) -> Result<Option<T>, Error> {
    loop {
        let new = path.with_file_name(format!("{PREFIX}{}", random_id()?));
        let named = make(&new).and_then(|thing| {
            rustix::fs::renameat_with(CWD, &new, CWD, path, RenameFlags::NOREPLACE)?;
            Ok(thing)
        });
        let error = match named {
            Ok(thing) => return Ok(Some(thing)),
            Err(error) => error,
        };
        let removed = rustix::fs::unlinkat(CWD, &new, removal);
        match error {
            Errno::EXIST => return Ok(None),
            // A collector took it, and not the folder that it stood in: what was made is not there to be removed.
            Errno::NOENT if removed == Err(Errno::NOENT) && is_in_a_folder(path) => {}
            error => return Err(Error::io("make", path, error)),
        }
    }
}

/// Whether this is something that was made and not named.
pub(super) fn is_new(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.and_then(|name| name.strip_prefix(PREFIX))
        .is_some_and(is_random_id)
}

/// Removes something that was made and not named; an empty folder, a file or a link.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    let mut removed = rustix::fs::unlink(path);
    if matches!(removed, Err(Errno::ISDIR | Errno::PERM)) {
        removed = rustix::fs::rmdir(path);
    }
    match removed {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(Error::io("remove", path, error)),
    }
}

pub(super) fn is_dot_name(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn is_in_a_folder(path: &Path) -> bool {
    path.parent().is_some_and(Path::is_dir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn what_is_made_has_its_mode_and_replaces_nothing() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        assert!(folder(&at("folder"), 0o2775).unwrap());
        assert!(file(&at("file"), 0o664).unwrap().is_some());
        let mode = |name| fs_err::symlink_metadata(at(name)).unwrap().mode() & 0o7777;
        assert_eq!((mode("folder"), mode("file")), (0o2775, 0o664));
        fs_err::write(at("file"), "theirs").unwrap();
        assert!(!folder(&at("file"), 0o755).unwrap());
        assert!(file(&at("file"), 0o644).unwrap().is_none());
        assert_eq!(fs_err::read_to_string(at("file")).unwrap(), "theirs");
        assert_eq!(fs_err::read_dir(temp.path()).unwrap().count(), 2);
    }

    #[test]
    fn without_a_folder_nothing_is_made() {
        let temp = tempfile::tempdir().unwrap();
        let error = file(&temp.path().join("none/file"), 0o644).unwrap_err();
        let Error::Io { source, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
    }
}
