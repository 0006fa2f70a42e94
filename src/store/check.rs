//! The two checks of a store path.
//!
//! *Quick*: the manifest's bytes hash to the name, and one `lstat` of each entry shows its type, size, exec bit and
//! time; of a link, its target too. *Full*: the manifest is canonical, everything is read and hashed, and nothing else
//! may be there.
//!
//! A path of which only the times are off (a copied store) gets one full check and its times back.

mod content;
mod findings;
mod forget;
mod full;
mod last_checks;
mod opening;
mod quick;
mod remembered;

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::AtFlags;
use rustix::io::Errno;

pub use last_checks::LastChecks;
pub use remembered::FullCheck;

use self::full::full;
use self::opening::Opened;
use self::quick::quick;
use super::Store;
use super::error::Error;
use super::file_writer::SEALED_TIME;
use super::folders::Folders;
use super::lease::Lease;
use super::lock_file::LockFile;
use crate::model::digest::RecordHash;
use crate::model::manifest::{Entry, MANIFEST_NAME, Manifest};
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
                let times_set = valid.times_off && self.set_times_back(name, &valid, observer)?;
                if let Some(seen) = valid.unremembered {
                    // Setting times changes what an lstat shows; the next look sees the sealed time anyway.
                    if !times_set {
                        self.remember_check(name, seen)?;
                    }
                    if valid.times_off && !times_set {
                        let path = self.layout().path(name);
                        let text = format!(
                            "{} was copied without its times, which may not be set: checked in full once, remembered",
                            path.display()
                        );
                        observer.event(Event::Note { text: &text });
                    }
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
        let looked = quick(&self.layout().path(name), &top, &manifest)?;
        let (mut findings, seen) = (looked.findings, looked.seen);
        // Off times and another account's hand ask for one full check, which is remembered.
        let doubtful = looked.times_off || looked.owner != self.uid();
        let remembered = doubtful && findings.is_empty() && self.was_checked(name, seen)?;
        let check_all = depth == Depth::Full || (doubtful && !remembered && findings.is_empty());
        if check_all {
            full(&top, &manifest, name.hash(), self.crew(), &mut findings)?;
        }
        if !findings.is_empty() {
            return Ok(Inspection::Damaged(findings.damage()));
        }
        Ok(Inspection::Valid(Valid {
            top,
            manifest,
            times_off: looked.times_off && !remembered,
            unremembered: (doubtful && !remembered).then_some(seen),
        }))
    }

    /// Gives a path its times back after a full check, so that the next quick check is quick; tells whether it could.
    fn set_times_back(
        &self,
        name: &StorePathName,
        valid: &Valid,
        observer: &dyn Observer,
    ) -> Result<bool, Error> {
        let path = self.layout().path(name);
        let lock_path = self.layout().publish_lock(name.hash());
        let lock =
            match LockFile::exclusive(&lock_path, self.file_mode(), self.patience(), observer) {
                Ok(lock) => lock,
                Err(Error::Io { source, .. }) if is_refusal(&source) => return Ok(false),
                Err(error) => return Err(error),
            };
        match valid.write_times() {
            Ok(()) => {}
            Err(Errno::PERM | Errno::ACCESS | Errno::ROFS) => return Ok(false),
            Err(error) => return Err(Error::io("set the times of", &path, error)),
        }
        drop(lock);
        let text = format!(
            "{} was copied without its times: checked in full once, times set back",
            path.display()
        );
        observer.event(Event::Note { text: &text });
        Ok(true)
    }
}

/// Whether the system said that this account may not, or that nobody may.
pub(super) fn is_refusal(error: &std::io::Error) -> bool {
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
    /// What the full check was made of, where it is worth remembering.
    unremembered: Option<RecordHash>,
}

impl Valid {
    /// Sets the sealed time on everything, children before their folders.
    pub(super) fn write_times(&self) -> rustix::io::Result<()> {
        let mut folders = Folders::new(&self.top);
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
