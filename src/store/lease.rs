//! Leases: while somebody holds one, nobody takes the path away.

use std::io::ErrorKind;
use std::path::Path;

use super::Store;
use super::error::Error;
use super::lock_file::LockFile;
use crate::model::digest::StoreHash;
use crate::progress::Observer;

/// A shared lease on one store path, valid or not.
#[derive(Debug)]
#[must_use = "the path may be collected as soon as this is dropped"]
pub struct Lease {
    hash: StoreHash,
    /// None where there is no lease file and none may be made: on a read-only store nobody can delete; in one that
    /// only this account may not write, what it reads can go meanwhile.
    lock: Option<LockFile>,
}

impl Lease {
    /// The path that is leased.
    #[must_use]
    pub fn hash(&self) -> StoreHash {
        self.hash
    }

    /// Whether a lock is behind it; not so where the store may not be written and has no lease file.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.lock.is_some()
    }
}

impl Store {
    /// Takes a shared lease on `hash`, and sets its last use to now.
    ///
    /// # Errors
    /// When a collector holds it for longer than the wait allows, or the system refuses.
    pub fn lease(&self, hash: StoreHash, observer: &dyn Observer) -> Result<Lease, Error> {
        let path = self.layout().lease(hash);
        let lock = match LockFile::shared(&path, self.file_mode(), self.patience(), observer) {
            Ok(lock) => Some(lock),
            // A missing lease that cannot be made: the store is read-only, all of it or for this account.
            Err(Error::Io { source, .. })
                if matches!(
                    source.kind(),
                    ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied
                ) && is_absent(&path) =>
            {
                None
            }
            Err(error) => return Err(error),
        };
        if let Some(lock) = &lock {
            lock.touch();
        }
        Ok(Lease { hash, lock })
    }

    /// Takes the exclusive lease if nobody holds one: who leased before is gone, who comes later waits.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn try_exclusive_lease(&self, hash: StoreHash) -> Result<Option<LockFile>, Error> {
        LockFile::try_exclusive(&self.layout().lease(hash), self.file_mode())
    }
}

fn is_absent(path: &Path) -> bool {
    fs_err::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}
