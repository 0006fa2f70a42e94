//! What this account may do in a store, and whether a store that a group shares is the group's throughout.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::Access;
use rustix::process::{getegid, geteuid, getgroups};

use super::Store;
use super::error::{Doing, Error};
use super::layout::Layout;

/// The mode bits of a folder that a group shares: setgid, and writable for the group.
const OF_GROUP: u32 = 0o2020;

/// Who runs this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user id.
    pub uid: u32,
    /// All groups, ascending.
    pub groups: Vec<u32>,
}

impl Account {
    /// That of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let others = getgroups().unwrap_or_default();
        let mut groups: Vec<u32> = others.iter().map(|group| group.as_raw()).collect();
        groups.push(getegid().as_raw());
        groups.sort_unstable();
        groups.dedup();
        Self {
            uid: geteuid().as_raw(),
            groups,
        }
    }
}

/// What is done to a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Listing it, and opening what is in it.
    Read,
    /// Making, renaming and removing in it.
    Write,
}

/// An error unless this account may do that to `folder`.
///
/// # Errors
/// When it may not, or the folder is on a read-only file system.
pub fn require(folder: &Path, deed: Deed) -> Result<(), Error> {
    let (access, doing) = match deed {
        Deed::Read => (Access::READ_OK | Access::EXEC_OK, "read"),
        Deed::Write => (Access::WRITE_OK | Access::EXEC_OK, "write to"),
    };
    rustix::fs::access(folder, access).doing(doing, folder)
}

impl Store {
    /// What this account is refused, the most that it needs first; nothing where it may do all.
    #[must_use]
    pub fn refusals(&self) -> Vec<Error> {
        let folders = folders(self.layout());
        let of = |deed| {
            folders
                .iter()
                .filter_map(move |folder| require(folder, deed).err())
        };
        let reading: Vec<Error> = of(Deed::Read).collect();
        // Who may not read need not be told that he may not write.
        if reading.is_empty() {
            of(Deed::Write).collect()
        } else {
            reading
        }
    }

    /// The group that shares this store, if one does, and the folders that are not the group's.
    ///
    /// # Errors
    /// When the system refuses to look.
    pub fn group(&self) -> Result<Option<(u32, Vec<PathBuf>)>, Error> {
        let root = self.layout().root();
        let look = |path: &Path| fs_err::metadata(path).doing("look at", path);
        let meta = look(root)?;
        if meta.mode() & 0o2000 == 0 {
            return Ok(None);
        }
        let mut closed = Vec::new();
        for folder in folders(self.layout()).into_iter().chain([root.to_owned()]) {
            let own = look(&folder)?;
            if own.mode() & OF_GROUP != OF_GROUP || own.gid() != meta.gid() {
                closed.push(folder);
            }
        }
        Ok(Some((meta.gid(), closed)))
    }
}

/// The folders that every account works in.
fn folders(layout: &Layout) -> Vec<PathBuf> {
    vec![
        layout.store().to_owned(),
        layout.leases(),
        layout.profiles(),
        layout.roots(),
        layout.all_realisations(),
        layout.all_downloads(),
    ]
}
