//! One collection.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;

use super::{BATCH, Error, leftovers, out_links};
use crate::model::digest::StoreHash;
use crate::model::store_path::StorePathName;
use crate::profile::Held;
use crate::progress::Observer;
use crate::store::Store;

/// What a collection removed and what it had to leave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Swept {
    /// Store paths that are gone.
    pub paths: Vec<PathBuf>,
    /// Dead staging trees that are gone.
    pub staging: Vec<PathBuf>,
    /// How many pieces of trash were deleted, those of this collection included.
    pub trash: usize,
    /// Store paths that somebody uses although no root names them.
    pub in_use: Vec<StorePathName>,
    /// What this account may not delete, and why.
    pub refused: Vec<(PathBuf, String)>,
}

impl Swept {
    /// This collection and one after it.
    #[must_use]
    pub fn and(mut self, later: Self) -> Self {
        self.paths.extend(later.paths);
        self.staging.extend(later.staging);
        self.trash += later.trash;
        Self {
            in_use: later.in_use,
            refused: later.refused,
            ..self
        }
    }

    /// Notes what could not be removed, once.
    pub(super) fn refuse(&mut self, path: PathBuf, error: &dyn std::error::Error) {
        if !self.refused.iter().any(|(known, _)| *known == path) {
            self.refused.push((path, with_cause(error)));
        }
    }
}

/// Removes every store path that no generation and no lease holds, dead staging trees, trash, and what killed
/// writers left; `now` tells which records were being written too long ago.
///
/// # Errors
/// When a root cannot be read: nothing is collected then.
pub fn sweep(store: &Store, now: Timestamp, observer: &dyn Observer) -> Result<Swept, Error> {
    let mut swept = Swept::default();
    // First what is nobody's: on a full disk all that follows needs the room.
    delete_dead_staging(store, &mut swept)?;
    delete_trash(store, &mut swept)?;
    out_links::expire(store, observer)?;
    leftovers::of_profiles(store, &mut swept)?;
    let mut held = Held::default();
    held.look(store)?;
    let loose: Vec<_> = store
        .list()?
        .paths
        .into_iter()
        .filter(|path| !held.contains(path))
        .collect();
    for batch in loose.chunks(BATCH) {
        retire(store, batch, &mut held, &mut swept)?;
    }
    if !swept.paths.is_empty() {
        store.sync_folder()?;
    }
    delete_dead_staging(store, &mut swept)?;
    delete_trash(store, &mut swept)?;
    leftovers::of_store(store, now, &mut swept)?;
    Ok(swept)
}

/// Renames what is still unheld to trash, under exclusive leases.
fn retire(
    store: &Store,
    batch: &[StorePathName],
    held: &mut Held,
    swept: &mut Swept,
) -> Result<(), Error> {
    let mut leased = Vec::new();
    for name in batch {
        match store.try_exclusive_lease(name.hash()) {
            Ok(Some(lease)) => leased.push((name, lease)),
            Ok(None) => swept.in_use.push(name.clone()),
            Err(error) => swept.refuse(store.layout().path(name), &error),
        }
    }
    // A generation that came since the first look was made by somebody who held a lease until it was synced.
    held.look(store)?;
    for (name, lease) in leased {
        if held.contains(name) {
            continue;
        }
        match store.retire(name, lease) {
            Ok(path) => swept.paths.extend(path),
            Err(error) => swept.refuse(store.layout().path(name), &error),
        }
    }
    Ok(())
}

fn delete_dead_staging(store: &Store, swept: &mut Swept) -> Result<(), Error> {
    for id in store.list()?.staging {
        match store.delete_dead_staging(&id) {
            Ok(path) => swept.staging.extend(path),
            Err(error) => {
                let path = store.layout().store().join(format!(".s-{id}"));
                swept.refuse(path, &error);
            }
        }
    }
    Ok(())
}

/// Deletes trash on as many threads as there are processors.
fn delete_trash(store: &Store, swept: &mut Swept) -> Result<(), Error> {
    let all = store.list()?;
    let trash: Vec<(StoreHash, String)> = all.trash;
    let there: BTreeSet<StoreHash> = all.paths.iter().map(StorePathName::hash).collect();
    let next = AtomicUsize::new(0);
    let deleted = AtomicUsize::new(0);
    let refused = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(trash.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((hash, name)) = trash.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match store.delete_trash(*hash, name, &there) {
                        Ok(true) => _ = deleted.fetch_add(1, Ordering::Relaxed),
                        Ok(false) => {}
                        Err(error) => {
                            let entry = (store.layout().store().join(name), error);
                            if let Ok(mut refused) = refused.lock() {
                                refused.push(entry);
                            }
                        }
                    }
                }
            });
        }
    });
    swept.trash += deleted.into_inner();
    for (path, error) in refused.into_inner().unwrap_or_default() {
        swept.refuse(path, &error);
    }
    Ok(())
}

/// What the store said, and why.
pub(super) fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
