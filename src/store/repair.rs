//! Repair: a damaged path is exchanged for a good one, with no moment at which the path is missing.
//!
//! Under the path's publish lock and a shared lease: check again, since somebody else may have repaired it; rename
//! the good tree to a trash name; exchange that with the path; sync `store/`. At every crash point the path is the
//! old tree or the new one, and the other one is trash or a dead staging tree.
//!
//! Where a file system cannot exchange (lower layers of overlayfs) or has no room to, the old tree is deleted in
//! place under the exclusive lease: the one window in which the path is missing, and only when nobody uses it.

use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;
use std::os::fd::AsFd;

use super::check::{Depth, Inspection};
use super::error::{Doing, Error, refused};
use super::fast_remove;
use super::folders::open_folder;
use super::layout::Layout;
use super::lease::Lease;
use super::lock_file::LockFile;
use super::publish::{How, Published};
use super::seal::Staged;
use super::uninterrupted;
use crate::model::manifest::MANIFEST_NAME;
use crate::progress::{Event, Observer};

impl Staged<'_> {
    /// Puts this tree in the place of a damaged one.
    pub(super) fn repair(
        mut self,
        lease: Lease,
        depth: Depth,
        observer: &dyn Observer,
    ) -> Result<Published, Error> {
        let store = self.staging.store;
        let lock_path = store.layout().publish_lock(self.name.hash());
        let lock = LockFile::exclusive(&lock_path, store.file_mode(), store.patience(), observer)?;
        let why = match store.inspect(&self.name, depth)? {
            Inspection::Valid(valid) => {
                if valid.times_off {
                    match valid.write_times() {
                        // Another account's: the next look remembers the full check instead.
                        Ok(()) | Err(Errno::PERM | Errno::ACCESS) => {}
                        Err(error) => {
                            let path = store.layout().path(&self.name);
                            return Err(Error::io("set the times of", path, error));
                        }
                    }
                }
                return Ok(Published::new(
                    store,
                    self.name.clone(),
                    &valid.manifest,
                    lease,
                    How::Existing,
                ));
            }
            Inspection::Missing => "it was missing".to_owned(),
            Inspection::Damaged(damage) => damage.summary(),
        };
        let folder = store.folder();
        let trash = Layout::trash_name(self.name.hash(), &self.staging.id);
        let staging = format!(".s-{}", self.staging.id);
        let target = store.layout().path(&self.name);
        rustix::fs::renameat(folder, &staging, folder, &trash).doing("rename", &target)?;
        let placed = self.place(&trash, lease, observer);
        if !matches!(placed, Ok((_, Placed::Exchanged))) {
            // Under that name stands our tree, or nothing: nobody else has looked at it.
            let _ = fast_remove::tree(folder.as_fd(), trash.as_bytes());
        }
        let (lease, placed) = placed?;
        store.sync_folder()?;
        let how = if placed == Placed::Theirs {
            How::Existing
        } else {
            observer.event(Event::Repaired {
                path: &target,
                why: &why,
            });
            How::Repaired { why }
        };
        drop(lock);
        self.let_go()?;
        Ok(Published::new(
            store,
            self.name.clone(),
            &self.manifest,
            lease,
            how,
        ))
    }

    /// Brings the good tree from its trash name to the path.
    fn place(
        &self,
        trash: &str,
        lease: Lease,
        observer: &dyn Observer,
    ) -> Result<(Lease, Placed), Error> {
        let folder = self.staging.store.folder();
        let name = self.name.as_str();
        let target = self.staging.store.layout().path(&self.name);
        match rustix::fs::renameat_with(folder, trash, folder, name, RenameFlags::EXCHANGE) {
            Ok(()) => Ok((lease, Placed::Exchanged)),
            Err(Errno::NOENT) => match self.rename_into_place(trash)? {
                Placed::Theirs => self.accept(lease),
                placed => Ok((lease, placed)),
            },
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSPC | Errno::DQUOT | Errno::NOSYS) => {
                self.replace_in_place(trash, lease, observer)
            }
            Err(error) => Err(refused(
                "exchange",
                &target,
                self.staging.store.uid(),
                error,
            )),
        }
    }

    fn rename_into_place(&self, trash: &str) -> Result<Placed, Error> {
        let folder = self.staging.store.folder();
        let name = self.name.as_str();
        match rustix::fs::renameat_with(folder, trash, folder, name, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(Placed::Renamed),
            Err(Errno::EXIST | Errno::NOTEMPTY) => Ok(Placed::Theirs),
            Err(error) => Err(Error::io(
                "rename into place",
                self.staging.store.layout().path(&self.name),
                error,
            )),
        }
    }

    /// Takes what somebody else put there meanwhile, if it is valid.
    fn accept(&self, lease: Lease) -> Result<(Lease, Placed), Error> {
        let store = self.staging.store;
        match store.inspect(&self.name, Depth::Quick)? {
            Inspection::Valid(_) => Ok((lease, Placed::Theirs)),
            Inspection::Missing => Err(Error::Busy {
                path: store.layout().lease(lease.hash()),
                holder: None,
            }),
            Inspection::Damaged(_) => Err(Error::StillDamaged {
                path: store.layout().path(&self.name),
            }),
        }
    }

    /// Deletes the damaged tree where it stands, if nobody uses it, and renames the good one there.
    fn replace_in_place(
        &self,
        trash: &str,
        lease: Lease,
        observer: &dyn Observer,
    ) -> Result<(Lease, Placed), Error> {
        let store = self.staging.store;
        let target = store.layout().path(&self.name);
        let hash = lease.hash();
        drop(lease);
        let Some(exclusive) = store.try_exclusive_lease(hash)? else {
            return Err(Error::Busy {
                path: store.layout().lease(hash),
                holder: None,
            });
        };
        let folder = store.folder();
        // Without its manifest the old tree counts as not installed at every moment from here on.
        if let Ok(old) = open_folder(folder.as_fd(), self.name.as_str().as_bytes()) {
            let _ = uninterrupted::fchmod(&old, rustix::fs::Mode::RWXU);
            match rustix::fs::unlinkat(&old, MANIFEST_NAME, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT | Errno::ISDIR) => {}
                Err(error) => {
                    return Err(refused(
                        "remove the manifest of",
                        &target,
                        store.uid(),
                        error,
                    ));
                }
            }
        }
        fast_remove::tree(folder.as_fd(), self.name.as_str().as_bytes())
            .map_err(|error| refused("remove", &target, store.uid(), error))?;
        let placed = self.rename_into_place(trash)?;
        drop(exclusive);
        // Between the two leases a collector may have come.
        let (lease, _theirs) = self.accept(store.lease(hash, observer)?)?;
        Ok((lease, placed))
    }
}

