//! What trees take on the disk, and what a memory of that saves.
//!
//! [`Usage`] looks at every file, and is exact: a hole takes nothing, a file with several names is freed with the last
//! of them. [`Sizes`] remembers what a path took, since a path never changes: a collection with a limit on sizes looks
//! into each path once, not each time.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use walkdir::WalkDir;

use super::Store;
use super::record_file::read_record;
use crate::model::digest::StoreHash;
use crate::model::store_path::StorePathName;

/// The unit of `st_blocks`, whatever the file system's own.
const BLOCK: u64 = 512;

/// Counts what deleting trees one after the other frees.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// fs_err::write(folder.path().join("one"), [1; 9000])?;
/// fs_err::hard_link(folder.path().join("one"), folder.path().join("two"))?;
/// let mut usage = pyro::store::Usage::default();
/// let bytes = usage.of(folder.path());
/// assert!((9000..20_000).contains(&bytes), "{bytes}");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Usage {
    /// Device and inode of files with names that were not seen yet, and how many those are.
    elsewhere: HashMap<(u64, u64), u64>,
}

impl Usage {
    /// What deleting the tree, or the file, at `path` frees, after all that this has seen before.
    ///
    /// What cannot be looked at counts nothing.
    pub fn of(&mut self, path: &Path) -> u64 {
        WalkDir::new(path)
            .into_iter()
            .filter_map(Result::ok)
            .filter_map(|entry| entry.metadata().ok())
            .map(|meta| self.of_entry(&meta))
            .sum()
    }

    fn of_entry(&mut self, meta: &std::fs::Metadata) -> u64 {
        let bytes = meta.blocks() * BLOCK;
        if meta.is_dir() || meta.nlink() == 1 {
            return bytes;
        }
        let left = self
            .elsewhere
            .entry((meta.dev(), meta.ino()))
            .or_insert(meta.nlink());
        *left = left.saturating_sub(1);
        if *left == 0 { bytes } else { 0 }
    }
}

/// What each path takes on the disk, as far as this account knows.
#[derive(Debug, Default)]
pub struct Sizes {
    known: BTreeMap<StoreHash, u64>,
    changed: bool,
}

impl Sizes {
    /// Reads what is known; what cannot be read is not known.
    #[must_use]
    pub fn load(store: &Store) -> Self {
        let known = read_record(&store.layout().sizes(store.uid()));
        Self {
            known: known.ok().flatten().unwrap_or_default(),
            changed: false,
        }
    }

    /// What `name` takes on the disk, looked up or looked at.
    pub fn of(&mut self, store: &Store, name: &StorePathName) -> u64 {
        *self.known.entry(name.hash()).or_insert_with(|| {
            self.changed = true;
            Usage::default().of(&store.layout().path(name))
        })
    }

    /// Remembers what was looked at, without the paths that are not in `there`; a disk that has no room for it costs
    /// another look next time.
    pub fn save(mut self, store: &Store, there: &[StorePathName]) {
        let there: std::collections::BTreeSet<StoreHash> =
            there.iter().map(StorePathName::hash).collect();
        let before = self.known.len();
        self.known.retain(|hash, _| there.contains(hash));
        if self.changed || before != self.known.len() {
            let record = store.layout().sizes(store.uid());
            let _ = store
                .make_folder(&store.layout().realisations(store.uid()))
                .and_then(|()| store.write_record(&record, &self.known));
        }
    }
}
