//! Progress on a terminal: a line for each environment, a bar for each transfer, remarks above them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::events::{escaped, phase_word, remark};
use crate::cli::presentation::Volume;
use crate::progress::{Event, Observer, Phase};

/// Draws on stderr; what it drew is gone when it is dropped.
pub struct Bars {
    verb: &'static str,
    volume: Volume,
    all: MultiProgress,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    environments: HashMap<String, ProgressBar>,
    transfers: HashMap<String, ProgressBar>,
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {wide_msg}")
        .unwrap_or_else(|_never| ProgressStyle::default_spinner())
}

fn bar() -> ProgressStyle {
    let template = "    {bar:24} {binary_bytes:>10} of {binary_total_bytes:<10} {binary_bytes_per_sec:>12}  {wide_msg}";
    ProgressStyle::with_template(template).unwrap_or_else(|_never| ProgressStyle::default_bar())
}

fn counter() -> ProgressStyle {
    let template = "    {spinner} {binary_bytes:>10} {binary_bytes_per_sec:>12}  {wide_msg}";
    ProgressStyle::with_template(template).unwrap_or_else(|_never| ProgressStyle::default_spinner())
}

impl Bars {
    /// Begins with an empty picture.
    #[must_use]
    pub fn new(verb: &'static str, volume: Volume) -> Self {
        Self {
            verb,
            volume,
            all: MultiProgress::new(),
            running: Mutex::default(),
        }
    }

    fn phase(&self, environment: &str, phase: Phase) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(phase, Phase::Ready | Phase::Execute) {
            if let Some(line) = running.environments.remove(environment) {
                line.finish_and_clear();
            }
            return;
        }
        let line = running
            .environments
            .entry(environment.to_owned())
            .or_insert_with(|| {
                let line = self
                    .all
                    .insert(0, ProgressBar::new_spinner().with_style(spinner()));
                line.enable_steady_tick(Duration::from_millis(120));
                line
            });
        line.set_message(format!(
            "{}  {}",
            escaped(environment),
            phase_word(self.verb, phase)
        ));
    }

    fn transfer(&self, what: &str, done: u64, total: Option<u64>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if total == Some(done) {
            if let Some(bar) = running.transfers.remove(what) {
                bar.finish_and_clear();
            }
            return;
        }
        let bar = running.transfers.entry(what.to_owned()).or_insert_with(|| {
            let (length, style) = match total {
                Some(total) => (Some(total), bar()),
                None => (None, counter()),
            };
            let bar = ProgressBar::no_length().with_style(style);
            bar.set_message(escaped(what).to_string());
            if let Some(length) = length {
                bar.set_length(length);
            }
            self.all.add(bar)
        });
        bar.set_position(done);
    }
}

impl Observer for Bars {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Phase { environment, phase } => self.phase(environment, phase),
            Event::Transfer {
                what, done, total, ..
            } => self.transfer(what, done, total),
            event => {
                if let Some(text) = remark(event, self.volume) {
                    // A terminal that is gone takes no remarks.
                    let _nobody_reads = self.all.println(text);
                }
            }
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        // A failed run leaves bars that never end; the error below must stand alone.
        let _nobody_reads = self.all.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_is_no_longer_drawn() {
        let bars = Bars::new("realize", Volume::Normal);
        let transfer = |done| Event::Transfer {
            environment: "a",
            what: "w",
            done,
            total: Some(2),
        };
        let phase = |phase| Event::Phase {
            environment: "a",
            phase,
        };
        bars.event(phase(Phase::Fetch));
        bars.event(transfer(1));
        {
            let running = bars.running.lock().unwrap();
            assert_eq!(
                (running.environments.len(), running.transfers.len()),
                (1, 1)
            );
        }
        bars.event(transfer(2));
        bars.event(phase(Phase::Ready));
        let running = bars.running.lock().unwrap();
        assert!(running.environments.is_empty() && running.transfers.is_empty());
    }
}
