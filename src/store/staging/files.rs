//! Files of a staging tree: written here, or by a thread behind where there are many; copied, and given further names.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use super::{Executable, FEW, Staging};
use crate::model::digest::FileHash;
use crate::model::manifest::EntryKind;
use crate::model::path::EntryPath;
use crate::store::error::{Doing, Error};
use crate::store::file_writer::{self, Begun, CHUNK};
use crate::store::folding::not_made;
use crate::store::large_copy::{LARGE, LargeCopy};
use crate::store::uninterrupted;

impl Staging<'_> {
    fn create(&mut self, path: &EntryPath) -> Result<OwnedFd, Error> {
        let parent = self
            .folders
            .parent_of(path)
            .doing("open the folder of", path.as_os_str())?;
        file_writer::create(parent.as_fd(), path)
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
            this.write(path, executable, content)
        })
    }

    /// Makes a file of all that `content` gives, or leaves it to the thread behind.
    fn write(
        &mut self,
        path: &EntryPath,
        executable: Executable,
        content: &mut dyn Read,
    ) -> Result<u64, Error> {
        if self.few.is_none()
            && let Some(behind) = self.writer.start()
        {
            let Some(whole) = behind.read(path, content)? else {
                return self.write_long(path, executable, content);
            };
            let size = whole.len() as u64;
            let blake3 = FileHash::from(blake3::hash(whole));
            self.folders
                .parent_of(path)
                .and_then(|folder| behind.write(path.clone(), folder.as_fd(), executable))
                .doing("open the folder of", path.as_os_str())?;
            self.insert_file(path, executable, size, blake3)?;
            return Ok(size);
        }
        let fd = self.create(path)?;
        self.write_here(path, fd, executable, content)
    }

    /// Makes a file whose beginning fills the buffer of the thread behind.
    fn write_long(
        &mut self,
        path: &EntryPath,
        executable: Executable,
        content: &mut dyn Read,
    ) -> Result<u64, Error> {
        let fd = self.create(path)?;
        let begun = Begun {
            buffer: self.writer.buffer().unwrap_or(&mut self.buffer),
            filled: CHUNK,
            is_synced: !self.store.is_unsynced(),
        };
        let (size, blake3) = file_writer::copy(path, &fd, content, begun)?;
        self.finish(path, fd, executable, size, blake3)?;
        Ok(size)
    }

    fn write_here(
        &mut self,
        path: &EntryPath,
        fd: OwnedFd,
        executable: Executable,
        content: &mut dyn Read,
    ) -> Result<u64, Error> {
        let filled = file_writer::fill(path, content, &mut self.buffer)?;
        let begun = Begun {
            buffer: &mut self.buffer,
            filled,
            is_synced: !self.store.is_unsynced(),
        };
        let (size, blake3) = file_writer::copy(path, &fd, content, begun)?;
        self.finish(path, fd, executable, size, blake3)?;
        Ok(size)
    }

    /// Waits for `path`, and what is below it, if that is left to the thread behind.
    pub(in crate::store) fn is_there(&mut self, path: &EntryPath) -> Result<(), Error> {
        match self.writer.started() {
            Some(behind) if behind.is_coming(path) => self.all_written(),
            _ => Ok(()),
        }
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

    /// As [`Staging::settle`], where the error alone says enough.
    pub(in crate::store) fn all_written(&mut self) -> Result<(), Error> {
        match self.settle() {
            Some((_entry, error)) => Err(error),
            None => Ok(()),
        }
    }

    /// Writes a file with the content of `from`: by reflink where the file system can, else by copying.
    ///
    /// What is hashed is what was written, so an edit of `from` meanwhile cannot give a wrong hash. `size` is what it
    /// should have in bytes: a large file is copied by several threads, as far as that.
    ///
    /// # Errors
    /// As for [`Staging::file`].
    pub fn file_from(
        &mut self,
        path: &EntryPath,
        executable: Executable,
        from: &fs_err::File,
        size: u64,
    ) -> Result<u64, Error> {
        self.placed(|this| {
            this.prepare(path)?;
            let mut content = from;
            if !this.may_clone && size < LARGE {
                return this.write(path, executable, &mut content);
            }
            let fd = this.create(path)?;
            if let Err(errno) = rustix::fs::ioctl_ficlone(&fd, from.file()) {
                // Of these reasons the next file has the same.
                this.may_clone = !matches!(errno, Errno::OPNOTSUPP | Errno::NOTTY | Errno::XDEV);
                if size < LARGE {
                    return this.write_here(path, fd, executable, &mut content);
                }
                let copy = LargeCopy {
                    entry: path,
                    from,
                    to: &fd,
                    size,
                    is_synced: !this.store.is_unsynced(),
                };
                let Some(blake3) = copy.copy(this.store.crew())? else {
                    // It was cut off meanwhile, and is what can be read of it now.
                    rustix::fs::seek(from, SeekFrom::Start(0)).doing("read", path.as_os_str())?;
                    uninterrupted::ftruncate(&fd, 0).doing("write", path.as_os_str())?;
                    return this.write_here(path, fd, executable, &mut content);
                };
                this.finish(path, fd, executable, size, blake3)?;
                return Ok(size);
            }
            let (size, blake3) = file_writer::hash(path, &fd, &mut this.buffer)?;
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
                    this.is_there(existing)?;
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
        let Some(EntryKind::File {
            executable, size, ..
        }) = self.tree.get(existing)
        else {
            return Err(Error::HardLink {
                entry: path.clone(),
                target: existing.clone(),
            });
        };
        let size = *size;
        let executable = if *executable {
            Executable::Yes
        } else {
            Executable::No
        };
        let from = self.open_file(existing)?;
        self.file_from(path, executable, &from, size)
            .map(|_size| ())
    }

    pub(in crate::store) fn open_file(&mut self, path: &EntryPath) -> Result<fs_err::File, Error> {
        self.placed(|this| {
            this.is_there(path)?;
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
}
