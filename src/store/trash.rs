//! What a store has under its own folder, and how things leave it.
//!
//! A path leaves by a rename to a trash name under its exclusive lease; trash is deleted only after that digest's
//! exclusive lease was held for an instant since the rename. Who leased before is gone by then, who leases later
//! cannot reach it. A staging tree whose lock nobody holds is dead: the lock is made before the folder.

use std::collections::BTreeSet;
use std::os::fd::AsFd;

use rustix::io::Errno;

use super::Store;
use super::error::{Doing, Error, refused};
use super::fast_remove;
use super::layout::Layout;
use super::lock_file::LockFile;
use super::record_file::random_id;
use crate::model::digest::StoreHash;
use crate::model::store_path::StorePathName;

/// Everything under `store/`, told apart by its name.
#[derive(Debug, Clone, Default)]
pub struct Leftovers {
    /// Store paths, valid or not.
    pub paths: Vec<StorePathName>,
    /// Ids of staging trees, live or dead.
    pub staging: Vec<String>,
    /// Names of trash, with the digest that they had.
    pub trash: Vec<(StoreHash, String)>,
    /// Names that are none of these: never touched.
    pub foreign: Vec<String>,
}

/// A path that is out of the way, to be deleted.
#[derive(Debug)]
#[must_use = "what is not deleted stays as trash"]
pub struct Retired {
    /// Its name now.
    trash: String,
    /// What was freed, where it could not be renamed and was deleted at once.
    freed: Option<u64>,
}

/// Pieces of trash that nobody looked at any more, and what deleting each freed.
pub type Deleted<'a> = Vec<(&'a str, Result<u64, Error>)>;

