//! The bytes that a dry run promises are those that the file system has afterwards.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shelf::Shelf;
use crate::support::needs;

/// A small ext4 of its own, gone when dropped.
struct Disk(PathBuf);

impl Disk {
    /// `None` where this account may not mount, which is then said.
    fn mount(at: &Path, image: &Path) -> Option<Self> {
        if !needs::root("to mount a file system of its own")
            || !needs::met(Path::new("/dev/loop-control").exists(), "loop devices")
        {
            return None;
        }
        fs_err::create_dir_all(at).unwrap();
        let file = fs_err::File::create(image).unwrap();
        file.set_len(64 << 20).unwrap();
        let path = format!("{}:/sbin:/usr/sbin", std::env::var("PATH").unwrap());
        let run = |program: &str, words: &[&Path]| {
            let mut command = Command::new(program);
            command.env("PATH", &path).args(words).output()
        };
        let made = run(
            "mke2fs",
            &["-q".as_ref(), "-t".as_ref(), "ext4".as_ref(), image],
        );
        assert!(made.unwrap().status.success());
        let mounted = run("mount", &["-o".as_ref(), "loop".as_ref(), image, at]);
        assert!(mounted.unwrap().status.success());
        Some(Self(at.to_owned()))
    }

    fn free(&self) -> u64 {
        let fs = rustix::fs::statvfs(&self.0).unwrap();
        fs.f_bfree * fs.f_frsize
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn a_dry_run_knows_the_bytes_to_the_last_block() {
    let shelf = Shelf::new();
    let (store, image) = (shelf.scene.store(), shelf.scene.path("disk.img"));
    let Some(disk) = Disk::mount(store, &image) else {
        return;
    };
    // A hole, two names of one file, a long link, empty files and folders, a file that somebody links elsewhere.
    let folder = shelf.scene.project().join("a");
    fs_err::create_dir_all(folder.join("deep/er/still")).unwrap();
    let sparse = fs_err::File::create(folder.join("sparse")).unwrap();
    sparse.set_len(32 << 20).unwrap();
    sparse.file().write_all_at(&[7; 10_000], 5 << 20).unwrap();
    fs_err::write(folder.join("one"), vec![1; 300_000]).unwrap();
    fs_err::hard_link(folder.join("one"), folder.join("two")).unwrap();
    fs_err::write(folder.join("deep/er/shared"), vec![2; 70_000]).unwrap();
    fs_err::os::unix::fs::symlink("x".repeat(1000), folder.join("deep/long")).unwrap();
    for n in 0..300 {
        fs_err::write(
            folder.join(format!("deep/er/still/{n}-with-a-longer-name")),
            "",
        )
        .unwrap();
    }
    shelf.realize_loose("ab");
    let kept = store.join("elsewhere");
    fs_err::hard_link(shelf.path("a").join("deep/er/shared"), &kept).unwrap();
    let trash = format!("store/.t-{}-0123456789abcdef", "ab".repeat(32));
    fs_err::create_dir(store.join(&trash)).unwrap();
    fs_err::write(store.join(trash).join("file"), vec![3; 20_000]).unwrap();

    let would = shelf.gc(&["--dry-run"]);
    let before = disk.free();
    let done = shelf.gc(&[]);
    let freed = disk.free() - before;
    assert_eq!(would["bytes"], freed, "{would:#}");
    assert_eq!(done["bytes"], freed, "{done:#}");
    assert_eq!(would["paths"], done["paths"]);
    assert_eq!(shelf.there(), "");
    // More than the content of two, and much less than the sparse file's size.
    assert!((1 << 20..4 << 20).contains(&freed), "{freed}");
    assert_eq!(fs_err::metadata(kept).unwrap().len(), 70_000);
}
