//! `pyro lock`.

use std::ffi::OsString;

use clap::Args;

use crate::cli::args::OfflineFlag;
use crate::cli::failure::Failure;
use crate::cli::json::lock as json;
use crate::cli::report::Outcome;
use crate::cli::report::events::{escaped, escaped_path};
use crate::cli::report::table::table;
use crate::cli::session::Session;
use crate::cli::settings::Flags;
use crate::cli::target::{Words, declaration};
use crate::cli::workbench::{Workbench, depth};
use crate::model::pin::Pin;
use crate::verb::{BlockState, LockMode, LockReport, Locked, Outputs, Project, lock, stale_blocks};
use std::path::PathBuf;

/// Pin the sources of a declaration by digest
///
/// Writes `envs.lock` beside `envs.toml`: pins what is missing or has changed and drops what is no longer declared.
/// A source that cannot be reached stays without a pin and is named.
///
/// Example: `pyro lock --check || pyro lock`
#[derive(Debug, Args)]
pub struct LockArgs {
    /// The declaration [default: envs.toml here or in a parent folder]
    #[arg(value_name = "FILE")]
    pub file: Option<OsString>,
    /// Only say whether the lock is up to date, without the network; exit code 1 if not
    #[arg(long, conflicts_with_all = ["upgrade", "outputs"])]
    pub check: bool,
    /// Move the pins of these environments, or of all, to what the sources offer now
    #[arg(long, value_name = "ENV", num_args = 0..)]
    pub upgrade: Option<Vec<OsString>>,
    /// Also fetch and unpack, so that each pinned source's store path is known
    #[arg(long)]
    pub outputs: bool,
    /// Whether the network may be used.
    #[command(flatten)]
    pub network: OfflineFlag,
}

/// What a command that writes the lock shall do.
pub struct Plan {
    /// About pins that are there.
    pub mode: LockMode,
    /// About outputs that are not known.
    pub outputs: Outputs,
}

impl LockArgs {
    /// Writes the lock, or compares it.
    ///
    /// # Errors
    /// When the declaration has mistakes, or no source of an environment can be pinned.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let mut file = self.file.map(PathBuf::from);
        let mode = match self.upgrade {
            None => LockMode::Missing,
            Some(words) => {
                let words = Words::split(&words)?;
                file = file.or(words.file);
                LockMode::Upgrade(words.environments)
            }
        };
        if self.check {
            return check(session, file);
        }
        let outputs = if self.outputs {
            Outputs::All
        } else {
            Outputs::AsKnown
        };
        perform(session, file, self.network.offline, &Plan { mode, outputs })
    }
}

fn check(session: &Session, file: Option<PathBuf>) -> Result<Outcome, Failure> {
    let settings = session.settings(Flags {
        file,
        ..Flags::default()
    })?;
    let file = declaration(&settings, session.surroundings())?;
    let project = Project::load(&file)?;
    let blocks: Vec<json::Block> = stale_blocks(&project)
        .into_iter()
        .map(|(name, platform)| json::Block {
            name,
            platform,
            status: json::BlockStatus::Stale,
            sources: Vec::new(),
        })
        .collect();
    let document = json::Lock {
        declaration: file.display().to_string(),
        lock: project
            .lock_path()
            .unwrap_or_default()
            .display()
            .to_string(),
        written: false,
        up_to_date: blocks.is_empty() && project.lock().is_some() && !project.is_unmerged(),
        blocks,
    };
    session.report().answer(&document, |document| {
        if document.up_to_date {
            return format!("{} is up to date\n", escaped(&document.lock));
        }
        let why = if project.is_unmerged() {
            ": it has git's conflict markers"
        } else {
            ""
        };
        let mut text = format!("{} is not up to date{why}\n", escaped(&document.lock));
        for block in &document.blocks {
            text.push_str(&format!("  {} for {}\n", block.name, block.platform));
        }
        text
    })?;
    if document.up_to_date {
        return Ok(Outcome::Done);
    }
    session.report().note("`pyro lock` brings it up to date");
    Ok(Outcome::No)
}

/// Pins, writes and reports.
///
/// # Errors
/// As for [`LockArgs::run`].
pub fn perform(
    session: &Session,
    file: Option<PathBuf>,
    offline: bool,
    plan: &Plan,
) -> Result<Outcome, Failure> {
    let settings = session.settings(Flags {
        file,
        offline,
        ..Flags::default()
    })?;
    let file = declaration(&settings, session.surroundings())?;
    let mut project = Project::load(&file)?;
    let bench = Workbench::open(session, &settings, "lock")?;
    let report = bench.run(depth(&settings), |cx| {
        lock(cx, &mut project, &plan.mode, plan.outputs)
    })?;
    drop(bench);
    session
        .report()
        .answer(&document(&file, &report), |document| {
            let rows = document.blocks.iter().map(row);
            let verb = if document.written {
                "wrote"
            } else {
                "unchanged:"
            };
            format!(
                "{}{verb} {}\n",
                table(&["ENVIRONMENT", "PLATFORM", "LOCK", "SOURCES"], rows),
                escaped_path(&report.path)
            )
        })?;
    Ok(Outcome::Done)
}

fn row(block: &json::Block) -> [String; 4] {
    let status = match block.status {
        json::BlockStatus::Kept => "kept",
        json::BlockStatus::Locked => "locked",
        json::BlockStatus::Upgraded => "upgraded",
        json::BlockStatus::Dropped => "dropped",
        json::BlockStatus::Stale => "stale",
    };
    let pinned = block
        .sources
        .iter()
        .filter(|source| source.pin.is_some())
        .count();
    let sources = match block.sources.len() {
        0 => "-".to_owned(),
        all => format!("{pinned} of {all} pinned"),
    };
    [
        block.name.to_string(),
        block.platform.to_string(),
        status.to_owned(),
        sources,
    ]
}

fn document(file: &std::path::Path, report: &LockReport) -> json::Lock {
    json::Lock {
        declaration: file.display().to_string(),
        lock: report.path.display().to_string(),
        written: report.written,
        up_to_date: true,
        blocks: report.blocks.iter().map(block).collect(),
    }
}

fn block(locked: &Locked) -> json::Block {
    let sources = locked
        .sources
        .iter()
        .map(|(source, pin)| json::LockedSource {
            source: source.clone(),
            pin: pin.as_ref().map(|pin| match pin {
                Pin::Local { output } => output.to_string(),
                Pin::Archive { sha256, .. } => format!("sha256:{sha256}"),
                Pin::Oci { digest, .. } => digest.to_string(),
            }),
            output: pin
                .as_ref()
                .and_then(Pin::output)
                .map(|output| output.to_string()),
            why: locked
                .unpinned
                .iter()
                .find(|skip| skip.source == *source)
                .map(|skip| skip.reason.clone()),
        });
    json::Block {
        name: locked.name.clone(),
        platform: locked.platform.clone(),
        status: match locked.state {
            BlockState::Kept => json::BlockStatus::Kept,
            BlockState::Locked => json::BlockStatus::Locked,
            BlockState::Upgraded => json::BlockStatus::Upgraded,
            BlockState::Dropped => json::BlockStatus::Dropped,
        },
        sources: sources.collect(),
    }
}
