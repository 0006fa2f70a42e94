//! The system calls that std has no words for: the only file of the agent that is not checked for memory safety.
//!
//! The C library is linked in any case; its functions are declared here, so that the agent needs nothing but rustc.
#![allow(
    unsafe_code,
    reason = "system calls without a safe form in std; each call says why its arguments are valid"
)]

use std::ffi::{CStr, c_char, c_int, c_long, c_ulong, c_void};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

#[repr(C)]
struct PollFd {
    fd: RawFd,
    events: i16,
    revents: i16,
}

/// As large as that of every C library for Linux.
#[repr(C)]
struct SigSet([u64; 16]);

#[repr(C)]
struct Winsize {
    rows: u16,
    columns: u16,
    pixels: [u16; 2],
}

unsafe extern "C" {
    fn poll(fds: *mut PollFd, count: c_ulong, timeout: c_int) -> c_int;
    fn sigprocmask(how: c_int, set: *const SigSet, old: *mut SigSet) -> c_int;
    fn signalfd(fd: c_int, mask: *const SigSet, flags: c_int) -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    fn kill(pid: c_int, signal: c_int) -> c_int;
    fn ioctl(fd: c_int, request: c_ulong, ...) -> c_int;
    fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
    fn setsid() -> c_int;
    fn mount(
        source: *const c_char,
        target: *const c_char,
        kind: *const c_char,
        flags: c_ulong,
        data: *const c_void,
    ) -> c_int;
    fn reboot(command: c_int) -> c_int;
    fn prctl(option: c_int, ...) -> c_int;
    fn umask(mask: u32) -> u32;
    fn fchdir(fd: c_int) -> c_int;
    fn umount2(target: *const c_char, flags: c_int) -> c_int;
    fn sethostname(name: *const c_char, length: usize) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
    fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
    fn bind(fd: c_int, address: *const c_void, length: u32) -> c_int;
}

const SIGCHLD: u32 = 17;
const SIG_BLOCK: c_int = 0;
const CLOEXEC: c_int = 0o2_000_000;
const NONBLOCK: c_int = 0o4000;
const WNOHANG: c_int = 1;
const FIONREAD: c_ulong = 0x541b;
const TIOCSCTTY: c_ulong = 0x540e;
const TIOCSWINSZ: c_ulong = 0x5414;
const TIOCSPTLCK: c_ulong = 0x4004_5431;
const TIOCGPTPEER: c_ulong = 0x5441;
#[cfg(target_arch = "x86_64")]
const FINIT_MODULE: c_long = 313;
#[cfg(target_arch = "aarch64")]
const FINIT_MODULE: c_long = 273;
#[cfg(target_arch = "x86_64")]
const PIVOT_ROOT: c_long = 155;
#[cfg(target_arch = "aarch64")]
const PIVOT_ROOT: c_long = 41;
const MOUNT_SETATTR: c_long = 442;
const OPEN_TREE: c_long = 428;
const MOVE_MOUNT: c_long = 429;
const OPENAT2: c_long = 437;
#[cfg(target_arch = "x86_64")]
const MKDIRAT: c_long = 258;
#[cfg(target_arch = "aarch64")]
const MKDIRAT: c_long = 34;
#[cfg(target_arch = "x86_64")]
const SECCOMP: c_long = 317;
#[cfg(target_arch = "aarch64")]
const SECCOMP: c_long = 277;
const AT_FDCWD: c_int = -100;
const AT_EMPTY_PATH: c_int = 0x1000;
const AT_RECURSIVE: c_int = 0x8000;
#[cfg(target_arch = "x86_64")]
const KEYCTL: c_long = 250;
#[cfg(target_arch = "aarch64")]
const KEYCTL: c_long = 219;

/// `O_PATH`, `O_DIRECTORY`.
pub const FOLDER_PATH: i32 = if cfg!(target_arch = "aarch64") {
    0o10_000_000 | 0o40_000
} else {
    0o10_000_000 | 0o200_000
};

/// There is no such device.
pub const ENODEV: i32 = 19;

/// Something can be read, or the other side has gone.
pub const READABLE: i16 = 1;
/// Something can be written.
pub const WRITABLE: i16 = 4;

fn checked(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn checked_long(result: c_long) -> io::Result<c_int> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // Zero or a descriptor.
    c_int::try_from(result).map_err(io::Error::other)
}

