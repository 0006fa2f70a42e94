//! `pyro completions SHELL`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::args::Cli;
use crate::cli::failure::Failure;
use crate::cli::json::completions::Completions;
use crate::cli::report::Outcome;
use crate::cli::session::Session;

/// Print a completion script for a shell
///
/// Example: `pyro completions bash >~/.local/share/bash-completion/completions/pyro`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl CompletionsArgs {
    /// Prints it.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "pyro", &mut script);
        let document = Completions {
            shell: self.shell.to_string(),
            script: String::from_utf8_lossy(&script).into_owned(),
        };
        session
            .report()
            .answer(&document, |document| document.script.clone())?;
        Ok(Outcome::Done)
    }
}
