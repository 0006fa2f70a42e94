//! The task that carries a body into the spool.
//!
//! Bytes are hashed and counted as they arrive, and written at once; whoever reads along reads the spool. The spool's lock
//! goes as soon as the last byte is in. Bytes that break the promise of their digest are removed. When the connection
//! breaks, spool and hash state go back to who waits, with the lock, to be completed by another request; where nobody
//! waits yet, the lock goes too.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::arrival::{Arrival, End, Half};
use super::error::Error;
use super::http::Answer;
use super::spool::Used;
use super::verify::Seen;

/// Counts as one of the transfers that are on their way.
pub(super) struct Running(Arc<AtomicUsize>);

impl Running {
    pub(super) fn one_more(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body on its way.
pub(super) struct Pump {
    pub(super) _count: Running,
    pub(super) what: String,
    /// The length of the whole, where it is known or was announced.
    pub(super) total: Option<u64>,
    pub(super) answer: Answer,
    pub(super) half: Half,
    /// Bytes that the body begins with and the spool has: they must be the same.
    pub(super) known: u64,
}

/// Tells the waiting side that there will be no more, also when the runtime ends the task.
struct Last(Arc<Arrival>);

impl Drop for Last {
    fn drop(&mut self) {
        let gone = Error::temporary("the transfer", "it was given up");
        self.0.end(End::Failed(gone));
    }
}

impl Pump {
    /// Carries until the body ends or breaks.
    pub(super) async fn run(mut self, arrival: Arc<Arrival>) {
        let last = Last(arrival);
        let arrival = &last.0;
        let end = loop {
            match self.answer.chunk().await {
                Ok(Some(chunk)) => match self.take(&chunk) {
                    Ok(()) => arrival.advance(self.half.verifier.size()),
                    Err(error) => break self.failed(error),
                },
                Ok(None) => break self.ended(),
                Err(error) => break End::Broke(error, self.half),
            }
        };
        arrival.end(end);
    }

    /// One chunk through the hash into the spool. The write goes to the page cache; a disk that makes it wait is what
    /// should hold this transfer up.
    fn take(&mut self, chunk: &[u8]) -> Result<(), Error> {
        let old = usize::try_from(self.known).map_or(chunk.len(), |known| known.min(chunk.len()));
        let (again, new) = chunk.split_at(old);
        if !again.is_empty() {
            let at = self.half.verifier.size() - self.known;
            if !self.half.spool.has(again, at)? {
                return Err(Error::integrity(
                    &self.what,
                    "the bytes that came before the connection broke",
                    "others in their place",
                ));
            }
            self.known -= old as u64;
        }
        self.half.verifier.update(new)?;
        self.half.spool.write(new)
    }

    /// Either way the file is closed, and its lock gone, before anybody hears of it.
    fn failed(self, error: Error) -> End {
        let removed = match error {
            Error::Integrity { .. } => self.half.spool.remove(),
            _ => Ok(()),
        };
        End::Failed(removed.err().unwrap_or(error))
    }

    fn ended(self) -> End {
        let came = self.half.verifier.size();
        let missing = self.total.is_some_and(|total| came < total) || self.known > 0;
        // Where the end of the connection is the end of the body, nobody said that this was all.
        if missing && !self.answer.is_delimited() {
            let error =
                Error::passing(&self.what, format!("the transfer ended after {came} bytes"));
            return End::Broke(error, self.half);
        }
        match settle(self.half) {
            Ok((seen, used)) => End::Done(seen, used),
            Err(error) => End::Failed(error),
        }
    }
}

fn settle(half: Half) -> Result<(Seen, Used), Error> {
    let Half {
        mut spool,
        verifier,
    } = half;
    match verifier.finish() {
        Ok(seen) => {
            spool.rename(&seen.digest)?;
            Ok((seen, spool.release()?))
        }
        Err(error) => {
            spool.remove()?;
            Err(error)
        }
    }
}