impl Store {
    /// Lists `store/`.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn list(&self) -> Result<Leftovers, Error> {
        let folder = self.layout().store();
        let mut all = Leftovers::default();
        for entry in fs_err::read_dir(folder).doing("list", folder)? {
            let name = entry
                .doing("list", folder)?
                .file_name()
                .to_string_lossy()
                .into_owned();
            if let Some(id) = name.strip_prefix(".s-") {
                all.staging.push(id.to_owned());
            } else if let Some(hash) = name
                .strip_prefix(".t-")
                .and_then(|rest| rest.get(..64)?.parse().ok())
            {
                all.trash.push((hash, name));
            } else if let Ok(path) = name.parse() {
                all.paths.push(path);
            } else {
                all.foreign.push(name);
            }
        }
        all.paths.sort();
        all.staging.sort();
        all.trash.sort();
        Ok(all)
    }

    /// Takes a path out of the way, under its exclusive lease, unless it is gone already.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn retire(&self, name: &StorePathName, lease: LockFile) -> Result<Option<Retired>, Error> {
        let path = self.layout().path(name);
        let mut freed = None;
        let trash = Layout::trash_name(name.hash(), &random_id()?);
        let folder = self.folder();
        match rustix::fs::renameat(folder, name.as_str(), folder, &trash) {
            Ok(()) => {}
            Err(Errno::NOENT) => {
                lease.unlink_if_allowed()?;
                return Ok(None);
            }
            // Lower layers of overlayfs cannot be renamed, a full disk may refuse to: delete in place, under the lease.
            Err(Errno::NOSPC | Errno::DQUOT | Errno::XDEV) => {
                let manifest = path.join(crate::model::manifest::MANIFEST_NAME);
                let _ = rustix::fs::chmod(&path, rustix::fs::Mode::RWXU);
                let _ = rustix::fs::unlink(&manifest);
                let removed = fast_remove::tree(folder.as_fd(), name.as_str().as_bytes());
                freed = Some(removed.map_err(|error| refused("remove", &path, self.uid(), error))?);
            }
            Err(error) => return Err(refused("rename", &path, self.uid(), error)),
        }
        // What the lease guarded is gone. Whoever waits for it finds another file under the name and looks again.
        lease.unlink_if_allowed()?;
        Ok(Some(Retired { trash, freed }))
    }

    /// Deletes what was retired, and tells what that frees. First its rename is synced, by [`Store::sync_folder`]: else a
    /// power loss could show half of it under its old name.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn delete_retired(&self, Retired { trash, freed }: &Retired) -> Result<u64, Error> {
        match freed {
            Some(freed) => Ok(*freed),
            // It was renamed under the exclusive lease: nobody was looking then, and nobody can reach it since.
            None => self.remove_trash(trash),
        }
    }

    fn remove_trash(&self, name: &str) -> Result<u64, Error> {
        fast_remove::tree(self.folder().as_fd(), name.as_bytes()).map_err(|error| {
            let path = self.layout().store().join(name);
            refused("remove", &path, self.uid(), error)
        })
    }

    /// Deletes the trash of one digest, unless somebody may still look at it; tells of each piece that it took up what
    /// that freed. `there` are the paths that there are.
    ///
    /// One look at the lease counts for all pieces: two that look at the same time would each take the other for a user.
    ///
    /// # Errors
    /// When the system refuses to say whether somebody looks.
    pub fn delete_trash<'a>(
        &self,
        hash: StoreHash,
        names: &[&'a str],
        there: &BTreeSet<StoreHash>,
    ) -> Result<Deleted<'a>, Error> {
        // A repair that cannot exchange has its good tree under such a name, and no lease while it takes the exclusive one.
        let mut free = Vec::new();
        for name in names {
            let id = name.rsplit('-').next().unwrap_or_default();
            if !LockFile::is_held(&self.layout().staging_lock(id))? {
                free.push(*name);
            }
        }
        // Without a lease file nobody holds a lease, and who takes one from now on cannot reach this. To make the file only
        // to lock it costs more than all else: ext4 is slow to find room for what is new beside what was just deleted.
        if !free.is_empty() && self.has_lease_file(hash) {
            match held_by_nobody(self.try_exclusive_lease(hash))? {
                Free::Locked(lease) if !there.contains(&hash) => lease.unlink_if_allowed()?,
                Free::Locked(lease) => drop(lease),
                Free::Unmade => {}
                Free::Held => return Ok(Vec::new()),
            }
        }
        let delete = |name: &'a str| (name, self.remove_trash(name));
        Ok(free.into_iter().map(delete).collect())
    }

    /// Deletes a staging tree if its maker is dead; tells what that freed.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn delete_dead_staging(&self, id: &str) -> Result<Option<u64>, Error> {
        let lock = LockFile::try_exclusive(&self.layout().staging_lock(id), self.file_mode());
        let lock = match held_by_nobody(lock)? {
            Free::Locked(lock) => Some(lock),
            Free::Unmade => None,
            Free::Held => return Ok(None),
        };
        let path = self.layout().staging(id);
        let name = format!(".s-{id}");
        let freed = fast_remove::tree(self.folder().as_fd(), name.as_bytes())
            .map_err(|error| refused("remove", &path, self.uid(), error))?;
        lock.map_or(Ok(()), LockFile::unlink_if_allowed)?;
        Ok(Some(freed))
    }

    /// Whether the maker of a staging tree lives.
    ///
    /// # Errors
    /// When the system refuses to say.
    pub fn staging_is_alive(&self, id: &str) -> Result<bool, Error> {
        LockFile::is_held(&self.layout().staging_lock(id))
    }
}

/// What trying for the lock on something dead gave.
enum Free {
    /// The lock.
    Locked(LockFile),
    /// There is no lock file and no room for one, so nobody holds it.
    Unmade,
    /// Somebody holds it.
    Held,
}

fn held_by_nobody(tried: Result<Option<LockFile>, Error>) -> Result<Free, Error> {
    match tried {
        Ok(Some(lock)) => Ok(Free::Locked(lock)),
        Ok(None) => Ok(Free::Held),
        Err(error) if error.is_full() => Ok(Free::Unmade),
        Err(error) => Err(error),
    }
}
