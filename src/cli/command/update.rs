//! `pyro update`: another name for `pyro lock --upgrade`.

use std::ffi::OsString;

use clap::Args;

use crate::cli::args::OfflineFlag;

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
