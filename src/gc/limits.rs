//! What a collection is limited to, and which paths that chooses.

use std::time::Duration;

use jiff::Timestamp;

use super::plan::Candidate;

/// How long what is limited may stay, or how much of it.
///
/// Without a limit on paths every path goes that nothing holds. With one, a path goes only when a limit asks for it,
/// the least recently used first: it was not used for `older_than`; the store is still larger than `max_size`; less
/// than `min_free` is free. The last two know no age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Generations that have not been live for so long go, and paths that nobody used for so long.
    pub older_than: Option<Duration>,
    /// How much all store paths together may take on the disk, in bytes.
    pub max_size: Option<u64>,
    /// How much of the file system shall be free for this account, in bytes.
    pub min_free: Option<u64>,
    /// How many generations each profile keeps at least.
    pub keep: Option<usize>,
}

/// What there is before paths are chosen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Amounts {
    /// Bytes of all store paths together; only looked at for a limit on them.
    pub(super) used: u64,
    /// Bytes that are free.
    pub(super) free: u64,
}

impl Limits {
    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether paths that nothing holds can stay.
    pub(super) fn are_of_paths(&self) -> bool {
        self.older_than.is_some() || self.are_of_sizes()
    }

    /// Whether the sizes of paths matter.
    pub(super) fn are_of_sizes(&self) -> bool {
        self.max_size.is_some() || self.min_free.is_some()
    }

    /// Whether `amounts` are within.
    pub(super) fn are_met_by(&self, amounts: Amounts) -> bool {
        self.max_size.is_none_or(|max| amounts.used <= max)
            && self.min_free.is_none_or(|min| amounts.free >= min)
    }

    /// The moment before which something counts as old.
    pub(super) fn horizon(&self, now: Timestamp) -> Option<Timestamp> {
        self.older_than
            .map(|age| now.checked_sub(age).unwrap_or(Timestamp::MIN))
    }

    /// Parts the candidates, least recently used first, into those that go and those that stay.
    pub(super) fn choose(
        &self,
        candidates: Vec<Candidate>,
        mut amounts: Amounts,
        now: Timestamp,
    ) -> (Vec<Candidate>, Vec<Candidate>) {
        let horizon = self.horizon(now).map(Timestamp::as_second);
        candidates.into_iter().partition(|candidate| {
            let goes = !self.are_of_paths()
                || horizon.is_some_and(|horizon| candidate.last_used < horizon)
                || !self.are_met_by(amounts);
            if goes {
                amounts.used = amounts.used.saturating_sub(candidate.bytes);
                amounts.free = amounts.free.saturating_add(candidate.bytes);
            }
            goes
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Candidates that were last used at these times, of ten bytes each.
    fn candidates(times: &[i64]) -> Vec<Candidate> {
        let of = |(n, &last_used): (usize, &i64)| Candidate {
            name: format!("{n:064}-a-1").parse().unwrap(),
            last_used,
            bytes: 10,
        };
        times.iter().enumerate().map(of).collect()
    }

    fn go(limits: Limits, amounts: Amounts) -> Vec<i64> {
        let now = Timestamp::from_second(1000).unwrap();
        let (go, _) = limits.choose(candidates(&[100, 200, 900, 990]), amounts, now);
        go.iter().map(|candidate| candidate.last_used).collect()
    }

    #[test]
    fn without_limits_on_paths_all_go() {
        let all = vec![100, 200, 900, 990];
        assert_eq!(go(Limits::default(), Amounts::default()), all);
        let keep = Limits {
            keep: Some(3),
            ..Limits::default()
        };
        assert_eq!(go(keep, Amounts::default()), all);
    }

    #[test]
    fn old_ones_go_and_younger_ones_stay() {
        let limits = Limits {
            older_than: Some(Duration::from_secs(800)),
            ..Limits::default()
        };
        assert_eq!(go(limits, Amounts::default()), [100]);
    }

    #[test]
    fn a_limit_on_size_takes_as_many_as_it_needs_whatever_their_age() {
        let limits = Limits {
            older_than: Some(Duration::from_secs(800)),
            max_size: Some(75),
            ..Limits::default()
        };
        let amounts = Amounts { used: 100, free: 0 };
        assert_eq!(go(limits, amounts), [100, 200, 900]);
        let none = Limits {
            max_size: Some(0),
            ..Limits::default()
        };
        assert_eq!(go(none, amounts).len(), 4);
        let within = Amounts { used: 75, free: 0 };
        assert_eq!(
            go(
                Limits {
                    older_than: None,
                    ..limits
                },
                within
            ),
            [0_i64; 0]
        );
    }

    #[test]
    fn a_limit_on_free_bytes_stops_when_they_are_free() {
        let limits = Limits {
            min_free: Some(25),
            ..Limits::default()
        };
        let amounts = Amounts { used: 100, free: 8 };
        assert_eq!(go(limits, amounts), [100, 200]);
    }
}
