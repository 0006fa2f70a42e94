//! What the files of a local folder look like from outside, in one hash: to tell, without reading them, whether they
//! are still what was copied.
//!
//! The hash is BLAKE3 over a line that names this encoding, then for each entry, ascending by the bytes of its path
//! below the folder: length of the path (8 bytes, little-endian like all numbers here) and the path; one byte for the
//! type (`f`, `d`, `l`, `c`, `b`, `p`, `s`); size (8); mode (4); mtime and ctime in nanoseconds since the epoch (8
//! each); inode and device (8 each). The folder itself is no entry.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::error::Error;
use crate::model::digest::RecordHash;
use crate::model::realisation::FolderRecord;

/// Raised whenever the encoding changes, so that old records stop counting.
const ENCODING: &[u8] = b"pyro folder record 1\n";

/// The metadata type of all lookups.
pub(super) type Metadata = std::fs::Metadata;

/// One thing in a local folder.
pub(super) struct Found {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its path below the folder.
    pub(super) below: Vec<u8>,
    /// By `lstat`.
    pub(super) metadata: Metadata,
}

/// Lists everything in `folder`, in an order that opens each folder once.
pub(super) fn walk(folder: &Path) -> impl Iterator<Item = Result<Found, Error>> {
    WalkDir::new(folder)
        .min_depth(1)
        .sort_by_file_name()
        .into_iter()
        .map(move |entry| {
            let failed = |error: walkdir::Error| {
                let path = error.path().unwrap_or(folder).to_owned();
                Error::local("read", &path, error)
            };
            let entry = entry.map_err(failed)?;
            let metadata = entry.metadata().map_err(failed)?;
            let below = entry
                .path()
                .strip_prefix(folder)
                .unwrap_or(entry.path())
                .as_os_str()
                .as_bytes()
                .to_vec();
            Ok(Found {
                path: entry.into_path(),
                below,
                metadata,
            })
        })
}

/// Makes a record of what it is told.
pub(super) struct Recorder {
    lines: Vec<(Vec<u8>, [u8; LINE])>,
    newest_ns: i64,
    taken_ns: i64,
}

/// Bytes of a line after the path.
const LINE: usize = 1 + 8 + 4 + 8 + 8 + 8 + 8;

impl Recorder {
    /// Begins at the time `now_ns`, before anything was looked at.
    pub(super) fn new(now_ns: i64) -> Self {
        Self {
            lines: Vec::new(),
            newest_ns: i64::MIN,
            taken_ns: now_ns,
        }
    }

    /// Adds what stands at `below`.
    pub(super) fn add(&mut self, below: Vec<u8>, metadata: &Metadata) {
        let modified = nanoseconds(metadata.mtime(), metadata.mtime_nsec());
        let changed = nanoseconds(metadata.ctime(), metadata.ctime_nsec());
        self.newest_ns = self.newest_ns.max(modified).max(changed);
        let mut line = [0; LINE];
        let mut rest = &mut line[..];
        let fields: [&[u8]; 7] = [
            &[type_byte(metadata)],
            &metadata.size().to_le_bytes(),
            &metadata.mode().to_le_bytes(),
            &modified.to_le_bytes(),
            &changed.to_le_bytes(),
            &metadata.ino().to_le_bytes(),
            &metadata.dev().to_le_bytes(),
        ];
        for field in fields {
            let (this, after) = rest.split_at_mut(field.len());
            this.copy_from_slice(field);
            rest = after;
        }
        self.lines.push((below, line));
    }

    /// The record; `None` where nothing was added.
    pub(super) fn finish(mut self) -> Option<FolderRecord> {
        if self.lines.is_empty() {
            return None;
        }
        self.lines.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut hasher = blake3::Hasher::new();
        hasher.update(ENCODING);
        for (path, line) in &self.lines {
            hasher.update(&(path.len() as u64).to_le_bytes());
            hasher.update(path);
            hasher.update(line);
        }
        Some(FolderRecord {
            record: RecordHash::from(hasher.finalize()),
            entries: self.lines.len() as u64,
            newest_ns: self.newest_ns,
            taken_ns: self.taken_ns,
        })
    }
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds)
}

fn type_byte(metadata: &Metadata) -> u8 {
    let kind = metadata.file_type();
    match () {
        () if kind.is_file() => b'f',
        () if kind.is_dir() => b'd',
        () if kind.is_symlink() => b'l',
        () if kind.is_char_device() => b'c',
        () if kind.is_block_device() => b'b',
        () if kind.is_fifo() => b'p',
        () => b's',
    }
}

/// What the folder at `path` looks like, without reading any file; `None` where it is absent or has nothing in it.
///
/// `now_ns` is the time before the call, in nanoseconds since the epoch.
///
/// # Errors
/// When `path` is no folder or something in it cannot be looked at.
pub fn folder_record(path: &Path, now_ns: i64) -> Result<Option<FolderRecord>, Error> {
    if !is_there(path)? {
        return Ok(None);
    }
    let mut recorder = Recorder::new(now_ns);
    for found in walk(path) {
        let found = found?;
        recorder.add(found.below, &found.metadata);
    }
    Ok(recorder.finish())
}

/// Whether the folder is there; it may be named through links.
pub(super) fn is_there(path: &Path) -> Result<bool, Error> {
    match fs_err::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(true),
        Ok(_other) => Err(Error::local(
            "read as a folder",
            path,
            rustix::io::Errno::NOTDIR,
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::local("look at", path, error)),
    }
}
