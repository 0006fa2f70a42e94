//! Whose turn it is among the places that have the same bytes.
//!
//! They are asked in their order. Who answered is asked again after all others: somebody asks again because that answer
//! broke off, was too slow or of no use, and the next may be so too.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::error::Error;

/// Where the next request begins.
#[derive(Debug, Default)]
pub(super) struct Turns {
    next: AtomicUsize,
}

impl Turns {
    /// Asks one place after the other; `passed` hears of those that could not answer.
    ///
    /// # Errors
    /// The last place's, or the first that no other place can put right.
    pub(super) fn first<P, T>(
        &self,
        places: &[P],
        ask: impl Fn(&P) -> Result<T, Error>,
        passed: impl Fn(&P, &Error),
    ) -> Result<T, Error> {
        let begin = self.next.load(Ordering::Relaxed) % places.len().max(1);
        let (before, from) = places.split_at(begin);
        let mut order = (begin..).zip(from).chain((0..).zip(before)).peekable();
        while let Some((index, place)) = order.next() {
            match ask(place) {
                Err(error) if error.allows_next_location() && order.peek().is_some() => {
                    passed(place, &error);
                }
                Err(error) => return Err(error),
                Ok(answer) => {
                    self.next.store(index + 1, Ordering::Relaxed);
                    return Ok(answer);
                }
            }
        }
        Err(Error::absent("it", "there is no place that may be asked"))
    }

    /// Whether anybody has answered yet.
    pub(super) fn have_begun(&self) -> bool {
        self.next.load(Ordering::Relaxed) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// Who is asked, in order, when these do not answer.
    fn asked(turns: &Turns, silent: &str) -> String {
        let seen = RefCell::new(String::new());
        let answer = turns.first(
            &['a', 'b', 'c'],
            |place| {
                seen.borrow_mut().push(*place);
                if silent.contains(*place) {
                    return Err(Error::temporary("x", "no"));
                }
                Ok(())
            },
            |_, _| {},
        );
        assert_eq!(answer.is_ok(), silent.len() < 3);
        seen.into_inner()
    }

    #[test]
    fn who_answered_comes_last_the_next_time() {
        let turns = Turns::default();
        assert!(!turns.have_begun());
        assert_eq!(asked(&turns, ""), "a");
        assert!(turns.have_begun());
        assert_eq!(asked(&turns, "b"), "bc");
        assert_eq!(asked(&turns, "a"), "ab");
        assert_eq!(asked(&turns, "abc"), "cab");
        assert_eq!(asked(&turns, ""), "c");
    }

    #[test]
    fn nobody_else_puts_wrong_bytes_right() {
        let turns = Turns::default();
        let answer = turns.first(
            &['a', 'b'],
            |place| match place {
                'a' => Err(Error::integrity("x", "1", "2")),
                _ => Ok(()),
            },
            |_, _| {},
        );
        assert!(matches!(answer, Err(Error::Integrity { .. })));
        let nobody: [char; 0] = [];
        let answer = turns.first(&nobody, |_| Ok(()), |_, _| {});
        assert!(matches!(answer, Err(Error::Absent { .. })));
    }
}
