//! `pyro update`: another name for `pyro lock --upgrade`.

use std::ffi::OsString;

use clap::Args;

use crate::cli::args::OfflineFlag;
use crate::cli::command::lock::{Plan, perform};
use crate::cli::failure::Failure;
use crate::cli::report::Outcome;
use crate::cli::session::Session;
use crate::cli::target::Words;
use crate::verb::{LockMode, Outputs};

/// Move the pins of a lock to what the sources offer now
///
/// The same as `pyro lock [FILE] --upgrade [ENV...]`.
///
/// Example: `pyro update debian:12`
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// The declaration [default: envs.toml here or in a parent folder], then the environments [default: all]
    #[arg(value_name = "FILE|ENV")]
    pub words: Vec<OsString>,
    /// Whether the network may be used.
    #[command(flatten)]
    pub network: OfflineFlag,
}

impl UpdateArgs {
    /// Moves them.
    ///
    /// # Errors
    /// As for `pyro lock`.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let words = Words::split(&self.words)?;
        let mode = LockMode::Upgrade(words.environments);
        perform(
            session,
            words.file,
            self.network.offline,
            &Plan {
                mode,
                outputs: Outputs::AsKnown,
            },
        )
    }
}
