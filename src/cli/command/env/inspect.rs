//! `pyro env inspect`.

use super::EnvInspectArgs;
use super::describe::{describe, text};
use crate::cli::failure::Failure;
use crate::cli::json::env::EnvInspect;
use crate::cli::report::Outcome;
use crate::cli::session::Session;
use crate::cli::settings::Flags;
use crate::cli::target::find_declaration;
use crate::cli::workbench::{Workbench, bundle, depth};
use crate::verb::{Scope, inspect};

impl EnvInspectArgs {
    /// Shows it.
    ///
    /// # Errors
    /// When nobody declares it, or the store cannot be read.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let flags = Flags {
            file: self.file.file,
            platform: self.platform.platform,
            ..Flags::default()
        };
        let settings = session.settings(flags)?;
        let file = find_declaration(&settings, session.surroundings())?;
        let scope = Scope::new(file.as_deref(), &bundle(&settings))?;
        let found = scope.find(&self.name)?;
        let platform = settings.platform.value.clone();
        let bench = Workbench::open_if_there(session, &settings, "env")?;
        let inspected = match &bench {
            Some(bench) => bench.run(depth(&settings), |cx| inspect(Some(cx), found, &platform))?,
            None => inspect(None, found, &platform)?,
        };
        let document = EnvInspect(describe(
            found,
            &platform,
            &settings.store.value,
            &inspected,
        ));
        session
            .report()
            .answer(&document, |document| text(&document.0))?;
        Ok(Outcome::Done)
    }
}
