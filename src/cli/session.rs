//! What every command is given: the report, the surroundings, the settings on demand.

use std::time::Instant;

use super::args::StoreFlags;
use super::failure::Failure;
use super::report::Report;
use super::settings::{Flags, Settings};
use super::surroundings::Surroundings;

/// One run of the program.
pub struct Session {
    report: Report,
    surroundings: Surroundings,
    flags: StoreFlags,
    began: Instant,
}

impl Session {
    /// Begins a run with the flags that every command takes.
    #[must_use]
    pub fn new(report: Report, surroundings: Surroundings, flags: StoreFlags) -> Self {
        let began = Instant::now();
        Self {
            report,
            surroundings,
            flags,
            began,
        }
    }

    /// The only printer.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Variables, current folder, terminals.
    #[must_use]
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// How long the run has taken so far.
    #[must_use]
    pub fn elapsed(&self) -> std::time::Duration {
        self.began.elapsed()
    }

    /// Resolves the settings with the flags of one command; those that all commands share are filled in.
    ///
    /// # Errors
    /// When a variable or a configuration file cannot be used.
    pub fn settings(&self, flags: Flags) -> Result<Settings, Failure> {
        let flags = Flags {
            store: self.flags.store.clone(),
            lower: self.flags.lower.clone(),
            lock_timeout: self.flags.lock_timeout,
            durability: self.flags.durability,
            ..flags
        };
        Ok(Settings::resolve(flags, &self.surroundings)?)
    }
}
