//! Opening a path and reading its manifest.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::{Damage, MANIFEST_MAX, is_damage, is_shortage};
use crate::model::digest::StoreHash;
use crate::model::manifest::{MANIFEST_NAME, Manifest};
use crate::model::store_path::StorePathName;
use crate::store::Store;
use crate::store::buffer::Buffer;
use crate::store::error::{Doing, Error};
use crate::store::folders::open_folder;
use crate::store::uninterrupted;

/// What reading a path's manifest gave.
pub(super) enum Opened {
    Manifest(OwnedFd, Manifest),
    Missing,
    Damaged(Damage),
}

impl Store {
    /// Opens a path and reads its manifest.
    pub(super) fn read_manifest(&self, name: &StorePathName) -> Result<Opened, Error> {
        let path = self.layout().path(name);
        let top = match open_folder(self.folder().as_fd(), name.as_str().as_bytes()) {
            Ok(top) => top,
            Err(Errno::NOENT) => return Ok(Opened::Missing),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                return Ok(Opened::Damaged(Damage::one("", "is not a folder")));
            }
            // Another account's path that we may not read says nothing about itself.
            Err(error) if is_shortage(error) || (error == Errno::ACCESS && !self.owns(name)) => {
                return Err(Error::io("open", &path, error));
            }
            Err(_unreadable) => return Ok(Opened::Damaged(Damage::one("", "cannot be opened"))),
        };
        let broken = |what| Ok(Opened::Damaged(Damage::one(MANIFEST_NAME, what)));
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match uninterrupted::openat(&top, MANIFEST_NAME, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return broken("is missing"),
            Err(Errno::LOOP) => return broken("is a link"),
            Err(error) if is_shortage(error) || (error == Errno::ACCESS && !self.owns(name)) => {
                return Err(Error::io("open", path.join(MANIFEST_NAME), error));
            }
            Err(_unreadable) => return broken("cannot be opened"),
        };
        let meta = match rustix::fs::fstat(&file) {
            Ok(meta) => meta,
            Err(_unreadable) => return broken("cannot be opened"),
        };
        if FileType::from_raw_mode(meta.st_mode) != FileType::RegularFile {
            return broken("is no ordinary file");
        }
        let size = u64::try_from(meta.st_size).unwrap_or(u64::MAX);
        if size > MANIFEST_MAX {
            return broken("is too large");
        }
        // Just its size: whether these are all of its bytes, the hash tells.
        let mut bytes = Buffer::new(usize::try_from(size).unwrap_or_default());
        let mut file = fs_err::File::from_parts(file.into(), path.join(MANIFEST_NAME));
        match file
            .read_exact(&mut bytes)
            .doing("read", path.join(MANIFEST_NAME))
        {
            Err(error) if !is_damage(&error) => return Err(error),
            Err(_unreadable) => return broken("cannot be read"),
            Ok(()) => {}
        }
        let hash = StoreHash::of(&bytes);
        if hash != name.hash() {
            return broken("does not hash to the name of the path");
        }
        match Manifest::parse_any_form(&bytes) {
            Ok(manifest)
                if StorePathName::new(hash, manifest.name(), manifest.version()) == *name =>
            {
                Ok(Opened::Manifest(top, manifest))
            }
            Ok(_) => broken("has another name or version than the path"),
            Err(_unreadable) => broken("cannot be read"),
        }
    }

    /// Whether this account owns the folder of `name`: what it may not open there, somebody has damaged.
    fn owns(&self, name: &StorePathName) -> bool {
        rustix::fs::statat(self.folder(), name.as_str(), AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|meta| meta.st_uid == self.uid())
    }
}
