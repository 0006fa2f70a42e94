//! What is nobody's: dead staging trees, trash, downloads that will not be resumed.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;

use super::Error;
use super::collect::{Collected, Gone};
use crate::model::digest::StoreHash;
use crate::model::store_path::StorePathName;
use crate::store::{LockFile, Store};

/// How long a download is kept to be resumed, in seconds.
const KEPT: i64 = 14 * 86_400;

/// Junk, as a look found it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Junk {
    /// Ids of staging trees whose makers are dead.
    pub staging: Vec<String>,
    /// Names of trash that nobody can still be looking at, with the digests that it had.
    pub trash: Vec<(StoreHash, String)>,
    /// Downloads that nobody is at.
    pub downloads: Vec<PathBuf>,
}

impl Junk {
    /// Looks for it.
    ///
    /// # Errors
    /// When a folder cannot be listed.
    pub fn find(store: &Store, now: Timestamp) -> Result<Self, Error> {
        let all = store.list()?;
        let mut junk = Self::default();
        for id in all.staging {
            // What cannot be told is tried, and reported then.
            if !store.staging_is_alive(&id).unwrap_or(false) {
                junk.staging.push(id);
            }
        }
        for (hash, name) in all.trash {
            if !store.is_leased(hash).unwrap_or(false) {
                junk.trash.push((hash, name));
            }
        }
        junk.downloads = downloads(store, now)?;
        Ok(junk)
    }

    /// Where each piece stands.
    #[must_use]
    pub fn places(&self, store: &Store) -> Vec<PathBuf> {
        let layout = store.layout();
        let staging = self.staging.iter().map(|id| layout.staging(id));
        let trash = self.trash.iter().map(|(_, name)| layout.store().join(name));
        staging
            .chain(trash)
            .chain(self.downloads.iter().cloned())
            .collect()
    }

    /// Removes it, each piece under the lock that covers it.
    pub(super) fn remove(self, store: &Store, collected: &mut Collected) -> Result<(), Error> {
        for id in self.staging {
            let path = store.layout().staging(&id);
            match store.delete_dead_staging(&id) {
                Ok(Some(bytes)) => collected.staging.push(Gone { path, bytes }),
                Ok(None) => {}
                Err(error) => collected.refuse(path, &error),
            }
        }
        delete_trash(store, &self.trash, collected)?;
        for path in self.downloads {
            match remove_download(&path) {
                Ok(Some(bytes)) => collected.downloads.push(Gone { path, bytes }),
                Ok(None) => {}
                Err(error) => collected.refuse(path, &error),
            }
        }
        Ok(())
    }
}

/// Deletes trash on as many threads as there are processors, that of one digest on one.
fn delete_trash(
    store: &Store,
    trash: &[(StoreHash, String)],
    collected: &mut Collected,
) -> Result<(), Error> {
    if trash.is_empty() {
        return Ok(());
    }
    let paths = store.list()?.paths;
    let there: BTreeSet<StoreHash> = paths.iter().map(StorePathName::hash).collect();
    let mut of_digest = BTreeMap::<StoreHash, Vec<&str>>::new();
    for (hash, name) in trash {
        of_digest.entry(*hash).or_default().push(name);
    }
    let of_digest: Vec<(StoreHash, Vec<&str>)> = of_digest.into_iter().collect();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let work = || {
        while let Some((hash, names)) = of_digest.get(next.fetch_add(1, Ordering::Relaxed)) {
            let deleted = store.delete_trash(*hash, names, &there);
            if let Ok(mut done) = done.lock() {
                done.push((names, deleted));
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 1..threads.min(of_digest.len()) {
            scope.spawn(work);
        }
        work();
    });
    for (names, deleted) in done.into_inner().unwrap_or_default() {
        let place = |name: &str| store.layout().store().join(name);
        let pieces = match deleted {
            Ok(pieces) => pieces,
            Err(error) => {
                for name in names {
                    collected.refuse(place(name), &error);
                }
                continue;
            }
        };
        for (name, deleted) in pieces {
            let path = place(name);
            match deleted {
                Ok(bytes) => collected.trash.push(Gone { path, bytes }),
                Err(error) => collected.refuse(path, &error),
            }
        }
    }
    Ok(())
}

/// Downloads that nobody is at and that will not be resumed: those of two weeks ago; on a full disk, all.
fn downloads(store: &Store, now: Timestamp) -> Result<Vec<PathBuf>, Error> {
    let before = if is_full(store) {
        i64::MAX
    } else {
        now.as_second() - KEPT
    };
    let mut found = Vec::new();
    for account in entries(&store.layout().all_downloads())? {
        // Another account's folder is closed to all but root.
        for path in entries(&account).unwrap_or_default() {
            let meta = fs_err::symlink_metadata(&path);
            if meta.is_ok_and(|meta| meta.is_file() && meta.mtime() < before)
                && !LockFile::is_held(&path).unwrap_or(true)
            {
                found.push(path);
            }
        }
    }
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let list = |source| Error::Io {
        doing: "list",
        path: folder.to_owned(),
        source,
    };
    match fs_err::read_dir(folder) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()).map_err(list))
            .collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(list(error)),
    }
}

/// A download is its own lock file.
fn remove_download(path: &Path) -> Result<Option<u64>, crate::store::Error> {
    let Some(lock) = LockFile::try_exclusive(path, 0o600)? else {
        return Ok(None);
    };
    let bytes = fs_err::symlink_metadata(path).map_or(0, |meta| meta.blocks() * 512);
    lock.unlink()?;
    Ok(Some(bytes))
}

/// Whether there is no byte or no inode left for this account.
fn is_full(store: &Store) -> bool {
    rustix::fs::statvfs(store.layout().root())
        .is_ok_and(|fs| fs.f_bavail == 0 || (fs.f_files > 0 && fs.f_favail == 0))
}
