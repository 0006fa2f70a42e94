//! Asking again: how often, and after how long.
//!
//! Only what another attempt may put right is tried again: timeouts, connections that broke, 408, 425, 429 and 5xx. A
//! port that nobody serves, every other status, wrong bytes and a full disk are answers. Pauses double from half a second
//! to half a minute, each drawn at random between half and all of that, so that many clients do not come back together;
//! a `Retry-After` counts instead where it is longer. All retries of a run are paid from one budget.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::Fetcher;
use super::error::{Again, Error};
use crate::progress::Event;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// A server that wants to be left alone for longer is not waited for.
const LONGEST_ASKED: Duration = Duration::from_secs(120);
/// The budget of a run, for each retry that one request may have in a row.
const REQUESTS: u32 = 20;

/// What all requests of a run have left.
#[derive(Debug)]
pub(super) struct Budget {
    whole: u32,
    left: AtomicU32,
}

impl Budget {
    /// For a run whose requests may be repeated so often in a row.
    pub(super) fn new(retries: u32) -> Self {
        let whole = retries.saturating_mul(REQUESTS);
        Self {
            whole,
            left: AtomicU32::new(whole),
        }
    }

    fn take(&self) -> bool {
        let less = |left: u32| left.checked_sub(1);
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        taken.is_ok()
    }
}

/// The failures of one request or transfer without progress in between.
#[derive(Debug, Default)]
pub(super) struct Failures {
    row: u32,
}

impl Failures {
    /// Bytes came since the last failure.
    pub(super) fn forget(&mut self) {
        self.row = 0;
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// `error` itself where there shall be none.
    pub(super) fn pause(
        &mut self,
        fetcher: &Fetcher<'_>,
        what: &str,
        error: Error,
    ) -> Result<(), Error> {
        let most = fetcher.settings.retries;
        let asked = match error.again() {
            Again::Useless => {
                fetcher.web.give_up(&error);
                return Err(error);
            }
            Again::Soon => Duration::ZERO,
            Again::After(asked) => asked,
        };
        if asked > LONGEST_ASKED {
            let more = format!("it asks to be left alone for {} s", asked.as_secs());
            return Err(error.with_more(&more));
        }
        if self.row >= most {
            fetcher.web.give_up(&error);
            return Err(match most {
                0 => error,
                _ => error.with_more(&format!("tried {} times", most + 1)),
            });
        }
        if !fetcher.budget.take() {
            let more = format!("this run has spent its {} retries", fetcher.budget.whole);
            return Err(error.with_more(&more));
        }
        let pause = backoff(self.row, random()).max(asked);
        self.row += 1;
        let why = match &error {
            Error::Temporary { why, .. } => why.clone(),
            other => other.to_string(),
        };
        fetcher.observer.event(Event::Retry {
            what,
            why: &why,
            pause,
            attempt: self.row,
            most,
        });
        std::thread::sleep(pause);
        Ok(())
    }
}

/// Tries until it succeeds or may not be tried again.
pub(super) fn patiently<T>(
    fetcher: &Fetcher<'_>,
    what: &str,
    mut attempt: impl FnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    let mut failures = Failures::default();
    loop {
        match attempt() {
            Ok(done) => return Ok(done),
            Err(error) => failures.pause(fetcher, what, error)?,
        }
    }
}

/// The pause after so many failures; `random` moves it between half and all.
fn backoff(earlier: u32, random: u8) -> Duration {
    let whole = FIRST.saturating_mul(1 << earlier.min(16)).min(LONGEST);
    whole / 2 + whole * u32::from(random) / 512
}

/// A byte that differs from process to process; without one from the system, the middle.
fn random() -> u8 {
    let mut byte = [128];
    match rustix::rand::getrandom(&mut byte, rustix::rand::GetRandomFlags::NONBLOCK) {
        Ok(_) | Err(_) => byte[0],
    }
}

#[cfg(test)]
mod tests {
    use super::super::server::Recorder;
    use super::super::{Fetcher, Settings};
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_are_never_less_than_half() {
        let milliseconds = |earlier, random| backoff(earlier, random).as_millis();
        assert_eq!(milliseconds(0, 0), 250);
        assert_eq!(milliseconds(1, 0), 500);
        assert_eq!(milliseconds(2, 128), 1500);
        assert!((14_900..=30_000).contains(&milliseconds(40, 255)));
        for earlier in 0..20 {
            assert!(backoff(earlier, 255) <= LONGEST);
            assert!(backoff(earlier, 0) * 2 >= FIRST);
        }
    }

    fn tries(settings: Settings, error: &Error) -> (usize, String) {
        let recorder = Recorder::default();
        let fetcher = Fetcher::new(settings, "/nonexistent".into(), &recorder);
        let mut tries = 0;
        let failed = patiently::<()>(&fetcher, "x", || {
            tries += 1;
            Err(error.clone())
        });
        assert_eq!(recorder.0.lock().unwrap().len(), tries - 1);
        (tries, failed.unwrap_err().to_string())
    }

    #[test]
    fn what_cannot_help_is_not_tried_again() {
        let settings = Settings::default();
        for error in [
            Error::denied("x", "no"),
            Error::absent("x", "no"),
            Error::integrity("x", "a", "b"),
            Error::temporary("x", "refused"),
        ] {
            assert_eq!(tries(settings.clone(), &error), (1, error.to_string()));
        }
    }

    #[test]
    fn retries_are_counted_and_a_long_wait_is_refused() {
        let settings = Settings {
            retries: 1,
            ..Settings::default()
        };
        let (count, text) = tries(settings.clone(), &Error::passing("x", "broke"));
        assert_eq!((count, text.contains("tried 2 times")), (2, true), "{text}");
        let hour = Error::Temporary {
            what: "x".into(),
            why: "429".into(),
            again: Again::After(Duration::from_secs(3600)),
            host: None,
        };
        let (count, text) = tries(settings, &hour);
        assert_eq!((count, text.contains("for 3600 s")), (1, true), "{text}");
    }

    #[test]
    fn a_budget_ends() {
        let budget = Budget::new(1);
        assert_eq!((0..100).filter(|_| budget.take()).count(), 20);
    }
}
