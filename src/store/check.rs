//! The two checks of a store path.
//!
//! *Quick*: the manifest's bytes hash to the name, and one `lstat` of each entry shows its type, size, exec bit and
//! time; of a link, its target too. *Full*: the manifest is canonical, everything is read and hashed, and nothing else
//! may be there.
//!
//! A path of which only the times are off (a copied store) gets one full check and its times back.

use std::collections::HashSet;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::Store;
use super::error::{Doing, Error};
use super::file_writer::{self, CHUNK, SEALED_TIME};
use super::folders::{Folders, open_folder};
use super::lease::Lease;
use super::lock_file::LockFile;
use crate::model::digest::{FileHash, StoreHash};
use crate::model::escape::Escaped;
use crate::model::manifest::{Entry, EntryKind, MANIFEST_NAME, Manifest};
use crate::model::path::EntryPath;
use crate::model::store_path::StorePathName;
use crate::progress::{Event, Observer};

/// Largest manifest that is read: about three million entries.
const MANIFEST_MAX: u64 = 1 << 30;
/// How many faults of one path are listed.
const FAULTS_MAX: usize = 20;

/// How closely a path is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    /// One `lstat` an entry.
    #[default]
    Quick,
    /// Every byte.
    Full,
}

/// One thing that is wrong with a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where, below the store path; the path itself when empty.
    pub entry: String,
    /// What is wrong there.
    pub what: &'static str,
}

/// All that a check found wrong, up to a limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Damage {
    /// At least one fault; at most twenty.
    pub faults: Vec<Fault>,
}

impl Damage {
    fn one(entry: &str, what: &'static str) -> Self {
        Self {
            faults: vec![Fault {
                entry: entry.to_owned(),
                what,
            }],
        }
    }

    /// The first fault as a sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        match self.faults.as_slice() {
            [] => "damaged".to_owned(),
            [first, rest @ ..] => {
                let place = if first.entry.is_empty() {
                    String::new()
                } else {
                    format!("`{}` ", first.entry)
                };
                let more = if rest.is_empty() {
                    String::new()
                } else {
                    format!(" (and {} more)", rest.len())
                };
                format!("{place}{}{more}", first.what)
            }
        }
    }
}

/// What a check says.
#[derive(Debug)]
pub enum Verdict {
    /// All is as the manifest says.
    Valid(Manifest),
    /// Nothing stands under that name.
    Missing,
    /// Something stands there that is not what its name says: it counts as not installed.
    Damaged(Damage),
}

/// What the walk of a quick check gathers.
#[derive(Default)]
struct Findings {
    damage: Damage,
    times_off: bool,
}

impl Findings {
    fn fault(&mut self, entry: impl std::fmt::Display, what: &'static str) {
        if self.damage.faults.len() < FAULTS_MAX {
            self.damage.faults.push(Fault {
                entry: entry.to_string(),
                what,
            });
        }
    }
}

impl Store {
    /// Checks the path `name`, which the caller has leased.
    ///
    /// Where only times differ the path is hashed once and its times are set back, under its publish lock.
    ///
    /// # Errors
    /// When the system fails to answer; damage is no error.
    pub fn check(
        &self,
        name: &StorePathName,
        lease: &Lease,
        depth: Depth,
        observer: &dyn Observer,
    ) -> Result<Verdict, Error> {
        debug_assert_eq!(
            name.hash(),
            lease.hash(),
            "the lease must be on the path that is checked"
        );
        match self.inspect(name, depth)? {
            Inspection::Missing => Ok(Verdict::Missing),
            Inspection::Damaged(damage) => Ok(Verdict::Damaged(damage)),
            Inspection::Valid(valid) => {
                if valid.times_off {
                    self.set_times_back(name, &valid, observer)?;
                }
                Ok(Verdict::Valid(valid.manifest))
            }
        }
    }

