//! A staging tree: where bytes from outside become files, seen by nobody until they are published.
//!
//! Made in this order, so that a folder without a held lock is dead: lock `leases/staging-<id>`, folder
//! `store/.s-<id>`, a descriptor on it (through which `syncfs` later sees every write error since now), content.
//! Every name is resolved one component at a time below that descriptor and never through a link.
//!
//! Dropping a staging tree removes it.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::Store;
use super::behind::Writer;
use super::buffer::Buffer;
use super::error::{Doing, Error};
use super::fast_remove;
use super::file_writer::{self, Begun, CHUNK, SEALED_TIME};
use super::folders::Folders;
use super::folding::not_made;
use super::lock_file::LockFile;
use super::record_file::random_id;
use super::uninterrupted;
use crate::model::digest::FileHash;
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

    fn create(&mut self, path: &EntryPath) -> Result<OwnedFd, Error> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let parent = self
            .folders
            .parent_of(path)
            .doing("open the folder of", path.as_os_str())?;
        uninterrupted::openat(parent.as_fd(), path.name(), flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| not_made(parent.as_fd(), path, errno))
    }

    /// Writes a file with all that `content` gives; tells how many bytes that were.
    ///
    /// # Errors
    /// When something stands there already, reading or writing fails.
    pub fn file(
        &mut self,
        path: &EntryPath,
        executable: Executable,
        content: &mut dyn Read,
    ) -> Result<u64, Error> {
        self.placed(|this| {
            this.prepare(path)?;
            let fd = this.create(path)?;
            let is_synced = !this.store.is_unsynced();
            if this.few.is_none()
                && let Some(behind) = this.writer.start()
            {
                let Some(whole) = behind.read(path, content)? else {
                    let begun = Begun {
                        buffer: behind.buffer(),
                        filled: CHUNK,
                        is_synced,
                    };
                    let (size, blake3) = file_writer::copy(path, &fd, content, begun)?;
                    this.finish(path, fd, executable, size, blake3)?;
                    return Ok(size);
                };
                let size = whole.len() as u64;
                let blake3 = FileHash::from(blake3::hash(whole));
                behind.write(path.clone(), fd, executable);
                this.insert_file(path, executable, size, blake3)?;
                return Ok(size);
            }
            let (size, blake3) = this.copy(path, &fd, content)?;
            this.finish(path, fd, executable, size, blake3)?;
            Ok(size)
        })
    }

    fn copy(
        &mut self,
        path: &EntryPath,
        fd: &OwnedFd,
        content: &mut dyn Read,
    ) -> Result<(u64, FileHash), Error> {
        let filled = file_writer::fill(path, content, &mut self.buffer)?;
        let begun = Begun {
            buffer: &mut self.buffer,
            filled,
            is_synced: !self.store.is_unsynced(),
        };
        file_writer::copy(path, fd, content, begun)
    }

    /// A file that was taken before and could not be written after all, and why.
    pub fn failed(&mut self) -> Option<(EntryPath, Error)> {
        let (path, error) = self.writer.started()?.failure()?;
        let error = self.placed::<()>(|_| Err(error)).err()?;
        Some((path, error))
    }

    /// Waits until every file that was taken is written; tells of one that could not be.
    pub fn settle(&mut self) -> Option<(EntryPath, Error)> {
        if let Some(behind) = self.writer.started() {
            behind.settle();
        }
        self.failed()
    }

    /// Writes a file with the content of `from`: by reflink where the file system can, else by copying.
    ///
    /// What is hashed is what was written, so an edit of `from` meanwhile cannot give a wrong hash.
    ///
    /// # Errors
    /// As for [`Staging::file`].
    pub fn file_from(
        &mut self,
        path: &EntryPath,
        executable: Executable,
        from: &fs_err::File,
    ) -> Result<u64, Error> {
        self.placed(|this| {
            this.prepare(path)?;
            let fd = this.create(path)?;
            let (size, blake3) = if rustix::fs::ioctl_ficlone(&fd, from.file()).is_ok() {
                file_writer::hash(path, &fd, &mut this.buffer)?
            } else {
                let mut content = from;
                this.copy(path, &fd, &mut content)?
            };
            this.finish(path, fd, executable, size, blake3)?;
            Ok(size)
        })
    }

    fn finish(
        &mut self,
        path: &EntryPath,
        fd: OwnedFd,
        executable: Executable,
        size: u64,
        blake3: FileHash,
    ) -> Result<(), Error> {
        file_writer::seal(path, &fd, executable.is_yes())?;
        self.insert_file(path, executable, size, blake3)?;
        match &mut self.few {
            Some(files) if files.len() < FEW => files.push(fd),
            few => *few = None,
        }
        Ok(())
    }

    fn insert_file(
        &mut self,
        path: &EntryPath,
        executable: Executable,
        size: u64,
        blake3: FileHash,
    ) -> Result<(), Error> {
        self.tree.insert(
            path.clone(),
            EntryKind::File {
                size,
                executable: executable.is_yes(),
                blake3,
            },
        )?;
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

    /// Makes `path` another name of a file or link that this tree already has.
    ///
    /// # Errors
    /// When `existing` is not there or a folder, something stands at `path` already, or the system refuses.
    pub fn hard_link(&mut self, path: &EntryPath, existing: &EntryPath) -> Result<(), Error> {
        self.placed(|this| {
            match this.tree.get(existing).cloned() {
                None | Some(EntryKind::Directory) => Err(Error::HardLink {
                    entry: path.clone(),
                    target: existing.clone(),
                }),
                Some(EntryKind::Symlink { target }) => this.symlink(path, &target),
                Some(kind @ EntryKind::File { .. }) => {
                    this.prepare(path)?;
                    let from = this
                        .folders
                        .parent_of(existing)
                        .doing("open the folder of", existing.as_os_str())?;
                    let from = from
                        .as_fd()
                        .try_clone_to_owned()
                        .doing("open the folder of", existing.as_os_str())?;
                    let parent = this
                        .folders
                        .parent_of(path)
                        .doing("open the folder of", path.as_os_str())?;
                    match rustix::fs::linkat(
                        &from,
                        existing.name(),
                        parent.as_fd(),
                        path.name(),
                        AtFlags::empty(),
                    ) {
                        Ok(()) => {}
                        // Too many names for one file, or a file system without them: a copy is as good.
                        Err(Errno::MLINK | Errno::PERM | Errno::OPNOTSUPP) => {
                            return this.copy_twin(path, existing);
                        }
                        Err(errno) => return Err(not_made(parent.as_fd(), path, errno)),
                    }
                    this.tree.insert(path.clone(), kind)?;
                    Ok(())
                }
            }
        })
    }

    fn copy_twin(&mut self, path: &EntryPath, existing: &EntryPath) -> Result<(), Error> {
        let Some(EntryKind::File { executable, .. }) = self.tree.get(existing) else {
            return Err(Error::HardLink {
                entry: path.clone(),
                target: existing.clone(),
            });
        };
        let executable = if *executable {
            Executable::Yes
        } else {
            Executable::No
        };
        if let Some((_entry, error)) = self.settle() {
            return Err(error);
        }
        let from = self.open_file(existing)?;
        self.file_from(path, executable, &from).map(|_size| ())
    }

    pub(super) fn open_file(&mut self, path: &EntryPath) -> Result<fs_err::File, Error> {
        self.placed(|this| {
            let parent = this
                .folders
                .parent_of(path)
                .doing("open the folder of", path.as_os_str())?;
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let fd = uninterrupted::openat(parent.as_fd(), path.name(), flags, Mode::empty())
                .doing("open", path.as_os_str())?;
            Ok(fs_err::File::from_parts(fd.into(), path.as_os_str()))
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
