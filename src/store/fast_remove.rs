//! Removes a whole tree below a descriptor, sealed folders included, never through a link, and counts what that frees.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Access, AtFlags, FileType, Mode, RawDir, RenameFlags, Stat};
use rustix::io::{Errno, Result};

use super::folders::open_folder;
use super::uninterrupted;

/// Deeper than this, folders are first moved up: a tree of a thousand levels needs few descriptors.
const DEEP: usize = 64;

/// The unit of `st_blocks`, whatever the file system's own.
const BLOCK: u64 = 512;

/// How many bytes of a folder are listed at a time.
const LISTED: usize = 32 << 10;

/// Removes `name` in `parent` and all below it; what is not there, or goes meanwhile, is no error.
///
/// Tells how many bytes of the disk that frees: a file counts with its last name, a hole does not.
pub(super) fn tree(parent: BorrowedFd<'_>, name: &[u8]) -> Result<u64> {
    let (top, own) = match open_for_removal(parent, name) {
        Ok(opened) => opened,
        // A link, or no folder.
        Err(Errno::LOOP | Errno::NOTDIR) => {
            let freed = remove_one(parent, name);
            return gone(freed).map(Option::unwrap_or_default);
        }
        Err(error) => return gone(Err(error)).map(Option::unwrap_or_default),
    };
    let mut removal = Removal {
        top: top.as_fd(),
        moved: 0,
        listed: Vec::with_capacity(LISTED),
    };
    let freed = removal.opened(parent, name, top.as_fd(), 0)?;
    Ok(freed + own)
}

/// The removal of one tree.
struct Removal<'t> {
    top: BorrowedFd<'t>,
    /// How many deep folders were moved up.
    moved: usize,
    listed: Vec<u8>,
}

impl Removal<'_> {
    /// Empties the open folder `name` of `parent` and removes it; tells what its content frees.
    fn opened(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &[u8],
        folder: BorrowedFd<'_>,
        depth: usize,
    ) -> Result<u64> {
        let (mut found, mut freed) = self.empty(folder, folder, depth)?;
        loop {
            match remove_folder(parent, name) {
                // Removing while listing skips names on some file systems, and deep folders may have been moved up to here.
                Err(Errno::NOTEMPTY | Errno::EXIST) if found > 0 => {}
                other => return other.map(|()| freed),
            }
            // Not every file system can list a descriptor from its beginning again.
            let Some(again) = gone(open_folder(folder, b"."))? else {
                return Ok(freed);
            };
            let (more, bytes) = self.empty(folder, again.as_fd(), depth)?;
            found = more;
            freed += bytes;
        }
    }

    /// Empties a folder as `listing`, a descriptor of it that was not read yet, lists it once; tells how many names there
    /// were and what that frees.
    fn empty(
        &mut self,
        folder: BorrowedFd<'_>,
        listing: BorrowedFd<'_>,
        depth: usize,
    ) -> Result<(usize, u64)> {
        let (mut found, mut freed) = (0, 0);
        let mut below: Vec<CString> = Vec::new();
        let mut entries = RawDir::new(listing, self.listed.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = match entry {
                // Another remover took the folder itself away.
                Err(Errno::NOENT) => break,
                other => other?,
            };
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            found += 1;
            if entry.file_type() == FileType::Directory {
                below.push(name.to_owned());
                continue;
            }
            match remove_one(folder, name.to_bytes()) {
                Ok(bytes) => freed += bytes,
                Err(Errno::NOENT) => {}
                Err(Errno::ISDIR) => below.push(name.to_owned()),
                Err(error) => return Err(error),
            }
        }
        for name in &below {
            let name = name.to_bytes();
            let Some((child, own)) = gone(open_for_removal(folder, name))? else {
                continue;
            };
            if depth >= DEEP {
                gone(self.move_up(folder, name))?;
            } else {
                freed += self.opened(folder, name, child.as_fd(), depth + 1)? + own;
            }
        }
        Ok((found, freed))
    }

    /// Moves a deep folder directly below the top, under a name that is free there.
    fn move_up(&mut self, folder: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
        loop {
            self.moved += 1;
            let to = format!(".deep-{}", self.moved);
            let flags = RenameFlags::NOREPLACE;
            match rustix::fs::renameat_with(folder, name, self.top, to, flags) {
                Err(Errno::EXIST) => {}
                other => return other,
            }
        }
    }
}

/// What another remover of the same tree took away is `None`.
fn gone<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(Errno::NOENT) => Ok(None),
        other => other.map(Some),
    }
}

fn remove_folder(parent: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
    gone(rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)).map(|_there| ())
}

/// Unlinks what is no folder, and tells what that frees; a folder answers `ISDIR`.
fn remove_one(parent: BorrowedFd<'_>, name: &[u8]) -> Result<u64> {
    let meta = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(meta.st_mode) == FileType::Directory {
        return Err(Errno::ISDIR);
    }
    rustix::fs::unlinkat(parent, name, AtFlags::empty())?;
    // A file that has another name keeps its blocks until that one goes too.
    Ok(if meta.st_nlink == 1 {
        bytes_of(&meta)
    } else {
        0
    })
}

/// What a file or folder takes on the disk.
fn bytes_of(meta: &Stat) -> u64 {
    u64::try_from(meta.st_blocks).unwrap_or_default() * BLOCK
}

/// Opens a folder and makes it writable: sealed folders are not; tells what the folder itself takes on the disk.
fn open_for_removal(parent: BorrowedFd<'_>, name: &[u8]) -> Result<(OwnedFd, u64)> {
    let fd = match open_folder(parent, name) {
        Err(Errno::ACCESS) => {
            rustix::fs::chmodat(parent, name, Mode::RWXU, AtFlags::empty())?;
            open_folder(parent, name)?
        }
        other => other?,
    };
    let meta = rustix::fs::fstat(&fd)?;
    let mode = Mode::from_raw_mode(meta.st_mode);
    // Whom modes do not stop needs none: to change one costs as much as to remove a file.
    let needed = Access::WRITE_OK | Access::EXEC_OK;
    let may = |fd: &OwnedFd| rustix::fs::accessat(fd, c".", needed, AtFlags::EACCESS).is_ok();
    if !mode.contains(Mode::RWXU) && !may(&fd) {
        match uninterrupted::fchmod(&fd, Mode::RWXU) {
            Ok(()) | Err(Errno::PERM) => {}
            Err(error) => return Err(error),
        }
    }
    Ok((fd, bytes_of(&meta)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_removers_of_one_tree_do_not_disturb_each_other() {
        let temp = tempfile::tempdir().unwrap();
        let parent = rustix::fs::open(
            temp.path(),
            rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY,
            Mode::empty(),
        )
        .unwrap();
        for _ in 0..20 {
            for folder in 0..20 {
                let folder = temp.path().join(format!("tree/{folder}/below"));
                fs_err::create_dir_all(&folder).unwrap();
                fs_err::write(folder.join("file"), "").unwrap();
            }
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| tree(parent.as_fd(), b"tree").unwrap());
                }
            });
            assert!(!temp.path().join("tree").exists());
        }
    }
}
