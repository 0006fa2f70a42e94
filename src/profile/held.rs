//! What generations hold, for a collector that looks several times.
//!
//! A generation never changes under its number, so one that was read is not read again while folder, inode and time
//! of change are the same. The links are read, not the records: a generation that somebody damaged still holds what
//! it shows. So does one that is being made, under a dot name, which is read anew at every look.

use std::collections::{BTreeMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::read::{links, list_names};
use crate::model::store_path::StorePathName;
use crate::store::Store;

/// One link that shows a store path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The folder of its profile, by name.
    pub profile: String,
    /// The folder of its generation, by name: a number, or a dot name while it is being made.
    pub generation: String,
    /// The link.
    pub link: String,
}

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
    paths: BTreeMap<StorePathName, Vec<Hold>>,
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
        if self.seen.contains(&key) {
            return Ok(());
        }
        let name = |path: Option<&Path>| {
            let name = path.and_then(Path::file_name).unwrap_or_default();
            name.to_string_lossy().into_owned()
        };
        let profile = key.0.parent().and_then(Path::parent);
        for (link, path) in links(&key.0)? {
            let hold = Hold {
                profile: name(profile),
                generation: name(Some(&key.0)),
                link,
            };
            let holds = self.paths.entry(path).or_default();
            // One that is being made is read at every look.
            if finished || !holds.contains(&hold) {
                holds.push(hold);
            }
        }
        if finished {
            self.seen.insert(key);
        }
        Ok(())
    }

    /// The links that showed `path`.
    #[must_use]
    pub fn of(&self, path: &StorePathName) -> &[Hold] {
        self.paths.get(path).map_or(&[], Vec::as_slice)
    }

    /// Whether `path` was shown.
    #[must_use]
    pub fn contains(&self, path: &StorePathName) -> bool {
        self.paths.contains_key(path)
    }
}
