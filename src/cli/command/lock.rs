//! `pyro lock`.

use std::ffi::OsString;

use clap::Args;

use crate::cli::args::OfflineFlag;

/// Pin the sources of a declaration by digest
///
/// Writes `envs.lock` beside `envs.toml`: pins what is missing or has changed and drops what is no longer declared.
/// A source that cannot be reached stays without a pin and is named.
///
/// Example: `pyro lock --check || pyro lock`
#[derive(Debug, Args)]
pub struct LockArgs {
    /// The declaration [default: envs.toml here or in a parent folder]
    #[arg(value_name = "FILE")]
    pub file: Option<OsString>,
    /// Only say whether the lock is up to date, without the network; exit code 1 if not
    #[arg(long, conflicts_with_all = ["upgrade", "outputs"])]
    pub check: bool,
    /// Move the pins of these environments, or of all, to what the sources offer now
    #[arg(long, value_name = "ENV", num_args = 0..)]
    pub upgrade: Option<Vec<OsString>>,
    /// Also fetch and unpack, so that each pinned source's store path is known
    #[arg(long)]
    pub outputs: bool,
    /// Whether the network may be used.
    #[command(flatten)]
    pub network: OfflineFlag,
}
