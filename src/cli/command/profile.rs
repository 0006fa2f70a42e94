//! `pyro profile`: generations and how to move between them.

use clap::{Args, Subcommand};

use crate::cli::args::{FileFlag, ProfileFlag, YesFlag};
use crate::model::name::ProfileName;

/// List profiles, move between their generations
///
/// Without --profile it is the profile of envs.toml here or in a parent folder.
#[derive(Debug, Args)]
pub struct ProfileArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ProfileCommand,
}

/// What to do with profiles.
#[derive(Debug, Subcommand)]
#[expect(
    missing_docs,
    reason = "a text here would hide the help of the variant's own type"
)]
pub enum ProfileCommand {
    #[command(visible_alias = "ls")]
    List(ProfileListArgs),
    History(ProfileHistoryArgs),
    Switch(ProfileSwitchArgs),
    Rollback(ProfileRollbackArgs),
    Diff(ProfileDiffArgs),
    Delete(ProfileDeleteArgs),
}

/// Which profile.
#[derive(Debug, Clone, Default, Args)]
pub struct Which {
    /// The profile.
    #[command(flatten)]
    pub profile: ProfileFlag,
    /// The declaration whose profile is meant.
    #[command(flatten)]
    pub file: FileFlag,
}

/// List all profiles
///
/// Example: `pyro profile list`
#[derive(Debug, Args)]
pub struct ProfileListArgs {}

/// List the generations of a profile
///
/// Example: `pyro profile history --profile ci`
#[derive(Debug, Args)]
pub struct ProfileHistoryArgs {
    /// Which profile.
    #[command(flatten)]
    pub which: Which,
}

/// Show the links of an earlier generation again
///
/// It becomes a new generation: numbers are never used twice.
///
/// Example: `pyro profile switch 3`
#[derive(Debug, Args)]
pub struct ProfileSwitchArgs {
    /// The generation
    #[arg(value_name = "N")]
    pub generation: u64,
    /// Which profile.
    #[command(flatten)]
    pub which: Which,
}

/// Go back to what was live before
///
/// It becomes a new generation: numbers are never used twice.
///
/// Example: `pyro profile rollback`
#[derive(Debug, Args)]
pub struct ProfileRollbackArgs {
    /// Which profile.
    #[command(flatten)]
    pub which: Which,
}

/// Tell how two generations differ
///
/// Without numbers: what was live before, and what is live now.
///
/// Example: `pyro profile diff 3 5`
#[derive(Debug, Args)]
pub struct ProfileDiffArgs {
    /// The older generation
    #[arg(value_name = "A", requires = "to")]
    pub from: Option<u64>,
    /// The newer generation
    #[arg(value_name = "B")]
    pub to: Option<u64>,
    /// Which profile.
    #[command(flatten)]
    pub which: Which,
}

/// Delete a profile and its generations
///
/// What only they held is removed by the next collection.
///
/// Example: `pyro profile delete ci --yes`
#[derive(Debug, Args)]
pub struct ProfileDeleteArgs {
    /// The profile
    #[arg(value_name = "PROFILE")]
    pub profile: ProfileName,
    /// Whether it was meant.
    #[command(flatten)]
    pub yes: YesFlag,
}
