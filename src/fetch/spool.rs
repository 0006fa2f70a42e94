//! The spool: `downloads/<uid>/<algorithm>-<hex>`, one file for each download, which is its own lock.
//!
//! A [`Spool`] is the file, open and locked exclusively; it is held only while bytes move (and while a finished
//! one is hashed). Who gets the lock compares what it has open with what the name shows now and starts again if
//! they differ, since the last holder may have removed or renamed the file. A file is removed or renamed only
//! under its lock. A download whose digest is not known yet is called `url-<BLAKE3 of the URL>`, begun anew each
//! time and renamed when it is complete.

use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fs_err::File;
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags};

use crate::model::digest::OciDigest;
use crate::progress::{Event, Observer};

use super::error::Error;
use super::verify::{Expected, Seen, Verifier};

/// How often a lock that is taken is tried again.
const POLL: Duration = Duration::from_millis(50);
/// After this long a wait is said aloud.
const SAY: Duration = Duration::from_secs(1);
/// How much is read at once.
pub(super) const BLOCK: usize = 256 << 10;

/// The name of a spool file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SpoolName(String);

impl SpoolName {
    /// Of bytes with this digest.
    pub(super) fn of(digest: &OciDigest) -> Self {
        Self(format!("{}-{}", digest.algorithm(), digest.hex()))
    }

    /// How many bytes of it are there; none where nobody can tell.
    pub(super) fn length(&self, folder: &Path) -> u64 {
        let stat = fs::lstat(folder.join(&self.0));
        stat.map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or(0))
    }

    /// Of whatever a URL serves.
    pub(super) fn of_url(url: &str) -> Self {
        Self(format!("url-{}", blake3::hash(url.as_bytes()).to_hex()))
    }
}

/// How long to wait for somebody else, and who is told.
#[derive(Clone, Copy)]
pub(super) struct Patience<'a> {
    pub(super) limit: Duration,
    pub(super) observer: &'a dyn Observer,
}

/// One account's folder of downloads: its own, mode 0700.
#[derive(Debug)]
struct Folder {
    descriptor: OwnedFd,
    path: PathBuf,
}

impl Folder {
    fn open(path: &Path) -> Result<Self, Error> {
        match fs::mkdir(path, Mode::RWXU) {
            // The mode once more: the umask took its part of the first.
            Ok(()) => fs::chmod(path, Mode::RWXU).map_err(|e| Error::io("set mode of", path, e))?,
            Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(Error::io("make folder", path, error)),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let descriptor = fs::open(path, flags, Mode::empty())
            .map_err(|error| Error::io("open folder", path, error))?;
        let stat = fs::fstat(&descriptor).map_err(|error| Error::io("stat", path, error))?;
        if stat.st_uid != rustix::process::geteuid().as_raw() {
            return Err(foreign(path));
        }
        Ok(Self {
            descriptor,
            path: path.to_owned(),
        })
    }
}

fn foreign(path: &Path) -> Error {
    let why = io::Error::new(
        io::ErrorKind::PermissionDenied,
        "it is not an ordinary file or folder of this account",
    );
    Error::io("use", path, why)
}

/// What a spool file had when it was opened.
pub(super) enum Kept {
    /// Exactly what is expected.
    All(Seen),
    /// The beginning of it, as far as it was hashed; often nothing.
    Part(Box<Verifier>),
}

/// A spool file, open and locked.
#[derive(Debug)]
pub(super) struct Spool {
    folder: Arc<Folder>,
    name: SpoolName,
    file: File,
}

impl Spool {
    /// Whether there is such a file; makes nothing.
    pub(super) fn exists(folder: &Path, name: &SpoolName) -> Result<bool, Error> {
        let path = folder.join(&name.0);
        match fs::lstat(&path) {
            Ok(_) => Ok(true),
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(error) => Err(Error::io("stat", &path, error)),
        }
    }

    /// Makes the file, or opens an empty one, if nobody else has its lock.
    pub(super) fn try_make(folder: &Path, name: &SpoolName) -> Result<Option<Self>, Error> {
        let spool = Self::open(Arc::new(Folder::open(folder)?), name)?;
        match spool.try_lock() {
            Ok(true) if spool.is_current()? && spool.length()? == 0 => Ok(Some(spool)),
            Ok(_) => Ok(None),
            Err(error) => Err(Error::io("lock", spool.path(), error)),
        }
    }

