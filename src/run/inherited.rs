//! What a new process keeps of the descriptors that are open here, when its program starts: the first three, and those
//! that it is given.
//!
//! Whoever started pyro may have left more open, and a folder of the host, for one, is a way out. Only system calls are
//! made, since other threads may have held locks when the process was made.
#![allow(
    unsafe_code,
    reason = "close_range, and descriptors that are only known by number, have no safe form; each call says why it is valid"
)]

use std::ffi::{c_int, c_long, c_ulong};
use std::io;
use std::os::fd::RawFd;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
}

const CLOSE_RANGE: c_long = 436;
/// `CLOSE_RANGE_CLOEXEC`.
const ON_EXEC: c_ulong = 4;
/// `F_SETFD`.
const SET_FLAGS: c_int = 2;
/// `FD_CLOEXEC`.
const CLOSE_ON_EXEC: c_int = 1;

/// The first behind stdin, stdout and stderr.
const FIRST: RawFd = 3;

/// Has all of them closed when the program of this new process starts, but the first three and `numbers`.
pub(super) fn keep_only(numbers: &[RawFd]) -> Result<(), Errno> {
    // SAFETY: numbers.
    let marked = unsafe {
        syscall(
            CLOSE_RANGE,
            FIRST as c_ulong,
            c_ulong::from(u32::MAX),
            ON_EXEC,
        )
    };
    // Linux has it since 5.11, and some containers forbid what they do not know.
    if marked < 0 {
        mark_each(FIRST..most());
    }
    numbers.iter().try_for_each(|number| set(*number, 0))
}

/// One after the other; most of them are not open at all.
fn mark_each(numbers: std::ops::Range<RawFd>) {
    for number in numbers {
        let _not_open = set(number, CLOSE_ON_EXEC);
    }
}

/// The number that none can reach.
fn most() -> RawFd {
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(RawFd::MAX, |limit| {
        RawFd::try_from(limit).unwrap_or(RawFd::MAX)
    })
}

fn set(number: RawFd, flags: c_int) -> Result<(), Errno> {
    // SAFETY: numbers; what is not open is refused.
    if unsafe { fcntl(number, SET_FLAGS, flags) } < 0 {
        let error = io::Error::last_os_error();
        return Err(Errno::from_io_error(&error).unwrap_or(Errno::BADF));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

    use super::*;

    #[test]
    fn where_the_kernel_cannot_mark_all_at_once_each_is_marked() {
        let file = fs_err::File::open("/dev/null").unwrap();
        fcntl_setfd(&file, FdFlags::empty()).unwrap();
        let number = file.as_raw_fd();
        mark_each(number..number + 1);
        assert_eq!(fcntl_getfd(&file), Ok(FdFlags::CLOEXEC));
        set(number, 0).unwrap();
        assert_eq!(fcntl_getfd(&file), Ok(FdFlags::empty()));
        fcntl_setfd(&file, FdFlags::CLOEXEC).unwrap();
        assert!(most() > number);
        assert_eq!(set(RawFd::MAX, 0), Err(Errno::BADF));
    }
}
