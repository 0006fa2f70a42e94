//! Deleting a whole store.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::AsFd;

use super::Store;
use super::error::{Doing, Error, refused};
use super::fast_remove;
use super::layout::own_names;
use super::lock_file::LockFile;
use super::record_file::random_id;
use super::uninterrupted;

/// How the folder of locks is named, in the root, while a deletion lasts.
const AWAY: &str = ".leases-";

impl Store {
    /// Deletes everything of ours, if nobody has a lease or builds something; tells what else stands in the folder.
    ///
    /// The folder of locks is renamed away first: from then on nobody gets a new lock, and each old one can be tried
    /// by itself. The marker goes last, so that a deletion that was cut off can be begun again.
    ///
    /// # Errors
    /// When somebody uses the store, something in it is another account's, or the system refuses.
    pub fn delete(&self) -> Result<Vec<PathBuf>, Error> {
        let root = self.layout().root();
        self.require_own()?;
        self.require_unlocked(&self.layout().leases())?;
        let away = root.join(format!("{AWAY}{}", random_id()?));
        match rustix::fs::rename(self.layout().leases(), &away) {
            // An earlier deletion was cut off after this step.
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::XDEV | Errno::NOSPC | Errno::DQUOT) => self.remove_locks()?,
            Err(error) => return Err(Error::io("rename", self.layout().leases(), error)),
        }
        let away = self.locks_away()?;
        if let Err(error) = away.iter().try_for_each(|path| self.require_unlocked(path)) {
            for path in &away {
                let _ = rustix::fs::rename(path, self.layout().leases());
            }
            return Err(error);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = uninterrupted::openat(CWD, root, flags, Mode::empty()).doing("open", root)?;
        let mut names: Vec<&str> = own_names().collect();
        names.extend(away.iter().filter_map(|path| path.file_name()?.to_str()));
        for name in names {
            fast_remove::tree(folder.as_fd(), name.as_bytes()).doing("remove", root.join(name))?;
        }
        let unsynced = self.layout().unsynced();
        if let Some(name) = unsynced.file_name() {
            fast_remove::tree(folder.as_fd(), name.as_encoded_bytes())
                .doing("remove", &unsynced)?;
        }
        fast_remove::tree(folder.as_fd(), b"layout.json")
            .doing("remove", self.layout().marker())?;
        let mut left = Vec::new();
        for entry in fs_err::read_dir(root).doing("list", root)? {
            left.push(entry.doing("list", root)?.path());
        }
        left.sort();
        if left.is_empty() {
            match fs_err::remove_dir(root) {
                // Somebody else's folder, or a mount: emptied is all that it can be.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::PermissionDenied | ErrorKind::ResourceBusy
                    ) => {}
                removed => removed.doing("remove", root)?,
            }
        }
        Ok(left)
    }

    /// An error if something in the store is another account's, which this one could not delete: half a store is worse
    /// than a whole one.
    fn require_own(&self) -> Result<(), Error> {
        if self.uid() == 0 {
            return Ok(());
        }
        for folder in [self.layout().store(), &self.layout().all_downloads()] {
            let entries = match fs_err::read_dir(folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::io("list", folder, error)),
            };
            for entry in entries {
                let path = entry.doing("list", folder)?.path();
                let owner = rustix::fs::lstat(&path).map(|meta| meta.st_uid);
                if owner.is_ok_and(|owner| owner != self.uid()) {
                    return Err(refused("delete", &path, self.uid(), Errno::PERM));
                }
            }
        }
        Ok(())
    }

    /// Removes the folder of locks where it cannot be renamed, as in a lower layer of overlayfs.
    ///
    /// Each lock is unlinked while it is held, until none is left and the folder goes. Whoever comes meanwhile makes a
    /// new lock file, and is found by it.
    fn remove_locks(&self) -> Result<(), Error> {
        let folder = self.layout().leases();
        loop {
            for entry in fs_err::read_dir(&folder).doing("list", &folder)? {
                let path = entry.doing("list", &folder)?.path();
                match LockFile::try_exclusive(&path, self.file_mode())? {
                    Some(lock) => lock.unlink()?,
                    None => return Err(Error::Busy { path, holder: None }),
                }
            }
            match rustix::fs::rmdir(&folder) {
                Ok(()) | Err(Errno::NOENT) => return Ok(()),
                Err(Errno::NOTEMPTY | Errno::EXIST) => {}
                Err(error) => return Err(Error::io("remove", folder, error)),
            }
        }
    }

    /// The folders of locks that this deletion, or one that was cut off, renamed away.
    fn locks_away(&self) -> Result<Vec<PathBuf>, Error> {
        let root = self.layout().root();
        let mut away = Vec::new();
        for entry in fs_err::read_dir(root).doing("list", root)? {
            let entry = entry.doing("list", root)?;
            if entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(AWAY.as_bytes())
            {
                away.push(entry.path());
            }
        }
        Ok(away)
    }

    /// An error if somebody holds a lock in `folder`.
    fn require_unlocked(&self, folder: &Path) -> Result<(), Error> {
        let entries = match fs_err::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::io("list", folder, error)),
        };
        for entry in entries {
            let path = entry.doing("list", folder)?.path();
            if LockFile::try_exclusive(&path, self.file_mode())?.is_none() {
                return Err(Error::Busy { path, holder: None });
            }
        }
        Ok(())
    }
}
