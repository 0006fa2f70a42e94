//! A folder on this machine as a source: copied, and recorded as it was copied.
//!
//! Each file is opened first (never through a link, never waiting for a fifo) and looked at through its descriptor,
//! before and after the copying; the record takes what was seen there. So the record fits the copy, or there is an
//! error; and the hash of a file is that of the bytes that were written in any case.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::Unpacked;
use super::error::{Error, Fault, Place};
use super::folder_record::{Found, Metadata, Recorder, is_there, walk};
use super::tally::Special;
use crate::model::path::{EntryPath, LinkTarget};
use crate::model::realisation::FolderRecord;
use crate::model::recipe::Layout;
use crate::store::uninterrupted;
use crate::store::{Error as StoreError, Executable, Staging};

/// Copies all that is in the folder `path`; tells what it looked like meanwhile.
///
/// `now_ns` is the time before the call, in nanoseconds since the epoch.
///
/// # Errors
/// When the folder is absent or empty, something in it cannot be read, cannot stand in a tree or changes meanwhile.
pub fn folder(
    path: &Path,
    staging: &mut Staging<'_>,
    now_ns: i64,
) -> Result<(Unpacked, FolderRecord), Error> {
    let none = |what| Error::NoFolder {
        what,
        path: path.to_owned(),
    };
    if !is_there(path)? {
        return Err(none("no such folder"));
    }
    let mut copying = Copying {
        top: path,
        staging,
        recorder: Recorder::new(now_ns),
        done: Unpacked::default(),
    };
    for found in walk(path) {
        let found = found?;
        let failed = copying.staging.failed();
        copying.must_be_written(failed)?;
        copying.take(found)?;
    }
    let failed = copying.staging.settle();
    copying.must_be_written(failed)?;
    let Copying {
        staging,
        recorder,
        done,
        ..
    } = copying;
    done.left_out.note(staging, None);
    let record = recorder.finish().ok_or_else(|| none("an empty folder"))?;
    Ok((done, record))
}

struct Copying<'a, 's> {
    top: &'a Path,
    staging: &'a mut Staging<'s>,
    recorder: Recorder,
    done: Unpacked,
}

impl Copying<'_, '_> {
    /// An error if there is a file that was taken before and could not be written after all.
    fn must_be_written(&self, failed: Option<(EntryPath, StoreError)>) -> Result<(), Error> {
        let Some((entry, error)) = failed else {
            return Ok(());
        };
        let path = self.top.join(entry.as_os_str());
        Err(of_file(&path, error))
    }

    fn take(&mut self, found: Found) -> Result<(), Error> {
        self.done.entries += 1;
        let entry = EntryPath::new(&found.below)
            .map_err(|error| refused(&found.path, Fault::Name(error.fault)))?;
        let kind = found.metadata.file_type();
        let kept = |error| of_file(&found.path, error);
        if kind.is_file() {
            let metadata = self.file(&found.path, &entry)?;
            self.recorder.add(found.below, &metadata);
            return Ok(());
        }
        if kind.is_dir() {
            self.staging.directory(&entry).map_err(kept)?;
        } else if kind.is_symlink() {
            let target = fs_err::read_link(&found.path)
                .map_err(|error| Error::local("read", &found.path, error))?;
            let target = LinkTarget::new(target.as_os_str().as_encoded_bytes());
            let target =
                target.map_err(|error| refused(&found.path, Fault::Target(error.fault)))?;
            self.staging.symlink(&entry, &target).map_err(kept)?;
        } else {
            self.leave_out(&found)?;
        }
        self.recorder.add(found.below, &found.metadata);
        Ok(())
    }

    /// Copies a file; gives what its descriptor said.
    fn file(&mut self, path: &Path, entry: &EntryPath) -> Result<Metadata, Error> {
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = uninterrupted::open(path, flags, Mode::empty());
        let opened = opened.map_err(|error| match error {
            // It was a file a moment ago.
            rustix::io::Errno::NOENT | rustix::io::Errno::LOOP => refused(path, Fault::Changed),
            error => Error::local("open", path, error),
        })?;
        let file = fs_err::File::from_parts(opened.into(), path);
        let look = || {
            file.metadata()
                .map_err(|error| Error::local("look at", path, error))
        };
        let before = look()?;
        if !before.is_file() {
            return Err(refused(path, Fault::Changed));
        }
        let executable = Executable::of_mode(before.mode());
        let size = self
            .staging
            .file_from(entry, executable, &file, before.len());
        let size = size.map_err(|error| of_file(path, error))?;
        if size != before.size() || is_changed(&before, &look()?) {
            return Err(refused(path, Fault::Changed));
        }
        self.done.bytes += size;
        self.done.left_out.setuid += u64::from(before.mode() & 0o6000 != 0);
        Ok(before)
    }

    fn leave_out(&mut self, found: &Found) -> Result<(), Error> {
        let kind = found.metadata.file_type();
        let special = match () {
            () if kind.is_char_device() => Special::CharDevice,
            () if kind.is_block_device() => Special::BlockDevice,
            () if kind.is_fifo() => Special::Fifo,
            () => Special::Socket,
        };
        if kind.is_char_device() && found.metadata.rdev() == 0 {
            return Err(refused(&found.path, Fault::OverlayWhiteout));
        }
        if self.staging.layout() == Layout::Files {
            return Err(refused(&found.path, Fault::Special(special.name())));
        }
        self.done.left_out.count(special);
        Ok(())
    }
}

fn of_file(path: &Path, error: StoreError) -> Error {
    Error::of_store(Place::Local, path.as_os_str().as_encoded_bytes(), error)
}

fn refused(path: &Path, fault: Fault) -> Error {
    Error::Entry {
        place: Place::Local,
        name: path.as_os_str().as_encoded_bytes().to_vec(),
        fault,
    }
}

fn is_changed(before: &Metadata, after: &Metadata) -> bool {
    let seen = |m: &Metadata| {
        (
            m.size(),
            m.mtime(),
            m.mtime_nsec(),
            m.ctime(),
            m.ctime_nsec(),
        )
    };
    seen(before) != seen(after)
}
