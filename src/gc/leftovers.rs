//! What killed writers left, each under the lock that covers it.

use super::Error;
use super::collect::Collected;
use crate::profile::{self, Locked, Tried};
use crate::store::Store;

/// How long a record may be in the making, in seconds; no lock covers that.
const RECORD_TIME: i64 = 3600;

/// Removes unfinished generations and links, profiles that never came to a generation, and what is left of deleted ones.
pub(super) fn of_profiles(store: &Store, collected: &mut Collected) -> Result<(), Error> {
    if let Err(error) = profile::remove_deleted(store) {
        collected.refuse(store.layout().profiles(), &error);
    }
    for name in profile::names(store)? {
        let tidied = match Locked::try_existing(store, &name) {
            Ok(Tried::Locked(locked)) => tidy(locked),
            Ok(Tried::Busy | Tried::Missing) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = tidied {
            collected.refuse(store.layout().profile(&name), &error);
        }
    }
    Ok(())
}

fn tidy(locked: Locked<'_>) -> Result<(), profile::Error> {
    locked.remove_leftovers()?;
    if locked.is_empty()? {
        locked.delete()?;
    }
    Ok(())
}

/// Removes lock files that guard nothing, records that were never finished, and those of paths that are gone.
pub(super) fn of_store(
    store: &Store,
    now: jiff::Timestamp,
    collected: &mut Collected,
) -> Result<(), Error> {
    let refused = store.remove_stale_locks()?;
    let unfinished = store.remove_unfinished(now.as_second() - RECORD_TIME);
    let remembered = store.forget_gone_paths()?;
    for (path, error) in refused.into_iter().chain(unfinished).chain(remembered) {
        collected.refuse(path, &error);
    }
    Ok(())
}
