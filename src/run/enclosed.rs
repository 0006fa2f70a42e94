//! A process in namespaces of its own, which is their process 1: what ends it ends all in them.
//!
//! `clone` makes it directly, as our child, so that nobody stands between it and us. Between that and the program's
//! start only system calls are made, on memory that was there before: other threads may have held locks.
//!
//! The user that it is root of is ours and no other one: that needs no rights at all.
#![allow(
    unsafe_code,
    reason = "clone, and what a process does between it and exec, have no safe form in std; each call says why its \
              arguments are valid"
)]

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_ulong, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, WaitIdStatus, getegid, geteuid, waitid};

use super::inherited::keep_only;
use super::reach::Network;

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn write(fd: c_int, bytes: *const c_void, count: usize) -> isize;
    fn close(fd: c_int) -> c_int;
    fn dup2(fd: c_int, other: c_int) -> c_int;
    fn prctl(option: c_int, ...) -> c_int;
    fn setpgid(process: c_int, group: c_int) -> c_int;
    fn mount(
        source: *const c_char,
        target: *const c_char,
        kind: *const c_char,
        flags: c_ulong,
        data: *const c_void,
    ) -> c_int;
    fn _exit(code: c_int) -> !;
}

#[cfg(target_arch = "x86_64")]
const CLONE: c_long = 56;
#[cfg(target_arch = "x86_64")]
const EXECVEAT: c_long = 322;
#[cfg(target_arch = "aarch64")]
const CLONE: c_long = 220;
#[cfg(target_arch = "aarch64")]
const EXECVEAT: c_long = 281;

const SIGCHLD: c_ulong = 17;
/// `CLONE_PIDFD`.
const PIDFD: c_ulong = 0x1000;
/// Mounts, host name, IPC, users, processes.
const NAMESPACES: c_ulong = 0x2_0000 | 0x400_0000 | 0x800_0000 | 0x1000_0000 | 0x2000_0000;
/// `CLONE_NEWNET`.
const NETWORK: c_ulong = 0x4000_0000;
const WRITE_ONLY: c_int = 1;
const READ_WRITE: c_int = 2;
const EMPTY_PATH: c_int = 0x1000;
const RECURSIVE_PRIVATE: c_ulong = 0x4000 | 0x4_0000;
/// Without set-user-id, devices and execution.
const HARD: c_ulong = 2 | 4 | 8;

/// What did not work in the new process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Making it.
    Clone,
    /// Being root of its own user.
    Map,
    /// Mounting.
    Mount,
    /// Mounting `/proc`.
    Processes,
}

/// A process of that kind that runs.
#[derive(Debug)]
pub(super) struct Enclosed {
    /// Its number.
    pub(super) pid: u32,
    /// The process itself.
    pub(super) pidfd: OwnedFd,
}

/// The users of the new process, in the words of the kernel.
struct Maps {
    user: Vec<u8>,
    group: Vec<u8>,
}

impl Maps {
    fn own() -> Self {
        let line = |number: u32| format!("0 {number} 1\n").into_bytes();
        Self {
            user: line(geteuid().as_raw()),
            group: line(getegid().as_raw()),
        }
    }

    /// Makes this process root of its user.
    fn apply(&self) -> Result<(), c_int> {
        write_to(c"/proc/self/setgroups", b"deny")?;
        write_to(c"/proc/self/uid_map", &self.user)?;
        write_to(c"/proc/self/gid_map", &self.group)
    }
}

