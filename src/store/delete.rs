//! Deleting a whole store.

use std::path::PathBuf;

use rustix::fs::{CWD, Mode, OFlags};
use std::os::fd::AsFd;

use super::Store;
use super::error::{Doing, Error};
use super::fast_remove;
use super::layout::OWN_NAMES;

impl Store {
    /// Deletes everything of ours, if nobody has a lease or builds something; tells what else stands in the folder.
    ///
    /// All exclusive leases are held meanwhile. The marker goes last, so that a deletion that was cut off can be
    /// begun again.
    ///
    /// # Errors
    /// When somebody uses the store, or the system refuses.
    pub fn delete(&self) -> Result<Vec<PathBuf>, Error> {
        let all = self.list()?;
        let mut held = Vec::new();
        for path in &all.paths {
            let hash = path.hash();
            let lease = self.try_exclusive_lease(hash)?;
            held.push(lease.ok_or_else(|| Error::Busy {
                path: self.layout().lease(hash),
                holder: None,
            })?);
        }
        for id in &all.staging {
            let lock = self.layout().staging_lock(id);
            if self.delete_dead_staging(id)?.is_none() {
                return Err(Error::Busy {
                    path: lock,
                    holder: None,
                });
            }
        }
        let root = self.layout().root();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::openat(CWD, root, flags, Mode::empty()).doing("open", root)?;
        for name in OWN_NAMES {
            fast_remove::tree(folder.as_fd(), name.as_bytes()).doing("remove", root.join(name))?;
        }
        fast_remove::tree(folder.as_fd(), b"layout.json")
            .doing("remove", self.layout().marker())?;
        let mut left = Vec::new();
        for entry in fs_err::read_dir(root).doing("list", root)? {
            left.push(entry.doing("list", root)?.path());
        }
        left.sort();
        if left.is_empty() {
            fs_err::remove_dir(root).doing("remove", root)?;
        }
        Ok(left)
    }
}
