//! One body on its way, as whoever needs its bytes sees it: it reads the spool while a task writes it, and asks for the
//! rest where the connection broke.
//!
//! A request for the rest is answered with it, or with something else: then all of it is asked for again. As long as
//! nothing was handed out, that begins a new file; later, the bytes must be those that came before.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use fs_err::File;
use tokio::task::AbortHandle;

use super::Fetcher;
use super::arrival::{Arrival, End, Half, News};
use super::error::Error;
use super::http::{Answer, Begins};
use super::pump::{Pump, Running};
use super::range::Rest;
use super::retry::Failures;
use super::spool::Used;
use super::verify::{Expected, Seen, Verifier};

/// Sends the request for a body, or for the rest of one.
pub(super) type Ask<'f> = Box<dyn Fn(Option<&Rest>) -> Result<Answer, Error> + Send + 'f>;

/// What the reader gets next.
pub(super) enum Next {
    /// So many bytes, at the start of its buffer.
    Bytes(usize),
    /// All bytes came and are what they should be.
    Done(Seen, Used),
}

/// The reader's end.
pub(super) struct Transfer<'f> {
    fetcher: &'f Fetcher<'f>,
    what: String,
    expected: Expected,
    ask: Ask<'f>,
    /// The spool, opened a second time, without its lock.
    file: File,
    arrival: Arc<Arrival>,
    failures: Failures,
    /// Bytes that were handed out.
    handed: u64,
    /// Bytes that had come when the connection last broke.
    broke_at: u64,
    /// The length that was announced, where none is known.
    announced: Option<u64>,
    /// What the first answer called the version of what it sent.
    tag: Option<String>,
    task: Option<Task>,
}

/// The task of the last answer, which ends when nobody waits any more.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a wait came to.
enum Waited {
    /// So many bytes are there.
    Bytes(u64),
    Done(Seen, Used),
}

/// Why a request did not set a task going.
struct NotBegun {
    error: Error,
    /// What can be gone on with.
    half: Option<Box<Half>>,
}

/// Whether somebody waits for the bytes from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Yes: what fails is tried again.
    Now,
    /// Not yet: what fails is let go.
    Later,
}

impl<'f> Transfer<'f> {
    /// Sends the first request; `half` has what an earlier run got.
    ///
    /// # Errors
    /// When there is no answer that can be used; the spool keeps what it has, and goes if that is nothing.
    pub(super) fn begin(
        fetcher: &'f Fetcher<'f>,
        what: &str,
        expected: Expected,
        ask: Ask<'f>,
        half: Half,
        wanted: Wanted,
    ) -> Result<Self, Error> {
        let mut transfer = Self {
            fetcher,
            what: what.to_owned(),
            expected,
            ask,
            file: half.spool.reader()?,
            arrival: Arc::default(),
            failures: Failures::default(),
            handed: 0,
            broke_at: half.verifier.size(),
            announced: None,
            tag: None,
            task: None,
        };
        match wanted {
            Wanted::Now => {
                transfer.arrival.drive();
                transfer.go_on(None, half)?;
            }
            Wanted::Later => {
                if let Err(NotBegun { error, half }) = transfer.connect(half) {
                    return Err(given_up(error, half));
                }
            }
        }
        Ok(transfer)
    }

    /// Somebody waits from now on; `false` where it has failed before.
    pub(super) fn drive(&self) -> bool {
        self.arrival.drive()
    }

