//! The machine: its modules and devices, its name, its end, and the line to its owner.
#![allow(
    unsafe_code,
    reason = "system calls without a safe form in std; each call says why its arguments are valid"
)]

use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::time::Duration;

use super::{CLOEXEC, checked};

unsafe extern "C" {
    fn reboot(command: c_int) -> c_int;
    fn sethostname(name: *const c_char, length: usize) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
    fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
    fn bind(fd: c_int, address: *const c_void, length: u32) -> c_int;
}

#[cfg(target_arch = "x86_64")]
const FINIT_MODULE: c_long = 313;
#[cfg(target_arch = "aarch64")]
const FINIT_MODULE: c_long = 273;

/// There is no such device.
pub const ENODEV: i32 = 19;

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

/// Names the machine.
pub fn set_hostname(name: &str) -> io::Result<()> {
    // SAFETY: bytes and their number.
    checked(unsafe { sethostname(name.as_ptr().cast(), name.len()) }).map(|_| ())
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
