//! Whether there is room on the store's file system for what is about to come.
//!
//! Only a floor can be known before the first byte, so this never promises that all will fit; it spares a download that
//! cannot. Quotas do not show here, and a file system without a fixed number of inodes has room for any.

use rustix::fs::StatVfs;

use super::error::{Error, Lack};
use super::open::Store;

/// What is needed at least.
///
/// ```
/// use pyro::store::Room;
/// let image = Room { bytes: 53 << 20, files: 5 };
/// assert!(image.bytes > 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// Bytes on the disk.
    pub bytes: u64,
    /// Files and folders.
    pub files: u64,
}

impl Store {
    /// Whether there is so much room now.
    ///
    /// # Errors
    /// When there is not. A file system that does not say how full it is has room.
    pub fn require_room(&self, needed: Room) -> Result<(), Error> {
        match rustix::fs::statvfs(self.layout().root()) {
            Ok(room) => match lack(&room, needed, self.uid() == 0) {
                None => Ok(()),
                Some((what, needed, free)) => Err(Error::NoRoom {
                    what,
                    needed,
                    free,
                    path: self.layout().root().to_owned(),
                }),
            },
            Err(_unsaid) => Ok(()),
        }
    }
}

/// What there is too little of: how much is needed, and free for this account.
fn lack(room: &StatVfs, needed: Room, is_root: bool) -> Option<(Lack, u64, u64)> {
    let blocks = if is_root { room.f_bfree } else { room.f_bavail };
    let bytes = blocks.saturating_mul(room.f_frsize);
    if bytes < needed.bytes {
        return Some((Lack::Bytes, needed.bytes, bytes));
    }
    let files = if is_root { room.f_ffree } else { room.f_favail };
    (room.f_files > 0 && files < needed.files).then_some((Lack::Inodes, needed.files, files))
}
