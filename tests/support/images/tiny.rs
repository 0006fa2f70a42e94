//! The smallest environment that boots: Debian's kernel, the modules that it needs, and a file system with busybox.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::kept::kept;
use super::vm::kernel;

/// Raised when the recipe below changes.
const RECIPE: u32 = 2;

/// What busybox is called there.
const PROGRAMS: [&str; 19] = [
    "cat", "echo", "head", "id", "ls", "mount", "nc", "poweroff", "printf", "pwd", "rm", "sh",
    "sleep", "stty", "tee", "touch", "true", "tty", "uname",
];

/// What the modules are called that some run needs.
const MODULES: [&str; 5] = ["virtio", "overlay", "fuse", "net_failover", "failover"];

/// A folder with `vmlinuz`, `rootfs.ext4` and `modules`, made or found as an earlier test made it.
pub fn tiny() -> PathBuf {
    let kernel = kernel();
    let size = fs_err::metadata(&kernel).unwrap().len();
    let modified = fs_err::metadata(&kernel).unwrap().modified().unwrap();
    kept("tiny", &format!("{RECIPE} {size} {modified:?}"), |folder| {
        make(folder, &kernel);
    })
}

fn make(folder: &Path, kernel: &Path) {
    fs_err::copy(kernel, folder.join("vmlinuz")).unwrap();
    let modules = kernel.parent().unwrap().join("modules");
    for entry in walkdir::WalkDir::new(&modules) {
        let entry = entry.unwrap();
        let name = entry.file_name().to_str().unwrap();
        if entry.file_type().is_file() && MODULES.iter().any(|wanted| name.starts_with(wanted)) {
            let below = entry.path().strip_prefix(&modules).unwrap();
            let target = folder.join("modules").join(below);
            fs_err::create_dir_all(target.parent().unwrap()).unwrap();
            fs_err::copy(entry.path(), target).unwrap();
        }
    }
    let tree = tempfile::tempdir().unwrap();
    let bin = tree.path().join("bin");
    for folder in ["bin", "etc", "root"] {
        fs_err::create_dir(tree.path().join(folder)).unwrap();
    }
    fs_err::write(tree.path().join("etc/issue"), "tiny\n").unwrap();
    fs_err::copy("/bin/busybox", bin.join("busybox")).expect("busybox of busybox-static");
    for name in PROGRAMS {
        fs_err::os::unix::fs::symlink("busybox", bin.join(name)).unwrap();
    }
    let made = Command::new("mke2fs")
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .args(["-q", "-t", "ext4", "-O", "^has_journal", "-d"])
        .arg(tree.path())
        .arg(folder.join("rootfs.ext4"))
        .arg("8M")
        .output()
        .expect("mke2fs of e2fsprogs");
    assert!(made.status.success(), "mke2fs: {made:?}");
}
