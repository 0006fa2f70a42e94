//! Deleting a whole profile.
//!
//! It goes by one rename to a dot name in `profiles/`, under its lock, so that it is whole or gone at every moment.
//! What is left there is removed by whoever gets that lock: the deleter itself, or after its death the collector.

use std::io::ErrorKind;
use std::path::Path;

use rustix::io::Errno;

use super::error::Error;
use super::locked::Locked;
use crate::store::{self, LockFile, Store, random_id};

/// How the folder of a profile is named from its deletion until it is gone.
const DOOMED: &str = ".d-";

impl Locked<'_> {
    /// Removes the whole profile.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn delete(self) -> Result<(), Error> {
        // What another account began may be closed to this one, but goes as long as it is empty.
        self.remove_leftovers()?;
        let store = self.store;
        let folder = self.folder();
        let profiles = store.layout().profiles();
        let doomed = profiles.join(format!("{DOOMED}{}", random_id()?));
        match rustix::fs::rename(&folder, &doomed) {
            Ok(()) => {
                store.sync_names(&profiles)?;
                empty(&doomed)?;
                // A collector may look at the folder now and make a lock in it: then it is the one that removes it.
                gone(&doomed, fs_err::remove_file(doomed.join("lock")))?;
                remove_if_empty(&doomed)?;
            }
            // No room for another name, or a lower layer of overlayfs. What it shows goes first: a generation that
            // nobody shows may lack a part.
            Err(Errno::NOSPC | Errno::DQUOT | Errno::XDEV) => {
                let current = folder.join("current");
                gone(&current, fs_err::remove_file(&current))?;
                store.sync_names(&folder)?;
                empty(&folder)?;
                self.lock.unlink()?;
                // Another process may be making the profile anew: then the folder is not empty, and its.
                remove_if_empty(&folder)?;
            }
            Err(error) => return Err(Error::io("rename", folder, error)),
        }
        Ok(store.sync_names(&profiles)?)
    }
}

/// Removes what is left of profiles whose deletion was cut off.
///
/// # Errors
/// When the system refuses.
pub fn remove_deleted(store: &Store) -> Result<(), Error> {
    let profiles = store.layout().profiles();
    let list = |error| Error::io("list", &profiles, error);
    for entry in fs_err::read_dir(&profiles).map_err(list)? {
        let path = entry.map_err(list)?.path();
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if !name.starts_with(DOOMED.as_bytes()) {
            continue;
        }
        match LockFile::try_exclusive(&path.join("lock"), store.file_mode()) {
            Ok(None) => continue,
            Ok(Some(_held)) => empty(&path)?,
            // Where there is no room for a lock file, nobody holds one.
            Err(error) if error.is_full() => empty(&path)?,
            // Its deleter came to the end meanwhile.
            Err(store::Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        gone(&path, fs_err::remove_dir_all(&path))?;
    }
    Ok(())
}

/// Removes all that is in the folder of a profile, but for its lock.
fn empty(folder: &Path) -> Result<(), Error> {
    let list = |error| Error::io("list", folder, error);
    for entry in fs_err::read_dir(folder).map_err(list)? {
        let path = entry.map_err(list)?.path();
        if path.ends_with("lock") {
            continue;
        }
        let is_folder = fs_err::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir());
        gone(
            &path,
            if is_folder {
                fs_err::remove_dir_all(&path)
            } else {
                fs_err::remove_file(&path)
            },
        )?;
    }
    Ok(())
}

/// Removes a folder, unless somebody has made something in it.
fn remove_if_empty(folder: &Path) -> Result<(), Error> {
    match fs_err::remove_dir(folder) {
        Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => Ok(()),
        removed => gone(folder, removed),
    }
}

/// What is gone already is as good as removed.
fn gone(path: &Path, removed: std::io::Result<()>) -> Result<(), Error> {
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path, error)),
        _ => Ok(()),
    }
}
