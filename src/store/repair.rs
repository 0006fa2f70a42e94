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
use super::error::{Doing, Error};
use super::fast_remove;
use super::folders::open_folder;
use super::layout::Layout;
use super::lease::Lease;
use super::lock_file::LockFile;
use super::publish::{How, Published};
use super::seal::Staged;
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
                    valid
                        .write_times()
                        .doing("set the times of", store.layout().path(&self.name))?;
                }
                return Ok(Published::new(
                    store,
                    self.name.clone(),
                    valid.manifest,
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
        let exchanged = rustix::fs::renameat_with(
            folder,
            &trash,
            folder,
            self.name.as_str(),
            RenameFlags::EXCHANGE,
        );
        let lease = match exchanged {
            Ok(()) => lease,
            Err(Errno::NOENT) => {
                rustix::fs::renameat_with(
                    folder,
                    &trash,
                    folder,
                    self.name.as_str(),
                    RenameFlags::NOREPLACE,
                )
                .doing("rename into place", &target)?;
                lease
            }
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSPC | Errno::NOSYS) => {
                self.replace_in_place(&trash, lease, observer)?
            }
            Err(error) => return Err(Error::io("exchange", &target, error)),
        };
        store.sync_folder()?;
        drop(lock);
        self.let_go()?;
        observer.event(Event::Repaired {
            path: &target,
            why: &why,
        });
        Ok(Published::new(
            store,
            self.name.clone(),
            self.manifest.clone(),
            lease,
            How::Repaired { why },
        ))
    }

    /// Deletes the damaged tree where it stands, if nobody uses it, and renames the good one there.
    fn replace_in_place(
        &self,
        trash: &str,
        lease: Lease,
        observer: &dyn Observer,
    ) -> Result<Lease, Error> {
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
            let _ = rustix::fs::fchmod(&old, rustix::fs::Mode::RWXU);
            match rustix::fs::unlinkat(&old, MANIFEST_NAME, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT | Errno::ISDIR) => {}
                Err(error) => return Err(Error::io("remove the manifest of", &target, error)),
            }
        }
        fast_remove::tree(folder.as_fd(), self.name.as_str().as_bytes())
            .doing("remove", &target)?;
        rustix::fs::renameat_with(
            folder,
            trash,
            folder,
            self.name.as_str(),
            RenameFlags::NOREPLACE,
        )
        .doing("rename into place", &target)?;
        drop(exclusive);
        store.lease(hash, observer)
    }
}
