//! Small JSON files of pyro's own: written under a dot name, synced, renamed into place, and the folder synced.

use std::io::Write;
use std::path::Path;

use fs_err::os::unix::fs::OpenOptionsExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Store;
use super::error::{Doing, Error};
use super::uninterrupted;

/// Largest record that is read; a larger file is damage, not a record.
const RECORD_MAX: u64 = 64 << 20;

/// Sixteen random hex digits: a name that nobody else has.
///
/// # Errors
/// When the kernel has no random bytes.
pub fn random_id() -> Result<String, Error> {
    let mut bytes = [0_u8; 8];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .doing("read random bytes from", "/dev/urandom")?;
    Ok(crate::model::digest::encode_hex(&bytes))
}

/// Whether `text` may be a [`random_id`].
#[must_use]
pub fn is_random_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Writes a file that must not be there yet, with `mode` whatever the umask says; its sync is the caller's.
pub(super) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<fs_err::File, Error> {
    let mut file = fs_err::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .doing("make", path)?;
    uninterrupted::fchmod(&file, rustix::fs::Mode::from_raw_mode(mode))
        .doing("set the mode of", path)?;
    file.write_all(bytes).doing("write", path)?;
    Ok(file)
}

impl Store {
    /// Replaces the record at `path` by `record`, durably unless nothing is synced here.
    ///
    /// # Errors
    /// When the system refuses; the old record is then still whole.
    pub fn write_record<T: Serialize>(&self, path: &Path, record: &T) -> Result<(), Error> {
        let mut bytes = serde_json::to_vec_pretty(record).map_err(|source| Error::Record {
            path: path.to_owned(),
            source,
        })?;
        bytes.push(b'\n');
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("record");
        let temporary = path.with_file_name(format!(".{name}-{}", random_id()?));
        let written = write_new(&temporary, &bytes, self.file_mode())
            .and_then(|file| {
                if self.is_unsynced() {
                    return Ok(());
                }
                file.sync_all().doing("sync", &temporary)
            })
            .and_then(|()| fs_err::rename(&temporary, path).doing("rename into place", path));
        if let Err(error) = written {
            let _ = fs_err::remove_file(&temporary);
            return Err(error);
        }
        self.sync_names(path.parent().unwrap_or(Path::new("/")))
    }
}

/// Reads a record; `None` where there is none.
///
/// # Errors
/// When it is there and cannot be read.
pub fn read_record<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let size = match fs_err::symlink_metadata(path) {
        Ok(meta) => meta.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("look at", path, error)),
    };
    let bytes = match fs_err::read(path) {
        Ok(bytes) if size <= RECORD_MAX => bytes,
        Ok(_too_large) => {
            return Err(Error::io(
                "read",
                path,
                std::io::Error::other("too large for a record"),
            ));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", path, error)),
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|source| Error::Record {
            path: path.to_owned(),
            source,
        })
}
