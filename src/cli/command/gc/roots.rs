//! `pyro gc roots`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::answer::root;
use crate::cli::failure::Failure;
use crate::cli::json::gc as json;
use crate::cli::report::Outcome;
use crate::cli::report::events::escaped;
use crate::cli::report::table::table;
use crate::cli::session::Session;
use crate::cli::settings::{Flags, Settings, absolute};
use crate::cli::workbench::{Workbench, depth};
use crate::gc::Shows;
use crate::verb::{ListedRoot, RootError, add_root, remove_root, roots};

/// Keep store paths besides those that profiles show
#[derive(Debug, Args)]
pub struct GcRootsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: GcRootsCommand,
}

/// What to do with roots.
#[derive(Debug, Subcommand)]
#[expect(
    missing_docs,
    reason = "a text here would hide the help of the variant's own type"
)]
pub enum GcRootsCommand {
    #[command(visible_alias = "ls")]
    List(GcRootsListArgs),
    Add(GcRootsAddArgs),
    Remove(GcRootsRemoveArgs),
}

/// List roots that are no profiles: out-links, links, locks and paths
///
/// Example: `pyro gc roots list`
#[derive(Debug, Args)]
pub struct GcRootsListArgs {}

/// Keep a store path, all that a lock names, or what a link leads to
///
/// A link or a lock is read by each collection, and keeps what it names then; once it is gone it keeps nothing. Of a
/// declaration the lock beside it is taken.
///
/// Example: `pyro gc roots add envs.lock`
#[derive(Debug, Args)]
pub struct GcRootsAddArgs {
    /// A store path or its name, a lock, or a link into the store
    #[arg(value_name = "PATH|LOCK|LINK")]
    pub subject: PathBuf,
}

/// Keep something no longer
///
/// Example: `pyro gc roots remove envs.lock`
#[derive(Debug, Args)]
pub struct GcRootsRemoveArgs {
    /// The path, lock or link as it was added, or the first digits of its id
    #[arg(value_name = "PATH|LOCK|LINK|ID")]
    pub subject: PathBuf,
}

impl GcRootsArgs {
    /// Does it.
    ///
    /// # Errors
    /// What the command says.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let settings = session.settings(Flags::default())?;
        match self.command {
            GcRootsCommand::List(args) => args.run(session, &settings),
            GcRootsCommand::Add(args) => args.run(session, &settings),
            GcRootsCommand::Remove(args) => args.run(session, &settings),
        }
    }

    /// The name of its document.
    #[must_use]
    pub const fn document_name(&self) -> &'static str {
        match self.command {
            GcRootsCommand::List(_) => "gc-roots-list",
            GcRootsCommand::Add(_) => "gc-roots-add",
            GcRootsCommand::Remove(_) => "gc-roots-remove",
        }
    }
}

impl GcRootsListArgs {
    fn run(self, session: &Session, settings: &Settings) -> Result<Outcome, Failure> {
        let Self {} = self;
        let listed = match Workbench::open_if_there(session, settings, "gc")? {
            Some(bench) => bench.run(depth(settings), roots)?,
            None => Vec::new(),
        };
        let document = json::GcRootsList {
            roots: listed.iter().map(of_listed).collect(),
        };
        session.report().answer(&document, |document| {
            let rows = document.roots.iter().map(|one| {
                let keeps = match (&one.generation, one.state, one.paths.len()) {
                    (_, json::RootState::Gone, _) => "nothing: it is gone".to_owned(),
                    (_, json::RootState::Unclear, 0) => "out of reach, all stays".to_owned(),
                    (_, json::RootState::Unclear, n) => format!("out of reach, {n} paths stay"),
                    (Some(generation), ..) => escaped(generation).to_string(),
                    (None, _, 1) => one.paths[0].clone(),
                    (None, _, n) => format!("{n} paths"),
                };
                let kind = one.root.kind.clone();
                let subject = escaped(&one.root.subject).to_string();
                [one.root.id[..8].to_owned(), kind, subject, keeps]
            });
            table(&["ID", "KIND", "ROOT", "KEEPS"], rows)
        })?;
        Ok(Outcome::Done)
    }
}

impl GcRootsAddArgs {
    fn run(self, session: &Session, settings: &Settings) -> Result<Outcome, Failure> {
        let subject = absolute(&self.subject, session.surroundings())?;
        let bench = Workbench::open(session, settings, "gc")?;
        let added = bench.run(depth(settings), |cx| add_root(cx, &subject))?;
        let document = json::GcRootsAdd(of_listed(&added));
        session.report().answer(&document, |document| {
            let root = &document.0.root;
            let (kind, subject) = (&root.kind, escaped(&root.subject));
            format!("added the {kind} root {subject} ({})\n", &root.id[..8])
        })?;
        Ok(Outcome::Done)
    }
}

impl GcRootsRemoveArgs {
    fn run(self, session: &Session, settings: &Settings) -> Result<Outcome, Failure> {
        let subject = absolute(&self.subject, session.surroundings())?;
        let Some(bench) = Workbench::open_if_there(session, settings, "gc")? else {
            let what = subject.display().to_string();
            return Err(crate::verb::Error::from(RootError::Unknown { what }).into());
        };
        let removed = bench.run(depth(settings), |cx| remove_root(cx, &subject))?;
        let document = json::GcRootsRemove(root(&removed));
        session.report().answer(&document, |document| {
            let (kind, subject) = (&document.0.kind, escaped(&document.0.subject));
            format!("removed the {kind} root {subject}\n")
        })?;
        Ok(Outcome::Done)
    }
}

fn of_listed(listed: &ListedRoot) -> json::ListedRoot {
    let (state, paths, generation) = match &listed.shows {
        Shows::Generation(folder) => {
            let folder = folder.display().to_string();
            (json::RootState::Holds, Vec::new(), Some(folder))
        }
        Shows::Path(path) => (json::RootState::Holds, vec![path.hash().to_string()], None),
        Shows::Outputs { outputs, unread } => {
            let state = match unread {
                None => json::RootState::Holds,
                Some(_) => json::RootState::Unclear,
            };
            (
                state,
                outputs.iter().map(ToString::to_string).collect(),
                None,
            )
        }
        Shows::Nothing => (json::RootState::Gone, Vec::new(), None),
        Shows::Unknown => (json::RootState::Unclear, Vec::new(), None),
    };
    json::ListedRoot {
        root: root(&listed.root),
        state,
        paths,
        generation,
    }
}
