//! A lower store: another store beneath this one, which is only read.
//!
//! What is valid there is used in place, through a link in the store above:
//!
//! ```text
//! lowers/<id>  -> the folder of the lower store; <id> is the BLAKE3 of that, its real path
//! ```
//!
//! 1. A path that is not valid in the store itself is looked for in the lower one.
//! 2. Its lease is taken in the store above, and so is what this account remembers of a full check.
//! 3. Nothing in the lower store is written, repaired, counted or collected; damaged there is not installed here.
//!
//! A lower store that goes away counts as not installed: what is asked for is then built above. There is one layer:
//! what a lower store has beneath itself is not looked at.

use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::check::{Depth, Inspection, Verdict, copied_without_times, is_short};
use super::error::{Doing, Error};
use super::layout::Layout;
use super::lease::Lease;
use super::open::has_marker;
use super::{Store, durable, fresh};
use crate::model::digest::LowerId;
use crate::model::manifest::Manifest;
use crate::model::store_path::StorePathName;
use crate::progress::{Event, Observer};

/// What stands beneath a store.
#[derive(Debug)]
pub struct Lower {
    root: PathBuf,
    id: LowerId,
    /// None while it is away.
    store: Option<Box<Store>>,
}

impl Lower {
    /// Its folder: the real path while it is there.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether it is there.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.store.is_some()
    }

    /// Where a path stands in it.
    #[must_use]
    pub fn path(&self, name: &StorePathName) -> PathBuf {
        Layout::new(self.root.clone()).path(name)
    }

    /// The store itself, to be read.
    pub(in crate::store) fn store(&self) -> Option<&Store> {
        self.store.as_deref()
    }
}

impl Store {
    /// This store above the one at `root`, an absolute path.
    ///
    /// A folder that is not there, or empty as a mount point is while nothing is mounted, is a lower store that is away.
    ///
    /// # Errors
    /// When something else stands there, or just this store, or this account may not look.
    pub fn above(self, root: &Path) -> Result<Self, Error> {
        // By its real path, so that what a generation shows does not change with a link or the current folder.
        let root = fs_err::canonicalize(root).unwrap_or_else(|_away| root.to_owned());
        let id = LowerId::of(root.as_os_str().as_bytes());
        let store = match find(&root)? {
            Some(layout) => Some(Box::new(self.open_lower(layout, id)?)),
            None => None,
        };
        if let Some(store) = &store
            && self.is_same(store)?
        {
            return Err(Error::NotLower {
                why: "it is the store itself",
                path: root,
            });
        }
        Ok(self.with_lower(Some(Lower { root, id, store })))
    }

    /// This store without what stands beneath it: what is damaged in it is mended in it.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn alone(&self) -> Result<Self, Error> {
        Self::open_existing(self.layout().clone(), *self.patience())
    }

    fn is_same(&self, other: &Self) -> Result<bool, Error> {
        let of = |store: &Self| {
            let meta = rustix::fs::fstat(store.folder().as_fd());
            let meta = meta.doing("look at", store.layout().store())?;
            Ok::<_, Error>((meta.st_dev, meta.st_ino))
        };
        Ok(of(self)? == of(other)?)
    }

    /// Checks `name` in the lower store, where nothing is put right; the caller has leased it in this one.
    ///
    /// # Errors
    /// When the system fails to answer; damage is no error, and a lower store that is away has nothing.
    pub fn check_lower(
        &self,
        name: &StorePathName,
        lease: &Lease,
        depth: Depth,
        observer: &dyn Observer,
    ) -> Result<Verdict, Error> {
        debug_assert_eq!(name.hash(), lease.hash(), "the lease must be on the path");
        let Some(lower) = self.lower().and_then(Lower::store) else {
            return Ok(Verdict::Missing);
        };
        match lower.inspect(name, depth)? {
            Inspection::Missing => Ok(Verdict::Missing),
            Inspection::Damaged(damage) => Ok(Verdict::Damaged(damage)),
            Inspection::Valid(valid) => {
                if let Some(seen) = valid.unremembered {
                    lower.remember_check(name, seen)?;
                    if valid.times_off {
                        let text = copied_without_times(&lower.layout().path(name));
                        observer.event(Event::Note { text: &text });
                    }
                }
                Ok(Verdict::Valid(valid.manifest))
            }
        }
    }

    /// The manifest of `name` if it is valid in the lower store; one that is there and of no use is told.
    pub(super) fn find_lower(
        &self,
        name: &StorePathName,
        lease: &Lease,
        depth: Depth,
        observer: &dyn Observer,
    ) -> Result<Option<(&Self, Manifest)>, Error> {
        let Some(lower) = self.lower().and_then(Lower::store) else {
            return Ok(None);
        };
        let why = match self.check_lower(name, lease, depth, observer) {
            Ok(Verdict::Valid(manifest)) => return Ok(Some((lower, manifest))),
            Ok(Verdict::Missing) => return Ok(None),
            Ok(Verdict::Damaged(damage)) => damage.summary(),
            // What cannot be read there is not installed; what this process lacks is its own trouble.
            Err(Error::Io { source, .. }) if !is_short(&source) => source.to_string(),
            Err(error) => return Err(error),
        };
        let path = lower.layout().path(name);
        let text = format!(
            "{} is in the lower store and not used: {why}",
            path.display()
        );
        observer.event(Event::Note { text: &text });
        Ok(None)
    }

    /// Makes the link to the lower store `id`, durably, before anything is shown through it.
    ///
    /// One that is not beneath the store now keeps the link that it has.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn link_lower(&self, id: LowerId) -> Result<(), Error> {
        let Some(lower) = self.lower().filter(|lower| lower.id == id) else {
            return Ok(());
        };
        let link = self.layout().lower(id);
        self.make_folder(&self.layout().lowers())?;
        loop {
            match fs_err::read_link(&link) {
                // Whoever made it may not have come to the sync yet.
                Ok(target) if target == lower.root => return durable::sync_parent(&link),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                // Its name says what it leads to; anything else is damage.
                _ => fs_err::remove_file(&link).doing("replace", &link)?,
            }
            if fresh::link(&link, &lower.root)? {
                return durable::sync_parent(&link);
            }
        }
    }
}

/// The paths of the store at `root`; none while it is away.
fn find(root: &Path) -> Result<Option<Layout>, Error> {
    let not = |why| Error::NotLower {
        why,
        path: root.to_owned(),
    };
    match fs_err::metadata(root) {
        Ok(meta) if !meta.is_dir() => return Err(not("it is no folder")),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return Err(Error::io("look into", root, error));
        }
        // Deleted, or a file system that lost its server.
        Err(_away) => return Ok(None),
    }
    let layout = Layout::new(root.to_owned());
    if has_marker(&layout)? {
        return if layout.store().is_dir() {
            Ok(Some(layout))
        } else {
            Err(not("it has no `store` folder"))
        };
    }
    if fs_err::read_dir(root).doing("list", root)?.next().is_none() {
        return Ok(None);
    }
    Err(not("it is no store"))
}