    /// The request, to be sent once more.
    pub(super) fn into_ask(self) -> Ask<'f> {
        self.ask
    }

    /// The length, where it is known or announced.
    pub(super) fn total(&self) -> Option<u64> {
        self.expected.size.or(self.announced)
    }

    /// The next bytes, once there are any.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<Next, Error> {
        let arrived = match self.wait(self.handed)? {
            Waited::Done(seen, used) => return Ok(Next::Done(seen, used)),
            Waited::Bytes(arrived) => arrived,
        };
        let ready = usize::try_from(arrived - self.handed).unwrap_or(usize::MAX);
        let most = ready.min(buffer.len());
        loop {
            match self.file.file().read_at(&mut buffer[..most], self.handed) {
                Ok(count) if count > 0 => {
                    self.handed += count as u64;
                    return Ok(Next::Bytes(count));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => {
                    let short = io::Error::from(io::ErrorKind::UnexpectedEof);
                    let error = outcome.err().unwrap_or(short);
                    return Err(Error::io("read", self.file.path(), error));
                }
            }
        }
    }

    /// Waits for all of it and hands nothing out; `tell` hears how far it is.
    pub(super) fn complete(&mut self, mut tell: impl FnMut(u64)) -> Result<(Seen, Used), Error> {
        let mut known = self.handed;
        loop {
            match self.wait(known)? {
                Waited::Done(seen, used) => return Ok((seen, used)),
                Waited::Bytes(arrived) => {
                    known = arrived;
                    tell(arrived);
                }
            }
        }
    }

    fn wait(&mut self, known: u64) -> Result<Waited, Error> {
        let mut known = known;
        loop {
            match self.arrival.wait(known) {
                News::Bytes(arrived) => return Ok(Waited::Bytes(arrived)),
                News::End(End::Done(seen, used)) => return Ok(Waited::Done(seen, used)),
                News::End(End::Failed(error)) => return Err(error),
                News::End(End::Broke(error, half)) => {
                    // Fewer than before where it had to begin anew.
                    known = known.min(self.go_on(Some(error), half)?);
                }
            }
        }
    }

    /// Asks for what is missing until an answer comes, or no more may be tried; says how much is there.
    fn go_on(&mut self, broke: Option<Error>, half: Half) -> Result<u64, Error> {
        let arrived = half.verifier.size();
        if arrived > self.broke_at {
            self.failures.forget();
        }
        self.broke_at = arrived;
        let (mut failed, mut half) = (broke, half);
        loop {
            if let Some(error) = failed.take()
                && let Err(last) = self.failures.pause(self.fetcher, &self.what, error)
            {
                return Err(given_up(last, Some(Box::new(half))));
            }
            match self.connect(half) {
                Ok(so_far) => return Ok(so_far),
                Err(NotBegun { error, half: kept }) => {
                    failed = Some(error.clone());
                    half = *kept.ok_or(error)?;
                }
            }
        }
    }

    /// One request, and the task for its answer; says how many bytes are there.
    fn connect(&mut self, half: Half) -> Result<u64, NotBegun> {
        let from = half.verifier.size();
        let (answer, begins) = match self.answer(self.rest(from).as_ref()) {
            Ok(answered) => answered,
            Err(error) => {
                let half = Some(Box::new(half));
                return Err(NotBegun { error, half });
            }
        };
        let (half, known) = match begins {
            Begins::There => (half, 0),
            Begins::AtStart if self.handed > 0 => (half, from),
            Begins::AtStart => {
                self.announced = answer.announced();
                self.tag = answer.strong_tag();
                let half = self.anew(half)?;
                // It may be another file now.
                match half.spool.reader() {
                    Ok(file) => self.file = file,
                    Err(error) => return Err(NotBegun { error, half: None }),
                }
                (half, 0)
            }
        };
        let so_far = half.verifier.size();
        let arrival = self.arrival.followed_by(so_far);
        let pump = Pump {
            _count: Running::one_more(&self.fetcher.running),
            what: self.what.clone(),
            total: self.total(),
            answer,
            half,
            known,
        };
        match self.fetcher.web.spawn(pump.run(Arc::clone(&arrival))) {
            Ok(task) => {
                (self.arrival, self.task) = (arrival, Some(Task(task)));
                Ok(so_far)
            }
            Err(error) => Err(NotBegun { error, half: None }),
        }
    }

    /// What to ask for when so many bytes are there: without a digest, only what a tag says to be the same thing.
    fn rest(&self, from: u64) -> Option<Rest> {
        let tag = match self.expected.digest {
            Some(_) => None,
            None => Some(self.tag.clone()?),
        };
        (from > 0).then_some(Rest { from, tag })
    }

    fn answer(&self, rest: Option<&Rest>) -> Result<(Answer, Begins), Error> {
        let answer = (self.ask)(rest)?;
        let size = self.total();
        match rest.map_or(Some(Begins::AtStart), |rest| answer.begins(rest.from, size)) {
            Some(begins) => Ok((answer, begins)),
            None => Ok(((self.ask)(None)?, Begins::AtStart)),
        }
    }

    /// Forgets what came so far.
    fn anew(&self, half: Half) -> Result<Half, NotBegun> {
        let Half { mut spool, .. } = half;
        match spool.begin_anew() {
            Ok(()) => Ok(Half {
                spool,
                verifier: Box::new(Verifier::new(self.what.as_str(), self.expected)),
            }),
            Err(error) => Err(NotBegun { error, half: None }),
        }
    }
}

/// Lets the spool go; an empty one is of use to nobody.
fn given_up(error: Error, half: Option<Box<Half>>) -> Error {
    let discarded = half.map_or(Ok(()), |half| half.spool.discard_if_empty());
    discarded.err().unwrap_or(error)
}
