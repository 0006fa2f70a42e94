//! What was remembered of full checks goes when its path is gone.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::model::digest::StoreHash;
use crate::model::store_path::StorePathName;
use crate::store::error::{Doing, Error};
use crate::store::{Layout, Store};

/// What could not be removed, and why.
type Refused = Vec<(PathBuf, Error)>;

impl Store {
    /// Removes the records of full checks of paths that are gone: every account's, as far as this one may.
    ///
    /// A path that comes back meanwhile is checked once more, nothing else.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub fn forget_gone_paths(&self) -> Result<Refused, Error> {
        // The records before the paths: a record is made after its path.
        let mut records = Vec::new();
        let mut refused = Vec::new();
        for folder in list(&self.layout().all_realisations())? {
            match list(&folder) {
                Ok(entries) => records.extend(entries.into_iter().filter_map(full_check)),
                // What another account hides is its own to remove.
                Err(_hidden) if folder != self.layout().realisations(self.uid()) => {}
                Err(error) => refused.push((folder, error)),
            }
        }
        let paths: HashSet<StorePathName> = self.list()?.paths.into_iter().collect();
        let hashes: HashSet<StoreHash> = paths.iter().map(StorePathName::hash).collect();
        for (record, _) in records.iter().filter(|(_, hash)| !hashes.contains(hash)) {
            if let Err(error) = fs_err::remove_file(record)
                && error.kind() != ErrorKind::NotFound
                && record.starts_with(self.layout().realisations(self.uid()))
            {
                refused.push((record.clone(), Error::io("remove", record, error)));
            }
        }
        let kept = self.update_last_checks(|checks| checks.keep(|name| paths.contains(name)));
        match kept {
            // On a full disk the next collection does it.
            Err(error) if !error.is_full() => {
                refused.push((self.layout().last_checks(self.uid()), error));
            }
            _ => {}
        }
        Ok(refused)
    }
}

/// A record of a full check, and of which path.
fn full_check(path: PathBuf) -> Option<(PathBuf, StoreHash)> {
    let hash = Layout::hash_of_full_check(path.file_name()?.to_str()?)?;
    Some((path, hash))
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list", folder, error)),
    };
    entries
        .map(|entry| Ok(entry.doing("list", folder)?.path()))
        .collect()
}
