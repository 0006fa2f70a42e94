//! `pyro remove`.

use clap::Args;

use crate::cli::args::FileFlag;
use crate::cli::failure::Failure;
use crate::cli::json::declaration::Remove;
use crate::cli::report::Outcome;
use crate::cli::report::events::escaped_path;
use crate::cli::session::Session;
use crate::cli::settings::Flags;
use crate::cli::target::declaration;
use crate::declare::edit;
use crate::model::name::EnvName;
use crate::verb::replace;

/// Remove an environment from a declaration
///
/// Comments and order of the rest stay as they are; the store is not touched.
///
/// Example: `pyro remove debian:12`
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub name: EnvName,
    /// The declaration.
    #[command(flatten)]
    pub file: FileFlag,
}

impl RemoveArgs {
    /// Removes it.
    ///
    /// # Errors
    /// When the declaration has mistakes or does not have the name.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let settings = session.settings(Flags {
            file: self.file.file,
            ..Flags::default()
        })?;
        let file = declaration(&settings, session.surroundings())?;
        let text = fs_err::read_to_string(&file)?;
        replace(&file, &edit::remove(&text, &file, &self.name)?)?;
        let document = Remove {
            declaration: file.display().to_string(),
            name: self.name,
        };
        session.report().answer(&document, |removed| {
            format!("removed {} from {}\n", removed.name, escaped_path(&file))
        })?;
        session
            .report()
            .note("next: `pyro realize` drops it from the lock and the profile");
        Ok(Outcome::Done)
    }
}
