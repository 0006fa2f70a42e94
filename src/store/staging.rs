//! A staging tree: where bytes from outside become files, seen by nobody until they are published.
//!
//! Made in this order, so that a folder without a held lock is dead: lock `leases/staging-<id>`, folder
//! `store/.s-<id>`, a descriptor on it (through which `syncfs` later sees every write error since now), content.
//! Every name is resolved one component at a time below that descriptor and never through a link.
//!
//! Dropping a staging tree removes it.

mod files;

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode};

use super::Store;
use super::behind::Writer;
use super::buffer::Buffer;
use super::error::{Doing, Error};
use super::fast_remove;
use super::file_writer::{CHUNK, SEALED_TIME};
use super::folders::Folders;
use super::folding::not_made;
use super::lock_file::LockFile;
use super::record_file::random_id;
use crate::model::manifest::EntryKind;
use crate::model::path::{EntryPath, LinkTarget};
use crate::model::recipe::Layout;
use crate::model::tree::{Tree, TreeError};

/// Whether a file may be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Executable {
    /// Mode & 0100 was set.
    Yes,
    /// It was not.
    No,
}

impl Executable {
    /// By the permission bits of a source.
    #[must_use]
    pub fn of_mode(mode: u32) -> Self {
        if mode & 0o100 == 0 {
            Self::No
        } else {
            Self::Yes
        }
    }

    pub(super) fn is_yes(self) -> bool {
        self == Self::Yes
    }
}

/// Up to this many files are synced one by one; more are synced together.
pub(super) const FEW: usize = 64;

/// A tree that is being written.
#[derive(Debug)]
pub struct Staging<'s> {
    pub(super) store: &'s Store,
    pub(super) id: String,
    pub(super) lock: Option<LockFile>,
    pub(super) top: OwnedFd,
    pub(super) folders: Folders,
    pub(super) layout: Layout,
    pub(super) tree: Tree,
    /// The first files, kept open for their sync; `None` once there were too many.
    pub(super) few: Option<Vec<OwnedFd>>,
    pub(super) notes: Vec<String>,
    buffer: Buffer,
    writer: Writer,
    /// Whether files may share their blocks with those that they are copied from.
    may_clone: bool,
}

