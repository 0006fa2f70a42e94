//! Says how far a transfer is: at most ten times a second, and at its end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::Fetcher;
use crate::progress::{Event, Observer};

const PAUSE: Duration = Duration::from_millis(100);
/// Below this, reading a local file is not worth a line.
const LOCAL_QUIET: u64 = 64 << 20;

/// Counts the bytes that a reader got.
pub(super) struct Meter<'a> {
    observer: &'a dyn Observer,
    /// Of all transfers.
    read: &'a AtomicU64,
    environment: String,
    what: String,
    done: u64,
    total: Option<u64>,
    last: Instant,
    quiet: bool,
}

impl<'a> Meter<'a> {
    /// Of bytes from elsewhere.
    pub(super) fn new(
        fetcher: &'a Fetcher<'_>,
        environment: &str,
        what: &str,
        total: Option<u64>,
    ) -> Self {
        Self {
            observer: fetcher.observer,
            read: &fetcher.read,
            environment: environment.to_owned(),
            what: what.to_owned(),
            done: 0,
            total,
            last: Instant::now(),
            quiet: false,
        }
    }

    /// Of a file on this machine: silent unless it is large.
    pub(super) fn of_file(
        fetcher: &'a Fetcher<'_>,
        environment: &str,
        what: &str,
        size: u64,
    ) -> Self {
        Self {
            quiet: size < LOCAL_QUIET,
            ..Self::new(fetcher, environment, what, Some(size))
        }
    }

    /// So many bytes have come, and nobody has read them yet.
    pub(super) fn show(&mut self, arrived: u64) {
        if self.last.elapsed() >= PAUSE && self.total != Some(arrived) {
            self.last = Instant::now();
            self.tell(arrived);
        }
    }

    /// More bytes went by.
    pub(super) fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        self.read.fetch_add(bytes, Ordering::Relaxed);
        if self.last.elapsed() >= PAUSE && self.total != Some(self.done) {
            self.last = Instant::now();
            self.tell(self.done);
        }
    }

    /// All of it came, and was not read.
    pub(super) fn end_at(&mut self, size: u64) {
        self.done = size;
        self.end();
    }

    /// All went by: what came is what there is.
    pub(super) fn end(&mut self) {
        self.total = Some(self.done);
        self.tell(self.done);
    }

    fn tell(&self, done: u64) {
        if !self.quiet {
            self.observer.event(Event::Transfer {
                environment: &self.environment,
                what: &self.what,
                done,
                total: self.total,
            });
        }
    }
}