    /// Opens or makes the file and waits for its lock.
    pub(super) fn lock(
        folder: &Path,
        name: &SpoolName,
        patience: Patience<'_>,
    ) -> Result<Self, Error> {
        let folder = Arc::new(Folder::open(folder)?);
        let mut begun = Instant::now();
        let mut said = false;
        let mut length = 0;
        loop {
            let spool = Self::open(Arc::clone(&folder), name)?;
            // Whoever has it gets on with it: that may take as long as it takes.
            let now = spool.length()?;
            if now != length && said {
                begun = Instant::now();
            }
            length = now;
            match spool.try_lock() {
                Ok(true) if spool.is_current()? => return Ok(spool),
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => return Err(Error::io("lock", spool.path(), error)),
            }
            if begun.elapsed() >= patience.limit {
                return Err(Error::Busy {
                    path: spool.path(),
                    seconds: patience.limit.as_secs(),
                });
            }
            if !said && begun.elapsed() >= SAY {
                said = true;
                patience.observer.event(Event::Waiting {
                    lock: &spool.path(),
                    holder: None,
                });
            }
            std::thread::sleep(POLL);
        }
    }

    fn open(folder: Arc<Folder>, name: &SpoolName) -> Result<Self, Error> {
        let path = folder.path.join(&name.0);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let descriptor = fs::openat(&folder.descriptor, &name.0, flags, mode)
            .map_err(|error| Error::io("open", &path, error))?;
        let stat = fs::fstat(&descriptor).map_err(|error| Error::io("stat", &path, error))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile
            || stat.st_uid != rustix::process::geteuid().as_raw()
        {
            return Err(foreign(&path));
        }
        if Mode::from_raw_mode(stat.st_mode) != mode {
            fs::fchmod(&descriptor, mode).map_err(|e| Error::io("set mode of", &path, e))?;
        }
        Ok(Self {
            folder,
            name: name.clone(),
            file: File::from_parts(descriptor.into(), path),
        })
    }

    fn path(&self) -> PathBuf {
        self.folder.path.join(&self.name.0)
    }

    fn try_lock(&self) -> io::Result<bool> {
        match self.file.file().try_lock() {
            Ok(()) => Ok(true),
            Err(std::fs::TryLockError::WouldBlock) => Ok(false),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether the name still shows the file that is open here.
    fn is_current(&self) -> Result<bool, Error> {
        let open = fs::fstat(self.file.file()).map_err(|e| Error::io("stat", self.path(), e))?;
        match fs::statat(
            &self.folder.descriptor,
            &self.name.0,
            AtFlags::SYMLINK_NOFOLLOW,
        ) {
            Ok(shown) => Ok((open.st_dev, open.st_ino) == (shown.st_dev, shown.st_ino)),
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(error) => Err(Error::io("stat", self.path(), error)),
        }
    }

    /// Hashes what an earlier transfer left. What cannot be the beginning of what is expected is forgotten; where more
    /// shall come, the file is left at its end.
    pub(super) fn kept(&mut self, what: &str, expected: Expected) -> Result<Kept, Error> {
        let length = self.length()?;
        let mut verifier = Verifier::new(what, expected);
        // Without a digest nothing tells whether old bytes are still what the URL serves.
        if length == 0
            || expected.digest.is_none()
            || expected.size.is_some_and(|size| length > size)
        {
            self.begin_anew()?;
            return Ok(Kept::Part(Box::new(verifier)));
        }
        let mut block = vec![0; BLOCK];
        self.rewind()?;
        loop {
            match self.file.file().read(&mut block) {
                Ok(0) => break,
                Ok(count) => verifier.update(&block[..count])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("read", self.path(), error)),
            }
        }
        if let Ok(seen) = verifier.clone().finish() {
            return Ok(Kept::All(seen));
        }
        if expected.size.is_none_or(|size| length < size) {
            return Ok(Kept::Part(Box::new(verifier)));
        }
        self.begin_anew()?;
        Ok(Kept::Part(Box::new(Verifier::new(what, expected))))
    }

    /// Opens the file a second time, for reading, without the lock.
    pub(super) fn reader(&self) -> Result<File, Error> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let io = |doing, error| Error::io(doing, self.path(), error);
        let descriptor = fs::openat(&self.folder.descriptor, &self.name.0, flags, Mode::empty())
            .map_err(|error| io("open", error))?;
        let [mine, again] = [self.file.file().as_fd(), descriptor.as_fd()]
            .map(|open| fs::fstat(open).map_err(|error| io("stat", error)));
        let (mine, again) = (mine?, again?);
        if (mine.st_dev, mine.st_ino) != (again.st_dev, again.st_ino) {
            // Only somebody who does not care for the lock can have done that.
            return Err(foreign(&self.path()));
        }
        Ok(File::from_parts(descriptor.into(), self.path()))
    }