/// How the path came to be valid again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placed {
    /// By an exchange: the old tree stands under the trash name.
    Exchanged,
    /// By a rename to a free name.
    Renamed,
    /// By somebody else.
    Theirs,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::path::EntryPath;
    use crate::model::recipe::{Layout as ContentLayout, Recipe};
    use crate::progress::Silent;
    use crate::store::{Executable, Patience, Staging, Store};

    fn stage(store: &Store) -> Staged<'_> {
        let mut staging = Staging::begin(store, ContentLayout::Files).unwrap();
        let path = EntryPath::new(b"data").unwrap();
        staging.file(&path, Executable::No, &mut &b"x"[..]).unwrap();
        let recipe = Recipe {
            name: "hello".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
            platform: "linux/amd64".parse().unwrap(),
            layout: ContentLayout::Files,
            artifacts: std::collections::BTreeMap::new(),
        };
        staging.seal(&recipe).unwrap()
    }

    /// A store with a path and, under a trash name, a tree to put in its place.
    fn with_trash(deed: impl FnOnce(&Store, &Staged<'_>, &str)) {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(temp.path(), Patience::default()).unwrap();
        let first = stage(&store).publish(Depth::Quick, &Silent).unwrap();
        drop(first);
        let staged = stage(&store);
        let trash = Layout::trash_name(staged.name.hash(), &staged.staging.id);
        let staging = format!(".s-{}", staged.staging.id);
        rustix::fs::renameat(store.folder(), staging, store.folder(), &trash).unwrap();
        deed(&store, &staged, &trash);
    }

    #[test]
    fn without_an_exchange_the_path_is_replaced_if_nobody_uses_it() {
        with_trash(|store, staged, trash| {
            let hash = staged.name.hash();
            let manifest = store.layout().path(&staged.name).join(MANIFEST_NAME);
            let other = store.lease(hash, &Silent).unwrap();
            let ours = store.lease(hash, &Silent).unwrap();
            let busy = staged.replace_in_place(trash, ours, &Silent).unwrap_err();
            assert!(matches!(busy, Error::Busy { .. }), "{busy}");
            assert!(manifest.exists());
            drop(other);
            fs_err::remove_file(&manifest).unwrap();
            let ours = store.lease(hash, &Silent).unwrap();
            let (_lease, placed) = staged.replace_in_place(trash, ours, &Silent).unwrap();
            assert_eq!(placed, Placed::Renamed);
            assert!(manifest.exists());
        });
    }

    #[test]
    fn a_collector_leaves_the_tree_of_a_repair_that_is_at_work() {
        with_trash(|store, staged, trash| {
            let hash = staged.name.hash();
            let there = std::collections::BTreeSet::from([hash]);
            assert!(
                store
                    .delete_trash(hash, &[trash], &there)
                    .unwrap()
                    .is_empty()
            );
            let lease = store.lease(hash, &Silent).unwrap();
            let (_lease, placed) = staged.replace_in_place(trash, lease, &Silent).unwrap();
            assert_eq!(placed, Placed::Renamed);
        });
    }

    #[test]
    fn what_somebody_else_published_meanwhile_is_taken_if_it_is_valid() {
        with_trash(|store, staged, trash| {
            let lease = || store.lease(staged.name.hash(), &Silent).unwrap();
            assert_eq!(staged.rename_into_place(trash).unwrap(), Placed::Theirs);
            let (_lease, placed) = staged.accept(lease()).unwrap();
            assert_eq!(placed, Placed::Theirs);
            let path = store.layout().path(&staged.name);
            fs_err::remove_file(path.join(MANIFEST_NAME)).unwrap();
            let error = staged.accept(lease()).unwrap_err();
            assert!(matches!(error, Error::StillDamaged { .. }), "{error}");
            fs_err::remove_dir_all(path).unwrap();
            let error = staged.accept(lease()).unwrap_err();
            assert!(matches!(error, Error::Busy { .. }), "{error}");
        });
    }
}
