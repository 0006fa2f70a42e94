//! Small files are written behind the back of whoever reads them from an archive, by a thread of their staging tree.
//!
//! ```text
//! archive -> names made, contents hashed -> [full batches] -> contents, modes, times
//!               ^-------------------------- [empty buffers] <------------'
//! ```
//!
//! The name is made by the reader, so whatever is wrong with that is said at once, and the tree knows its entries in their
//! order. What the thread cannot do is known later: at an entry that follows, at the latest at the end of the archive.

use std::io::Read;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::buffer::Buffer;
use super::error::Error;
use super::file_writer::{self, CHUNK};
use super::staging::Executable;
use crate::model::path::EntryPath;

/// How many batches are on their way at once.
const BATCHES: usize = 3;
/// How many files one has at most: each has a descriptor, and all of them together no more than the first files of a tree.
const FILES: usize = 16;
/// Contents begin at multiples of this.
const ALIGNED: usize = 64;

/// A file that has its name and nothing else; where its content is in the batch.
#[derive(Debug)]
struct Named {
    entry: EntryPath,
    fd: OwnedFd,
    executable: Executable,
    content: Range<usize>,
}

/// Files that go to the thread together.
#[derive(Debug)]
struct Batch {
    files: Vec<Named>,
    buffer: Buffer,
}

/// The first thing that went wrong, and with what.
#[derive(Debug, Default)]
struct Failure {
    happened: AtomicBool,
    first: Mutex<Option<(EntryPath, Error)>>,
}