    /// Checks the path `name`; the lock on its publication may be held.
    pub(super) fn inspect(&self, name: &StorePathName, depth: Depth) -> Result<Inspection, Error> {
        let (top, manifest) = match self.read_manifest(name)? {
            Opened::Manifest(top, manifest) => (top, manifest),
            Opened::Missing => return Ok(Inspection::Missing),
            Opened::Damaged(damage) => return Ok(Inspection::Damaged(damage)),
        };
        let findings = quick(&top, &manifest)?;
        if !findings.damage.faults.is_empty() {
            return Ok(Inspection::Damaged(findings.damage));
        }
        if findings.times_off || depth == Depth::Full {
            let damage = full(&top, &manifest, name.hash())?;
            if !damage.faults.is_empty() {
                return Ok(Inspection::Damaged(damage));
            }
        }
        Ok(Inspection::Valid(Valid {
            top,
            manifest,
            times_off: findings.times_off,
        }))
    }

    /// Opens a path and reads its manifest.
    fn read_manifest(&self, name: &StorePathName) -> Result<Opened, Error> {
        let path = self.layout().path(name);
        let top = match open_folder(self.folder().as_fd(), name.as_str().as_bytes()) {
            Ok(top) => top,
            Err(Errno::NOENT) => return Ok(Opened::Missing),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                return Ok(Opened::Damaged(Damage::one("", "is not a folder")));
            }
            Err(Errno::ACCESS) if self.owns(name) => {
                return Ok(Opened::Damaged(Damage::one("", "cannot be opened")));
            }
            Err(error) => return Err(Error::io("open", &path, error)),
        };
        let broken = |what| Ok(Opened::Damaged(Damage::one(MANIFEST_NAME, what)));
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&top, MANIFEST_NAME, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return broken("is missing"),
            Err(Errno::LOOP) => return broken("is a link"),
            // Another account's path that we may not read says nothing about itself.
            Err(error) if is_shortage(error) || (error == Errno::ACCESS && !self.owns(name)) => {
                return Err(Error::io("open", path.join(MANIFEST_NAME), error));
            }
            Err(_unreadable) => return broken("cannot be opened"),
        };
        let meta = rustix::fs::fstat(&file).doing("look at", path.join(MANIFEST_NAME))?;
        if FileType::from_raw_mode(meta.st_mode) != FileType::RegularFile {
            return broken("is no ordinary file");
        }
        let mut bytes = Vec::with_capacity(usize::try_from(meta.st_size).unwrap_or(0).min(1 << 24));
        let file = fs_err::File::from_parts(file.into(), path.join(MANIFEST_NAME));
        match file
            .take(MANIFEST_MAX)
            .read_to_end(&mut bytes)
            .doing("read", path.join(MANIFEST_NAME))
        {
            Err(error) if !is_damage(&error) => return Err(error),
            Err(_unreadable) => return broken("cannot be read"),
            Ok(_size) => {}
        }
        let hash = StoreHash::of(&bytes);
        if hash != name.hash() {
            return broken("does not hash to the name of the path");
        }
        match Manifest::parse_any_form(&bytes) {
            Ok(manifest)
                if StorePathName::new(hash, manifest.name(), manifest.version()) == *name =>
            {
                Ok(Opened::Manifest(top, manifest))
            }
            Ok(_) => broken("has another name or version than the path"),
            Err(_unreadable) => broken("cannot be read"),
        }
    }

    /// Whether this account owns the folder of `name`: what it may not open there, somebody has damaged.
    fn owns(&self, name: &StorePathName) -> bool {
        rustix::fs::statat(self.folder(), name.as_str(), AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|meta| meta.st_uid == self.uid())
    }

    /// Gives a path its times back after a full check, so that the next quick check is quick.
    fn set_times_back(
        &self,
        name: &StorePathName,
        valid: &Valid,
        observer: &dyn Observer,
    ) -> Result<(), Error> {
        let path = self.layout().path(name);
        let lock_path = self.layout().publish_lock(name.hash());
        let lock =
            match LockFile::exclusive(&lock_path, self.file_mode(), self.patience(), observer) {
                Ok(lock) => lock,
                Err(Error::Io { source, .. }) if is_refusal(&source) => return Ok(()),
                Err(error) => return Err(error),
            };
        match valid.write_times() {
            Ok(()) => {}
            Err(Errno::PERM | Errno::ACCESS | Errno::ROFS) => return Ok(()),
            Err(error) => return Err(Error::io("set the times of", &path, error)),
        }
        drop(lock);
        let text = format!(
            "{} was copied without its times: checked in full once, times set back",
            path.display()
        );
        observer.event(Event::Note { text: &text });
        Ok(())
    }
}

