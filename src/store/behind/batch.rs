//! Small files that are made together, by whoever has the time.

use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::path::EntryPath;
use crate::store::buffer::Buffer;
use crate::store::error::Error;
use crate::store::file_writer;
use crate::store::staging::Executable;

/// How many files one has at most: each may have a descriptor of its folder, and all of them together no more than the
/// first files of a tree.
pub(super) const FILES: usize = 16;

/// A file that is not made yet; which folder it comes to and where its content is in the batch.
#[derive(Debug)]
pub(super) struct Coming {
    pub(super) entry: EntryPath,
    pub(super) folder: usize,
    pub(super) executable: Executable,
    pub(super) content: Range<usize>,
}

/// Files that go to the thread together.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) files: Vec<Coming>,
    pub(super) folders: Vec<OwnedFd>,
    pub(super) buffer: Buffer,
}

/// The first thing that went wrong, and with what.
#[derive(Debug, Default)]
pub(super) struct Failure {
    pub(super) happened: AtomicBool,
    pub(super) first: Mutex<Option<(EntryPath, Error)>>,
}

impl Failure {
    pub(super) fn first(&self) -> MutexGuard<'_, Option<(EntryPath, Error)>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    pub(super) fn work(&self, failure: &Failure) {
        for file in &self.files {
            // After a failure the tree is given up: nobody needs the rest.
            if failure.happened.load(Ordering::Relaxed) {
                return;
            }
            if let Err(error) = self.make(file) {
                *failure.first() = Some((file.entry.clone(), error));
                failure.happened.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl Batch {
    fn make(&self, file: &Coming) -> Result<(), Error> {
        let fd = file_writer::create(self.folders[file.folder].as_fd(), &file.entry)?;
        file_writer::write(&file.entry, &fd, &self.buffer[file.content.clone()])?;
        file_writer::seal(&file.entry, &fd, file.executable.is_yes())
    }

    /// A batch of nothing yet.
    pub(super) fn empty(buffer: Buffer) -> Self {
        Self {
            files: Vec::with_capacity(FILES),
            folders: Vec::with_capacity(FILES),
            buffer,
        }
    }
}
