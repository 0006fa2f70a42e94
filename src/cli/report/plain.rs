//! Progress as lines without escapes: one for each phase, one every ten seconds for each transfer.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::events::{escaped, phase_word, remark};
use crate::cli::presentation::Volume;
use crate::cli::quantity::Bytes;
use crate::progress::{Event, Observer};

/// How often one transfer is heard of.
const INTERVAL: Duration = Duration::from_secs(10);

/// What is written besides remarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lines {
    PhasesAndTransfers,
    None,
}

/// Writes lines; each is one write, so that several processes on one log do not mix.
pub struct Plain<W> {
    verb: &'static str,
    volume: Volume,
    lines: Lines,
    state: Mutex<State<W>>,
}

struct State<W> {
    out: W,
    /// When each running transfer was last heard of, or began.
    transfers: HashMap<String, Instant>,
}

impl<W: Write> Plain<W> {
    /// Phases, transfers and remarks.
    pub fn new(verb: &'static str, volume: Volume, out: W) -> Self {
        Self::with(verb, volume, Lines::PhasesAndTransfers, out)
    }

    /// Remarks only.
    pub fn remarks_only(verb: &'static str, volume: Volume, out: W) -> Self {
        Self::with(verb, volume, Lines::None, out)
    }

    fn with(verb: &'static str, volume: Volume, lines: Lines, out: W) -> Self {
        let transfers = HashMap::new();
        Self {
            verb,
            volume,
            lines,
            state: Mutex::new(State { out, transfers }),
        }
    }

    fn line_at(&self, event: Event<'_>, now: Instant, state: &mut State<W>) -> Option<String> {
        match event {
            Event::Phase { .. } | Event::Transfer { .. } if self.lines == Lines::None => None,
            Event::Phase { environment, phase } => Some(format!(
                "[{}] phase={} environment={}",
                self.verb,
                phase_word(self.verb, phase),
                escaped(environment)
            )),
            Event::Transfer {
                environment,
                what,
                done,
                total,
            } => {
                if total == Some(done) {
                    state.transfers.remove(what);
                    return None;
                }
                let last = state.transfers.entry(what.to_owned()).or_insert(now);
                if now.duration_since(*last) < INTERVAL {
                    return None;
                }
                *last = now;
                let mut line = format!(
                    "[{}] transfer environment={} {}: {}",
                    self.verb,
                    escaped(environment),
                    escaped(what),
                    Bytes(done)
                );
                if let Some(total) = total {
                    let _infallible = write!(line, " of {}", Bytes(total));
                }
                Some(line)
            }
            event => remark(event, self.volume).map(|text| format!("[{}] {text}", self.verb)),
        }
    }

    fn event_at(&self, event: Event<'_>, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = self.line_at(event, now, &mut state) {
            // Progress that nobody can read is no reason to fail.
            let _nobody_reads = state.out.write_all((line + "\n").as_bytes());
        }
    }
}

impl<W: Write + Send> Observer for Plain<W> {
    fn event(&self, event: Event<'_>) {
        self.event_at(event, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Phase;

    fn printed(verb: &'static str, volume: Volume, events: &[(u64, Event<'_>)]) -> String {
        let plain = Plain::new(verb, volume, Vec::new());
        let start = Instant::now();
        for (second, event) in events {
            plain.event_at(*event, start + Duration::from_secs(*second));
        }
        String::from_utf8(plain.state.into_inner().unwrap().out).unwrap()
    }

    const fn bytes(done: u64) -> Event<'static> {
        Event::Transfer {
            environment: "a",
            what: "sha256:00",
            done,
            total: Some(4096),
        }
    }

    #[test]
    fn a_transfer_is_heard_of_every_ten_seconds() {
        let events = [
            (0, bytes(1)),
            (9, bytes(2)),
            (10, bytes(1024)),
            (15, bytes(2000)),
            (21, bytes(3072)),
            (22, bytes(4096)),
        ];
        insta::assert_snapshot!(printed("realize", Volume::Normal, &events), @r"
        [realize] transfer environment=a sha256:00: 1.0 KiB of 4.0 KiB
        [realize] transfer environment=a sha256:00: 3.0 KiB of 4.0 KiB
        ");
    }

    #[test]
    fn pull_begins_with_install_and_names_from_outside_cannot_draw() {
        let phase = |phase| Event::Phase {
            environment: "debian:12\x1b[1A",
            phase,
        };
        let events = [(0, phase(Phase::Resolve)), (0, phase(Phase::Ready))];
        insta::assert_snapshot!(printed("pull", Volume::Normal, &events), @r"
        [pull] phase=install environment=debian:12\u{1b}[1A
        [pull] phase=ready environment=debian:12\u{1b}[1A
        ");
    }

    #[test]
    fn quiet_keeps_what_must_not_be_silent() {
        let events = [
            (
                0,
                Event::Note {
                    text: "left out 3 devices",
                },
            ),
            (
                0,
                Event::Skipped {
                    environment: "a",
                    source: "local x",
                    why: "absent",
                },
            ),
            (
                0,
                Event::Repaired {
                    path: "/s/store/x".as_ref(),
                    why: "one file differed",
                },
            ),
            (
                0,
                Event::Waiting {
                    lock: "/s/leases/x".as_ref(),
                    holder: Some((7, "pyro gc")),
                },
            ),
        ];
        insta::assert_snapshot!(printed("realize", Volume::Quiet, &events), @r"
        [realize] a: skipped source local x: absent
        [realize] repaired /s/store/x: one file differed
        ");
        assert_eq!(
            printed("realize", Volume::Normal, &events).lines().count(),
            4
        );
    }
}
