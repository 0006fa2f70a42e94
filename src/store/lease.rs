//! Leases: while somebody holds one, nobody takes the path away.

use std::io::ErrorKind;

use super::Store;
use super::check::is_refusal;
use super::error::Error;
use super::lock_file::LockFile;
use crate::model::digest::StoreHash;
use crate::progress::Observer;

/// A shared lease on one store path, valid or not.
#[derive(Debug)]
#[must_use = "the path may be collected as soon as this is dropped"]
pub struct Lease {
    hash: StoreHash,
    /// Or why there is none: nobody has made the lease file yet, and it cannot or may not be made here.
    lock: Result<LockFile, ErrorKind>,
}

impl Lease {
    /// The path that is leased.
    #[must_use]
    pub fn hash(&self) -> StoreHash {
        self.hash
    }

    /// Whether a lock is behind it; not so where this account may not write and nobody has made a lease file yet.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.lock.is_ok()
    }
}

impl Lease {
    /// Lets the lease go on in the program that this process becomes, and in all that it starts: it is held until the
    /// last of them has closed the descriptor.
    ///
    /// # Errors
    /// When there is no lock to hand on because this account may not make one; not so on a read-only file system.
    pub fn keep_across_exec(&self, store: &Store) -> Result<(), Error> {
        match &self.lock {
            Ok(lock) => lock.keep_across_exec(),
            Err(ErrorKind::ReadOnlyFilesystem) => Ok(()),
            Err(refused) => Err(Error::io("lock", store.layout().lease(self.hash), *refused)),
        }
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
            Ok(lock) => Ok(lock),
            Err(Error::Io { source, .. }) if is_refusal(&source) => Err(source.kind()),
            Err(error) => return Err(error),
        };
        if let Ok(lock) = &lock {
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
