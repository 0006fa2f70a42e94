//! When a transfer counts as stalled: too few bytes in a span of waiting.
//!
//! Only the time that is spent waiting for bytes counts, not the time that the disk takes for them. A span ends, and the
//! next begins, as soon as as many bytes came as the slowest rate brings in all of it.

use std::time::Duration;

/// Counts bytes and waiting in one span.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    span: Duration,
    /// What must come in one span.
    least: u64,
    waited: Duration,
    came: u64,
}

impl Pace {
    /// At least `rate` bytes a second, looked at over `span`.
    pub(super) fn new(span: Duration, rate: u64) -> Self {
        Self {
            span,
            least: rate.saturating_mul(span.as_secs()).max(1),
            waited: Duration::ZERO,
            came: 0,
        }
    }

    /// How long the next bytes may be waited for.
    pub(super) fn left(&self) -> Duration {
        self.span.saturating_sub(self.waited)
    }

    /// So many bytes came after a wait.
    pub(super) fn came(&mut self, bytes: u64, waited: Duration) {
        self.waited += waited;
        self.came += bytes;
        if self.came >= self.least {
            (self.waited, self.came) = (Duration::ZERO, 0);
        }
    }

    /// What to say when nothing is left.
    pub(super) fn stalled(&self) -> String {
        format!(
            "it stalled: {} bytes in {} s",
            self.came,
            self.span.as_secs_f64()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_fast_enough_never_runs_out() {
        let mut pace = Pace::new(30 * SECOND, 1024);
        for _ in 0..1000 {
            pace.came(1024, SECOND);
            assert!(pace.left() > Duration::ZERO);
        }
    }

    #[test]
    fn a_drip_runs_out_however_regular() {
        let mut pace = Pace::new(30 * SECOND, 1024);
        for _ in 0..29 {
            pace.came(1000, SECOND);
        }
        assert_eq!(pace.left(), SECOND);
        pace.came(1000, SECOND);
        assert_eq!(pace.left(), Duration::ZERO);
        assert_eq!(pace.stalled(), "it stalled: 30000 bytes in 30 s");
    }

    #[test]
    fn without_a_rate_any_byte_is_enough() {
        let mut pace = Pace::new(2 * SECOND, 0);
        pace.came(1, SECOND);
        assert_eq!(pace.left(), 2 * SECOND);
        pace.came(0, 2 * SECOND);
        assert_eq!(pace.left(), Duration::ZERO);
    }
}
