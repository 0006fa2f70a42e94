//! The commands, one file each (a noun with several verbs is one file for its words and one for each verb).
//!
//! A command is a variant of [`Command`], a line in [`Command::run`] and one in [`Command::document_name`].

use clap::Subcommand;

pub mod add;
pub mod cli_docs;
pub mod completions;
pub mod config;
pub mod doctor;
pub mod du;
pub mod env;
pub mod gc;
pub mod hold;
pub mod init;
pub mod lock;
pub mod login;
pub mod logout;
pub mod man;
pub mod path;
pub mod profile;
pub mod realize;
pub mod remove;
pub mod run;
pub mod schema;
pub mod store;
pub mod update;
pub mod verify;
pub mod why;

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
    Init(init::InitArgs),
    Add(add::AddArgs),
    Remove(remove::RemoveArgs),
    Realize(realize::RealizeArgs),
    Lock(lock::LockArgs),
    Update(update::UpdateArgs),
    Env(env::EnvArgs),
    Path(path::PathArgs),
    Run(run::RunArgs),
    Hold(hold::HoldArgs),
    Verify(verify::VerifyArgs),
    Gc(gc::GcArgs),
    Why(why::WhyArgs),
    Du(du::DuArgs),
    Profile(profile::ProfileArgs),
    Store(store::StoreArgs),
    Login(login::LoginArgs),
    Logout(logout::LogoutArgs),
    Config(config::ConfigArgs),
    Doctor(doctor::DoctorArgs),
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
            Self::Init(args) => args.run(session),
            Self::Add(args) => args.run(session),
            Self::Remove(args) => args.run(session),
            Self::Realize(args) => args.run(session),
            Self::Lock(args) => args.run(session),
            Self::Update(args) => args.run(session),
            Self::Env(args) => args.run(session),
            Self::Path(args) => args.run(session),
            Self::Run(args) => args.run(session),
            Self::Hold(args) => args.run(session),
            Self::Verify(args) => args.run(session),
            Self::Gc(args) => args.run(session),
            Self::Why(args) => args.run(session),
            Self::Du(args) => args.run(session),
            Self::Profile(args) => args.run(session),
            Self::Store(args) => args.run(session),
            Self::Login(args) => args.run(session),
            Self::Logout(args) => args.run(session),
            Self::Config(args) => args.run(session),
            Self::Doctor(args) => args.run(session),
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
            Self::Init(_) => "init",
            Self::Add(_) => "add",
            Self::Remove(_) => "remove",
            Self::Realize(_) => "realize",
            Self::Lock(_) | Self::Update(_) => "lock",
            Self::Env(args) => args.document_name(),
            Self::Path(_) => "path",
            Self::Run(_) => "run",
            Self::Hold(_) => "hold",
            Self::Verify(_) => "verify",
            Self::Gc(args) => args.document_name(),
            Self::Why(_) => "why",
            Self::Du(_) => "du",
            Self::Profile(args) => args.document_name(),
            Self::Store(args) => args.document_name(),
            Self::Login(_) => "login",
            Self::Logout(_) => "logout",
            Self::Config(_) => "config",
            Self::Doctor(_) => "doctor",
            Self::Schema(_) => "schema",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
            Self::CliDocs(_) => "cli-docs",
        }
    }
}

#[cfg(test)]
mod tests;
