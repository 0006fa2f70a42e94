//! `pyro realize`.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::mem::ManuallyDrop;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;

use super::gc::collect_a_little;
use crate::cli::args::{CheckChoice, LockFlags, OfflineFlag, PlatformFlag, ProfileFlag};
use crate::cli::failure::{Failure, Kind};
use crate::cli::json::realize as json;
use crate::cli::quantity::{Bytes, Took};
use crate::cli::report::Outcome;
use crate::cli::report::events::escaped;
use crate::cli::session::Session;
use crate::cli::settings::{Flags, LockMode, Settings, absolute};
use crate::cli::target::{Words, declaration};
use crate::cli::workbench::{Workbench, depth};
use crate::model::environment::Environment;
use crate::store::{How, Layout};
use crate::verb::{Policy, Project, Realized, RealizedEnvironment, Request, Target, realize};

/// Bring declared environments into the store and show them
///
/// Fetches what is missing, repairs what is damaged, then moves the profile to a new generation. Nothing is seen of
/// it before everything asked for is valid; with exit code 0 it is on the disk for good. FILE is the first word if
/// it ends in `.toml` or is an existing file; without ENV every environment of the file is realized, otherwise the
/// profile's other links stay.
///
/// Example: `pyro realize envs.toml debian:12 --locked`
#[derive(Debug, Args)]
pub struct RealizeArgs {
    /// The declaration [default: envs.toml here or in a parent folder], then the environments [default: all]
    #[arg(value_name = "FILE|ENV")]
    pub words: Vec<OsString>,
    /// How far the lock is obeyed.
    #[command(flatten)]
    pub lock: LockFlags,
    /// Whether the network may be used.
    #[command(flatten)]
    pub network: OfflineFlag,
    /// The profile.
    #[command(flatten)]
    pub profile: ProfileFlag,
    /// The platform.
    #[command(flatten)]
    pub platform: PlatformFlag,
    /// Ask every source again, even where the store has what the lock names
    #[arg(long, conflicts_with = "offline")]
    pub refresh: bool,
    /// Make a link to the generation at PATH, last; without --profile the link is the profile
    #[arg(long, value_name = "PATH")]
    pub out_link: Option<PathBuf>,
    /// How many environments to work on at once [default: processors, at least 6] [env: PYRO_JOBS]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// How thoroughly to look at paths that are there [default: quick] [env: PYRO_CHECK]
    #[arg(long, value_name = "HOW")]
    pub check: Option<CheckChoice>,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Accept an archive whose bytes changed if the tree in it did not; never against a declared sha256
    #[arg(long)]
    pub accept_same_tree: bool,
}

impl RealizeArgs {
    /// Realizes them.
    ///
    /// # Errors
    /// When one of them cannot be made valid; the profile is then as it was.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let words = Words::split(&self.words)?;
        let settings = session.settings(Flags {
            file: words.file.clone(),
            profile: self.profile.profile.clone(),
            platform: self.platform.platform.clone(),
            jobs: self.jobs,
            check: self.check,
            lock_mode: self.lock.mode(),
            offline: self.network.offline,
            ..Flags::default()
        })?;
        let file = declaration(&settings, session.surroundings())?;
        // The program ends with it: the system takes its many small pieces back at once.
        let mut project = ManuallyDrop::new(Project::load(&file)?);
        let request = self.request(session, &settings, words)?;
        let bench = Workbench::open(session, &settings, "realize")?;
        let realized = bench.run(depth(&settings), |cx| realize(cx, &mut project, &request))?;
        let store = bench.store().layout().clone();
        let added = |one: &RealizedEnvironment| {
            let outcome = one.outcome.as_ref();
            outcome.is_some_and(|outcome| *outcome.published.how() == How::Built)
        };
        if realized.environments.iter().any(added) {
            collect_a_little(session, &settings, &bench);
        }
        drop(bench);
        let document = document(session, &project, &request, &realized, &store);
        session
            .report()
            .answer(&document, |document| text(document, &realized))?;
        if let Some(next) = next(&document) {
            session.report().note(&next);
        }
        Ok(Outcome::Done)
    }

    fn request(
        &self,
        session: &Session,
        settings: &Settings,
        words: Words,
    ) -> Result<Request, Failure> {
        let policy = match (
            settings.lock_mode.value,
            self.refresh,
            self.accept_same_tree,
        ) {
            (LockMode::Locked, false, false) => Policy::Locked,
            (LockMode::Frozen, false, false) => Policy::Frozen,
            (LockMode::Update, true, false) => Policy::Refresh,
            (LockMode::Update, false, true) => Policy::AcceptSameTree,
            (LockMode::Update, false, false) => Policy::Update,
            _ => {
                let text =
                    "--locked, --frozen, --refresh and --accept-same-tree exclude each other";
                return Err(Failure::new(Kind::Usage, text));
            }
        };
        let out_link = self
            .out_link
            .as_deref()
            .map(|path| absolute(path, session.surroundings()))
            .transpose()?;
        let target = match (&settings.profile.value, &out_link) {
            (Some(profile), _) => Target::Profile(profile.clone()),
            (None, Some(_)) => Target::OutLink,
            (None, None) => Target::Own,
        };
        Ok(Request {
            environments: words.environments,
            platform: settings.platform.value.clone(),
            policy,
            target,
            out_link,
            dry_run: self.dry_run,
        })
    }
}

