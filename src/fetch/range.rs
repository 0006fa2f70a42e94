//! The rest of a body: `Range`, and what `Content-Range` says of the answer.
//!
//! Only one form is of use: `bytes FIRST-LAST/ALL`, where `ALL` may be `*`. Whatever does not begin where it was asked
//! to, or goes to another end, is no continuation.

/// Where a body shall go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rest {
    /// Bytes that are there already; never 0.
    pub(super) from: u64,
    /// The `ETag` that the first bytes came with, where nothing else tells that the rest belongs to them.
    pub(super) tag: Option<String>,
}

/// The parts of a `Content-Range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContentRange {
    first: u64,
    last: u64,
    all: Option<u64>,
}

impl ContentRange {
    /// Reads the header; `None` for every other form.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (unit, rest) = header.trim().split_once(' ')?;
        let (range, all) = rest.trim().split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let all = match all {
            "*" => None,
            all => Some(number(all)?),
        };
        let (first, last) = (number(first)?, number(last)?);
        let fits = first <= last && all.is_none_or(|all| last < all);
        (unit.eq_ignore_ascii_case("bytes") && fits).then_some(Self { first, last, all })
    }

    /// Whether this is all from `from` on, of something that is `size` long where that is known.
    pub(super) fn continues(self, from: u64, size: Option<u64>) -> bool {
        let all = self.all.or(size);
        self.first == from
            && all.is_none_or(|all| self.last + 1 == all)
            && size.is_none_or(|size| all == Some(size))
    }
}

/// Digits and nothing else: `parse` alone would take a sign.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn continues(header: &str, from: u64, size: Option<u64>) -> bool {
        ContentRange::parse(header).is_some_and(|range| range.continues(from, size))
    }

    #[test]
    fn only_the_rest_of_the_same_thing_continues() {
        assert!(continues("bytes 5-9/10", 5, Some(10)));
        assert!(continues("Bytes  5-9/*", 5, Some(10)));
        assert!(continues("bytes 5-9/10", 5, None));
        assert!(continues("bytes 5-9/*", 5, None));
        for (header, from, size) in [
            ("bytes 4-9/10", 5, Some(10)),
            ("bytes 0-9/10", 5, Some(10)),
            ("bytes 5-8/10", 5, Some(10)),
            ("bytes 5-8/9", 5, Some(10)),
            ("bytes 5-10/11", 5, Some(10)),
            ("bytes 5-8/*", 5, Some(10)),
            ("bytes 5-8/10", 5, None),
        ] {
            assert!(!continues(header, from, size), "{header}");
        }
    }

    #[test]
    fn other_forms_are_none() {
        for header in [
            "",
            "bytes",
            "bytes */10",
            "bytes 5-/10",
            "bytes -5/10",
            "bytes +5-9/10",
            "bytes 5-9",
            "bytes 9-5/10",
            "bytes 5-10/10",
            "items 5-9/10",
            "bytes 5-9/ten",
            "bytes 99999999999999999999-99999999999999999999/*",
        ] {
            assert_eq!(ContentRange::parse(header), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(first in 0..u64::MAX / 2, more in 0..1_u64 << 40, beyond in 1..1_u64 << 40) {
            let (last, all) = (first + more, first + more + beyond);
            let range = ContentRange { first, last, all: Some(all) };
            prop_assert_eq!(ContentRange::parse(&format!("bytes {first}-{last}/{all}")), Some(range));
            prop_assert_eq!(range.continues(first, Some(all)), beyond == 1);
        }

        #[test]
        fn nothing_makes_it_panic(header in ".*") {
            ContentRange::parse(&header);
        }
    }
}
