//! A model of what the disk keeps: what was made or written and not synced since.
//!
//! It knows what POSIX promises and no more: a sync of a file keeps its content, a sync of a folder the names in it, and
//! `syncfs` everything. So it finds a sync that is missing also where the file system at hand would forgive that.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, RenameFlags};

use crate::support::stepper::Call;

/// What is not sure to be on the disk.
#[derive(Debug, Clone, Default)]
pub struct Unsynced {
    /// Names that were made or replaced.
    names: BTreeSet<PathBuf>,
    /// Files whose content was changed.
    contents: BTreeSet<PathBuf>,
}

impl Unsynced {
    /// Takes one call into account.
    pub fn take(&mut self, call: &Call) {
        if call.result < 0 {
            return;
        }
        let path = PathBuf::from(&call.path);
        let creates = call.flags & u64::from(OFlags::CREATE.bits()) != 0;
        match call.name.as_str() {
            "open" | "openat" | "openat2" if !creates => {}
            "open" | "openat" | "openat2" | "creat" | "mkdir" | "mkdirat" | "symlink"
            | "symlinkat" | "mknod" | "mknodat" => _ = self.names.insert(path),
            "link" | "linkat" => _ = self.names.insert(PathBuf::from(&call.other)),
            "rename" | "renameat" | "renameat2" => {
                let exchanges = call.flags & u64::from(RenameFlags::EXCHANGE.bits()) != 0;
                self.rename(&path, Path::new(&call.other), exchanges);
            }
            "write" | "pwrite64" | "writev" | "pwritev" | "ftruncate" | "copy_file_range"
            | "ioctl" => _ = self.contents.insert(path),
            "fsync" | "fdatasync" => {
                self.contents.remove(&path);
                self.names.retain(|name| name.parent() != Some(&path));
            }
            "syncfs" | "sync" => *self = Self::default(),
            "unlink" | "unlinkat" | "rmdir" => {
                self.names.remove(&path);
                self.contents.remove(&path);
            }
            _ => {}
        }
    }

    fn rename(&mut self, from: &Path, to: &Path, exchanges: bool) {
        let moved = |path: &PathBuf| match (path.strip_prefix(from), path.strip_prefix(to)) {
            // By components: joining nothing would leave a slash at the end.
            (Ok(below), _) => to.join(below).components().collect(),
            (_, Ok(below)) if exchanges => from.join(below).components().collect(),
            _ => path.clone(),
        };
        // What was below the name that is replaced is gone.
        let stays = |path: &&PathBuf| exchanges || !path.starts_with(to);
        self.names = self.names.iter().filter(stays).map(moved).collect();
        self.contents = self.contents.iter().filter(stays).map(moved).collect();
        self.names.insert(to.to_owned());
        if exchanges {
            self.names.insert(from.to_owned());
        } else {
            self.names.remove(from);
        }
    }

    /// Everything unsynced that is one of `names` or below one of `trees`.
    pub fn of(&self, names: &[PathBuf], trees: &[PathBuf]) -> Vec<PathBuf> {
        let is_asked = |path: &&PathBuf| {
            names.contains(path) || trees.iter().any(|tree| path.starts_with(tree))
        };
        let all = self.names.iter().chain(&self.contents);
        all.filter(is_asked).cloned().collect()
    }
}