fn document(
    session: &Session,
    project: &Project,
    request: &Request,
    realized: &Realized,
    store: &Layout,
) -> json::Realize {
    json::Realize {
        profile: realized.profile.to_string(),
        profile_path: store
            .profile(&realized.profile)
            .join("current")
            .display()
            .to_string(),
        generation: realized
            .committed
            .as_ref()
            .map(|committed| committed.number),
        declaration: project
            .file()
            .map(|file| file.display().to_string())
            .unwrap_or_default(),
        environments: realized
            .environments
            .iter()
            .filter_map(|one| {
                Some(environment(
                    project.declaration().get(&one.name)?,
                    request,
                    one,
                ))
            })
            .collect(),
        out_link: realized
            .out_link
            .as_ref()
            .map(|link| link.display().to_string()),
        lock_written: realized.lock_written,
        dry_run: request.dry_run,
        duration_ms: millis(session.elapsed()),
    }
}

/// A path as text; nearly all are, which costs less to see than to replace what is not.
fn shown(path: &Path) -> String {
    path.to_str()
        .map_or_else(|| path.display().to_string(), str::to_owned)
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn environment(
    declared: &Environment,
    request: &Request,
    one: &RealizedEnvironment,
) -> json::RealizedEnvironment {
    let outcome = one.outcome.as_ref();
    let status = match (outcome.map(|outcome| outcome.published.how()), &one.damage) {
        (Some(How::Built), _) => json::Status::Built,
        (Some(How::Repaired { .. }), _) => json::Status::Repaired,
        (Some(How::Existing), _) => json::Status::Ready,
        (None, Some(_)) => json::Status::WouldRepair,
        (None, None) => json::Status::WouldBuild,
    };
    json::RealizedEnvironment {
        name: one.name.clone(),
        version: declared.version.clone(),
        platform: request.platform.clone(),
        link: one.link.clone(),
        path: outcome.map(|outcome| shown(outcome.published.path())),
        status,
        source: outcome.map(|outcome| outcome.source.clone()),
        source_digest: outcome.and_then(|outcome| outcome.source_digest.clone()),
        skipped: outcome.map(skipped).unwrap_or_default(),
        size_bytes: outcome.map(|outcome| outcome.published.content_size()),
        duration_ms: millis(one.took),
        artifacts: outcome
            .map(|outcome| {
                let artifacts = outcome.published.artifacts();
                artifacts
                    .map(|(role, path)| (role.clone(), shown(&path)))
                    .collect()
            })
            .unwrap_or_default(),
    }
}

fn skipped(outcome: &crate::verb::Outcome) -> Vec<json::SkippedSource> {
    let skipped = outcome.skipped.iter();
    skipped
        .map(|skip| json::SkippedSource {
            source: skip.source.clone(),
            why: skip.reason.clone(),
        })
        .collect()
}

/// One closing line an environment.
fn text(document: &json::Realize, realized: &Realized) -> String {
    let mut text = String::new();
    for (one, took) in document
        .environments
        .iter()
        .zip(realized.environments.iter().map(|one| one.took))
    {
        let status = match one.status {
            json::Status::Ready => "ready",
            json::Status::Built => "built",
            json::Status::Repaired => "repaired",
            json::Status::WouldBuild => "would build",
            json::Status::WouldRepair => "would repair",
        };
        let size = one
            .size_bytes
            .map(|size| format!(" {}", Bytes(size)))
            .unwrap_or_default();
        let took = match one.status {
            json::Status::Built | json::Status::Repaired => format!(" in {}", Took(took)),
            _ => String::new(),
        };
        let from = match (&one.source, one.status) {
            (Some(source), json::Status::Built | json::Status::Repaired) => {
                format!(" from {}", escaped(source))
            }
            _ => String::new(),
        };
        let path = one
            .path
            .as_deref()
            .map(|path| format!("\n  {}", escaped(path)))
            .unwrap_or_default();
        let _infallible = writeln!(
            text,
            "{} {}: {status}{size}{took}{from}{path}",
            one.name, one.version
        );
    }
    text
}

/// What to type next.
fn next(document: &json::Realize) -> Option<String> {
    if document.dry_run {
        return Some("nothing was done; run it again without --dry-run".to_owned());
    }
    let first = document.environments.first()?;
    let lock = if document.lock_written {
        "the lock was written, commit it; "
    } else {
        ""
    };
    let generation = document.generation?;
    Some(format!(
        "{lock}profile {} shows generation {generation}; next: `pyro path {}`, `pyro profile history`",
        document.profile, first.name
    ))
}
