//! Run folders: where an engine has its sockets, for as long as its machine runs.
//!
//! ```text
//! $XDG_RUNTIME_DIR/pyro/  or  $TMPDIR/pyro-<uid>/     this account's own, mode 0700
//! └── run-<16 hex digits>/                            locked (flock on the folder itself) while the machine runs
//! ```
//!
//! Who makes one locks it and then looks whether its name still shows it, since a sweep may have come between. A folder
//! whose lock nobody holds was left by a pyro that was killed; only who got its lock removes it. Nothing in there is
//! worth keeping. Of the homes the first that can be used is taken, and all of them are swept.
//!
//! A path of a socket has no more than 107 bytes, so this side names them by the folder's descriptor, and the engine
//! from inside the folder.

use std::fmt::Write as _;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, fstat, statat};
use rustix::io::Errno;

use super::error::Error;

/// How the names of run folders begin.
const PREFIX: &str = "run-";

/// How often another name is tried where a sweep was faster.
const TRIES: u32 = 16;

/// A folder that is locked; dropping it removes it.
#[derive(Debug)]
#[must_use = "it is removed when this is dropped"]
pub(super) struct RunFolder {
    path: PathBuf,
    /// Holds the lock.
    folder: OwnedFd,
}

impl RunFolder {
    /// Makes one in the first of `homes` that can be used, after a sweep of all.
    pub(super) fn make(homes: &[PathBuf]) -> Result<Self, Error> {
        let _removed = sweep(homes);
        let mut refused = None;
        for home in homes {
            match make_home(home).and_then(|opened| Self::make_in(home, opened.as_fd())) {
                Ok(folder) => return Ok(folder),
                Err(error) => refused = Some(error),
            }
        }
        let nowhere = || Error::system("make a run folder", io::ErrorKind::NotFound);
        Err(refused.unwrap_or_else(nowhere))
    }

    fn make_in(home: &Path, opened: BorrowedFd<'_>) -> Result<Self, Error> {
        for _ in 0..TRIES {
            let name = random_name()?;
            let path = home.join(&name);
            let failed = |doing, error: Errno| Error::io(doing, &path, error);
            match rustix::fs::mkdirat(opened, &name, Mode::RWXU) {
                Ok(()) => {}
                Err(Errno::EXIST) => continue,
                Err(error) => return Err(failed("make", error)),
            }
            let folder = match open_folder(opened, Path::new(&name)) {
                Ok(folder) => folder,
                // Swept away.
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(failed("open", error)),
            };
            if is_locked_by_us(opened, &name, folder.as_fd()).map_err(|e| failed("lock", e))? {
                return Ok(Self { path, folder });
            }
        }
        Err(Error::io(
            "keep a folder in",
            home,
            io::ErrorKind::AlreadyExists,
        ))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A path of a socket in it that is short enough, for this process.
    pub(super) fn socket(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.folder.as_raw_fd()))
    }

    /// Listens on a socket in it.
    pub(super) fn listen(&self, name: &str) -> Result<UnixListener, Error> {
        UnixListener::bind(self.socket(name))
            .map_err(|error| Error::io("listen on", self.path.join(name), error))
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // The lock is let go behind this; what cannot be removed is left for the next sweep.
        let _removed = fs_err::remove_dir_all(&self.path);
    }
}

/// Removes the run folders that a killed pyro left, and says how many.
#[must_use]
pub fn sweep(homes: &[PathBuf]) -> usize {
    homes.iter().map(|home| sweep_one(home)).sum()
}

fn sweep_one(home: &Path) -> usize {
    // What is not there, or another account's, has nothing of ours.
    let Ok(opened) = open_home(home) else {
        return 0;
    };
    let Ok(entries) = fs_err::read_dir(home) else {
        return 0;
    };
    let mut removed = 0;
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        let Ok(folder) = open_folder(opened.as_fd(), Path::new(&name)) else {
            continue;
        };
        if is_locked_by_us(opened.as_fd(), &name, folder.as_fd()) == Ok(true)
            && fs_err::remove_dir_all(entry.path()).is_ok()
        {
            removed += 1;
        }
    }
    removed
}

/// Locks it if nobody has; then it must still be what its name shows.
fn is_locked_by_us(
    home: BorrowedFd<'_>,
    name: impl rustix::path::Arg,
    folder: BorrowedFd<'_>,
) -> Result<bool, Errno> {
    match rustix::fs::flock(folder, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Ok(false),
        Err(error) => return Err(error),
    }
    let own = fstat(folder)?;
    match statat(home, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(shown) => Ok((shown.st_dev, shown.st_ino) == (own.st_dev, own.st_ino)),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

fn make_home(home: &Path) -> Result<OwnedFd, Error> {
    match rustix::fs::mkdir(home, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => open_home(home),
        Err(error) => Err(Error::io("make", home, error)),
    }
}

/// Opens a home that is this account's alone.
fn open_home(home: &Path) -> Result<OwnedFd, Error> {
    let opened = open_folder(rustix::fs::CWD, home);
    let opened = opened.map_err(|error| Error::io("open", home, error))?;
    let stat = fstat(&opened).map_err(|error| Error::io("look at", home, error))?;
    let is_ours = stat.st_uid == rustix::process::geteuid().as_raw();
    if !is_ours || Mode::from_raw_mode(stat.st_mode).intersects(Mode::RWXG | Mode::RWXO) {
        let why = "it is not of this account alone (owner, and mode 0700)";
        let error = io::Error::new(io::ErrorKind::PermissionDenied, why);
        return Err(Error::io("use", home, error));
    }
    Ok(opened)
}

fn open_folder(at: impl AsFd, path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, path, flags, Mode::empty())
}

fn random_name() -> Result<String, Error> {
    let mut bytes = [0; 8];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    filled.map_err(|error| Error::system("get random bytes", error))?;
    let mut name = PREFIX.to_owned();
    for byte in bytes {
        let _infallible = write!(name, "{byte:02x}");
    }
    Ok(name)
}

#[cfg(test)]
mod tests;
