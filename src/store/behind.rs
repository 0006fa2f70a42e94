//! Small files are written behind the back of whoever reads them from an archive, by a thread of their staging tree.
//!
//! ```text
//! archive -> folders made, contents hashed -> [full batches] -> files made, contents, modes, times
//!               ^---------------------------- [empty buffers] <------------'
//! ```
//!
//! The reader knows the entries in their order, and makes the folders. What cannot be done with a file is known later: at an
//! entry that follows, at the latest at the end of the archive. Where the thread has enough to do, the reader does a batch
//! itself rather than wait.

mod batch;

use std::collections::VecDeque;
use std::io::Read;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use batch::{Batch, Coming, FILES, Failure};

use super::buffer::Buffer;
use super::error::Error;
use super::file_writer::{self, CHUNK};
use super::staging::Executable;
use crate::model::path::EntryPath;

/// How many batches are on their way at once.
const BATCHES: usize = 3;
/// Contents begin at multiples of this.
const ALIGNED: usize = 64;

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

    /// The buffer of the thread, if there is one: whoever fills it first has it for a large file.
    pub(super) fn buffer(&mut self) -> Option<&mut [u8]> {
        self.started().map(Behind::buffer)
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
    /// The files of each batch that is with the thread, in their order.
    away: VecDeque<Vec<EntryPath>>,
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
                let Batch { buffer, .. } = batch;
                let _nobody = empty.send(buffer);
            }
        };
        let thread = std::thread::Builder::new().name("pyro-write".to_owned());
        let thread = Some(thread.spawn(work).ok()?);
        Some(Self {
            next: Batch::empty(Buffer::new(CHUNK)),
            content: 0..0,
            batches: Some(batches),
            emptied,
            away: VecDeque::new(),
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
            self.pass_on(self.content.clone());
            let more = file_writer::fill(entry, content, &mut self.next.buffer[filled..])?;
            self.content = 0..filled + more;
        }
        let is_whole = self.content.end < CHUNK;
        Ok(is_whole.then(|| &self.next.buffer[self.content.clone()]))
    }

    /// The buffer that a large file has all to itself.
    fn buffer(&mut self) -> &mut [u8] {
        &mut self.next.buffer
    }

    /// Leaves the file that was read last to the thread.
    pub(super) fn write(
        &mut self,
        entry: EntryPath,
        folder: BorrowedFd<'_>,
        executable: Executable,
    ) -> rustix::io::Result<()> {
        let above = |path: &EntryPath| path.as_bytes().len() - path.name().len();
        let before = self.next.files.last().map(|file| &file.entry);
        let is_same = before.is_some_and(|before| {
            before.as_bytes()[..above(before)] == entry.as_bytes()[..above(&entry)]
        });
        if !is_same {
            self.next
                .folders
                .push(rustix::io::fcntl_dupfd_cloexec(folder, 0)?);
        }
        self.next.files.push(Coming {
            entry,
            folder: self.next.folders.len() - 1,
            executable,
            content: self.content.clone(),
        });
        if self.next.files.len() == FILES {
            self.pass_on(0..0);
        }
        Ok(())
    }

    /// Whether `path`, or something below it, may not be made yet.
    pub(super) fn is_coming(&self, path: &EntryPath) -> bool {
        let away = self.away.iter().flatten();
        let next = self.next.files.iter().map(|file| &file.entry);
        away.chain(next)
            .any(|file| file == path || file.is_below(path))
    }

    /// What went wrong so far, told once.
    pub(super) fn failure(&self) -> Option<(EntryPath, Error)> {
        if !self.failure.happened.load(Ordering::Relaxed) {
            return None;
        }
        self.failure.first().take()
    }

    /// Waits until all that was left to the thread is done; the batch that it does not have yet is done here.
    pub(super) fn settle(&mut self) {
        self.work_here();
        while !self.away.is_empty() {
            if self.emptied.recv().is_err() {
                return self.panicked();
            }
            self.away.pop_front();
        }
    }

    /// Goes on with the panic that ended the thread: what it had to write is not written.
    fn panicked(&mut self) {
        self.away.clear();
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
    }

    /// A buffer for another batch, if there may be one.
    fn spare(&mut self) -> Option<Buffer> {
        if let Ok(back) = self.emptied.try_recv() {
            self.away.pop_front();
            return Some(back);
        }
        (self.away.len() < BATCHES).then(|| Buffer::new(CHUNK))
    }

    /// Gets the batch done, there or here, and begins another one, with what the buffer holds at `rest`.
    fn pass_on(&mut self, rest: Range<usize>) {
        let Some(mut buffer) = self.spare() else {
            self.work_here();
            return self.next.buffer.copy_within(rest, 0);
        };
        buffer[..rest.len()].copy_from_slice(&self.next.buffer[rest]);
        let batch = std::mem::replace(&mut self.next, Batch::empty(buffer));
        let files = batch.files.iter().map(|file| file.entry.clone()).collect();
        let Some(batches) = &self.batches else {
            return batch.work(&self.failure);
        };
        match batches.send(batch) {
            Ok(()) => self.away.push_back(files),
            // The thread is gone, which only a panic of it can do.
            Err(refused) => refused.0.work(&self.failure),
        }
    }

    fn work_here(&mut self) {
        self.next.work(&self.failure);
        self.next.files.clear();
        self.next.folders.clear();
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
mod tests;
