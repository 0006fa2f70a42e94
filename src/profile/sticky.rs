//! Folders with the sticky bit, in which an account may replace only what is its own.

use std::path::Path;

use rustix::io::Errno;
use rustix::process::geteuid;

use super::error::Error;

/// The sticky bit.
const STICKY: u32 = 0o1000;

/// An error if `link` is another account's in a folder with the sticky bit: asked before a generation is made that
/// could not be shown.
pub(super) fn require_replaceable(link: &Path) -> Result<(), Error> {
    let (Some(folder), Ok(there)) = (link.parent(), rustix::fs::lstat(link)) else {
        return Ok(());
    };
    let folder = rustix::fs::stat(folder).map_err(|error| Error::io("look at", folder, error))?;
    let us = geteuid();
    let is_ours = us.is_root() || [there.st_uid, folder.st_uid].contains(&us.as_raw());
    if folder.st_mode & STICKY == 0 || is_ours {
        return Ok(());
    }
    Err(Error::Store(crate::store::Error::Owned {
        doing: "replace",
        path: link.to_owned(),
        owner: there.st_uid,
        source: Errno::PERM.into(),
    }))
}
