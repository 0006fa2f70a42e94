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

use std::collections::VecDeque;
use std::io::Read;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
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
/// How many files one has at most: each may have a descriptor of its folder, and all of them together no more than the
/// first files of a tree.
const FILES: usize = 16;
/// Contents begin at multiples of this.
const ALIGNED: usize = 64;

/// A file that is not made yet; which folder it comes to and where its content is in the batch.
#[derive(Debug)]
struct Coming {
    entry: EntryPath,
    folder: usize,
    executable: Executable,
    content: Range<usize>,
}

/// Files that go to the thread together.
#[derive(Debug)]
struct Batch {
    files: Vec<Coming>,
    folders: Vec<OwnedFd>,
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
    fn empty(buffer: Buffer) -> Self {
        Self {
            files: Vec::with_capacity(FILES),
            folders: Vec::with_capacity(FILES),
            buffer,
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

    fn folder(path: &std::path::Path) -> OwnedFd {
        let folder = fs_err::File::open(path).unwrap();
        folder.into_parts().0.into()
    }

    #[test]
    fn every_file_is_made_with_mode_and_time_in_its_folder() {
        let temp = tempfile::tempdir().unwrap();
        let mut behind = Behind::start().unwrap();
        // Runs of files in one folder, and turns from folder to folder.
        let name = |number: usize| format!("{}/{number}", number / 40 % 2 + number % 40 / 35);
        let folders = ["0", "1", "2"].map(|name| {
            fs_err::create_dir(temp.path().join(name)).unwrap();
            folder(&temp.path().join(name))
        });
        for number in 0..300 {
            let name = path(&name(number));
            let expected = content(number);
            let read = behind.read(&name, &mut expected.as_slice()).unwrap();
            assert_eq!(read.unwrap(), expected);
            let above = usize::from(name.as_bytes()[0] - b'0');
            let above = folders[above].as_fd();
            behind.write(name, above, executable(number)).unwrap();
        }
        behind.settle();
        assert!(behind.failure().is_none());
        for number in 0..300 {
            let file = temp.path().join(name(number));
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
        behind.read(&path("small"), &mut &b"small"[..]).unwrap();
        let top = folder(temp.path());
        behind
            .write(path("small"), top.as_fd(), Executable::No)
            .unwrap();
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
    fn a_file_is_coming_until_all_is_settled() {
        let temp = tempfile::tempdir().unwrap();
        fs_err::create_dir(temp.path().join("in")).unwrap();
        let inner = folder(&temp.path().join("in"));
        let mut behind = Behind::start().unwrap();
        let names = (0..=2 * FILES).map(|number| path(&format!("in/{number}")));
        for name in names.clone() {
            assert!(!behind.is_coming(&name));
            behind.read(&name, &mut &b"content"[..]).unwrap();
            behind
                .write(name.clone(), inner.as_fd(), Executable::No)
                .unwrap();
            assert!(behind.is_coming(&name));
        }
        assert!(behind.is_coming(&path("in")));
        assert!(!behind.is_coming(&path("i")));
        behind.settle();
        for name in names.chain([path("in")]) {
            assert!(!behind.is_coming(&name));
            assert!(temp.path().join(name.as_os_str()).exists());
        }
    }

    #[test]
    fn who_reads_does_what_the_thread_has_no_time_for() {
        let temp = tempfile::tempdir().unwrap();
        let top = folder(temp.path());
        // A thread that does nothing before it is told to.
        let mut behind = Behind::start().unwrap();
        let (batches, held) = channel();
        let batches = behind.batches.replace(batches).unwrap();
        let count = (BATCHES + 2) * FILES;
        for number in 0..count {
            let name = path(&number.to_string());
            behind.read(&name, &mut &b"content"[..]).unwrap();
            behind.write(name, top.as_fd(), Executable::No).unwrap();
        }
        let made = || fs_err::read_dir(temp.path()).unwrap().count();
        assert_eq!(made(), 2 * FILES);
        let held: Vec<Batch> = held.try_iter().collect();
        assert_eq!(held.len(), BATCHES);
        for batch in held {
            batches.send(batch).unwrap();
        }
        behind.settle();
        assert_eq!(made(), count);
    }

    #[test]
    fn what_cannot_be_made_is_told_once_with_its_name() {
        let temp = tempfile::tempdir().unwrap();
        fs_err::write(temp.path().join("40"), "theirs").unwrap();
        let top = folder(temp.path());
        let mut behind = Behind::start().unwrap();
        for number in 0..100 {
            let name = path(&number.to_string());
            behind.read(&name, &mut &b"content"[..]).unwrap();
            behind.write(name, top.as_fd(), Executable::No).unwrap();
        }
        behind.settle();
        let (entry, error) = behind.failure().unwrap();
        assert_eq!(entry, path("40"));
        assert_eq!(error.to_string(), "cannot make 40");
        assert!(behind.failure().is_none());
        assert_eq!(
            fs_err::read_to_string(temp.path().join("40")).unwrap(),
            "theirs"
        );
    }
}
