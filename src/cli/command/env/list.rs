//! `pyro env list`.

use super::EnvListArgs;
use super::describe::describe;
use crate::cli::failure::Failure;
use crate::cli::json::env::EnvList;
use crate::cli::report::Outcome;
use crate::cli::report::events::escaped;
use crate::cli::report::table::table;
use crate::cli::session::Session;
use crate::cli::settings::Flags;
use crate::cli::target::find_declaration;
use crate::cli::workbench::{Workbench, bundle, depth};
use crate::verb::{Context, Error, Scope, inspect};

impl EnvListArgs {
    /// Lists them.
    ///
    /// # Errors
    /// When a declaration or the store cannot be read.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let flags = Flags {
            file: self.file.file,
            platform: self.platform.platform,
            ..Flags::default()
        };
        let settings = session.settings(flags)?;
        let file = find_declaration(&settings, session.surroundings())?;
        let scope = Scope::new(file.as_deref(), &bundle(&settings))?;
        let platform = settings.platform.value.clone();
        let bench = Workbench::open_if_there(session, &settings, "env")?;
        let describe_all = |cx: Option<&Context<'_>>| {
            scope
                .all()
                .map(|found| {
                    Ok(describe(
                        found,
                        &platform,
                        &settings.store.value,
                        &inspect(cx, found, &platform)?,
                    ))
                })
                .collect::<Result<Vec<_>, Error>>()
        };
        let mut environments = match &bench {
            Some(bench) => bench.run(depth(&settings), |cx| describe_all(Some(cx)))?,
            None => describe_all(None)?,
        };
        environments.sort_by(|a, b| a.name.cmp(&b.name));
        drop(bench);
        session.report().answer(&EnvList { environments }, |list| {
            let rows = list.environments.iter().map(|one| {
                let installed = if one.installed { "yes" } else { "no" };
                let description = one.description.as_deref().unwrap_or("-");
                [
                    one.name.to_string(),
                    one.version.to_string(),
                    installed.to_owned(),
                    escaped(description).to_string(),
                ]
            });
            table(
                &["ENVIRONMENT", "VERSION", "INSTALLED", "DESCRIPTION"],
                rows,
            )
        })?;
        Ok(Outcome::Done)
    }
}
