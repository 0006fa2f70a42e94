//! Collecting where there is neither a free byte nor a free inode.

use std::path::{Path, PathBuf};
use std::process::Command;

use pyro::gc::{self, Limits, Reach};
use pyro::progress::Silent;
use pyro::store::{Patience, Store};

use super::profiles::{path, pyro_now};
use super::publish::build;
use crate::needs;

/// A small file system of its own, gone when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where this account may not mount, which is then said.
    fn mount(at: &Path) -> Option<Self> {
        if !needs::root("to mount a file system of its own") {
            return None;
        }
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=512k,nr_inodes=64", "small"]);
        let ended = mount.arg(at).output().unwrap();
        assert!(ended.status.success(), "{ended:?}");
        Some(Self(at.to_owned()))
    }

    /// Takes every inode and every byte.
    fn fill(&self) {
        let block = [1_u8; 4096];
        for n in 0.. {
            if fs_err::write(self.0.join(format!("filler-{n}")), block).is_err() {
                break;
            }
        }
        let last = fs_err::OpenOptions::new()
            .append(true)
            .open(self.0.join("filler-0"));
        let mut last = last.unwrap();
        while std::io::Write::write_all(&mut last, &block).is_ok() {}
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).output();
    }
}

#[test]
fn a_full_disk_is_collected() {
    let temp = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(temp.path()) else {
        return;
    };
    let store = Store::open(&temp.path().join("store"), Patience::default()).unwrap();
    let built = build(&store).path().to_owned();
    let all = store.layout().store();
    let trash = all.join(format!(".t-{}-0123456789abcdef", path(1).hash()));
    let dead = all.join(".s-0123456789abcdef");
    for folder in [&trash, &dead] {
        fs_err::create_dir(folder).unwrap();
        fs_err::write(folder.join("file"), [1; 4096]).unwrap();
    }
    disk.fill();
    assert!(fs_err::write(temp.path().join("more"), "").is_err());
    let limits = Limits::default();
    let collected = gc::collect(&store, &limits, Reach::All, pyro_now(), &Silent).unwrap();
    assert_eq!(collected.refused, []);
    let place = |gone: &[gc::Gone]| {
        gone.iter()
            .map(|gone| gone.path.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(place(&collected.staging), [dead]);
    assert_eq!(place(&collected.paths), [built]);
    assert_eq!(place(&collected.trash), [trash]);
    assert_eq!(fs_err::read_dir(all).unwrap().count(), 0);
}