fn is_refusal(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem
    )
}

/// What says nothing about the path: the process or the system has run out of something.
fn is_shortage(error: Errno) -> bool {
    matches!(error, Errno::MFILE | Errno::NFILE | Errno::NOMEM)
}

/// Whether a failure to open or read something in a path is the path's own.
fn is_damage(error: &Error) -> bool {
    match error {
        Error::Io { source, .. } => {
            source.kind() != std::io::ErrorKind::OutOfMemory
                && !Errno::from_io_error(source).is_some_and(is_shortage)
        }
        _ => false,
    }
}

/// What reading a path's manifest gave.
enum Opened {
    Manifest(OwnedFd, Manifest),
    Missing,
    Damaged(Damage),
}

/// What a check found, before anything was put right.
pub(super) enum Inspection {
    Valid(Valid),
    Missing,
    Damaged(Damage),
}

/// An open path that is as its manifest says.
pub(super) struct Valid {
    top: OwnedFd,
    pub(super) manifest: Manifest,
    /// The times differ, so the full check was made.
    pub(super) times_off: bool,
}

impl Valid {
    /// Sets the sealed time on everything, children before their folders.
    pub(super) fn write_times(&self) -> rustix::io::Result<()> {
        let mut folders = Folders::new(rustix::io::dup(&self.top)?);
        for Entry { path, .. } in self.manifest.entries().iter().rev() {
            let parent = folders.parent_of(path)?;
            rustix::fs::utimensat(
                parent.as_fd(),
                path.name(),
                &SEALED_TIME,
                AtFlags::SYMLINK_NOFOLLOW,
            )?;
        }
        rustix::fs::utimensat(
            &self.top,
            MANIFEST_NAME,
            &SEALED_TIME,
            AtFlags::SYMLINK_NOFOLLOW,
        )?;
        rustix::fs::futimens(&self.top, &SEALED_TIME)
    }
}

/// One `lstat` an entry.
fn quick(top: &OwnedFd, manifest: &Manifest) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let meta = rustix::fs::fstat(top).doing("look at", "a store path")?;
    findings.times_off |= !is_sealed_time(&meta);
    let mut folders = Folders::new(top.try_clone().doing("open", "a store path")?);
    for Entry { path, kind } in manifest.entries() {
        let found = folders.parent_of(path).and_then(|parent| {
            let meta = rustix::fs::statat(parent.as_fd(), path.name(), AtFlags::SYMLINK_NOFOLLOW)?;
            let target = match kind {
                EntryKind::Symlink { .. }
                    if FileType::from_raw_mode(meta.st_mode) == FileType::Symlink =>
                {
                    Some(rustix::fs::readlinkat(
                        parent.as_fd(),
                        path.name(),
                        Vec::new(),
                    )?)
                }
                _ => None,
            };
            Ok((meta, target))
        });
        let (meta, target) = match found {
            Ok(found) => found,
            Err(Errno::NOENT) => {
                findings.fault(path, "is missing");
                continue;
            }
            Err(Errno::NOTDIR | Errno::LOOP) => {
                findings.fault(path, "does not stand in a folder");
                continue;
            }
            Err(error) if is_shortage(error) => {
                return Err(Error::io("look at", path.as_os_str(), error));
            }
            Err(_unreadable) => {
                findings.fault(path, "cannot be opened");
                continue;
            }
        };
        let target = target.as_ref().map(std::ffi::CString::as_bytes);
        if let Some(what) = difference(kind, &meta, target) {
            findings.fault(path, what);
        }
        findings.times_off |= !is_sealed_time(&meta);
    }
    Ok(findings)
}

fn is_sealed_time(meta: &Stat) -> bool {
    meta.st_mtime == 1 && meta.st_mtime_nsec == 0
}

