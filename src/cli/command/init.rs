//! `pyro init`.

use std::path::PathBuf;

use crate::cli::failure::{Failure, Kind};
use crate::cli::json::declaration::Init;
use crate::cli::report::Outcome;
use crate::cli::report::events::escaped_path;
use crate::cli::session::Session;
use crate::cli::settings::absolute;
use crate::cli::target::DECLARATION;
use crate::declare::edit;
use clap::Args;
use std::io::{ErrorKind, Write as _};

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

impl InitArgs {
    /// Writes it.
    ///
    /// # Errors
    /// When a file is there already or cannot be written.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let file = self.file.unwrap_or_else(|| PathBuf::from(DECLARATION));
        let file = absolute(&file, session.surroundings())?;
        let mut options = fs_err::OpenOptions::new();
        match options.write(true).create_new(true).open(&file) {
            Ok(mut out) => out.write_all(edit::starter().as_bytes())?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let failure =
                    Failure::new(Kind::Usage, "there is a declaration already").file(&file);
                return Err(failure.hint(format!("edit {} or use `pyro add`", escaped_path(&file))));
            }
            Err(error) => return Err(error.into()),
        }
        let document = Init {
            declaration: file.display().to_string(),
        };
        session
            .report()
            .answer(&document, |_| format!("wrote {}\n", escaped_path(&file)))?;
        session
            .report()
            .note("next: `pyro add NAME --oci REF`, then `pyro realize`");
        Ok(Outcome::Done)
    }
}