/// Starts `program`, which keeps `inherited` under their numbers and complains to `stderr`.
pub(super) fn spawn(
    program: BorrowedFd<'_>,
    words: &[CString],
    inherited: &[BorrowedFd<'_>],
    stderr: BorrowedFd<'_>,
    network: Network,
) -> io::Result<Enclosed> {
    let maps = Maps::own();
    let mut argv: Vec<*const c_char> = words.iter().map(|word| word.as_ptr()).collect();
    argv.push(std::ptr::null());
    let envp: [*const c_char; 1] = [std::ptr::null()];
    let numbers: Vec<RawFd> = inherited.iter().map(AsRawFd::as_raw_fd).collect();
    let (program, stderr) = (program.as_raw_fd(), stderr.as_raw_fd());
    clone_with(network, || {
        let failed: Result<(), c_int> = maps.apply().and_then(|()| {
            lead_group();
            give_streams(stderr)?;
            keep_only(&numbers).map_err(Errno::raw_os_error)?;
            let (argv, envp) = (argv.as_ptr(), envp.as_ptr());
            let path: &CStr = c"";
            // SAFETY: texts that end with NUL, in arrays that end with a null pointer; all live in the caller.
            unsafe { syscall(EXECVEAT, program, path.as_ptr(), argv, envp, EMPTY_PATH) };
            Err(last_error())
        });
        failed.err().unwrap_or_default()
    })
}

/// Tries whether such a process can be made here, and may mount.
///
/// The error tells what it could not do, and what the system said.
pub(super) fn try_out() -> Result<(), (Step, io::Error)> {
    let maps = Maps::own();
    let tried = clone_with(Network::Off, || {
        let told = |step: c_int| move |errno: c_int| (step << 6) | errno.clamp(1, 63);
        let tried = maps.apply().map_err(told(0)).and_then(|()| {
            let nothing = std::ptr::null();
            // SAFETY: texts that end with NUL, and null pointers where nothing is said.
            let private = unsafe {
                mount(
                    nothing,
                    c"/".as_ptr(),
                    nothing,
                    RECURSIVE_PRIVATE,
                    nothing.cast(),
                )
            };
            checked(private).map_err(told(1))?;
            let (kind, target) = (c"proc".as_ptr(), c"/proc".as_ptr());
            // SAFETY: as above.
            checked(unsafe { mount(kind, target, kind, HARD, nothing.cast()) }).map_err(told(2))
        });
        tried.err().unwrap_or_default()
    });
    let enclosed = tried.map_err(|error| (Step::Clone, error))?;
    let code = enclosed.wait().map_err(|error| (Step::Clone, error))?;
    let step = match code >> 6 {
        _ if code == 0 => return Ok(()),
        0 => Step::Map,
        1 => Step::Mount,
        _ => Step::Processes,
    };
    Err((step, io::Error::from_raw_os_error(code & 63)))
}

impl Enclosed {
    /// Kills it, and waits until it and all in its namespaces are gone.
    pub(super) fn end(&self) -> io::Result<()> {
        let kill = rustix::process::Signal::KILL;
        // That it has ended already is no error here.
        let _gone = rustix::process::pidfd_send_signal(&self.pidfd, kill);
        self.wait().map(|_code| ())
    }

    /// Waits for its end: its code, or 63 where a signal ended it.
    fn wait(&self) -> io::Result<c_int> {
        use std::os::fd::AsFd as _;
        loop {
            match waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED) {
                Ok(status) => {
                    let code = status.as_ref().and_then(WaitIdStatus::exit_status);
                    return Ok(code.unwrap_or(63));
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Runs `inside` in a new process with namespaces of its own, which ends with the code that it gives.
fn clone_with(network: Network, inside: impl Fn() -> c_int) -> io::Result<Enclosed> {
    let namespaces = match network {
        Network::Off => NAMESPACES | NETWORK,
        Network::Shared => NAMESPACES,
    };
    let mut pidfd: c_int = -1;
    let none = 0 as c_ulong;
    // SAFETY: as by fork, the new process has its own copy of all memory, this stack too; `pidfd` is written here.
    let pid = unsafe {
        syscall(
            CLONE,
            namespaces | PIDFD | SIGCHLD,
            none,
            &raw mut pidfd,
            none,
            none,
        )
    };
    if pid == 0 {
        // PR_SET_PDEATHSIG, SIGKILL. Who died before this line has closed the socket that the program talks on.
        // SAFETY: numbers.
        unsafe { prctl(1, 9 as c_ulong) };
        let code = inside();
        // SAFETY: it does not come back, and runs nothing of ours.
        unsafe { _exit(code) };
    }
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was just made and belongs to nobody else.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    let pid = u32::try_from(pid).unwrap_or_default();
    Ok(Enclosed { pid, pidfd })
}

/// Signals of the terminal are ours to pass on.
fn lead_group() {
    // SAFETY: numbers.
    unsafe { setpgid(0, 0) };
}

/// Nothing to read, nobody to talk to, and somebody to complain to.
fn give_streams(stderr: RawFd) -> Result<(), c_int> {
    // SAFETY: a text that ends with NUL.
    let null = checked(unsafe { open(c"/dev/null".as_ptr(), READ_WRITE) })?;
    for (from, to) in [(stderr, 2), (null, 0), (null, 1)] {
        // SAFETY: numbers.
        checked(unsafe { dup2(from, to) })?;
    }
    if null > 2 {
        // SAFETY: nothing else knows of it.
        unsafe { close(null) };
    }
    Ok(())
}

fn write_to(path: &CStr, text: &[u8]) -> Result<(), c_int> {
    // SAFETY: a text that ends with NUL.
    let fd = checked(unsafe { open(path.as_ptr(), WRITE_ONLY) })?;
    // SAFETY: bytes and their number.
    let written = unsafe { write(fd, text.as_ptr().cast(), text.len()) };
    let error = last_error();
    // SAFETY: nothing else knows of it.
    unsafe { close(fd) };
    if written < 0 { Err(error) } else { Ok(()) }
}

fn checked(result: c_int) -> Result<c_int, c_int> {
    if result < 0 {
        Err(last_error())
    } else {
        Ok(result)
    }
}

fn last_error() -> c_int {
    io::Error::last_os_error()
        .raw_os_error()
        .unwrap_or_default()
}