fn difference(kind: &EntryKind, meta: &Stat, found_target: Option<&[u8]>) -> Option<&'static str> {
    let found = FileType::from_raw_mode(meta.st_mode);
    match kind {
        EntryKind::Directory => (found != FileType::Directory).then_some("is not a folder"),
        EntryKind::File {
            size, executable, ..
        } => {
            if found != FileType::RegularFile {
                Some("is not an ordinary file")
            } else if meta.st_size.cast_unsigned() != *size {
                Some("has the wrong size")
            } else if (meta.st_mode & 0o100 != 0) != *executable {
                Some("has the wrong exec bit")
            } else {
                None
            }
        }
        EntryKind::Symlink { target } => {
            if found != FileType::Symlink {
                Some("is not a symlink")
            } else if found_target != Some(target.as_bytes()) {
                Some("points elsewhere")
            } else {
                None
            }
        }
    }
}

/// Reads and hashes every file, lists every folder, and holds the manifest against its own canonical form.
fn full(top: &OwnedFd, manifest: &Manifest, hash: StoreHash) -> Result<Damage, Error> {
    let mut findings = Findings::default();
    if StoreHash::of(&manifest.to_bytes()) != hash {
        findings.fault(MANIFEST_NAME, "cannot be read");
    }
    let mut folders = Folders::new(top.try_clone().doing("open", "a store path")?);
    let mut buffer = vec![0; CHUNK];
    for Entry { path, kind } in manifest.entries() {
        let EntryKind::File { size, blake3, .. } = kind else {
            continue;
        };
        match hash_file(&mut folders, path, &mut buffer) {
            Ok((found_size, hash)) if found_size == *size && hash == *blake3 => {}
            Ok(_) => findings.fault(path, "has the wrong content"),
            Err(error) if is_damage(&error) => findings.fault(path, "cannot be read"),
            Err(error) => return Err(error),
        }
    }
    list_all(&mut folders, manifest, &mut findings)?;
    Ok(findings.damage)
}

/// Lists every folder for what is not in the manifest.
fn list_all(
    folders: &mut Folders,
    manifest: &Manifest,
    findings: &mut Findings,
) -> Result<(), Error> {
    let known: HashSet<&[u8]> = manifest
        .entries()
        .iter()
        .map(|entry| entry.path.as_bytes())
        .collect();
    let all = manifest
        .entries()
        .iter()
        .filter(|entry| entry.kind == EntryKind::Directory);
    for folder in all.map(|entry| entry.path.as_bytes()).chain([&b""[..]]) {
        match list_one(folders, folder, &known, findings) {
            Ok(()) => {}
            Err(error) if is_shortage(error) => {
                return Err(Error::io("list", Escaped(folder).to_string(), error));
            }
            Err(_unreadable) => findings.fault(Escaped(folder), "cannot be read"),
        }
    }
    Ok(())
}

fn list_one(
    folders: &mut Folders,
    folder: &[u8],
    known: &HashSet<&[u8]>,
    findings: &mut Findings,
) -> rustix::io::Result<()> {
    let fd = folders.folder(folder)?;
    for entry in Dir::read_from(fd.as_fd())? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." || (folder.is_empty() && name == MANIFEST_NAME.as_bytes())
        {
            continue;
        }
        let whole = if folder.is_empty() {
            name.to_vec()
        } else {
            [folder, b"/", name].concat()
        };
        if !known.contains(whole.as_slice()) {
            findings.fault(Escaped(&whole), "does not belong there");
        }
    }
    Ok(())
}

fn hash_file(
    folders: &mut Folders,
    path: &EntryPath,
    buffer: &mut [u8],
) -> Result<(u64, FileHash), Error> {
    let parent = folders
        .parent_of(path)
        .doing("open the folder of", path.as_os_str())?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(parent.as_fd(), path.name(), flags, Mode::empty())
        .doing("open", path.as_os_str())?;
    file_writer::hash(path, &fd, buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_no_damage() {
        for (errno, expected) in [
            (Errno::MFILE, false),
            (Errno::NFILE, false),
            (Errno::NOMEM, false),
            (Errno::ACCESS, true),
            (Errno::IO, true),
            (Errno::NAMETOOLONG, true),
            (Errno::LOOP, true),
        ] {
            assert_eq!(is_damage(&Error::io("open", "x", errno)), expected);
        }
    }
}
