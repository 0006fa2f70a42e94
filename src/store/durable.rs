//! Sync: what was told to be there stays there when the power goes.

use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::error::{Doing, Error};
use super::uninterrupted;

/// Syncs the folder that names `path`.
pub(super) fn sync_parent(path: &Path) -> Result<(), Error> {
    sync_folder(path.parent().unwrap_or(Path::new("/")))
}

/// Syncs a folder that was just made, with its mode, and the name of it.
pub(super) fn sync_made(folder: &Path) -> Result<(), Error> {
    sync_folder(folder)?;
    sync_parent(folder)
}

/// Syncs a folder: the names in it.
pub(super) fn sync_folder(folder: &Path) -> Result<(), Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = uninterrupted::open(folder, flags, Mode::empty()).doing("open", folder)?;
    uninterrupted::fsync(&fd).doing("sync", folder)
}