/// Waits until one of these is as wanted, has failed or is closed; says which are.
///
/// A place without descriptor is passed over.
pub fn wait<const N: usize>(wanted: [(Option<BorrowedFd<'_>>, i16); N]) -> io::Result<[i16; N]> {
    let mut fds = wanted.map(|(fd, events)| PollFd {
        fd: fd.map_or(-1, |fd| fd.as_raw_fd()),
        events,
        revents: 0,
    });
    loop {
        // SAFETY: an array of N structures of the kernel's form, which lives during the call.
        match checked(unsafe { poll(fds.as_mut_ptr(), N as c_ulong, -1) }) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(_) => return Ok(fds.map(|fd| fd.revents)),
        }
    }
}

/// From here on, an ended child is told by this descriptor and by no signal.
pub fn children() -> io::Result<File> {
    let mut set = SigSet([0; 16]);
    set.0[0] = 1 << (SIGCHLD - 1);
    // SAFETY: a complete set; the old one is not asked for.
    checked(unsafe { sigprocmask(SIG_BLOCK, &raw const set, std::ptr::null_mut()) })?;
    // SAFETY: as above; a new descriptor is made.
    let fd = checked(unsafe { signalfd(-1, &raw const set, CLOEXEC | NONBLOCK) })?;
    // SAFETY: it was just made and belongs to nobody else.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// A child that has ended, and its status as the kernel gives it.
pub fn reap() -> Option<(i32, i32)> {
    let mut status = 0;
    // SAFETY: `status` is written by the call only.
    let pid = unsafe { waitpid(-1, &raw mut status, WNOHANG) };
    (pid > 0).then_some((pid, status))
}

/// Sends a signal to the process group of `leader`; to nobody where it has ended.
pub fn signal_group(leader: u32, signal: u8) {
    if let Ok(leader) = c_int::try_from(leader)
        && leader > 1
    {
        // SAFETY: no memory is involved.
        let _gone = unsafe { kill(-leader, signal.into()) };
    }
}

/// How many bytes stand in a pipe.
pub fn waiting(pipe: &impl AsRawFd) -> usize {
    let mut count: c_int = 0;
    // SAFETY: FIONREAD writes one int.
    let done = unsafe { ioctl(pipe.as_raw_fd(), FIONREAD, &raw mut count) };
    if done < 0 {
        return 0;
    }
    usize::try_from(count).unwrap_or_default()
}

/// Reads and writes of this descriptor do not wait any more.
pub fn never_wait(file: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: F_GETFL and F_SETFL take and give a number.
    let flags = checked(unsafe { fcntl(file.as_raw_fd(), 3) })?;
    // SAFETY: as above.
    checked(unsafe { fcntl(file.as_raw_fd(), 4, flags | NONBLOCK) }).map(|_| ())
}

/// The command leads a session of its own; with a terminal, its stdin controls it.
pub fn lead_session(command: &mut Command, with_terminal: bool) {
    let lead = move || {
        // SAFETY: no memory is involved.
        checked(unsafe { setsid() })?;
        if with_terminal {
            // SAFETY: TIOCSCTTY takes a number.
            checked(unsafe { ioctl(0, TIOCSCTTY, 0) })?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec only two system calls are made.
    unsafe {
        command.pre_exec(lead);
    }
}

/// A new terminal of this size: our side and the command's.
pub fn terminal(rows: u16, columns: u16) -> io::Result<(File, OwnedFd)> {
    let options = &mut File::options();
    let ours = options.read(true).write(true).open("/dev/ptmx")?;
    let unlocked: c_int = 0;
    // SAFETY: TIOCSPTLCK reads one int.
    checked(unsafe { ioctl(ours.as_raw_fd(), TIOCSPTLCK, &raw const unlocked) })?;
    // O_RDWR | O_NOCTTY
    let flags = 2 | 0o400 | CLOEXEC;
    // SAFETY: TIOCGPTPEER takes flags and makes a new descriptor.
    let theirs = checked(unsafe { ioctl(ours.as_raw_fd(), TIOCGPTPEER, flags) })?;
    // SAFETY: it was just made and belongs to nobody else.
    let theirs = unsafe { OwnedFd::from_raw_fd(theirs) };
    resize(&ours, rows, columns)?;
    Ok((ours, theirs))
}

/// Says how large the terminal is; who runs in it gets SIGWINCH.
pub fn resize(terminal: &impl AsRawFd, rows: u16, columns: u16) -> io::Result<()> {
    let size = Winsize {
        rows,
        columns,
        pixels: [0; 2],
    };
    // SAFETY: TIOCSWINSZ reads one such structure.
    checked(unsafe { ioctl(terminal.as_raw_fd(), TIOCSWINSZ, &raw const size) }).map(|_| ())
}

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

/// One instruction of a filter, as the kernel reads it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// How many to pass over if it is so.
    pub then: u8,
    /// And if not.
    pub otherwise: u8,
    /// With what.
    pub value: u32,
}

/// From here on, this process and all that it starts ask `filter` before each system call.
///
/// Who has power over its namespaces needs no promise for that never to gain any by a program.
pub fn filter_calls(filter: &[Instruction]) -> io::Result<()> {
    #[repr(C)]
    struct Program {
        length: u16,
        first: *const Instruction,
    }
    let program = Program {
        length: u16::try_from(filter.len()).map_err(io::Error::other)?,
        first: filter.as_ptr(),
    };
    // SECCOMP_SET_MODE_FILTER.
    let (set, flags): (c_int, c_int) = (1, 0);
    // SAFETY: a structure of the kernel's form, and as many instructions as it says; both live during the call.
    let filtered = unsafe { syscall(SECCOMP, set, flags, &raw const program) };
    checked_long(filtered).map(|_| ())
}

/// Loads a module of the kernel.
pub fn load_module(module: &File, options: &CStr) -> io::Result<()> {
    // SAFETY: a descriptor, a text that ends with NUL, and flags.
    let loaded = unsafe { syscall(FINIT_MODULE, module.as_raw_fd(), options.as_ptr(), 0) };
    if loaded < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Tells of devices that come, from now on; a read that waited for so long fails.
pub fn uevents(patience: Duration) -> io::Result<File> {
    #[repr(C)]
    struct Address {
        family: u16,
        pad: u16,
        pid: u32,
        groups: u32,
    }
    #[repr(C)]
    struct Time {
        seconds: i64,
        micros: i64,
    }
    unsafe extern "C" {
        fn setsockopt(
            fd: c_int,
            level: c_int,
            name: c_int,
            value: *const c_void,
            length: u32,
        ) -> c_int;
    }
    // AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT.
    // SAFETY: three numbers; a new descriptor is made.
    let fd = checked(unsafe { socket(16, 2 | CLOEXEC, 15) })?;
    // SAFETY: it was just made and belongs to nobody else.
    let events = unsafe { File::from_raw_fd(fd) };
    let address = Address {
        family: 16,
        pad: 0,
        pid: 0,
        groups: 1,
    };
    let time = Time {
        seconds: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
        micros: patience.subsec_micros().into(),
    };
    // SOL_SOCKET, SO_RCVTIMEO.
    // SAFETY: a structure of the kernel's form with its length.
    checked(unsafe { setsockopt(fd, 1, 20, (&raw const time).cast(), 16) })?;
    // SAFETY: the same.
    checked(unsafe { bind(fd, (&raw const address).cast(), 12) })?;
    Ok(events)
}

/// Kills this process when the thread ends that started it.
pub fn end_with_parent() -> io::Result<()> {
    // PR_SET_PDEATHSIG, SIGKILL.
    // SAFETY: numbers.
    checked(unsafe { prctl(1, 9 as c_ulong) }).map(|_| ())
}

/// What modes of new files never have.
pub fn set_umask(mask: u32) {
    // SAFETY: a number.
    unsafe { umask(mask) };
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

/// Names the machine.
pub fn set_hostname(name: &str) -> io::Result<()> {
    // SAFETY: bytes and their number.
    checked(unsafe { sethostname(name.as_ptr().cast(), name.len()) }).map(|_| ())
}

/// Takes a session keyring of its own: that of pyro may hold keys.
pub fn leave_keyring() {
    let nameless: *const c_char = std::ptr::null();
    // KEYCTL_JOIN_SESSION_KEYRING. Where that is refused, a command is refused all that has to do with keys as well.
    // SAFETY: a number and a null pointer.
    unsafe { syscall(KEYCTL, 1, nameless) };
}

/// No program that is executed from here on has more than these; this process keeps what it has.
pub fn bound_capabilities(kept: &[u32]) -> io::Result<()> {
    for number in (0..64).filter(|number| !kept.contains(number)) {
        // PR_CAPBSET_DROP.
        // SAFETY: numbers.
        match checked(unsafe { prctl(24, c_ulong::from(number)) }) {
            // This kernel has no more of them.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(()),
            other => other?,
        };
    }
    Ok(())
}

/// Ends the machine, by a reset or by switching it off; comes back only where that is refused.
pub fn end_machine(is_reset: bool) -> io::Error {
    let how = if is_reset { 0x0123_4567 } else { 0x4321_fedc };
    // SAFETY: a number.
    unsafe { reboot(how) };
    io::Error::last_os_error()
}

/// Calls a port of the machine's owner by vsock; [`ENODEV`] says that there is no device for it yet.
pub fn dial(port: u32) -> io::Result<File> {
    #[repr(C)]
    struct Address {
        family: u16,
        reserved: u16,
        port: u32,
        machine: u32,
        rest: u32,
    }
    unsafe extern "C" {
        fn connect(fd: c_int, address: *const c_void, length: u32) -> c_int;
    }
    const AF_VSOCK: u16 = 40;
    // SOCK_STREAM.
    // SAFETY: three numbers; a new descriptor is made.
    let fd = checked(unsafe { socket(AF_VSOCK.into(), 1 | CLOEXEC, 0) })?;
    // SAFETY: it was just made and belongs to nobody else.
    let socket = unsafe { File::from_raw_fd(fd) };
    let address = Address {
        family: AF_VSOCK,
        reserved: 0,
        port,
        // VMADDR_CID_HOST.
        machine: 2,
        rest: 0,
    };
    // SAFETY: a structure of the kernel's form with its length.
    checked(unsafe { connect(fd, (&raw const address).cast(), 16) })?;
    Ok(socket)
}

/// A descriptor that this process was started with.
pub fn inherited(number: RawFd) -> io::Result<File> {
    // F_GETFD says whether there is one.
    // SAFETY: a number.
    checked(unsafe { fcntl(number, 1) })?;
    // SAFETY: it is open, and nothing else in this program knows of it.
    let file = unsafe { File::from_raw_fd(number) };
    // FD_CLOEXEC: the command has no business with it.
    // SAFETY: a number.
    checked(unsafe { fcntl(number, 2, 1) })?;
    Ok(file)
}
