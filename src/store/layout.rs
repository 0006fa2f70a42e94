//! Every path under a store's root, joined here and nowhere else.

use std::path::{Path, PathBuf};

use crate::model::digest::{FileHash, InputHash, LowerId, StoreHash};
use crate::model::name::ProfileName;
use crate::model::store_path::StorePathName;

/// The paths of one store.
///
/// ```
/// use pyro::store::Layout;
/// let layout = Layout::new("/srv/pyro".into());
/// assert_eq!(layout.store(), std::path::Path::new("/srv/pyro/store"));
/// ```
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
    store: PathBuf,
}

/// The names that belong to us in a store's root and are there from the beginning.
pub(super) const FIRST_NAMES: [&str; 6] = [
    "store",
    "leases",
    "realisations",
    "profiles",
    "roots",
    "downloads",
];

/// The name that belongs to us and comes with the first lower store.
pub(super) const LOWERS: &str = "lowers";

/// All names that belong to us in a store's root.
pub(super) fn own_names() -> impl Iterator<Item = &'static str> {
    FIRST_NAMES.into_iter().chain([LOWERS])
}

impl Layout {
    /// The layout below `root`.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        let store = root.join("store");
        Self { root, store }
    }

    /// The store's root as it was given.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file that says which layout this is.
    #[must_use]
    pub fn marker(&self) -> PathBuf {
        self.root.join("layout.json")
    }

    /// The file that is there when something may have been made without a sync.
    pub(super) fn unsynced(&self) -> PathBuf {
        self.root.join("unsynced")
    }

    /// The folder of store paths, staging trees and trash.
    #[must_use]
    pub fn store(&self) -> &Path {
        &self.store
    }

    /// A store path.
    #[must_use]
    pub fn path(&self, name: &StorePathName) -> PathBuf {
        self.store.join(name.as_str())
    }

    /// A staging tree.
    #[must_use]
    pub fn staging(&self, id: &str) -> PathBuf {
        self.store.join(format!(".s-{id}"))
    }

    /// The name of a piece of trash, in `store/`.
    pub(super) fn trash_name(hash: StoreHash, id: &str) -> String {
        format!(".t-{hash}-{id}")
    }

    /// The folder of all lock files that belong to store paths and staging trees.
    #[must_use]
    pub fn leases(&self) -> PathBuf {
        self.root.join("leases")
    }

    /// The lease of a store path.
    #[must_use]
    pub fn lease(&self, hash: StoreHash) -> PathBuf {
        self.root.join("leases").join(hash.to_string())
    }

    /// The publish lock of a store path.
    #[must_use]
    pub fn publish_lock(&self, hash: StoreHash) -> PathBuf {
        self.root.join("leases").join(format!("{hash}.w"))
    }

    /// The lock of a staging tree.
    pub(super) fn staging_lock(&self, id: &str) -> PathBuf {
        self.root.join("leases").join(format!("staging-{id}"))
    }

    /// The folder of all accounts' realisation records.
    pub(super) fn all_realisations(&self) -> PathBuf {
        self.root.join("realisations")
    }

    /// The realisation records of one account.
    #[must_use]
    pub fn realisations(&self, uid: u32) -> PathBuf {
        self.all_realisations().join(uid.to_string())
    }

    /// The record of one realisation.
    #[must_use]
    pub fn realisation(&self, uid: u32, input: InputHash) -> PathBuf {
        self.realisations(uid).join(format!("{input}.json"))
    }

    /// The record of a full check that one account has made.
    pub(super) fn full_check(&self, uid: u32, hash: StoreHash) -> PathBuf {
        self.realisations(uid).join(format!("checked-{hash}.json"))
    }

    /// The path whose full check a record of that name remembers.
    pub(super) fn hash_of_full_check(name: &str) -> Option<StoreHash> {
        let hash = name.strip_prefix("checked-")?.strip_suffix(".json")?;
        hash.parse().ok()
    }

    /// The record of when one account last read each path in full.
    pub(super) fn last_checks(&self, uid: u32) -> PathBuf {
        self.realisations(uid).join("last-checks.json")
    }

    /// The folder of all profiles.
    #[must_use]
    pub fn profiles(&self) -> PathBuf {
        self.root.join("profiles")
    }

    /// The folder of one profile.
    #[must_use]
    pub fn profile(&self, name: &ProfileName) -> PathBuf {
        self.profiles().join(name.as_str())
    }

    /// The folder of the links to lower stores.
    #[must_use]
    pub fn lowers(&self) -> PathBuf {
        self.root.join(LOWERS)
    }

    /// The link to one lower store.
    #[must_use]
    pub fn lower(&self, id: LowerId) -> PathBuf {
        self.lowers().join(id.to_string())
    }

    /// The record of what this account has found paths to take on the disk.
    pub(super) fn sizes(&self, uid: u32) -> PathBuf {
        self.realisations(uid).join("sizes.json")
    }

    /// The folder of root records.
    #[must_use]
    pub fn roots(&self) -> PathBuf {
        self.root.join("roots")
    }

    /// The record of one root.
    #[must_use]
    pub fn root_record(&self, id: FileHash) -> PathBuf {
        self.roots().join(format!("{id}.json"))
    }

    /// The downloads of all accounts.
    #[must_use]
    pub fn all_downloads(&self) -> PathBuf {
        self.root.join("downloads")
    }

    /// The downloads of one account.
    #[must_use]
    pub fn downloads(&self, uid: u32) -> PathBuf {
        self.all_downloads().join(uid.to_string())
    }
}
