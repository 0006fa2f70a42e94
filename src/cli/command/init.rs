//! `pyro init`.

use std::path::PathBuf;

use clap::Args;

/// Write an envs.toml to begin with
///
/// Never overwrites one.
///
/// Example: `pyro init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Where to write it [default: envs.toml in this folder]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}
