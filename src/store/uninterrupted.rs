//! System calls that a signal may interrupt, begun anew until they end by themselves.
//!
//! An interrupted sync has told nobody about data that was lost, so trying again hides nothing; any other error of
//! a sync is final.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::{Result, retry_on_intr};

/// `open`.
///
/// # Errors
/// When the system refuses.
pub fn open(path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    retry_on_intr(|| rustix::fs::open(path, flags, mode))
}

/// `openat`.
pub(super) fn openat(
    folder: impl AsFd,
    name: impl rustix::path::Arg + Copy,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd> {
    retry_on_intr(|| rustix::fs::openat(&folder, name, flags, mode))
}

/// `fsync`.
///
/// # Errors
/// When the system cannot promise that what was written stays.
pub fn fsync(fd: impl AsFd) -> Result<()> {
    retry_on_intr(|| rustix::fs::fsync(&fd))
}

/// `syncfs`.
pub(super) fn syncfs(fd: impl AsFd) -> Result<()> {
    retry_on_intr(|| rustix::fs::syncfs(&fd))
}

/// `fchmod`.
pub(super) fn fchmod(fd: impl AsFd, mode: Mode) -> Result<()> {
    retry_on_intr(|| rustix::fs::fchmod(&fd, mode))
}

/// `ftruncate`.
pub(super) fn ftruncate(fd: impl AsFd, length: u64) -> Result<()> {
    retry_on_intr(|| rustix::fs::ftruncate(&fd, length))
}
