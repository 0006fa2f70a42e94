//! Leases: while somebody holds one, nobody takes the path away.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Store;
use super::check::is_refusal;
use super::error::Error;
use super::lock_file::LockFile;
use crate::model::digest::StoreHash;
use crate::model::store_path::StorePathName;
use crate::progress::Observer;

/// How exactly the last use is kept, in seconds.
const MINUTE: u64 = 60;

/// A shared lease on one store path, valid or not.
#[derive(Debug)]
#[must_use = "the path may be collected as soon as this is dropped"]
pub struct Lease {
    hash: StoreHash,
    /// Or why there is none: there is no lease file and none can or may be made. On a read-only store nobody can delete; in
    /// one that only this account may not write, what it reads can go meanwhile.
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
        let lease = self.lease_to_check(hash, observer)?;
        if let Ok(lock) = &lease.lock {
            self.note_use(lock);
        }
        Ok(lease)
    }

    /// As [`Store::lease`], but no use: who checks everything must not make all look used.
    ///
    /// # Errors
    /// As for [`Store::lease`].
    pub fn lease_to_check(&self, hash: StoreHash, observer: &dyn Observer) -> Result<Lease, Error> {
        let path = self.layout().lease(hash);
        let lock = match LockFile::shared(&path, self.file_mode(), self.patience(), observer) {
            Ok(lock) => Ok(lock),
            Err(Error::Io { source, .. }) if is_refusal(&source) && is_absent(&path) => {
                Err(source.kind())
            }
            Err(error) => return Err(error),
        };
        Ok(Lease { hash, lock })
    }

    /// Sets the last use to now, unless it is within a minute of this store's first lease: leases are taken far more
    /// often than a collector asks for their times.
    fn note_use(&self, lock: &LockFile) {
        let first = self.first_use();
        let is_now = |now: &i64| now.abs_diff(lock.touched()) < MINUTE;
        if first.get().is_some_and(is_now) {
            return;
        }
        if let Some(now) = lock.touch() {
            let _ = first.set(now);
        }
    }

    /// Whether somebody has a lease on `hash` now; takes none, but for an instant.
    ///
    /// # Errors
    /// When the system refuses to say.
    pub fn is_leased(&self, hash: StoreHash) -> Result<bool, Error> {
        LockFile::is_held(&self.layout().lease(hash))
    }

    /// Whether the lease of `hash` has a file now; while it has none, nobody holds it.
    pub(super) fn has_lease_file(&self, hash: StoreHash) -> bool {
        // While a deletion of the store has them under another name, nothing is known.
        !is_absent(&self.layout().lease(hash)) || is_absent(&self.layout().leases())
    }

    /// When `name` was last leased, in seconds since the epoch; without a lease file, when it came to be; 0 for a path
    /// that is gone.
    #[must_use]
    pub fn last_used(&self, name: &StorePathName) -> i64 {
        let lease = fs_err::symlink_metadata(self.layout().lease(name.hash()));
        let used = lease.map(|meta| meta.mtime()).or_else(|_no_lease| {
            // Its own time of modification is the sealed one.
            fs_err::symlink_metadata(self.layout().path(name)).map(|meta| meta.ctime())
        });
        used.unwrap_or_default()
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
