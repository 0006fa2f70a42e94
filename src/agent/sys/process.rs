//! This process, those that it starts, and what they may do.
#![allow(
    unsafe_code,
    reason = "system calls without a safe form in std; each call says why its arguments are valid"
)]

use std::ffi::{c_char, c_int, c_long, c_ulong};
use std::fs::File;
use std::io;
use std::os::fd::FromRawFd;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::{CLOEXEC, NONBLOCK, checked, checked_long};

unsafe extern "C" {
    fn sigprocmask(how: c_int, set: *const SigSet, old: *mut SigSet) -> c_int;
    fn signalfd(fd: c_int, mask: *const SigSet, flags: c_int) -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    fn kill(pid: c_int, signal: c_int) -> c_int;
    fn ioctl(fd: c_int, request: c_ulong, ...) -> c_int;
    fn setsid() -> c_int;
    fn prctl(option: c_int, ...) -> c_int;
    fn umask(mask: u32) -> u32;
    fn syscall(number: c_long, ...) -> c_long;
}

const SIGCHLD: u32 = 17;
const SIG_BLOCK: c_int = 0;
const WNOHANG: c_int = 1;
const TIOCSCTTY: c_ulong = 0x540e;
#[cfg(target_arch = "x86_64")]
const SECCOMP: c_long = 317;
#[cfg(target_arch = "aarch64")]
const SECCOMP: c_long = 277;
#[cfg(target_arch = "x86_64")]
const KEYCTL: c_long = 250;
#[cfg(target_arch = "aarch64")]
const KEYCTL: c_long = 219;

/// As large as that of every C library for Linux.
#[repr(C)]
struct SigSet([u64; 16]);

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
