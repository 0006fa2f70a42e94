//! Small files that nothing needs any more: locks without what they guard, records that were never finished.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Store;
use super::error::{Doing, Error};
use super::lock_file::LockFile;
use super::record_file::is_random_id;
use crate::model::digest::StoreHash;
use crate::model::store_path::StorePathName;

/// How many locks are held at once.
const BATCH: usize = 64;

/// What could not be removed, and why.
type Refused = Vec<(PathBuf, Error)>;

/// What a lock file guards.
#[derive(PartialEq, Eq, Hash)]
enum Guarded {
    /// The store path of this digest: by its lease or its publish lock.
    Path(StoreHash),
    /// The staging tree of this id.
    Staging(String),
}

impl Guarded {
    fn by(lock: &str) -> Option<Self> {
        if let Some(id) = lock.strip_prefix("staging-") {
            return Some(Self::Staging(id.to_owned()));
        }
        let hash = lock.strip_suffix(".w").unwrap_or(lock);
        hash.parse().ok().map(Self::Path)
    }
}

impl Store {
    /// Unlinks leases, publish locks and staging locks that nobody holds and whose path or tree is gone.
    ///
    /// # Errors
    /// When a folder cannot be listed.
    pub fn remove_stale_locks(&self) -> Result<Vec<(PathBuf, Error)>, Error> {
        let folder = self.layout().leases();
        let mut loose = Vec::new();
        // Before the locks are listed: a path that comes later has its lease first.
        let there = self.guarded()?;
        for entry in fs_err::read_dir(&folder).doing("list", &folder)? {
            let entry = entry.doing("list", &folder)?;
            if let Some(guarded) = entry.file_name().to_str().and_then(Guarded::by)
                && !there.contains(&guarded)
            {
                loose.push((entry.path(), guarded));
            }
        }
        let mut refused = Vec::new();
        for batch in loose.chunks(BATCH) {
            let mut held = Vec::new();
            for (path, guarded) in batch {
                match LockFile::try_exclusive(path, self.file_mode()) {
                    Ok(Some(lock)) => held.push((lock, guarded)),
                    Ok(None) => {}
                    Err(error) => refused.push((path.clone(), error)),
                }
            }
            let there = self.guarded()?;
            for (lock, guarded) in held {
                let path = lock.path().to_owned();
                if !there.contains(guarded)
                    && let Err(error) = lock.unlink()
                {
                    refused.push((path, error));
                }
            }
        }
        Ok(refused)
    }

    /// All that a lock file may guard now.
    fn guarded(&self) -> Result<HashSet<Guarded>, Error> {
        let all = self.list()?;
        let paths = all.paths.iter().map(StorePathName::hash);
        let staging = all.staging.into_iter().map(Guarded::Staging);
        Ok(paths.map(Guarded::Path).chain(staging).collect())
    }

    /// Removes this account's records and markers that nobody has written to since `before`, in seconds of the epoch,
    /// and that still have the dot name of one in the making.
    #[must_use]
    pub fn remove_unfinished(&self, before: i64) -> Vec<(PathBuf, Error)> {
        let mut refused = Vec::new();
        let root = self.layout().root();
        remove_old(root, ".layout-", before, &mut refused);
        remove_old(&self.layout().roots(), ".", before, &mut refused);
        let records = self.layout().realisations(self.uid());
        remove_old(&records, ".", before, &mut refused);
        refused
    }
}

/// Removes the files in `folder` that are named `<prefix>…-<16 hex digits>` and were written before `before`.
fn remove_old(folder: &Path, prefix: &str, before: i64, refused: &mut Refused) {
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => return refused.push((folder.to_owned(), Error::io("list", folder, error))),
    };
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                return refused.push((folder.to_owned(), Error::io("list", folder, error)));
            }
        };
        let name = entry.file_name();
        let is_temporary = name.to_str().is_some_and(|name| {
            name.starts_with(prefix)
                && name
                    .rsplit_once('-')
                    .is_some_and(|(_, id)| is_random_id(id))
        });
        let path = entry.path();
        if is_temporary
            && let Err(error) = remove_if_old(&path, before)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            refused.push((path.clone(), Error::io("remove", path, error)));
        }
    }
}

/// Removes a file that was written before `before`.
fn remove_if_old(path: &Path, before: i64) -> std::io::Result<()> {
    let meta = fs_err::symlink_metadata(path)?;
    if meta.is_file() && meta.mtime() < before {
        fs_err::remove_file(path)?;
    }
    Ok(())
}
