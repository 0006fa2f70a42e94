//! The system calls that std has no words for.
//!
//! The C library is linked in any case; its functions are declared here, so that the agent needs nothing but rustc. Only this room and
//! `net` are not checked for memory safety.
#![allow(
    unsafe_code,
    reason = "system calls without a safe form in std; each call says why its arguments are valid"
)]

mod machine;
mod mount;
mod process;
mod terminal;

use std::ffi::{c_int, c_long, c_ulong};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, RawFd};

pub use machine::{ENODEV, dial, end_machine, load_module, set_hostname, uevents};
pub use mount::{
    FOLDER_PATH, Mount, copy_mounts, enter, folder_within, let_go, make_folder_in, pivot_root,
    place_mounts, restrict, restrict_held,
};
pub use process::{
    Instruction, bound_capabilities, children, end_with_parent, filter_calls, lead_session,
    leave_keyring, reap, set_umask, signal_group,
};
pub use terminal::{resize, terminal};

unsafe extern "C" {
    fn poll(fds: *mut PollFd, count: c_ulong, timeout: c_int) -> c_int;
    fn ioctl(fd: c_int, request: c_ulong, ...) -> c_int;
    fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
}

const CLOEXEC: c_int = 0o2_000_000;
const NONBLOCK: c_int = 0o4000;
const FIONREAD: c_ulong = 0x541b;

#[repr(C)]
struct PollFd {
    fd: RawFd,
    events: i16,
    revents: i16,
}

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
