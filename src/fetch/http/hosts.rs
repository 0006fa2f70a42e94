//! Which hosts have failed too often in this run to be asked again.
//!
//! Only failures to get any answer count, in a row: a host that answers is there, whatever it says. One that has failed as
//! often as one request may be tried is skipped from then on, so that of many layers only the first waits for it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::error::{Again, Error};

#[derive(Debug, Default)]
struct Host {
    failures: u32,
    /// What it said last, once that is enough.
    given_up: Option<String>,
}

/// Hosts by name and port.
#[derive(Debug, Default)]
pub(super) struct Hosts(Mutex<BTreeMap<String, Host>>);

impl Hosts {
    fn hosts(&self) -> MutexGuard<'_, BTreeMap<String, Host>> {
        // Each entry is whole after each change, whoever panicked later.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses a host that was given up.
    pub(super) fn check(&self, host: &str, what: &str) -> Result<(), Error> {
        match self
            .hosts()
            .get(host)
            .and_then(|host| host.given_up.clone())
        {
            None => Ok(()),
            Some(why) => {
                let why = format!("{host} failed before in this run: {why}");
                Err(Error::temporary(what, why))
            }
        }
    }

    /// It answered.
    pub(super) fn answered(&self, host: &str) {
        if let Some(host) = self.hosts().get_mut(host) {
            host.failures = 0;
        }
    }

    /// It did not, for a reason that may pass or not; `most` failures are enough.
    pub(super) fn failed(&self, host: &str, error: &Error, most: u32) {
        let Error::Temporary { why, again, .. } = error else {
            return;
        };
        let mut hosts = self.hosts();
        let host = hosts.entry(host.to_owned()).or_default();
        host.failures += 1;
        if host.failures >= most || *again == Again::Useless {
            host.given_up = Some(why.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_in_a_row_are_enough() {
        let hosts = Hosts::default();
        let broke = Error::passing("x", "it broke");
        for _ in 0..10 {
            hosts.failed("a", &broke, 3);
            hosts.failed("a", &broke, 3);
            hosts.answered("a");
        }
        hosts.check("a", "x").unwrap();
        for _ in 0..3 {
            hosts.check("a", "x").unwrap();
            hosts.failed("a", &broke, 3);
        }
        let said = hosts.check("a", "x").unwrap_err().to_string();
        assert!(
            said.contains("a failed before in this run: it broke"),
            "{said}"
        );
        hosts.check("b", "x").unwrap();
    }

    #[test]
    fn what_cannot_pass_is_enough_at_once_and_a_refusal_is_an_answer() {
        let hosts = Hosts::default();
        hosts.failed("a", &Error::denied("x", "certificate"), 1);
        hosts.check("a", "x").unwrap();
        hosts.failed("a", &Error::temporary("x", "nobody listens"), 9);
        assert!(hosts.check("a", "x").is_err());
    }
}
