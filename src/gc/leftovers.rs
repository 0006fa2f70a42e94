//! What killed writers and earlier moves left, each under the lock that covers it.

use super::sweep::Swept;
use super::{Error, out_links};
use crate::model::name::ProfileName;
use crate::profile::{self, Locked, Tried, current_number};
use crate::store::Store;

/// How long a record may be in the making, in seconds; no lock covers that.
const RECORD_TIME: i64 = 3600;

/// Removes unfinished generations and links, old generations of `pulled`, profiles of out-links that are rooted no
/// more, those that never came to a generation, and what is left of deleted ones.
pub(super) fn of_profiles(store: &Store, swept: &mut Swept) -> Result<(), Error> {
    let folder = store.layout().profiles();
    if let Err(error) = profile::remove_deleted(store) {
        swept.refuse(folder.clone(), &error);
    }
    let list = |source| Error::Io {
        doing: "list",
        path: folder.clone(),
        source,
    };
    for entry in fs_err::read_dir(&folder).map_err(list)? {
        let entry = entry.map_err(list)?;
        let name = entry.file_name();
        let Some(Ok(name)) = name.to_str().map(ProfileName::from_folder) else {
            continue;
        };
        let tidied = match Locked::try_existing(store, &name) {
            Ok(Tried::Locked(locked)) => tidy(store, locked),
            Ok(Tried::Busy | Tried::Missing) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = tidied {
            swept.refuse(entry.path(), &error);
        }
    }
    Ok(())
}

fn tidy(store: &Store, locked: Locked<'_>) -> Result<(), profile::Error> {
    locked.remove_leftovers()?;
    let name = locked.name().clone();
    if name == ProfileName::pulled() {
        locked.drop_all_but(current_number(store, &name)?)
    } else if locked.is_empty()? || (name.is_out_link() && !out_links::is_rooted(store, &name)?) {
        locked.delete()
    } else {
        Ok(())
    }
}

/// Removes lock files that guard nothing, and records that were never finished.
pub(super) fn of_store(
    store: &Store,
    now: jiff::Timestamp,
    swept: &mut Swept,
) -> Result<(), Error> {
    let refused = store.remove_stale_locks()?;
    let unfinished = store.remove_unfinished(now.as_second() - RECORD_TIME);
    for (path, error) in refused.into_iter().chain(unfinished) {
        swept.refuse(path, &error);
    }
    Ok(())
}