    /// Whether the file has just these bytes at an offset.
    pub(super) fn has(&self, bytes: &[u8], offset: u64) -> Result<bool, Error> {
        let mut there = vec![0; bytes.len()];
        match self.file.file().read_exact_at(&mut there, offset) {
            Ok(()) => Ok(there == bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(Error::io("read", self.path(), error)),
        }
    }

    fn length(&self) -> Result<u64, Error> {
        let metadata = self.file.file().metadata();
        Ok(metadata
            .map_err(|error| Error::io("stat", self.path(), error))?
            .len())
    }

    fn rewind(&mut self) -> Result<(), Error> {
        let rewound = self.file.file().rewind();
        rewound.map_err(|error| Error::io("seek in", self.path(), error))
    }

    /// Forgets what an earlier transfer left: another file takes its name and its lock, since somebody may still be
    /// reading this one, whose bytes were right.
    pub(super) fn begin_anew(&mut self) -> Result<(), Error> {
        if self.length()? == 0 {
            return self.rewind();
        }
        // Only who has the lock of the name makes this one; a killed one may have left it.
        let beside = SpoolName(format!("{}.anew", self.name.0));
        let mut fresh = loop {
            let fresh = Self::open(Arc::clone(&self.folder), &beside)?;
            let locked = fresh.try_lock();
            if locked.map_err(|error| Error::io("lock", fresh.path(), error))?
                && fresh.is_current()?
            {
                break fresh;
            }
            // A collection is removing it.
            std::thread::yield_now();
        };
        let emptied = fresh.file.file().set_len(0);
        emptied.map_err(|error| Error::io("truncate", fresh.path(), error))?;
        let at = &self.folder.descriptor;
        fs::renameat(at, &beside.0, at, &self.name.0)
            .map_err(|error| Error::io("rename", fresh.path(), error))?;
        fresh.name = self.name.clone();
        *self = fresh;
        self.rewind()
    }

    /// Appends the next bytes of the transfer.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self.file.file().write_all(bytes);
        written.map_err(|error| Error::io("write", self.path(), error))
    }

    /// Gives a complete download the name of its digest, replacing what an earlier run left there.
    pub(super) fn rename(&mut self, digest: &OciDigest) -> Result<(), Error> {
        let name = SpoolName::of(digest);
        if name != self.name {
            let at = &self.folder.descriptor;
            fs::renameat(at, &self.name.0, at, &name.0)
                .map_err(|error| Error::io("rename", self.path(), error))?;
            self.name = name;
        }
        Ok(())
    }

    /// Lets the lock go: no more bytes move. The file stays open for reading, from its start, and for [`Used::remove`].
    pub(super) fn release(mut self) -> Result<Used, Error> {
        self.rewind()?;
        let unlocked = self.file.file().unlock();
        unlocked.map_err(|error| Error::io("unlock", self.path(), error))?;
        Ok(Used(self))
    }

    /// Removes the file, unless a complete one took its name meanwhile.
    pub(super) fn remove(self) -> Result<(), Error> {
        if !self.is_current()? {
            return Ok(());
        }
        let removed = fs::unlinkat(&self.folder.descriptor, &self.name.0, AtFlags::empty());
        match removed {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(Error::io("remove", self.path(), error)),
        }
    }

    /// Removes the file if no byte ever came; what an earlier run got stays.
    pub(super) fn discard_if_empty(self) -> Result<(), Error> {
        if self.length()? == 0 {
            self.remove()?;
        }
        Ok(())
    }
}

/// A complete spool file that is no longer locked.
#[derive(Debug)]
pub(super) struct Used(Spool);

impl Used {
    /// The file, to read from.
    pub(super) fn file(&self) -> &File {
        &self.0.file
    }

    /// Removes the file, unless somebody else is at it or it is no longer the one that the name shows.
    pub(super) fn remove(self) -> Result<(), Error> {
        match self.0.try_lock() {
            Ok(true) => self.0.remove(),
            Ok(false) => Ok(()),
            Err(error) => Err(Error::io("lock", self.0.path(), error)),
        }
    }
}

#[cfg(test)]
mod tests;
