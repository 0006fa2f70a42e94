//! `pyro store`: the store as a whole.

use clap::{Args, Subcommand};

use crate::cli::args::YesFlag;

/// Look at the store as a whole, or delete it
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: StoreCommand,
}

/// What to do with the store.
#[derive(Debug, Subcommand)]
#[expect(
    missing_docs,
    reason = "a text here would hide the help of the variant's own type"
)]
pub enum StoreCommand {
    Info(StoreInfoArgs),
    Delete(StoreDeleteArgs),
}

/// Tell where the store is and what is in it
///
/// Example: `pyro store info`
#[derive(Debug, Args)]
pub struct StoreInfoArgs {}

/// Delete the store with everything in it
///
/// Sealed folders refuse `rm -r`; this does not. Names in the store's folder that are not pyro's are left alone.
///
/// Example: `pyro --store /tmp/s store delete --yes`
#[derive(Debug, Args)]
pub struct StoreDeleteArgs {
    /// Whether it was meant.
    #[command(flatten)]
    pub yes: YesFlag,
}
