//! One collection.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{BATCH, Error, out_links};
use crate::model::digest::StoreHash;
use crate::model::store_path::StorePathName;
use crate::profile;
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

/// Removes every store path that no generation and no lease holds, dead staging trees and trash.
///
/// # Errors
/// When a root cannot be read: nothing is collected then.
pub fn sweep(store: &Store, observer: &dyn Observer) -> Result<Swept, Error> {
    let mut swept = Swept::default();
    out_links::expire(store, observer)?;
    delete_dead_staging(store, &mut swept)?;
    let held = profile::held(store)?;
    let loose: Vec<_> = store
        .list()?
        .paths
        .into_iter()
        .filter(|path| !held.contains(path))
        .collect();
    for batch in loose.chunks(BATCH) {
        retire(store, batch, &mut swept)?;
    }
    if !swept.paths.is_empty() {
        store.sync_folder()?;
    }
    delete_trash(store, &mut swept)?;
    Ok(swept)
}

/// Renames what is still unheld to trash, under exclusive leases.
fn retire(store: &Store, batch: &[StorePathName], swept: &mut Swept) -> Result<(), Error> {
    let mut leased = Vec::new();
    for name in batch {
        match store.try_exclusive_lease(name.hash())? {
            Some(lease) => leased.push((name, lease)),
            None => swept.in_use.push(name.clone()),
        }
    }
    // A generation that came since the first look was made by somebody who held a lease until it was synced.
    let held: BTreeSet<StorePathName> = profile::held(store)?;
    for (name, lease) in leased {
        if held.contains(name) {
            continue;
        }
        match store.retire(name, lease) {
            Ok(path) => swept.paths.push(path),
            Err(error) => swept
                .refused
                .push((store.layout().path(name), with_cause(&error))),
        }
    }
    Ok(())
}

fn delete_dead_staging(store: &Store, swept: &mut Swept) -> Result<(), Error> {
    for id in store.list()?.staging {
        match store.delete_dead_staging(&id) {
            Ok(path) => swept.staging.extend(path),
            Err(error) => swept.refused.push((
                store.layout().store().join(format!(".s-{id}")),
                with_cause(&error),
            )),
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
                            let entry = (store.layout().store().join(name), with_cause(&error));
                            if let Ok(mut refused) = refused.lock() {
                                refused.push(entry);
                            }
                        }
                    }
                }
            });
        }
    });
    swept.trash = deleted.into_inner();
    swept
        .refused
        .extend(refused.into_inner().unwrap_or_default());
    Ok(())
}

/// What the store said, and why.
fn with_cause(error: &crate::store::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
