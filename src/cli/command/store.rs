//! `pyro store`: the store as a whole.

use std::path::Path;

use clap::{Args, Subcommand};

use crate::cli::args::YesFlag;
use crate::cli::failure::{Failure, Kind};
use crate::cli::json::store as json;
use crate::cli::quantity::Bytes;
use crate::cli::report::Outcome;
use crate::cli::report::events::{escaped, escaped_path};
use crate::cli::session::Session;
use crate::cli::settings::Flags;
use crate::cli::workbench::Workbench;
use crate::store::Lower;
use crate::verb::{delete_store, store_info};

/// Look at the store as a whole, or delete it
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: StoreCommand,
}

/// What to do with the store.
#[derive(Debug, Subcommand)]
#[expect(
    missing_docs,
    reason = "a text here would hide the help of the variant's own type"
)]
pub enum StoreCommand {
    Info(StoreInfoArgs),
    Delete(StoreDeleteArgs),
}

/// Tell where the store is and what is in it
///
/// Example: `pyro store info`
#[derive(Debug, Args)]
pub struct StoreInfoArgs {}

/// Delete the store with everything in it
///
/// Sealed folders refuse `rm -r`; this does not. Names in the store's folder that are not pyro's are left alone.
///
/// Example: `pyro --store /tmp/s store delete --yes`
#[derive(Debug, Args)]
pub struct StoreDeleteArgs {
    /// Whether it was meant.
    #[command(flatten)]
    pub yes: YesFlag,
}

impl StoreArgs {
    /// Does it.
    ///
    /// # Errors
    /// What the command says.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        match self.command {
            StoreCommand::Info(args) => args.run(session),
            StoreCommand::Delete(args) => args.run(session),
        }
    }

    /// The name of its document.
    #[must_use]
    pub const fn document_name(&self) -> &'static str {
        match self.command {
            StoreCommand::Info(_) => "store-info",
            StoreCommand::Delete(_) => "store-delete",
        }
    }
}

impl StoreInfoArgs {
    /// Tells.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let Self {} = self;
        let settings = session.settings(Flags::default())?;
        let root = settings.store.value.display().to_string();
        let document = match Workbench::open_if_there(session, &settings, "store")? {
            None => json::StoreInfo {
                store: root,
                lower: settings.lower.value.as_deref().map(text_of),
                ..json::StoreInfo::default()
            },
            Some(bench) => {
                let info = store_info(bench.store())?;
                json::StoreInfo {
                    store: root,
                    lower: bench.store().lower().map(|lower| text_of(lower.root())),
                    lower_exists: bench.store().lower().map(Lower::is_there),
                    exists: true,
                    layout: Some(1),
                    paths: info.paths,
                    profiles: info.profiles,
                    roots: info.roots,
                    staging: info.staging,
                    trash: info.trash,
                    download_bytes: info.download_bytes,
                    free_bytes: info.free_bytes,
                }
            }
        };
        session.report().answer(&document, text)?;
        Ok(Outcome::Done)
    }
}

fn text_of(path: &Path) -> String {
    path.display().to_string()
}

fn text(info: &json::StoreInfo) -> String {
    let mut rows = vec![("store", escaped(&info.store).to_string())];
    if let Some(lower) = &info.lower {
        let away = match info.lower_exists {
            Some(false) => ", which is not there",
            _ => "",
        };
        rows.push(("lower", format!("{}{away}", escaped(lower))));
    }
    if info.exists {
        rows.extend([
            ("paths", info.paths.to_string()),
            ("profiles", info.profiles.to_string()),
            ("roots", info.roots.to_string()),
            ("staging", info.staging.to_string()),
            ("trash", info.trash.to_string()),
            ("downloads", Bytes(info.download_bytes).to_string()),
        ]);
        rows.extend(
            info.free_bytes
                .map(|free| ("free", Bytes(free).to_string())),
        );
    } else {
        rows.push((
            "state",
            "not there yet; the first `pyro realize` makes it".to_owned(),
        ));
    }
    rows.iter()
        .map(|(key, value)| format!("{key:<10}{value}\n"))
        .collect()
}

impl StoreDeleteArgs {
    /// Deletes it.
    ///
    /// # Errors
    /// When nobody said that it was meant, or somebody uses it.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let settings = session.settings(Flags::default())?;
        let root = &settings.store.value;
        let Some(bench) = Workbench::open_if_there(session, &settings, "store")? else {
            let text = format!("there is no store at {}", escaped_path(root));
            return Err(
                Failure::new(Kind::Usage, text).hint("`pyro config` shows where it would be")
            );
        };
        let paths = bench.store().list()?.paths.len();
        if !self.yes.yes {
            let text = format!(
                "this deletes {} with {paths} store paths and every profile",
                escaped_path(root)
            );
            return Err(Failure::new(Kind::Usage, text).hint("add --yes if that is meant"));
        }
        let left = delete_store(bench.store())?;
        let left = left.iter().map(|path| path.display().to_string()).collect();
        let document = json::StoreDelete {
            store: root.display().to_string(),
            paths: paths as u64,
            left,
        };
        session.report().answer(&document, |document| {
            let mut text = format!(
                "deleted {} with {} store paths\n",
                escaped(&document.store),
                document.paths
            );
            for path in &document.left {
                text.push_str(&format!("left {}, which is not pyro's\n", escaped(path)));
            }
            text
        })?;
        Ok(Outcome::Done)
    }
}
