//! Sync: what was told to be there stays there when the power goes.

use std::io::ErrorKind;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::Store;
use super::check::is_refusal;
use super::error::{Doing, Error};
use super::lock_file::LockFile;
use super::lower::Lower;
use super::uninterrupted;
use crate::model::place::Home;
use crate::progress::Observer;

impl Store {
    /// This store, from now on without a sync of what is made: for scratch that is deleted after a crash of the machine.
    /// Kills and other processes see no difference.
    ///
    /// Others, who say that all is durable, may find what was made so. They learn of it from a file that is locked as
    /// long as this store is open, and sync the whole file system.
    ///
    /// # Errors
    /// When that file cannot be made or locked.
    pub fn without_sync(self, observer: &dyn Observer) -> Result<Self, Error> {
        let path = self.layout().unsynced();
        match LockFile::shared(&path, self.file_mode(), self.patience(), observer) {
            Ok(lock) => Ok(self.marked_unsynced(lock)),
            // Where nothing may be written there is nothing to sync either.
            Err(Error::Io { source, .. }) if is_refusal(&source) => Ok(self),
            Err(error) => Err(error),
        }
    }

    /// Syncs the names in a folder, which may stand anywhere.
    ///
    /// # Errors
    /// When the system cannot promise that they stay.
    pub fn sync_names(&self, folder: &Path) -> Result<(), Error> {
        if self.is_unsynced() {
            return Ok(());
        }
        self.sync_what_is_not()?;
        sync_folder(folder)
    }

    /// Syncs `store/`: what was renamed in it stays so.
    ///
    /// # Errors
    /// When the system cannot promise that.
    pub fn sync_folder(&self) -> Result<(), Error> {
        if self.is_unsynced() {
            return Ok(());
        }
        self.sync_what_is_not()?;
        if let Some(lower) = self.lower().and_then(Lower::store) {
            lower.sync_from_above()?;
        }
        uninterrupted::fsync(self.folder()).doing("sync", self.layout().store())
    }

    /// Syncs what a store above builds on here, and writes nothing of its own.
    fn sync_from_above(&self) -> Result<(), Error> {
        let synced = if fs_err::symlink_metadata(self.layout().unsynced()).is_ok() {
            uninterrupted::syncfs(self.folder())
        } else {
            uninterrupted::fsync(self.folder())
        };
        match synced {
            // A file system that nobody can write to.
            Err(Errno::INVAL | Errno::ROFS) => Ok(()),
            synced => synced.doing("sync", self.layout().store()),
        }
    }

    /// Syncs all that was made without, if anything; the next one need not where nobody makes more of it now.
    fn sync_what_is_not(&self) -> Result<(), Error> {
        if self.home() != Home::Own {
            return Ok(());
        }
        let path = self.layout().unsynced();
        if fs_err::symlink_metadata(&path).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return Ok(());
        }
        let alone = match LockFile::try_exclusive(&path, self.file_mode()) {
            Ok(alone) => alone,
            Err(Error::Io { source, .. }) if is_refusal(&source) => None,
            Err(error) => return Err(error),
        };
        uninterrupted::syncfs(self.folder()).doing("sync", self.layout().store())?;
        match alone {
            Some(lock) => lock.unlink_if_allowed(),
            None => Ok(()),
        }
    }
}

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
