//! Which file system a store stands on, and how far its locks and renames are known to work.
//!
//! The promises rest on `flock` that excludes and on a rename that does not replace. Where the type alone says that
//! both work, nothing is tried: one `fstatfs` is all that opening such a store costs. Elsewhere they are tried, see
//! [`super::probe`], whenever a store is opened to be written.
//!
//! What makes a file system faster for a store, and nothing else, is asked for here too.

use std::fmt;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};

use super::error::{Doing, Error};

/// How far a file system's type can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Its locks and renames work.
    Known,
    /// They have to be tried.
    Unknown,
    /// Other machines, or other programs, may write to it unseen: what works here says little about them.
    Remote,
}

/// A file system's type.
///
/// It shows itself as `mount` calls it, or by its number where it is none of those that are known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSystem {
    number: u64,
    name: Option<&'static str>,
    trust: Trust,
}

impl fmt::Display for FileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => f.write_str(name),
            None => write!(f, "a file system of type {:#x}", self.number),
        }
    }
}

/// Of ext2, ext3 and ext4.
const EXT4: u64 = 0xEF53;

/// The numbers are those of `linux/magic.h`, and of file systems that keep their own.
const KINDS: &[(u64, &str, Trust)] = &[
    (EXT4, "ext4", Trust::Known),
    (0x5846_5342, "xfs", Trust::Known),
    (0x9123_683E, "btrfs", Trust::Known),
    (0x0102_1994, "tmpfs", Trust::Known),
    // Its upper layer does what it is asked; what a lower layer cannot has its own way in `repair`.
    (0x794C_7630, "overlay", Trust::Known),
    (0xF2F5_2010, "f2fs", Trust::Unknown),
    (0xCA45_1A4E, "bcachefs", Trust::Unknown),
    (0x2FC1_2FC1, "zfs", Trust::Unknown),
    (0x8584_58F6, "ramfs", Trust::Unknown),
    (0x5265_4973, "reiserfs", Trust::Unknown),
    (0x3153_464A, "jfs", Trust::Unknown),
    (0xF15F, "ecryptfs", Trust::Unknown),
    (0x4D44, "vfat", Trust::Unknown),
    (0x2011_BAB0, "exfat", Trust::Unknown),
    (0x7366_746E, "ntfs3", Trust::Unknown),
    (0x6969, "nfs", Trust::Remote),
    (0x517B, "smb", Trust::Remote),
    (0xFE53_4D42, "smb2", Trust::Remote),
    (0xFF53_4D42, "cifs", Trust::Remote),
    (0x0102_1997, "9p", Trust::Remote),
    (0x6573_5546, "fuse", Trust::Remote),
    (0x00C3_6400, "ceph", Trust::Remote),
    (0x5346_414F, "afs", Trust::Remote),
    (0x7375_7245, "coda", Trust::Remote),
    (0x0BD0_0BD0, "lustre", Trust::Remote),
    (0x0116_1970, "gfs2", Trust::Remote),
    (0x7461_636F, "ocfs2", Trust::Remote),
    (0x786F_4256, "vboxsf", Trust::Remote),
];

impl FileSystem {
    /// The one that an open file or folder stands on; `path` is for messages.
    pub(super) fn of(fd: impl AsFd, path: &Path) -> Result<Self, Error> {
        let found = rustix::fs::fstatfs(fd).doing("ask for the file system of", path)?;
        Ok(Self::of_number(number(found.f_type)))
    }

    /// The one that `path` stands on.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn at(path: &Path) -> Result<Self, Error> {
        let found = rustix::fs::statfs(path).doing("ask for the file system of", path)?;
        Ok(Self::of_number(number(found.f_type)))
    }

    fn of_number(number: u64) -> Self {
        let known = KINDS.iter().find(|(known, ..)| *known == number);
        Self {
            number,
            name: known.map(|(_, name, _)| *name),
            trust: known.map_or(Trust::Unknown, |(.., trust)| *trust),
        }
    }

    /// Lets each folder that is made in `folder` begin where the disk has few of them, as ext4 does where a folder has the
    /// attribute `T` (see `chattr(1)`). Else all of them begin side by side; and without a journal ext4 passes over each
    /// inode there that was freed within the last five minutes, anew for every file.
    ///
    /// Only speed hangs on it, so it may be refused, as to whom the folder does not belong.
    pub(super) fn spread(self, folder: impl AsFd) {
        if self.number != EXT4 {
            return;
        }
        if let Ok(flags) = ioctl_getflags(&folder)
            && !flags.contains(IFlags::TOPDIR)
        {
            let _only_a_hint = ioctl_setflags(&folder, flags | IFlags::TOPDIR);
        }
    }

    /// How far it can be relied on.
    #[must_use]
    pub fn trust(&self) -> Trust {
        self.trust
    }

    /// What has to be said of it, if anything.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        (self.trust == Trust::Remote).then(|| {
            format!(
                "the store is on {self}: its locks may not hold against other machines, nor its syncs against a loss of power"
            )
        })
    }
}

/// The kernel gives 32 bits, signed on some machines.
fn number(f_type: rustix::fs::FsWord) -> u64 {
    f_type.cast_unsigned() & 0xFFFF_FFFF
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::lock_file::Patience;

    #[test]
    fn each_number_stands_there_once() {
        let numbers: std::collections::BTreeSet<u64> = KINDS.iter().map(|kind| kind.0).collect();
        assert_eq!(numbers.len(), KINDS.len());
    }

    #[test]
    fn the_paths_of_a_store_are_spread_where_the_file_system_can() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("store");
        let folder = || fs_err::File::open(root.join("store")).unwrap();
        let is_spread =
            || ioctl_getflags(folder()).is_ok_and(|flags| flags.contains(IFlags::TOPDIR));
        let can = FileSystem::at(temp.path()).unwrap().number == EXT4;
        Store::open(&root, Patience::default()).unwrap();
        assert_eq!(is_spread(), can);
        if can {
            // As in a copy of a store, or one that was made by an older pyro.
            let flags = ioctl_getflags(folder()).unwrap();
            ioctl_setflags(folder(), flags - IFlags::TOPDIR).unwrap();
            assert!(!is_spread());
            Store::open(&root, Patience::default()).unwrap();
            assert!(is_spread());
        }
    }

    #[test]
    fn only_what_others_write_to_unseen_has_a_warning() {
        let warned = |number| FileSystem::of_number(number).warning().is_some();
        assert_eq!(
            (warned(0x6969), warned(0xEF53), warned(7)),
            (true, false, false)
        );
        assert_eq!(
            FileSystem::of_number(7).to_string(),
            "a file system of type 0x7"
        );
        assert_eq!(
            number(i64::from(0xFF53_4D42_u32.cast_signed())),
            0xFF53_4D42
        );
    }
}
