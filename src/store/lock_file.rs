//! Lock files: `flock`, and the one rule that makes unlinking them safe.
//!
//! Whoever gets a lock compares the descriptor with what the name shows now and starts again if they differ: the
//! file may have been unlinked, or unlinked and made anew, between open and lock. A lock file is unlinked only by
//! somebody who holds it exclusively, after what it guards is gone.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, Timespec, Timestamps, UTIME_NOW};
use rustix::io::{Errno, FdFlags};

use super::error::{Doing, Error};
use super::fresh;
use super::holders::Holders;
use super::uninterrupted;
use crate::progress::{Event, Observer};

/// How long somebody else's lock is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// After this long the wait ends with [`Error::Busy`].
    pub limit: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            limit: Duration::from_secs(600),
        }
    }
}

/// How long a wait stays unsaid.
const SILENT: Duration = Duration::from_secs(1);

/// Whether others may hold the same lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Shared,
    Exclusive,
}

/// A held lock; dropping it lets go.
#[derive(Debug)]
#[must_use = "the lock is let go at once when this is dropped"]
pub struct LockFile {
    fd: OwnedFd,
    path: PathBuf,
    touched: i64,
}

impl LockFile {
    /// Waits for a shared lock.
    ///
    /// # Errors
    /// When the wait exceeds its limit or the system refuses.
    pub fn shared(
        path: &Path,
        mode: u32,
        patience: &Patience,
        observer: &dyn Observer,
    ) -> Result<Self, Error> {
        wait(path, mode, Sharing::Shared, patience, observer)
    }

    /// Waits for the exclusive lock.
    ///
    /// # Errors
    /// As for [`LockFile::shared`].
    pub fn exclusive(
        path: &Path,
        mode: u32,
        patience: &Patience,
        observer: &dyn Observer,
    ) -> Result<Self, Error> {
        wait(path, mode, Sharing::Exclusive, patience, observer)
    }

    /// Takes the exclusive lock if nobody holds it.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn try_exclusive(path: &Path, mode: u32) -> Result<Option<Self>, Error> {
        attempt(path, mode, Sharing::Exclusive)
    }

    /// Whether somebody holds a lock on the file now, shared or exclusive; makes nothing.
    ///
    /// # Errors
    /// When the system refuses to say.
    pub fn is_held(path: &Path) -> Result<bool, Error> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let fd = match uninterrupted::open(path, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(false),
            Err(error) => return Err(Error::io("open", path, error)),
        };
        loop {
            // Let go as soon as the descriptor is closed.
            match rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(false),
                Err(Errno::WOULDBLOCK) => return Ok(true),
                Err(Errno::INTR) => {}
                Err(error) => return Err(Error::io("lock", path, error)),
            }
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sets the file's times to now: the last use; tells when now is, by the clock of the file system. What cannot be
    /// written (a read-only store) keeps its time.
    #[must_use]
    pub fn touch(&self) -> Option<i64> {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_NOW,
        };
        let times = Timestamps {
            last_access: now,
            last_modification: now,
        };
        rustix::fs::futimens(&self.fd, &times).ok()?;
        rustix::fs::fstat(&self.fd).ok().map(|meta| meta.st_mtime)
    }

    /// When it was last touched, in seconds since the epoch, as it was when the lock was taken.
    #[must_use]
    pub fn touched(&self) -> i64 {
        self.touched
    }

    /// Leaves the descriptor open across `execve`, and with it the lock.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn keep_across_exec(&self) -> Result<(), Error> {
        rustix::io::fcntl_setfd(&self.fd, FdFlags::empty()).doing("hand on", &self.path)
    }

    /// Unlinks the file and lets go; only for exclusive locks, and only after what it guards is gone.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn unlink(self) -> Result<(), Error> {
        rustix::fs::unlink(&self.path).doing("remove", &self.path)
    }

    /// As [`LockFile::unlink`], but a file that another account made and this one may not remove (in a folder with the
    /// sticky bit, or on what is mounted for reading only) stays: it guards nothing any more, and the collector of its maker removes it.
    pub(super) fn unlink_if_allowed(self) -> Result<(), Error> {
        match rustix::fs::unlink(&self.path) {
            Err(Errno::PERM | Errno::ACCESS | Errno::ROFS) => Ok(()),
            other => other.doing("remove", &self.path),
        }
    }
}

fn wait(
    path: &Path,
    mode: u32,
    sharing: Sharing,
    patience: &Patience,
    observer: &dyn Observer,
) -> Result<LockFile, Error> {
    if let Some(lock) = attempt(path, mode, sharing)? {
        return Ok(lock);
    }
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    let mut said = false;
    loop {
        let waited = start.elapsed();
        if waited >= patience.limit {
            return Err(Error::Busy {
                path: path.to_owned(),
                holder: holder(path),
            });
        }
        if !said && waited >= SILENT {
            said = true;
            let holder = holder(path);
            let holder = holder
                .as_ref()
                .map(|(pid, command)| (*pid, command.as_str()));
            observer.event(Event::Waiting { lock: path, holder });
        }
        std::thread::sleep(pause.min(patience.limit.saturating_sub(waited)));
        pause = (pause * 2).min(Duration::from_millis(50));
        if let Some(lock) = attempt(path, mode, sharing)? {
            return Ok(lock);
        }
    }
}

fn attempt(path: &Path, mode: u32, sharing: Sharing) -> Result<Option<LockFile>, Error> {
    let operation = match sharing {
        Sharing::Shared => FlockOperation::NonBlockingLockShared,
        Sharing::Exclusive => FlockOperation::NonBlockingLockExclusive,
    };
    loop {
        let fd = open(path, mode)?;
        match rustix::fs::flock(&fd, operation) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(Errno::INTR) => continue,
            Err(error) => return Err(Error::io("lock", path, error)),
        }
        let held = rustix::fs::fstat(&fd).doing("look at", path)?;
        match rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(named) if (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino) => {
                return Ok(Some(LockFile {
                    fd,
                    path: path.to_owned(),
                    touched: held.st_mtime,
                }));
            }
            // Unlinked, or unlinked and made anew, since we opened it: this lock guards nothing.
            Ok(_) | Err(Errno::NOENT) => {}
            Err(error) => return Err(Error::io("look at", path, error)),
        }
    }
}

/// Opens a lock file, made where it is missing; one that may not be written is locked as it is.
fn open(path: &Path, mode: u32) -> Result<OwnedFd, Error> {
    let flags = OFlags::CLOEXEC | OFlags::NOFOLLOW;
    // Others make and unlink the file between our calls: who does not find what was there a moment ago looks again.
    loop {
        match uninterrupted::open(path, flags | OFlags::RDWR, Mode::empty()) {
            Ok(fd) => return Ok(fd),
            Err(Errno::NOENT) => {}
            Err(Errno::ACCESS | Errno::ROFS | Errno::PERM) => {
                match uninterrupted::open(path, flags | OFlags::RDONLY, Mode::empty()) {
                    Ok(fd) => return Ok(fd),
                    Err(Errno::NOENT) => continue,
                    Err(error) => return Err(Error::io("open", path, error)),
                }
            }
            Err(error) => return Err(Error::io("open", path, error)),
        }
        if let Some(fd) = fresh::file(path, mode)? {
            return Ok(fd);
        }
    }
}

/// One who holds a lock on the file.
fn holder(path: &Path) -> Option<(u32, String)> {
    let first = Holders::read().of(path).into_iter().next();
    first.map(|holder| (holder.pid, holder.command))
}
