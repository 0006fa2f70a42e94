//! `pyro man DIR`: a manual page for each command, for packagers.

use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;

use crate::cli::args::Cli;
use crate::cli::failure::Failure;
use crate::cli::json::completions;
use crate::cli::report::Outcome;
use crate::cli::report::table::lines;
use crate::cli::session::Session;

/// Write a manual page for each command
///
/// Example: `pyro man share/man/man1`
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder, which is made if it is missing
    dir: PathBuf,
}

impl ManArgs {
    /// Writes them.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        fs_err::create_dir_all(&self.dir)?;
        let mut tree = Cli::command();
        tree.build();
        let mut written = Vec::new();
        write_pages(&tree, &self.dir, &mut written)?;
        session
            .report()
            .answer(&completions::Man { written }, |man| lines(&man.written))?;
        Ok(Outcome::Done)
    }
}

fn write_pages(command: &Command, dir: &Path, written: &mut Vec<String>) -> Result<(), Failure> {
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        write_pages(sub, dir, written)?;
    }
    // clap has given every command its full name: `pyro-env-pull`.
    let name = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
        .to_owned();
    let page = Man::new(command.clone().name(name.clone())).manual("pyro");
    let mut text = Vec::new();
    page.render(&mut text)?;
    let path = dir.join(format!("{name}.1"));
    fs_err::write(&path, text)?;
    written.push(path.to_string_lossy().into_owned());
    Ok(())
}
