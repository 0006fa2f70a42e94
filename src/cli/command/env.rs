//! `pyro env`: environments by name, from a declaration or the built-in catalog.

use clap::{Args, Subcommand};

mod describe;
mod inspect;
mod list;
mod prune;
mod pull;

use crate::cli::args::{FileFlag, OfflineFlag, PlatformFlag};
use crate::cli::failure::Failure;
use crate::cli::report::Outcome;
use crate::cli::session::Session;
use crate::model::name::EnvName;

/// List, inspect, pull and prune environments by name
///
/// A name is looked for in `--file`, else in envs.toml here or in a parent folder, then in the built-in catalog.
#[derive(Debug, Args)]
pub struct EnvArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: EnvCommand,
}

/// What to do with environments.
#[derive(Debug, Subcommand)]
#[expect(
    missing_docs,
    reason = "a text here would hide the help of the variant's own type"
)]
pub enum EnvCommand {
    #[command(visible_alias = "ls")]
    List(EnvListArgs),
    Inspect(EnvInspectArgs),
    #[command(visible_alias = "install")]
    Pull(EnvPullArgs),
    Prune(EnvPruneArgs),
}

/// List the environments and whether they are installed
///
/// Example: `pyro env list --json`
#[derive(Debug, Args)]
pub struct EnvListArgs {
    /// The declaration.
    #[command(flatten)]
    pub file: FileFlag,
    /// The platform.
    #[command(flatten)]
    pub platform: PlatformFlag,
}

/// Show one environment: where it comes from, where it is installed
///
/// Example: `pyro env inspect debian:12`
#[derive(Debug, Args)]
pub struct EnvInspectArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub name: EnvName,
    /// The declaration.
    #[command(flatten)]
    pub file: FileFlag,
    /// The platform.
    #[command(flatten)]
    pub platform: PlatformFlag,
}

/// Bring one environment into the store and keep it
///
/// It is rooted in the profile `pulled`. If it is installed and valid, no source is needed. The lock beside the
/// declaration is obeyed and never written.
///
/// Example: `pyro env pull debian:12`
#[derive(Debug, Args)]
pub struct EnvPullArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub name: EnvName,
    /// The declaration.
    #[command(flatten)]
    pub file: FileFlag,
    /// The platform.
    #[command(flatten)]
    pub platform: PlatformFlag,
    /// Whether the network may be used.
    #[command(flatten)]
    pub network: OfflineFlag,
}

/// Let go of what is no longer declared, and remove what nothing holds
///
/// Drops pulled environments whose own declaration no longer has that name at that version, then removes every
/// store path, staging tree and piece of trash that no root and no running process holds.
///
/// Example: `pyro env prune --json`
#[derive(Debug, Args)]
pub struct EnvPruneArgs {}

impl EnvArgs {
    /// Does it.
    ///
    /// # Errors
    /// What the command says.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        match self.command {
            EnvCommand::List(args) => args.run(session),
            EnvCommand::Inspect(args) => args.run(session),
            EnvCommand::Pull(args) => args.run(session),
            EnvCommand::Prune(args) => args.run(session),
        }
    }

    /// The name of its document.
    #[must_use]
    pub const fn document_name(&self) -> &'static str {
        match self.command {
            EnvCommand::List(_) => "env-list",
            EnvCommand::Inspect(_) => "env-inspect",
            EnvCommand::Pull(_) => "env-pull",
            EnvCommand::Prune(_) => "env-prune",
        }
    }
}
