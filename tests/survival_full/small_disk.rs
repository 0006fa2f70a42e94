//! A small file system of its own, filled to the last byte and the last inode.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::{memory, needs};

/// A file system of the running kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    Tmpfs,
    Ext4,
}

/// What there is none of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    Bytes,
    Inodes,
    Both,
}

/// What a file takes at least.
const BLOCK: u64 = 4096;
/// Where the fillers stand.
const FILLERS: &str = "fillers";

/// The disk; unmounted when dropped.
pub struct SmallDisk {
    place: PathBuf,
    /// The image of an ext4.
    _image: Option<TempDir>,
}

impl SmallDisk {
    /// An empty one at `place`; `None` where this machine cannot, which is then said.
    pub fn mount(file_system: FileSystem, place: &Path) -> Option<Self> {
        if !needs::root("to mount a file system of its own") {
            return None;
        }
        let mut mount = Command::new("mount");
        let image = match file_system {
            FileSystem::Tmpfs => {
                mount.args([
                    "-t",
                    "tmpfs",
                    "-o",
                    "size=4m,nr_inodes=500,mode=755",
                    "small",
                ]);
                None
            }
            FileSystem::Ext4 => {
                if !needs::met(Path::new("/dev/loop-control").exists(), "loop devices")
                    || !needs::program("mkfs.ext4", "e2fsprogs")
                {
                    return None;
                }
                let folder = memory::folder();
                let image = folder.path().join("image");
                let file = fs_err::File::create(&image).unwrap();
                file.set_len(64 << 20).unwrap();
                let mut make = Command::new("mkfs.ext4");
                make.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
                // Nothing is kept back for root, so that the last byte is the same for everybody.
                make.args(["-q", "-m", "0", "-N", "512"]).arg(&image);
                succeeds(&mut make);
                mount.args(["-o", "loop"]).arg(&image);
                Some(folder)
            }
        };
        succeeds(mount.arg(place));
        // Made now, when there is still an inode for each.
        fs_err::create_dir(place.join(FILLERS)).unwrap();
        fs_err::write(place.join("filler"), "").unwrap();
        Some(Self {
            place: place.to_owned(),
            _image: image,
        })
    }

    /// Takes all that there is of it, but for so many blocks or inodes.
    pub fn fill(&self, lack: Lack, but: u64) {
        if lack != Lack::Bytes {
            self.take_inodes();
        }
        if lack != Lack::Inodes {
            self.take_bytes();
        }
        match lack {
            Lack::Bytes => self.give_blocks(but),
            Lack::Inodes => self.give_inodes(but),
            Lack::Both => {
                self.give_blocks(but);
                self.give_inodes(but);
            }
        }
    }

    fn empty(&self, number: u64) -> PathBuf {
        self.place.join(FILLERS).join(number.to_string())
    }

    fn empties(&self) -> u64 {
        let mut count = 0;
        while self.empty(count).exists() {
            count += 1;
        }
        count
    }

    fn take_inodes(&self) {
        let mut number = self.empties();
        while fs_err::File::create(self.empty(number)).is_ok() {
            number += 1;
        }
    }

    /// The kernel frees late and keeps some back for what it has not written yet: on, until there is no more.
    fn take_bytes(&self) {
        let filler = fs_err::OpenOptions::new()
            .append(true)
            .open(self.place.join("filler"));
        let mut filler = filler.unwrap();
        loop {
            let before = filler.metadata().unwrap().len();
            for size in [64 << 10, 4 << 10, 1] {
                let bytes = vec![1; size];
                while filler.write(&bytes).is_ok_and(|count| count > 0) {}
            }
            let _full = filler.sync_all();
            if filler.metadata().unwrap().len() == before {
                return;
            }
        }
    }

    fn give_blocks(&self, count: u64) {
        let filler = fs_err::OpenOptions::new()
            .write(true)
            .open(self.place.join("filler"));
        let filler = filler.unwrap();
        let length = filler.metadata().unwrap().len().next_multiple_of(BLOCK);
        if count > 0 {
            filler.set_len(length - count * BLOCK).unwrap();
        }
        filler.sync_all().unwrap();
    }

    fn give_inodes(&self, count: u64) {
        let there = self.empties();
        for number in there - count..there {
            fs_err::remove_file(self.empty(number)).unwrap();
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.place).status();
    }
}

fn succeeds(command: &mut Command) {
    let ended = command.output().unwrap();
    assert!(ended.status.success(), "{command:?}: {ended:?}");
}
