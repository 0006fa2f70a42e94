//! Who holds which path, for a collector that looks several times.
//!
//! What was seen to hold at one look holds for the whole collection. Generations and records that were read are not
//! read again while folder or file, inode and time of change are the same; what records point at is outside the store
//! and is looked at each time.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::Error;
use super::records::{Shows, files, shows};
use crate::model::digest::StoreHash;
use crate::model::root::Root;
use crate::model::store_path::StorePathName;
use crate::profile::{Held, Hold};
use crate::store::{Store, read_record};

/// What holds a path, and may be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holding {
    /// A link of a generation of a profile.
    Generation(Hold),
    /// A root record.
    Root(Root),
}

/// Generations and root records.
#[derive(Debug, Default)]
pub struct Roots {
    held: Held,
    records: BTreeMap<PathBuf, Record>,
}

#[derive(Debug)]
struct Record {
    /// Inode, and time of change in seconds and nanoseconds.
    seen: (u64, i64, i64),
    root: Root,
    paths: BTreeSet<StorePathName>,
    hashes: BTreeSet<StoreHash>,
}

impl Roots {
    /// Looks at everything for the first time.
    ///
    /// # Errors
    /// When something cannot be read: a collector must then collect nothing.
    pub fn read(store: &Store) -> Result<Self, Error> {
        let mut roots = Self::default();
        roots.look(store)?;
        Ok(roots)
    }

    /// Looks again, and reads what is new.
    ///
    /// # Errors
    /// As for [`Roots::read`].
    pub fn look(&mut self, store: &Store) -> Result<(), Error> {
        self.held.look(store)?;
        for file in files(store)? {
            let meta = match fs_err::symlink_metadata(&file) {
                Ok(meta) => meta,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(source) => {
                    let (doing, path) = ("look at", file);
                    return Err(Error::Io {
                        doing,
                        path,
                        source,
                    });
                }
            };
            let seen = (meta.ino(), meta.ctime(), meta.ctime_nsec());
            if self
                .records
                .get(&file)
                .is_none_or(|known| known.seen != seen)
            {
                let Some(root) = read_record::<Root>(&file)? else {
                    continue;
                };
                let known = self.records.remove(&file);
                let (paths, hashes) = known
                    .map(|known| (known.paths, known.hashes))
                    .unwrap_or_default();
                let record = Record {
                    seen,
                    root,
                    paths,
                    hashes,
                };
                self.records.insert(file.clone(), record);
            }
            if let Some(record) = self.records.get_mut(&file) {
                record.look(store);
            }
        }
        Ok(())
    }

    /// Whether something holds `path`.
    #[must_use]
    pub fn hold(&self, path: &StorePathName) -> bool {
        self.held.contains(path) || self.records.values().any(|record| record.holds(path))
    }

    /// Everything that holds `path`.
    pub fn of(&self, path: &StorePathName) -> impl Iterator<Item = Holding> {
        let generations = self.held.of(path).iter().cloned();
        let records = self.records.values().filter(|record| record.holds(path));
        generations
            .map(Holding::Generation)
            .chain(records.map(|record| Holding::Root(record.root.clone())))
    }
}

impl Record {
    fn look(&mut self, store: &Store) {
        match (shows(store, &self.root), &self.root) {
            (Shows::Path(path), _) => _ = self.paths.insert(path),
            (Shows::Outputs { outputs, .. }, _) => self.hashes.extend(outputs),
            (Shows::Unknown, Root::Link(link)) => _ = self.paths.insert(link.path.clone()),
            // The folder of a generation is there, and holds by itself.
            (Shows::Generation(_) | Shows::Nothing | Shows::Unknown, _) => {}
        }
    }

    fn holds(&self, path: &StorePathName) -> bool {
        self.paths.contains(path) || self.hashes.contains(&path.hash())
    }
}
