//! Who holds a lock file, by the kernel's own list.

use std::collections::BTreeMap;
use std::path::Path;

use rustix::fs::{AtFlags, CWD};

/// A process that holds a lock file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// Its id; of a lock that was inherited, the id of the process that took it.
    pub pid: u32,
    /// Its command line; empty when it is gone, or hidden from this account.
    pub command: String,
}

/// The kernel's list of file locks, as it was when it was read.
#[derive(Debug, Default)]
pub struct Holders {
    /// Inode of a locked file, and the processes that hold it.
    by_inode: BTreeMap<u64, Vec<u32>>,
}

impl Holders {
    /// Reads the list; where there is none nobody is known.
    #[must_use]
    pub fn read() -> Self {
        let mut by_inode: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        let text = fs_err::read_to_string("/proc/locks").unwrap_or_default();
        // `1: FLOCK ADVISORY WRITE 4242 fe:00:131 0 EOF`; one that waits has an arrow.
        for line in text.lines().filter(|line| !line.contains("->")) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let inode = fields.get(5).and_then(|file| file.rsplit(':').next());
            if let (Some(&"FLOCK"), Some(Ok(pid)), Some(Ok(inode))) = (
                fields.get(1),
                fields.get(4).map(|pid| pid.parse()),
                inode.map(str::parse),
            ) {
                by_inode.entry(inode).or_default().push(pid);
            }
        }
        Self { by_inode }
    }

    /// Who holds the lock file at `path`.
    #[must_use]
    pub fn of(&self, path: &Path) -> Vec<Holder> {
        let meta = rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW);
        let pids = meta.ok().and_then(|meta| self.by_inode.get(&meta.st_ino));
        let mut holders: Vec<Holder> = pids
            .into_iter()
            .flatten()
            .map(|&pid| Holder {
                pid,
                command: command(pid),
            })
            .collect();
        holders.sort();
        holders.dedup();
        holders
    }
}

/// The command line of a process.
fn command(pid: u32) -> String {
    let words = fs_err::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = words
        .split(|&b| b == 0)
        .filter(|word| !word.is_empty())
        .map(String::from_utf8_lossy);
    words.collect::<Vec<_>>().join(" ")
}
