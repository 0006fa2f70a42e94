//! Which hosts are not asked again in this run.
//!
//! A host that gave no answer to any attempt of one request, as often as that may be repeated, is given up; so is one that
//! refuses the connection and has never answered. Of many layers only the first waits for it then. A host that answered
//! before may only be starting anew: that it refuses is no answer then.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::error::{Again, Error};

#[derive(Debug, Default)]
struct Host {
    answered: bool,
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
        let mut hosts = self.hosts();
        match hosts.get_mut(host) {
            Some(host) if host.answered && host.given_up.is_none() => {}
            _ => {
                let host = hosts.entry(host.to_owned()).or_default();
                (host.answered, host.given_up) = (true, None);
            }
        }
    }

    /// What a failure to get an answer means here: a refusal by a host that was there before may pass.
    pub(super) fn judged(&self, host: &str, error: Error) -> Error {
        let was_there = self.hosts().get(host).is_some_and(|host| host.answered);
        match error {
            Error::Temporary {
                what,
                why,
                again: Again::Useless,
                host,
            } if was_there => Error::Temporary {
                what,
                why,
                again: Again::Soon,
                host,
            },
            error => error,
        }
    }

    /// Nobody asks it again.
    pub(super) fn give_up(&self, host: &str, why: &str) {
        let mut hosts = self.hosts();
        let host = hosts.entry(host.to_owned()).or_default();
        host.given_up.get_or_insert_with(|| why.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(hosts: &Hosts) -> Again {
        let refused = Error::temporary("x", "nobody listens");
        hosts.judged("a", refused).again()
    }

    #[test]
    fn who_was_given_up_is_refused_until_it_answers() {
        let hosts = Hosts::default();
        hosts.check("a", "x").unwrap();
        hosts.give_up("a", "it broke");
        let said = hosts.check("a", "x").unwrap_err().to_string();
        assert!(
            said.contains("a failed before in this run: it broke"),
            "{said}"
        );
        hosts.check("b", "x").unwrap();
        hosts.answered("a");
        hosts.check("a", "x").unwrap();
    }

    #[test]
    fn a_refusal_may_pass_where_somebody_was_before() {
        let hosts = Hosts::default();
        assert_eq!(again(&hosts), Again::Useless);
        hosts.answered("a");
        assert_eq!(again(&hosts), Again::Soon);
        let denied = hosts.judged("a", Error::denied("x", "certificate"));
        assert_eq!(denied.again(), Again::Useless);
    }
}
