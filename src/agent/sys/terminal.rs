//! Terminals.
#![allow(
    unsafe_code,
    reason = "system calls without a safe form in std; each call says why its arguments are valid"
)]

use std::ffi::{c_int, c_ulong};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::{CLOEXEC, checked};

unsafe extern "C" {
    fn ioctl(fd: c_int, request: c_ulong, ...) -> c_int;
}

const TIOCSWINSZ: c_ulong = 0x5414;
const TIOCSPTLCK: c_ulong = 0x4004_5431;
const TIOCGPTPEER: c_ulong = 0x5441;

#[repr(C)]
struct Winsize {
    rows: u16,
    columns: u16,
    pixels: [u16; 2],
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
