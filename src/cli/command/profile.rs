//! `pyro profile`: generations and how to move between them.

use clap::{Args, Subcommand};

mod moves;
mod views;

use crate::cli::args::{FileFlag, ProfileFlag, YesFlag};
use crate::cli::failure::{Failure, Kind};
use crate::cli::report::Outcome;
use crate::cli::session::Session;
use crate::cli::settings::{Flags, Settings};
use crate::cli::target::find_declaration;
use crate::model::name::ProfileName;
use crate::verb::Project;

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

impl ProfileArgs {
    /// Does it.
    ///
    /// # Errors
    /// What the command says.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        match self.command {
            ProfileCommand::List(args) => args.run(session),
            ProfileCommand::History(args) => args.run(session),
            ProfileCommand::Switch(args) => args.run(session),
            ProfileCommand::Rollback(args) => args.run(session),
            ProfileCommand::Diff(args) => args.run(session),
            ProfileCommand::Delete(args) => args.run(session),
        }
    }

    /// The name of its document.
    #[must_use]
    pub const fn document_name(&self) -> &'static str {
        match self.command {
            ProfileCommand::List(_) => "profile-list",
            ProfileCommand::History(_) => "profile-history",
            ProfileCommand::Switch(_) => "profile-switch",
            ProfileCommand::Rollback(_) => "profile-rollback",
            ProfileCommand::Diff(_) => "profile-diff",
            ProfileCommand::Delete(_) => "profile-delete",
        }
    }
}

impl Which {
    /// The profile that is meant: the one named, else that of the declaration found; never a guess.
    ///
    /// # Errors
    /// When there is neither.
    fn resolve(&self, session: &Session) -> Result<(Settings, ProfileName), Failure> {
        let flags = Flags {
            file: self.file.file.clone(),
            profile: self.profile.profile.clone(),
            ..Flags::default()
        };
        let settings = session.settings(flags)?;
        if let Some(profile) = settings.profile.value.clone() {
            return Ok((settings, profile));
        }
        let Some(file) = find_declaration(&settings, session.surroundings())? else {
            let text = "no profile is named, and there is no envs.toml here or in a parent folder";
            return Err(Failure::new(Kind::Configuration, text)
                .hint("--profile NAME; `pyro profile list` shows them"));
        };
        let profile = Project::load(&file)?.profile();
        Ok((settings, profile))
    }
}
