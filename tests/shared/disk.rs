//! File systems of one test's own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::accounts::not_run;

/// The kinds that stores stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Whatever temporary folders stand on.
    Here,
    Tmpfs,
    Ext4,
    Xfs,
    Btrfs,
}

pub const KINDS: [Kind; 5] = [Kind::Here, Kind::Tmpfs, Kind::Ext4, Kind::Xfs, Kind::Btrfs];

/// A mounted file system, gone when dropped.
pub struct Disk {
    mounted: Option<PathBuf>,
}

impl Disk {
    /// Mounts a new one on an empty folder; none, which is said, where something for it is missing.
    pub fn mount(kind: Kind, at: &Path, scratch: &Path) -> Option<Self> {
        let program = match kind {
            Kind::Here => return Some(Self { mounted: None }),
            Kind::Tmpfs => return mounted(&["-t", "tmpfs", "-o", "size=64m", "tmpfs"], at),
            Kind::Ext4 => "mkfs.ext4",
            Kind::Xfs => "mkfs.xfs",
            Kind::Btrfs => "mkfs.btrfs",
        };
        let image = scratch.join(format!("{kind:?}.img"));
        // XFS takes nothing smaller; the file is a hole.
        let file = fs_err::File::create(&image).unwrap();
        file.set_len(320 << 20).unwrap();
        let path = "/usr/sbin:/sbin:/usr/bin:/bin";
        let made = Command::new(program)
            .env("PATH", path)
            .arg("-q")
            .arg(&image)
            .output();
        if !made.is_ok_and(|made| made.status.success()) {
            not_run(program);
            return None;
        }
        mounted(&["-o", "loop", image.to_str().unwrap()], at)
    }
}

impl Disk {
    /// Mounts one of half a megabyte.
    pub fn small(at: &Path) -> Option<Self> {
        let words = ["-t", "tmpfs", "-o", "size=512k,nr_inodes=200", "tmpfs"];
        mounted(&words, at)
    }

    /// Takes every byte and every inode.
    pub fn fill(&self) {
        let at = self.mounted.as_ref().unwrap();
        let block = [1_u8; 4096];
        for n in 0.. {
            if fs_err::write(at.join(format!("filler-{n}")), block).is_err() {
                break;
            }
        }
        let first = at.join("filler-0");
        let mut first = fs_err::OpenOptions::new().append(true).open(first).unwrap();
        while std::io::Write::write_all(&mut first, &block).is_ok() {}
    }

    /// Makes a folder one that nobody may write in; none, which is said, where this may not be done.
    pub fn read_only(at: &Path) -> Option<Self> {
        let disk = mounted(&["--bind", at.to_str().unwrap()], at)?;
        let words = ["-o", "remount,bind,ro"];
        let done = Command::new("mount").args(words).arg(at).status();
        assert!(done.is_ok_and(|status| status.success()));
        Some(disk)
    }
}

fn mounted(words: &[&str], at: &Path) -> Option<Disk> {
    let ended = Command::new("mount").args(words).arg(at).output();
    if !ended.is_ok_and(|ended| ended.status.success()) {
        not_run("root, and a kernel that mounts such a file system from a loop device");
        return None;
    }
    let mounted = Some(at.to_owned());
    Some(Disk { mounted })
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(at) = &self.mounted {
            let done = Command::new("umount").arg("-l").arg(at).status();
            assert!(done.is_ok_and(|status| status.success()), "{at:?}");
        }
    }
}
