//! Removes a whole tree below a descriptor, sealed folders included, never through a link, and counts what that frees.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, RenameFlags, Stat};
use rustix::io::{Errno, Result};

use super::folders::open_folder;
use super::uninterrupted;

/// Deeper than this, folders are first moved up: a tree of a thousand levels needs few descriptors.
const DEEP: usize = 64;

/// The unit of `st_blocks`, whatever the file system's own.
const BLOCK: u64 = 512;

/// Removes `name` in `parent` and all below it; what is not there, or goes meanwhile, is no error.
///
/// Tells how many bytes of the disk that frees: a file counts with its last name, a hole does not.
pub(super) fn tree(parent: BorrowedFd<'_>, name: &[u8]) -> Result<u64> {
    match remove_one(parent, name) {
        Err(Errno::ISDIR) => {}
        other => return gone(other).map(Option::unwrap_or_default),
    }
    let Some((top, own)) = gone(open_for_removal(parent, name))? else {
        return Ok(0);
    };
    let mut moved = 0_usize;
    let freed = opened(parent, name, top.as_fd(), top.as_fd(), 0, &mut moved)?;
    Ok(freed + own)
}

/// Empties the open folder `name` of `parent` and removes it; tells what its content frees.
fn opened(
    parent: BorrowedFd<'_>,
    name: &[u8],
    folder: BorrowedFd<'_>,
    top: BorrowedFd<'_>,
    depth: usize,
    moved: &mut usize,
) -> Result<u64> {
    let mut freed = 0;
    loop {
        let (found, bytes) = empty(folder, top, depth, moved)?;
        freed += bytes;
        match remove_folder(parent, name) {
            // Removing while listing skips names on some file systems, and deep folders may have been moved up to here.
            Err(Errno::NOTEMPTY | Errno::EXIST) if found > 0 => {}
            other => return other.map(|()| freed),
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
    if !mode.contains(Mode::RWXU) {
        match uninterrupted::fchmod(&fd, Mode::RWXU) {
            Ok(()) | Err(Errno::PERM) => {}
            Err(error) => return Err(error),
        }
    }
    Ok((fd, bytes_of(&meta)))
}

/// Empties a folder as it is listed once; tells how many names there were and what that frees.
fn empty(
    folder: BorrowedFd<'_>,
    top: BorrowedFd<'_>,
    depth: usize,
    moved: &mut usize,
) -> Result<(usize, u64)> {
    let (mut found, mut freed) = (0, 0);
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        found += 1;
        match if entry.file_type() == FileType::Directory {
            Err(Errno::ISDIR)
        } else {
            remove_one(folder, name)
        } {
            Ok(bytes) => {
                freed += bytes;
                continue;
            }
            Err(Errno::NOENT) => continue,
            Err(Errno::ISDIR) => {}
            Err(error) => return Err(error),
        }
        let Some((child, own)) = gone(open_for_removal(folder, name))? else {
            continue;
        };
        if depth >= DEEP {
            gone(move_up(folder, name, top, moved))?;
        } else {
            freed += opened(folder, name, child.as_fd(), top, depth + 1, moved)? + own;
        }
    }
    Ok((found, freed))
}

/// Moves a deep folder directly below the top, under a name that is free there.
fn move_up(
    folder: BorrowedFd<'_>,
    name: &[u8],
    top: BorrowedFd<'_>,
    moved: &mut usize,
) -> Result<()> {
    loop {
        *moved += 1;
        match rustix::fs::renameat_with(
            folder,
            name,
            top,
            format!(".deep-{moved}"),
            RenameFlags::NOREPLACE,
        ) {
            Err(Errno::EXIST) => {}
            other => return other,
        }
    }
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
