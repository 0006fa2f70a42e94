//! Full checks over a long time: which path is next, and what was checked so far.
//!
//! What was never read comes first, then what was read longest ago. Paths that were damaged the last time do not wait
//! until all others were read, but one of them is read for one of the others: however many there are, and however
//! little time there is, the rest gets its turn.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::context::Context;
use super::verify::Checked;
use crate::model::store_path::StorePathName;
use crate::store::{Depth, Error, LastChecks};

/// How much may be forgotten when a scrub is killed.
const PAUSE: Duration = Duration::from_secs(5);

/// The order in which `names` are read, by what is known of them; a time that is yet to come says nothing.
pub(super) fn order(
    names: Vec<StorePathName>,
    known: &LastChecks,
    now: Timestamp,
) -> Vec<StorePathName> {
    let (mut again, mut rest): (Vec<_>, Vec<_>) = names
        .into_iter()
        .partition(|name| known.damaged.contains_key(name));
    let at = |name: &StorePathName| {
        let at = known.valid.get(name).or_else(|| known.damaged.get(name));
        at.filter(|at| **at <= now).copied()
    };
    for names in [&mut again, &mut rest] {
        names.sort_by_cached_key(|name| (at(name), name.clone()));
    }
    let age = |names: &[StorePathName]| names.first().map(at);
    let again_is_older = age(&again) <= age(&rest);
    let total = again.len() + rest.len();
    let mut ordered = Vec::with_capacity(total);
    let mut turns = if again_is_older {
        [again, rest]
    } else {
        [rest, again]
    }
    .map(Vec::into_iter);
    while ordered.len() < total {
        for names in &mut turns {
            ordered.extend(names.next());
        }
    }
    ordered
}

/// Keeps what was checked, durably, every few seconds and at the end.
pub(super) struct Diary<'c> {
    cx: &'c Context<'c>,
    unsaved: Mutex<Unsaved>,
}

struct Unsaved {
    since: Instant,
    checked: Vec<(StorePathName, Found)>,
}

#[derive(Clone, Copy)]
enum Found {
    Valid,
    Damaged,
    /// It stood there as it was written anew, not read yet.
    Replaced,
}

impl<'c> Diary<'c> {
    pub(super) fn new(cx: &'c Context<'c>) -> Self {
        let unsaved = Unsaved {
            since: Instant::now(),
            checked: Vec::new(),
        };
        Self {
            cx,
            unsaved: Mutex::new(unsaved),
        }
    }

    /// Notes what a check or a repair gave; only full checks count.
    pub(super) fn note(&self, name: &StorePathName, state: &Checked) {
        let found = match state {
            _ if self.cx.depth != Depth::Full => return,
            Checked::Valid => Found::Valid,
            Checked::Damaged(_) => Found::Damaged,
            Checked::Repaired(..) => Found::Replaced,
            Checked::Missing | Checked::Unchecked(_) => return,
        };
        if let Ok(mut unsaved) = self.unsaved.lock() {
            unsaved.checked.push((name.clone(), found));
            if unsaved.since.elapsed() > PAUSE {
                // What cannot be kept now is tried once more at the end.
                let _ = self.save(&mut unsaved);
            }
        }
    }

    /// Keeps what is not kept yet.
    pub(super) fn end(self) -> Result<(), Error> {
        match self.unsaved.lock() {
            Ok(mut unsaved) => self.save(&mut unsaved),
            Err(_poisoned) => Ok(()),
        }
    }

    fn save(&self, unsaved: &mut Unsaved) -> Result<(), Error> {
        unsaved.since = Instant::now();
        if unsaved.checked.is_empty() {
            return Ok(());
        }
        self.cx.store.update_last_checks(|checks| {
            for (name, found) in &unsaved.checked {
                checks.forget(name);
                match found {
                    Found::Valid => _ = checks.valid.insert(name.clone(), self.cx.now),
                    Found::Damaged => _ = checks.damaged.insert(name.clone(), self.cx.now),
                    Found::Replaced => {}
                }
            }
        })?;
        unsaved.checked.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::StoreHash;

    fn name(n: u8) -> StorePathName {
        let (name, version) = ("a".parse().unwrap(), "1".parse().unwrap());
        StorePathName::new(StoreHash::from_bytes([n; 32]), &name, &version)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_never_read_come_first_then_the_oldest_with_the_damaged_in_between() {
        let mut known = LastChecks {
            schema: 1,
            valid: [(name(1), at(30)), (name(2), at(10)), (name(4), at(99))].into(),
            damaged: [(name(5), at(40)), (name(6), at(20))].into(),
        };
        let names = [6, 5, 4, 3, 2, 1].map(name).to_vec();
        // 3 was never read; what 4 says is yet to come.
        let expected = [3, 6, 4, 5, 2, 1].map(name).to_vec();
        assert_eq!(order(names, &known, at(50)), expected);
        assert_eq!(order(Vec::new(), &known, at(50)), []);
        assert_eq!(order(vec![name(5)], &known, at(50)), [name(5)]);
        // Whichever is older begins, so that both get on where there is time for one path only.
        let two = |known: &LastChecks| order(vec![name(1), name(6)], known, at(50));
        assert_eq!(two(&known), [6, 1].map(name));
        known.damaged.insert(name(6), at(31));
        assert_eq!(two(&known), [1, 6].map(name));
    }
}