impl<'s> Staging<'s> {
    /// Begins an empty tree whose content will stand as `layout` says.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn begin(store: &'s Store, layout: Layout) -> Result<Self, Error> {
        // A collector may have come between making the lock file and locking it: another name, then.
        let (id, lock) = loop {
            let id = random_id()?;
            let path = store.layout().staging_lock(&id);
            if let Some(lock) = LockFile::try_exclusive(&path, store.file_mode())? {
                break (id, lock);
            }
        };
        let path = store.layout().staging(&id);
        let made = rustix::fs::mkdir(&path, Mode::RWXU).doing("make", &path);
        let opened = made.and_then(|()| Self::open(store, &path, layout));
        let (top, folders) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                let _ = fs_err::remove_dir_all(&path);
                let _ = lock.unlink();
                return Err(error);
            }
        };
        let (tree, notes, buffer) = (Tree::default(), Vec::new(), Buffer::new(CHUNK));
        Ok(Self {
            store,
            id,
            lock: Some(lock),
            top,
            folders,
            layout,
            tree,
            few: Some(Vec::new()),
            notes,
            buffer,
            writer: Writer::default(),
            may_clone: true,
        })
    }

    fn open(store: &Store, path: &Path, layout: Layout) -> Result<(OwnedFd, Folders), Error> {
        let open = |name: &[u8]| super::folders::open_folder(store.folder().as_fd(), name);
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        let top = open(name).doing("open", path)?;
        let content = match layout.prefix() {
            None => open(name).doing("open", path)?,
            Some(prefix) => {
                rustix::fs::mkdirat(&top, prefix, Mode::RWXU).doing("make", path.join(prefix))?;
                super::folders::open_folder(top.as_fd(), prefix.as_bytes())
                    .doing("open", path.join(prefix))?
            }
        };
        Ok((top, Folders::new(content)))
    }

    /// Where the tree stands, for messages.
    pub(super) fn path(&self) -> PathBuf {
        self.store.layout().staging(&self.id)
    }

    /// Does something to an entry; what fails names the entry, and is told with the whole path.
    pub(super) fn placed<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        work(self).map_err(|error| match self.layout.prefix() {
            None => error.below(&self.path()),
            Some(prefix) => error.below(&self.path().join(prefix)),
        })
    }

    /// The layout that its content has.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// What has been written so far.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Remembers one sentence for the user.
    pub fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    /// Makes a folder, and those above it that are missing; one that is there already stays.
    ///
    /// # Errors
    /// When something else stands there or above, or the system refuses.
    pub fn directory(&mut self, path: &EntryPath) -> Result<(), Error> {
        self.placed(|this| {
            if matches!(this.tree.get(path), Some(EntryKind::Directory)) {
                return Ok(());
            }
            this.make_above(path)?;
            if this.tree.get(path).is_some() {
                return Err(TreeError::Twice(path.clone()).into());
            }
            this.make_folder(path)
        })
    }

    fn make_folder(&mut self, path: &EntryPath) -> Result<(), Error> {
        let parent = self
            .folders
            .parent_of(path)
            .doing("open the folder of", path.as_os_str())?;
        rustix::fs::mkdirat(parent.as_fd(), path.name(), Mode::RWXU)
            .map_err(|errno| not_made(parent.as_fd(), path, errno))?;
        self.tree.insert(path.clone(), EntryKind::Directory)?;
        Ok(())
    }

    /// Makes the missing folders above `path`, after checking that it may stand there.
    fn make_above(&mut self, path: &EntryPath) -> Result<(), Error> {
        self.tree.check_place(path)?;
        let mut missing = Vec::new();
        let mut above = path.parent();
        while let Some(folder) = above {
            if self.tree.get(&folder).is_some() {
                break;
            }
            above = folder.parent();
            missing.push(folder);
        }
        missing
            .iter()
            .rev()
            .try_for_each(|folder| self.make_folder(folder))
    }

    /// Checks that nothing stands at `path` yet and makes the folders above.
    fn prepare(&mut self, path: &EntryPath) -> Result<(), Error> {
        self.make_above(path)?;
        if self.tree.get(path).is_some() {
            return Err(TreeError::Twice(path.clone()).into());
        }
        Ok(())
    }

    /// Makes a symlink; what it points to is not looked at.
    ///
    /// # Errors
    /// When something stands there already or the system refuses.
    pub fn symlink(&mut self, path: &EntryPath, target: &LinkTarget) -> Result<(), Error> {
        self.placed(|this| {
            this.prepare(path)?;
            let parent = this
                .folders
                .parent_of(path)
                .doing("open the folder of", path.as_os_str())?;
            rustix::fs::symlinkat(target.as_bytes(), parent.as_fd(), path.name())
                .map_err(|errno| not_made(parent.as_fd(), path, errno))?;
            rustix::fs::utimensat(
                parent.as_fd(),
                path.name(),
                &SEALED_TIME,
                AtFlags::SYMLINK_NOFOLLOW,
            )
            .doing("set the time of", path.as_os_str())?;
            this.tree.insert(
                path.clone(),
                EntryKind::Symlink {
                    target: target.clone(),
                },
            )?;
            Ok(())
        })
    }

    /// Takes `path` and all below it out again; tells whether anything was there.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn remove(&mut self, path: &EntryPath) -> Result<bool, Error> {
        self.placed(|this| {
            let kind = this.tree.get(path).cloned();
            let Some(kind) = kind else { return Ok(false) };
            this.is_there(path)?;
            this.folders.forget();
            let parent = this
                .folders
                .parent_of(path)
                .doing("open the folder of", path.as_os_str())?;
            if kind == EntryKind::Directory {
                fast_remove::tree(parent.as_fd(), path.name()).doing("remove", path.as_os_str())?;
            } else {
                rustix::fs::unlinkat(parent.as_fd(), path.name(), AtFlags::empty())
                    .doing("remove", path.as_os_str())?;
            }
            this.tree.remove(path);
            Ok(true)
        })
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        // None once the tree was published: then it is not ours to remove.
        let Some(lock) = self.lock.take() else { return };
        self.folders.forget();
        self.few = None;
        self.writer = Writer::default();
        let name = format!(".s-{}", self.id);
        // What cannot be removed now is dead as soon as its lock is, and the collector's.
        if fast_remove::tree(self.store.folder().as_fd(), name.as_bytes()).is_ok() {
            let _ = lock.unlink();
        }
    }
}