impl Failure {
    fn first(&self) -> MutexGuard<'_, Option<(EntryPath, Error)>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    fn work(&self, failure: &Failure) {
        for file in &self.files {
            // After a failure the tree is given up: nobody needs the rest.
            if failure.happened.load(Ordering::Relaxed) {
                return;
            }
            let content = &self.buffer[file.content.clone()];
            let executable = file.executable.is_yes();
            let written = file_writer::write(&file.entry, &file.fd, content)
                .and_then(|()| file_writer::seal(&file.entry, &file.fd, executable));
            if let Err(error) = written {
                *failure.first() = Some((file.entry.clone(), error));
                failure.happened.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// Who writes small files once there were many.
#[derive(Debug, Default)]
pub(super) enum Writer {
    #[default]
    Unasked,
    /// Nobody else: there is no processor or no thread for it.
    Alone,
    Helped(Behind),
}

impl Writer {
    /// The thread, which is started now if it was not.
    pub(super) fn start(&mut self) -> Option<&mut Behind> {
        if matches!(self, Self::Unasked) {
            let is_alone = std::thread::available_parallelism().is_ok_and(|count| count.get() == 1);
            let behind = if is_alone { None } else { Behind::start() };
            *self = behind.map_or(Self::Alone, Self::Helped);
        }
        self.started()
    }

    pub(super) fn started(&mut self) -> Option<&mut Behind> {
        match self {
            Self::Helped(behind) => Some(behind),
            Self::Unasked | Self::Alone => None,
        }
    }
}

/// The thread, and the way to it.
#[derive(Debug)]
pub(super) struct Behind {
    next: Batch,
    /// Where in it the content is that was read last.
    content: Range<usize>,
    /// `None` once there is nothing more to do.
    batches: Option<Sender<Batch>>,
    emptied: Receiver<Buffer>,
    /// Batches that are with the thread.
    away: usize,
    failure: Arc<Failure>,
    thread: Option<JoinHandle<()>>,
}

impl Behind {
    fn start() -> Option<Self> {
        let (batches, to_do) = channel::<Batch>();
        let (empty, emptied) = channel();
        let failure = Arc::<Failure>::default();
        let failed = Arc::clone(&failure);
        let work = move || {
            for batch in to_do {
                batch.work(&failed);
                let Batch { files, buffer } = batch;
                drop(files);
                let _nobody = empty.send(buffer);
            }
        };
        let thread = std::thread::Builder::new().name("pyro-write".to_owned());
        let thread = Some(thread.spawn(work).ok()?);
        let next = Batch {
            files: Vec::new(),
            buffer: Buffer::new(CHUNK),
        };
        Some(Self {
            next,
            content: 0..0,
            batches: Some(batches),
            emptied,
            away: 0,
            failure,
            thread,
        })
    }

    /// Reads the content of a file: all of it, if it is small; else a whole [`Self::buffer`] is filled with its beginning.
    pub(super) fn read(
        &mut self,
        entry: &EntryPath,
        content: &mut dyn Read,
    ) -> Result<Option<&[u8]>, Error> {
        let used = self.next.files.last().map_or(0, |file| file.content.end);
        let start = used.next_multiple_of(ALIGNED).min(CHUNK);
        let filled = file_writer::fill(entry, content, &mut self.next.buffer[start..])?;
        self.content = start..start + filled;
        if start > 0 && self.content.end == CHUNK {
            // It may be longer than the rest of this buffer.
            let mut buffer = self.empty_buffer();
            buffer[..filled].copy_from_slice(&self.next.buffer[start..]);
            self.send(buffer);
            let more = file_writer::fill(entry, content, &mut self.next.buffer[filled..])?;
            self.content = 0..filled + more;
        }
        let is_whole = self.content.end < CHUNK;
        Ok(is_whole.then(|| &self.next.buffer[self.content.clone()]))
    }

    /// The buffer that a large file has all to itself.
    pub(super) fn buffer(&mut self) -> &mut [u8] {
        &mut self.next.buffer
    }

    /// Leaves the file that was read last to the thread.
    pub(super) fn write(&mut self, entry: EntryPath, fd: OwnedFd, executable: Executable) {
        self.next.files.push(Named {
            entry,
            fd,
            executable,
            content: self.content.clone(),
        });
        if self.next.files.len() == FILES {
            let buffer = self.empty_buffer();
            self.send(buffer);
        }
    }

    /// What went wrong so far, told once.
    pub(super) fn failure(&self) -> Option<(EntryPath, Error)> {
        if !self.failure.happened.load(Ordering::Relaxed) {
            return None;
        }
        self.failure.first().take()
    }

    /// Waits until all that was left to the thread is done.
    pub(super) fn settle(&mut self) {
        if !self.next.files.is_empty() {
            let buffer = self.empty_buffer();
            self.send(buffer);
        }
        while self.away > 0 {
            if self.emptied.recv().is_err() {
                return self.panicked();
            }
            self.away -= 1;
        }
    }

    /// Goes on with the panic that ended the thread: what it had to write is not written.
    fn panicked(&mut self) {
        self.away = 0;
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
    }

    fn empty_buffer(&mut self) -> Buffer {
        if let Ok(back) = self.emptied.try_recv() {
            self.away -= 1;
            return back;
        }
        if self.away == BATCHES {
            match self.emptied.recv() {
                Ok(back) => {
                    self.away -= 1;
                    return back;
                }
                Err(_gone) => self.panicked(),
            }
        }
        Buffer::new(CHUNK)
    }

    /// Sends the batch, and begins another one with this buffer.
    fn send(&mut self, buffer: Buffer) {
        let files = Vec::with_capacity(FILES);
        let batch = std::mem::replace(&mut self.next, Batch { files, buffer });
        let Some(batches) = &self.batches else {
            return batch.work(&self.failure);
        };
        match batches.send(batch) {
            Ok(()) => self.away += 1,
            // The thread is gone, which only a panic of it can do.
            Err(refused) => refused.0.work(&self.failure),
        }
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn path(name: &str) -> EntryPath {
        EntryPath::new(name.as_bytes()).unwrap()
    }

    fn content(number: usize) -> Vec<u8> {
        // Sizes around all borders, and holes at either end.
        let size = [0, 1, 63, 64, 65, 4096, 12_288, 100_000, CHUNK - 1][number % 9];
        let mut content = vec![u8::try_from(number % 251).unwrap(); size];
        if number.is_multiple_of(2) && size > 8192 {
            content[..4096].fill(0);
            content[size - 5000..].fill(0);
        }
        content
    }

    fn executable(number: usize) -> Executable {
        let mode = if number.is_multiple_of(3) { 0o755 } else { 0 };
        Executable::of_mode(mode)
    }

    #[test]
    fn every_file_is_written_with_mode_and_time() {
        let temp = tempfile::tempdir().unwrap();
        let mut behind = Behind::start().unwrap();
        for number in 0..300 {
            let name = number.to_string();
            let file = fs_err::File::create_new(temp.path().join(&name)).unwrap();
            let expected = content(number);
            let read = behind.read(&path(&name), &mut expected.as_slice()).unwrap();
            assert_eq!(read.unwrap(), expected);
            let fd = file.into_parts().0.into();
            behind.write(path(&name), fd, executable(number));
        }
        behind.settle();
        assert!(behind.failure().is_none());
        for number in 0..300 {
            let file = temp.path().join(number.to_string());
            let meta = fs_err::metadata(&file).unwrap();
            assert_eq!(fs_err::read(&file).unwrap(), content(number));
            let mode = match executable(number) {
                Executable::Yes => 0o555,
                Executable::No => 0o444,
            };
            assert_eq!((meta.mode() & 0o7777, meta.mtime()), (mode, 1));
        }
    }

    #[test]
    fn a_large_file_has_a_buffer_to_itself() {
        let temp = tempfile::tempdir().unwrap();
        let mut behind = Behind::start().unwrap();
        let file = fs_err::File::create_new(temp.path().join("small")).unwrap();
        behind.read(&path("small"), &mut &b"small"[..]).unwrap();
        behind.write(path("small"), file.into_parts().0.into(), Executable::No);
        for extra in [0, 1] {
            let large: Vec<u8> = (0..CHUNK + extra).map(|n| n.to_le_bytes()[1]).collect();
            let mut rest = large.as_slice();
            assert!(behind.read(&path("large"), &mut rest).unwrap().is_none());
            assert_eq!(rest.len(), extra);
            assert_eq!(*behind.buffer(), large[..CHUNK]);
        }
        behind.settle();
        assert_eq!(fs_err::read(temp.path().join("small")).unwrap(), b"small");
    }

    #[test]
    fn what_cannot_be_written_is_told_once_with_its_name() {
        let temp = tempfile::tempdir().unwrap();
        let mut behind = Behind::start().unwrap();
        for number in 0..100 {
            let name = number.to_string();
            let file = fs_err::File::create_new(temp.path().join(&name)).unwrap();
            behind.read(&path(&name), &mut &b"content"[..]).unwrap();
            let mut fd: OwnedFd = file.into_parts().0.into();
            if number == 40 {
                // Open for reading only.
                let file = fs_err::File::open(temp.path().join(&name)).unwrap();
                fd = file.into_parts().0.into();
            }
            behind.write(path(&name), fd, Executable::No);
        }
        behind.settle();
        let (entry, error) = behind.failure().unwrap();
        assert_eq!(entry, path("40"));
        assert_eq!(error.to_string(), "cannot write 40");
        assert!(behind.failure().is_none());
    }
}
