//! A folder in memory, for disks whose own image nobody has to keep.

use tempfile::TempDir;

/// Room for a few images of disks.
const ENOUGH: u64 = 1 << 30;

/// In memory, where this machine has room there; else where temporary folders are.
pub fn folder() -> TempDir {
    let memory = "/dev/shm";
    let room = rustix::fs::statvfs(memory).map_or(0, |room| room.f_bavail * room.f_frsize);
    if room >= ENOUGH
        && let Ok(folder) = tempfile::tempdir_in(memory)
    {
        return folder;
    }
    tempfile::tempdir().unwrap()
}
