//! Trying what a store needs of a file system: two descriptors of one file, two names in one folder.
//!
//! Everything is made as `.probe-<random>`, in a folder of the store, and removed again. No lock covers such a name: a
//! collector removes it when nobody has written to it for an hour.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::{Errno, retry_on_intr};

use super::Store;
use super::check::is_refusal;
use super::error::{Doing, Error, is_full};
use super::file_system::{FileSystem, Trust};
use super::record_file::random_id;
use super::uninterrupted;

/// How a file that something is tried with is called.
pub(super) const PREFIX: &str = ".probe-";
/// Where the one byte of a file with a hole stands.
const FAR: u64 = 1 << 20;

/// What a file system can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an answer of its own"
)]
pub struct Abilities {
    /// A lock through one descriptor keeps another one out, and is free when it is let go.
    pub flock: bool,
    /// A rename that shall not replace does not, and else renames.
    pub rename_noreplace: bool,
    /// Two names can be exchanged in one step.
    pub exchange: bool,
    /// A file can share the blocks of another.
    pub reflink: bool,
    /// What was never written takes no room.
    pub holes: bool,
}

impl Abilities {
    /// What is missing of what no store can do without.
    #[must_use]
    pub fn lacks(&self) -> Option<&'static str> {
        match (self.flock, self.rename_noreplace) {
            (true, true) => None,
            (false, true) => Some("locks (flock) do not exclude"),
            (true, false) => Some("a rename cannot be told not to replace"),
            (false, false) => {
                Some("locks (flock) do not exclude, and a rename cannot be told not to replace")
            }
        }
    }
}

impl Store {
    /// Tries what the file system can, in the folder of locks.
    ///
    /// # Errors
    /// When this account may not write there, or there is no room.
    pub fn probe(&self) -> Result<Abilities, Error> {
        let things = Things::new(&self.layout().leases())?;
        Ok(Abilities {
            flock: things.flock()?,
            rename_noreplace: things.rename_noreplace()?,
            exchange: things.exchange()?,
            reflink: things.reflink()?,
            holes: things.holes()?,
        })
    }
}

/// An error if something is missing of what no store can do without; tried only where the type does not tell, and where
/// this account may write.
pub(super) fn require_fit(
    file_system: FileSystem,
    folder: &Path,
    root: &Path,
) -> Result<(), Error> {
    if file_system.trust() == Trust::Known {
        return Ok(());
    }
    match lacks(folder) {
        Ok(None) => Ok(()),
        Ok(Some(lacks)) => Err(Error::Unfit {
            file_system: file_system.to_string(),
            lacks,
            path: root.to_owned(),
        }),
        // What is only read, or full, is no worse for that.
        Err(Error::Io { source, .. }) if is_refusal(&source) || is_full(&source) => Ok(()),
        Err(error) => Err(error),
    }
}

fn lacks(folder: &Path) -> Result<Option<&'static str>, Error> {
    let things = Things::new(folder)?;
    let needed = Abilities {
        flock: things.flock()?,
        rename_noreplace: things.rename_noreplace()?,
        exchange: true,
        reflink: true,
        holes: true,
    };
    Ok(needed.lacks())
}

/// Two files, and a free name beside them.
struct Things {
    file: OwnedFd,
    twin: OwnedFd,
    names: [PathBuf; 3],
}

impl Things {
    fn new(folder: &Path) -> Result<Self, Error> {
        let name = || Ok::<_, Error>(folder.join(format!("{PREFIX}{}", random_id()?)));
        let names = [name()?, name()?, name()?];
        let file = make(&names[0])?;
        let twin = make(&names[1]).inspect_err(|_full| remove(&names[0]))?;
        Ok(Self { file, twin, names })
    }

    fn flock(&self) -> Result<bool, Error> {
        let [file, ..] = &self.names;
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let other = uninterrupted::open(file, flags, Mode::empty()).doing("open", file)?;
        let exclusive = FlockOperation::NonBlockingLockExclusive;
        let take = |fd: &OwnedFd| retry_on_intr(|| rustix::fs::flock(fd, exclusive));
        if take(&self.file).is_err() {
            return Ok(false);
        }
        let kept_out = take(&other) == Err(Errno::WOULDBLOCK);
        let let_go = rustix::fs::flock(&self.file, FlockOperation::Unlock).is_ok();
        Ok(kept_out && let_go && take(&other).is_ok())
    }

    fn rename_noreplace(&self) -> Result<bool, Error> {
        let [file, taken, free] = &self.names;
        let rename = |to| rustix::fs::renameat_with(CWD, file, CWD, to, RenameFlags::NOREPLACE);
        if rename(taken) != Err(Errno::EXIST) || inode(file)? == inode(taken)? {
            return Ok(false);
        }
        let renamed = rename(free).is_ok() && inode(file)?.is_none() && inode(free)?.is_some();
        if renamed {
            rustix::fs::rename(free, file).doing("rename", free)?;
        }
        Ok(renamed)
    }

    fn exchange(&self) -> Result<bool, Error> {
        let [file, twin, _] = &self.names;
        let before = (inode(file)?, inode(twin)?);
        let flags = RenameFlags::EXCHANGE;
        let done = rustix::fs::renameat_with(CWD, file, CWD, twin, flags).is_ok();
        Ok(done && (inode(twin)?, inode(file)?) == before)
    }

    fn reflink(&self) -> Result<bool, Error> {
        let [file, ..] = &self.names;
        rustix::io::pwrite(&self.file, &[1; 4096], 0).doing("write", file)?;
        Ok(rustix::fs::ioctl_ficlone(&self.twin, &self.file).is_ok())
    }

    fn holes(&self) -> Result<bool, Error> {
        let [file, ..] = &self.names;
        rustix::io::pwrite(&self.file, &[1], FAR).doing("write", file)?;
        let meta = rustix::fs::fstat(&self.file).doing("look at", file)?;
        let taken = u64::try_from(meta.st_blocks).unwrap_or(u64::MAX);
        Ok(taken.saturating_mul(512) < FAR)
    }
}

impl Drop for Things {
    fn drop(&mut self) {
        self.names.iter().for_each(|name| remove(name));
    }
}

fn make(path: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    uninterrupted::open(path, flags, Mode::RUSR | Mode::WUSR).doing("make", path)
}

fn remove(path: &Path) {
    let _ = rustix::fs::unlink(path);
}

/// Which file has that name, if any.
fn inode(path: &Path) -> Result<Option<u64>, Error> {
    match rustix::fs::lstat(path) {
        Ok(meta) => Ok(Some(meta.st_ino)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(Error::io("look at", path, error)),
    }
}
