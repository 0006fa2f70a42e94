//! Publishing: one rename, after which the path is there for everybody, whole and durable.
//!
//! The lease is taken before the rename, so no collector can take the path between the rename and the root that
//! will name it. Where the name exists already, what stands there is checked under that lease: valid means there is
//! nothing to do, damaged means repair.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rustix::fs::RenameFlags;
use rustix::io::Errno;

use super::Store;
use super::check::{Depth, Verdict};
use super::error::Error;
use super::lease::Lease;
use super::seal::Staged;
use crate::model::manifest::Manifest;
use crate::model::name::Role;
use crate::model::path::EntryPath;
use crate::model::place::{Home, Place};
use crate::model::store_path::StorePathName;
use crate::progress::Observer;

/// How a path came to be valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// It was not there before.
    Built,
    /// A valid one was there.
    Existing,
    /// A damaged one was replaced.
    Repaired {
        /// What was wrong with it.
        why: String,
    },
}

/// A valid store path with a lease on it.
#[derive(Debug)]
#[must_use = "the path may be collected as soon as this is dropped"]
pub struct Published {
    name: StorePathName,
    path: PathBuf,
    artifacts: BTreeMap<Role, EntryPath>,
    content_size: u64,
    lease: Lease,
    how: How,
    home: Home,
}

impl Published {
    /// Keeps of the manifest what is asked for later: many may be held at once, with many entries each.
    pub(super) fn new(
        store: &Store,
        name: StorePathName,
        manifest: &Manifest,
        lease: Lease,
        how: How,
    ) -> Self {
        let path = store.layout().path(&name);
        Self {
            name,
            path,
            artifacts: manifest.artifacts().clone(),
            content_size: manifest.content_size(),
            lease,
            how,
            home: store.home(),
        }
    }

    /// Its name and the store that it stands in.
    #[must_use]
    pub fn place(&self) -> Place {
        Place {
            home: self.home,
            name: self.name.clone(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &StorePathName {
        &self.name
    }

    /// Where it stands.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Bytes of all its files, counted as their sizes say.
    #[must_use]
    pub fn content_size(&self) -> u64 {
        self.content_size
    }

    /// The lease that keeps it.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// How it came to be valid.
    #[must_use]
    pub fn how(&self) -> &How {
        &self.how
    }

    /// The absolute path of an artifact, by role.
    pub fn artifacts(&self) -> impl Iterator<Item = (&Role, PathBuf)> {
        self.artifacts
            .iter()
            .map(|(role, path)| (role, self.path.join(path.as_os_str())))
    }
}

impl Store {
    /// Finds the path `name` and leases it, if it is there and valid: in this store, else in the lower one.
    ///
    /// # Errors
    /// When the system fails to answer.
    pub fn find(
        &self,
        name: &StorePathName,
        depth: Depth,
        observer: &dyn Observer,
    ) -> Result<Found, Error> {
        let lease = self.lease(name.hash(), observer)?;
        let existing = |store, manifest, lease| {
            let how = How::Existing;
            let published = Published::new(store, name.clone(), &manifest, lease, how);
            Found::Valid(Box::new(published))
        };
        let verdict = match self.check(name, &lease, depth, observer)? {
            Verdict::Valid(manifest) => return Ok(existing(self, manifest, lease)),
            verdict => verdict,
        };
        if let Some((lower, manifest)) = self.find_lower(name, &lease, depth, observer)? {
            return Ok(existing(lower, manifest, lease));
        }
        Ok(match verdict {
            Verdict::Damaged(damage) => Found::Damaged(damage),
            _ => Found::Missing,
        })
    }
}

/// What [`Store::find`] found.
#[derive(Debug)]
pub enum Found {
    /// A valid path, leased.
    Valid(Box<Published>),
    /// Nothing.
    Missing,
    /// Something that counts as not installed.
    Damaged(super::check::Damage),
}

impl Staged<'_> {
    /// Makes the tree visible under its name.
    ///
    /// # Errors
    /// When the system refuses, or a damaged path cannot be replaced because somebody uses it where the file
    /// system cannot exchange two folders.
    pub fn publish(mut self, depth: Depth, observer: &dyn Observer) -> Result<Published, Error> {
        let store = self.staging.store;
        // What the lower store has is not built again above it.
        if store.lower().is_some()
            && let Found::Valid(there) = store.find(&self.name, depth, observer)?
        {
            // Whoever renamed it may not have come to the sync yet.
            store.sync_folder()?;
            return Ok(*there);
        }
        let lease = store.lease(self.name.hash(), observer)?;
        let staging = store.layout().staging(&self.staging.id);
        let target = store.layout().path(&self.name);
        let folder = store.folder();
        let name = self.name.as_str();
        match rustix::fs::renameat_with(
            folder,
            staging.file_name().unwrap_or_default(),
            folder,
            name,
            RenameFlags::NOREPLACE,
        ) {
            Ok(()) => {
                store.sync_folder()?;
                self.let_go()?;
                Ok(Published::new(
                    store,
                    self.name.clone(),
                    &self.manifest,
                    lease,
                    How::Built,
                ))
            }
            Err(Errno::EXIST | Errno::NOTEMPTY) => {
                match store.check(&self.name, &lease, depth, observer)? {
                    Verdict::Valid(manifest) => {
                        // Whoever renamed it may not have come to the sync yet.
                        store.sync_folder()?;
                        Ok(Published::new(
                            store,
                            self.name.clone(),
                            &manifest,
                            lease,
                            How::Existing,
                        ))
                    }
                    Verdict::Missing | Verdict::Damaged(_) => self.repair(lease, depth, observer),
                }
            }
            Err(error) => Err(Error::io("rename into place", target, error)),
        }
    }

    /// The tree has left its staging name: nothing is left to remove but the lock.
    pub(super) fn let_go(&mut self) -> Result<(), Error> {
        match self.staging.lock.take() {
            Some(lock) => lock.unlink(),
            None => Ok(()),
        }
    }
}
