//! What generations hold, for a collector that looks several times.
//!
//! A generation never changes under its number, so one that was read is not read again while folder, inode and time
//! of change are the same. The links are read, not the records: a generation that somebody damaged still holds what
//! it shows. So does one that is being made, under a dot name, which is read anew at every look.

use std::collections::{BTreeSet, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::error::Error;
use super::read::{links, list_names};
use crate::model::place::Place;
use crate::model::store_path::StorePathName;
use crate::store::Store;

/// Every store path that some generation of some profile showed at one of the looks so far.
///
/// ```
/// use pyro::profile::Held;
/// let name = format!("{}-hello-1.0.0", "0".repeat(64)).parse()?;
/// assert!(!Held::default().contains(&name));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Held {
    paths: BTreeSet<StorePathName>,
    /// Folder, inode, and time of change in seconds and nanoseconds.
    seen: HashSet<(PathBuf, u64, i64, i64)>,
}

impl Held {
    /// Looks at all generations, and reads those that are new.
    ///
    /// # Errors
    /// When a folder cannot be listed: a collector must then collect nothing.
    pub fn look(&mut self, store: &Store) -> Result<(), Error> {
        for profile in list_names(store)? {
            let folder = profile.join("generations");
            let entries = match fs_err::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::io("list", folder, error)),
            };
            for entry in entries {
                let entry = entry.map_err(|source| Error::io("list", &folder, source))?;
                self.look_at(entry.path())?;
            }
        }
        Ok(())
    }

    fn look_at(&mut self, generation: PathBuf) -> Result<(), Error> {
        let meta = match fs_err::symlink_metadata(&generation) {
            Ok(meta) => meta,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::io("look at", generation, error)),
        };
        let finished = generation
            .file_name()
            .is_some_and(|name| !name.as_encoded_bytes().starts_with(b"."));
        let key = (generation, meta.ino(), meta.ctime(), meta.ctime_nsec());
        if !self.seen.contains(&key) {
            // What stands in a lower store is nothing that could be collected.
            let places = links(&key.0)?.into_values();
            self.paths.extend(places.filter_map(Place::into_own));
            if finished {
                self.seen.insert(key);
            }
        }
        Ok(())
    }

    /// Whether `path` was shown.
    #[must_use]
    pub fn contains(&self, path: &StorePathName) -> bool {
        self.paths.contains(path)
    }
}
