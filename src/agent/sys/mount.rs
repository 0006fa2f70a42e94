//! What is mounted where, and folders that are reached without a name.
#![allow(
    unsafe_code,
    reason = "system calls without a safe form in std; each call says why its arguments are valid"
)]

use std::ffi::{CStr, c_char, c_int, c_long, c_ulong, c_void};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};

use super::{CLOEXEC, checked, checked_long};

unsafe extern "C" {
    fn mount(
        source: *const c_char,
        target: *const c_char,
        kind: *const c_char,
        flags: c_ulong,
        data: *const c_void,
    ) -> c_int;
    fn fchdir(fd: c_int) -> c_int;
    fn umount2(target: *const c_char, flags: c_int) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
}

#[cfg(target_arch = "x86_64")]
const PIVOT_ROOT: c_long = 155;
#[cfg(target_arch = "aarch64")]
const PIVOT_ROOT: c_long = 41;
const MOUNT_SETATTR: c_long = 442;
const OPEN_TREE: c_long = 428;
const OPENAT2: c_long = 437;
const MOVE_MOUNT: c_long = 429;
#[cfg(target_arch = "x86_64")]
const MKDIRAT: c_long = 258;
#[cfg(target_arch = "aarch64")]
const MKDIRAT: c_long = 34;
const AT_FDCWD: c_int = -100;
const AT_EMPTY_PATH: c_int = 0x1000;
const AT_RECURSIVE: c_int = 0x8000;

/// `O_PATH`, `O_DIRECTORY`.
pub const FOLDER_PATH: i32 = if cfg!(target_arch = "aarch64") {
    0o10_000_000 | 0o40_000
} else {
    0o10_000_000 | 0o200_000
};

/// How something is mounted.
pub struct Mount<'a> {
    /// A device, a folder, or a word.
    pub source: &'a CStr,
    /// Where.
    pub target: &'a CStr,
    /// The type of file system.
    pub kind: &'a CStr,
    /// MS_RDONLY (1), MS_NOSUID (2), MS_NODEV (4), MS_NOEXEC (8), MS_MOVE (8192).
    pub flags: u32,
    /// Options.
    pub options: &'a CStr,
}

impl Mount<'_> {
    /// Mounts it.
    pub fn mount(&self) -> io::Result<()> {
        let options = self.options.as_ptr().cast();
        let (source, target) = (self.source.as_ptr(), self.target.as_ptr());
        let kind = self.kind.as_ptr();
        // SAFETY: four texts that end with NUL and live during the call.
        checked(unsafe { mount(source, target, kind, self.flags.into(), options) }).map(|_| ())
    }
}

/// Takes away what may be done through a mount and those below it; how else they are mounted stays.
pub fn restrict(target: &CStr, attributes: u64) -> io::Result<()> {
    restrict_at(AT_FDCWD, target, AT_RECURSIVE, attributes)
}

/// The same with one that is held.
pub fn restrict_held(tree: &File, attributes: u64) -> io::Result<()> {
    let flags = AT_RECURSIVE | AT_EMPTY_PATH;
    restrict_at(tree.as_raw_fd(), c"", flags, attributes)
}

fn restrict_at(folder: RawFd, path: &CStr, flags: c_int, attributes: u64) -> io::Result<()> {
    #[repr(C)]
    struct Attributes {
        set: u64,
        clear: u64,
        propagation: u64,
        users: u64,
    }
    let attributes = Attributes {
        set: attributes,
        clear: 0,
        propagation: 0,
        users: 0,
    };
    let (length, path) = (size_of::<Attributes>(), path.as_ptr());
    let attributes = &raw const attributes;
    // SAFETY: a text that ends with NUL, and a structure of the kernel's form with its length.
    let made = unsafe { syscall(MOUNT_SETATTR, folder, path, flags, attributes, length) };
    checked_long(made).map(|_| ())
}

/// What is mounted at `path` and below it, as a copy that is nowhere, and of which no `..` leads to anything else.
pub fn copy_mounts(path: &CStr) -> io::Result<File> {
    // OPEN_TREE_CLONE.
    let flags = 1 | CLOEXEC | AT_RECURSIVE;
    // SAFETY: a text that ends with NUL; a new descriptor is made.
    let fd = checked_long(unsafe { syscall(OPEN_TREE, AT_FDCWD, path.as_ptr(), flags) })?;
    // SAFETY: it was just made and belongs to nobody else.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// Puts such a copy over a folder, once.
pub fn place_mounts(copy: &File, folder: &File) -> io::Result<()> {
    let (from, to) = (copy.as_raw_fd(), folder.as_raw_fd());
    let path: &CStr = c"";
    // MOVE_MOUNT_F_EMPTY_PATH, MOVE_MOUNT_T_EMPTY_PATH.
    let flags: c_int = 0x04 | 0x40;
    // SAFETY: two texts that end with NUL.
    let moved = unsafe { syscall(MOVE_MOUNT, from, path.as_ptr(), to, path.as_ptr(), flags) };
    checked_long(moved).map(|_| ())
}

/// A folder, by a path in which `root` is the root, for links too; the links that the kernel makes up lead nowhere.
pub fn folder_within(root: &File, path: &CStr) -> io::Result<File> {
    #[repr(C)]
    struct How {
        flags: u64,
        mode: u64,
        resolve: u64,
    }
    let how = How {
        flags: u64::from((FOLDER_PATH | CLOEXEC).unsigned_abs()),
        mode: 0,
        // RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS.
        resolve: 0x10 | 0x02,
    };
    let (root, length) = (root.as_raw_fd(), size_of::<How>());
    // SAFETY: a text that ends with NUL, and a structure of the kernel's form with its length.
    let opened = unsafe { syscall(OPENAT2, root, path.as_ptr(), &raw const how, length) };
    let fd = checked_long(opened)?;
    // SAFETY: it was just made and belongs to nobody else.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// Makes a folder in another one; `name` is one name.
pub fn make_folder_in(folder: &File, name: &CStr) -> io::Result<()> {
    let (parent, mode): (RawFd, c_int) = (folder.as_raw_fd(), 0o777);
    // SAFETY: a text that ends with NUL.
    let result = unsafe { syscall(MKDIRAT, parent, name.as_ptr(), mode) };
    checked_long(result).map(|_| ())
}

/// Goes to a folder that is held.
pub fn enter(folder: &File) -> io::Result<()> {
    // SAFETY: a number.
    checked(unsafe { fchdir(folder.as_raw_fd()) }).map(|_| ())
}

/// Makes `root` the root of this process; what was the root lies on top of it, out of the way of absolute paths.
pub fn pivot_root(root: &CStr) -> io::Result<()> {
    // SAFETY: two texts that end with NUL and live during the call.
    if unsafe { syscall(PIVOT_ROOT, root.as_ptr(), root.as_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Takes a mount and all below it away; it ends when nobody uses it.
pub fn let_go(target: &CStr) -> io::Result<()> {
    // MNT_DETACH.
    // SAFETY: a text that ends with NUL and lives during the call.
    checked(unsafe { umount2(target.as_ptr(), 2) }).map(|_| ())
}
