//! `pyro env pull`.

use super::EnvPullArgs;
use super::describe::{describe, of_outcome, text};
use crate::cli::command::gc::collect_a_little;
use crate::cli::failure::Failure;
use crate::cli::json::env::EnvPull;
use crate::cli::report::Outcome;
use crate::cli::session::Session;
use crate::cli::settings::Flags;
use crate::cli::target::find_declaration;
use crate::cli::workbench::{Workbench, bundle, depth};
use crate::store::How;
use crate::verb::{Scope, pull};

impl EnvPullArgs {
    /// Pulls it.
    ///
    /// # Errors
    /// When nobody declares it or no source can be used.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let settings = session.settings(Flags {
            file: self.file.file,
            platform: self.platform.platform,
            offline: self.network.offline,
            ..Flags::default()
        })?;
        let file = find_declaration(&settings, session.surroundings())?;
        let scope = Scope::new(file.as_deref(), &bundle(&settings))?;
        let found = scope.find(&self.name)?;
        let platform = settings.platform.value.clone();
        let bench = Workbench::open(session, &settings, "pull")?;
        let pulled = bench.run(depth(&settings), |cx| pull(cx, found, &platform))?;
        if *pulled.outcome.published.how() == How::Built {
            collect_a_little(session, &settings, &bench);
        }
        drop(bench);
        let inspected = of_outcome(found, pulled.outcome);
        let document = EnvPull(describe(
            found,
            &platform,
            &settings.store.value,
            &inspected,
        ));
        session
            .report()
            .answer(&document, |document| text(&document.0))?;
        session
            .report()
            .note("it stays until its declaration no longer has it and `pyro env prune` runs");
        Ok(Outcome::Done)
    }
}
