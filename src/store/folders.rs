//! Folders below a top descriptor, opened one component at a time and never through a link.
//!
//! The last path's folders stay open, so that a sorted or archive-ordered walk opens each folder about once. At
//! most [`CACHED`] levels are kept: a tree of a thousand levels must not need a thousand descriptors.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};

use super::uninterrupted;
use crate::model::path::EntryPath;

/// How many levels of folders are kept open.
const CACHED: usize = 64;

/// An open tree.
#[derive(Debug)]
pub(super) struct Folders<T = OwnedFd> {
    top: T,
    open: Vec<(Box<[u8]>, OwnedFd)>,
}

/// A folder's descriptor, kept open by the cache or by the holder of this value.
pub(super) enum Folder<'a> {
    Cached(BorrowedFd<'a>),
    Deep(OwnedFd),
}

impl AsFd for Folder<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Cached(fd) => fd.as_fd(),
            Self::Deep(fd) => fd.as_fd(),
        }
    }
}

impl<T: AsFd> Folders<T> {
    /// A tree whose top is already open.
    pub(super) fn new(top: T) -> Self {
        Self {
            top,
            open: Vec::new(),
        }
    }

    /// The folder that holds `path`.
    pub(super) fn parent_of(&mut self, path: &EntryPath) -> rustix::io::Result<Folder<'_>> {
        let bytes = path.as_bytes();
        let end = bytes.len() - path.name().len();
        self.folder(&bytes[..end.saturating_sub(1)])
    }

    /// The folder at `path`, relative to the top; the top itself for no bytes.
    pub(super) fn folder(&mut self, path: &[u8]) -> rustix::io::Result<Folder<'_>> {
        let mut rest = path
            .split(|&b| b == b'/')
            .filter(|component| !component.is_empty())
            .peekable();
        let mut kept = 0;
        while let (Some(component), Some((name, _))) = (rest.peek(), self.open.get(kept)) {
            if **name != **component {
                break;
            }
            kept += 1;
            rest.next();
        }
        self.open.truncate(kept);
        let mut deep: Option<OwnedFd> = None;
        for component in rest {
            let above = match (&deep, self.open.last()) {
                (Some(fd), _) | (None, Some((_, fd))) => fd.as_fd(),
                (None, None) => self.top.as_fd(),
            };
            let fd = open_folder(above, component)?;
            if deep.is_none() && self.open.len() < CACHED {
                self.open.push((component.into(), fd));
            } else {
                deep = Some(fd);
            }
        }
        Ok(match (deep, self.open.last()) {
            (Some(fd), _) => Folder::Deep(fd),
            (None, Some((_, fd))) => Folder::Cached(fd.as_fd()),
            (None, None) => Folder::Cached(self.top.as_fd()),
        })
    }

    /// Forgets all open folders: one of them was removed or replaced.
    pub(super) fn forget(&mut self) {
        self.open.clear();
    }
}

/// Opens the folder `name` in `above`, never through a link.
pub(super) fn open_folder(above: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    uninterrupted::openat(above, name, flags, Mode::empty())
}
