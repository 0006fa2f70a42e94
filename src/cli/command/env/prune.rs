//! `pyro env prune`.

use super::EnvPruneArgs;
use crate::cli::failure::Failure;
use crate::cli::json::env::EnvPrune;
use crate::cli::report::Outcome;
use crate::cli::report::events::{escaped, escaped_path};
use crate::cli::session::Session;
use crate::cli::settings::Flags;
use crate::cli::workbench::{Workbench, depth};
use crate::verb::{Pruned, prune};

impl EnvPruneArgs {
    /// Prunes.
    ///
    /// # Errors
    /// When a root cannot be read: nothing is removed then.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let Self {} = self;
        let settings = session.settings(Flags::default())?;
        let pruned = match Workbench::open_if_there(session, &settings, "prune")? {
            Some(bench) => bench.run(depth(&settings), prune)?,
            None => Pruned::default(),
        };
        for link in &pruned.dropped {
            session.report().note(&format!(
                "let go of {link}: its declaration no longer has it"
            ));
        }
        for (path, why) in &pruned.collected.refused {
            session
                .report()
                .note(&format!("left {}: {why}", escaped_path(path)));
        }
        if !pruned.collected.in_use.is_empty() {
            session.report().note(&format!(
                "{} unrooted paths are in use and stay",
                pruned.collected.in_use.len()
            ));
        }
        let deleted: Vec<String> = pruned
            .deleted()
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let document = EnvPrune {
            count: deleted.len(),
            deleted_environment_dirs: deleted,
        };
        session.report().answer(&document, |document| {
            let mut text: String = document
                .deleted_environment_dirs
                .iter()
                .map(|path| format!("removed {}\n", escaped(path)))
                .collect();
            text.push_str(&format!("{} removed\n", document.count));
            text
        })?;
        Ok(Outcome::Done)
    }
}
