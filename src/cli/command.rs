//! The commands, one file each (a noun with several verbs is one file for its words and one for each verb).
//!
//! A command is a variant of [`Command`], a line in [`Command::run`] and one in [`Command::document_name`].

use clap::Subcommand;

pub mod add;
pub mod cli_docs;
pub mod completions;
pub mod config;
pub mod env;
pub mod init;
pub mod lock;
pub mod man;
pub mod path;
pub mod profile;
pub mod realize;
pub mod remove;
pub mod schema;
pub mod store;
pub mod update;
pub mod verify;

use super::failure::Failure;
use super::report::Outcome;
use super::session::Session;

/// What to do.
#[derive(Debug, Subcommand)]
#[expect(
    missing_docs,
    reason = "a text here would hide the help of the variant's own type"
)]
pub enum Command {
    Config(config::ConfigArgs),
    Schema(schema::SchemaArgs),
    Completions(completions::CompletionsArgs),
    #[command(hide = true)]
    Man(man::ManArgs),
    #[command(hide = true)]
    CliDocs(cli_docs::CliDocsArgs),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// When it could not be done; every failure has a kind and an exit code.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        match self {
            Self::Config(args) => args.run(session),
            Self::Schema(args) => args.run(session),
            Self::Completions(args) => args.run(session),
            Self::Man(args) => args.run(session),
            Self::CliDocs(args) => args.run(session),
        }
    }

    /// The name that its JSON document bears, `realize` or `env-pull`.
    #[must_use]
    pub fn document_name(&self) -> &'static str {
        match self {
            Self::Config(_) => "config",
            Self::Schema(_) => "schema",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
            Self::CliDocs(_) => "cli-docs",
        }
    }
}

#[cfg(test)]
mod tests;
