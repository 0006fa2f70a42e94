//! `pyro verify`.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

use clap::Args;

use crate::cli::args::{FileFlag, OfflineFlag, PlatformFlag, ProfileFlag};
use crate::cli::failure::{Failure, Kind};
use crate::cli::json::verify as json;
use crate::cli::quantity::{Bytes, Timespan, Took};
use crate::cli::report::Outcome;
use crate::cli::report::events::escaped;
use crate::cli::session::Session;
use crate::cli::settings::{Flags, Settings};
use crate::cli::target::find_declaration;
use crate::cli::workbench::{Workbench, bundle};
use crate::model::name::EnvName;
use crate::model::store_path::StorePathName;
use crate::store::{Depth, Fault};
use crate::verb::{
    Asked, Checked, Error, Inspection, Repair, Scope, Verification, Verified, shows, verify,
};

/// Check store paths against their manifests
///
/// Without a name every path of the store is checked. What is wrong with one path does not keep the others from being
/// checked; each is listed, and exit code 65 says that one is damaged, also after --repair where it could not be healed.
///
/// --repair brings a damaged path again from any source that is pinned to give it: of the declaration found, then of
/// those that the generations with that path were made from.
///
/// Example: `pyro verify --budget 30s --repair`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Environments or store paths [default: everything in the store]
    #[arg(value_name = "ENV|PATH")]
    pub words: Vec<OsString>,
    /// How thoroughly.
    #[command(flatten)]
    pub thoroughness: Thoroughness,
    /// Begin no further path after this long, such as 30s or 10m, and go on there the next time
    ///
    /// What was read longest ago comes first; what is read in full is remembered, for each account. At least one path
    /// is read each time, to its end.
    #[arg(long, value_name = "DURATION", conflicts_with = "quick")]
    pub budget: Option<Timespan>,
    /// Replace damaged paths by good ones
    #[arg(long)]
    pub repair: bool,
    /// The profile.
    #[command(flatten)]
    pub profile: ProfileFlag,
    /// The declaration.
    #[command(flatten)]
    pub file: FileFlag,
    /// The platform.
    #[command(flatten)]
    pub platform: PlatformFlag,
    /// Whether the network may be used.
    #[command(flatten)]
    pub network: OfflineFlag,
}

/// How thoroughly to look.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub struct Thoroughness {
    /// Look at types, sizes, modes and times only
    #[arg(long)]
    pub quick: bool,
    /// Read and hash every byte, and find files that are too many (the default)
    #[arg(long)]
    pub full: bool,
}

impl Thoroughness {
    fn depth(&self) -> Depth {
        if self.quick {
            Depth::Quick
        } else {
            Depth::Full
        }
    }
}

impl VerifyArgs {
    /// Checks them.
    ///
    /// # Errors
    /// When the store cannot be read or a name is neither an environment nor a path; damage is no error.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let settings = session.settings(Flags {
            file: self.file.file.clone(),
            profile: self.profile.profile.clone(),
            platform: self.platform.platform.clone(),
            offline: self.network.offline,
            ..Flags::default()
        })?;
        let file = find_declaration(&settings, session.surroundings())?;
        let scope = Scope::new(file.as_deref(), &bundle(&settings))?;
        let depth = self.thoroughness.depth();
        let mut verification = Verification::default();
        if let Some(bench) = Workbench::open_if_there(session, &settings, "verify")? {
            let inspection = Inspection {
                asked: self.asked(&bench, &settings, &scope)?,
                repair: if self.repair { Repair::Yes } else { Repair::No },
                budget: self.budget.map(Timespan::duration),
            };
            let platform = &settings.platform.value;
            verification = bench.run(depth, |cx| verify(cx, &scope, platform, &inspection))?;
        } else if let Some(word) = self.words.first() {
            return Err(Error::UnknownPath {
                what: word.to_string_lossy().into_owned(),
            }
            .into());
        }
        let Verification { paths, left } = verification;
        let (paths, kinds): (Vec<_>, Vec<_>) = paths
            .into_iter()
            .map(|one| described(one, &settings.store.value))
            .unzip();
        let document = document(depth, paths, left, session);
        session
            .report()
            .answer(&document, |document| text(document, session))?;
        if document.damaged > 0 {
            session.report().note(if self.repair {
                "add a source that gives what could not be repaired, or let go of it"
            } else {
                "`pyro realize` or `pyro verify --repair` replaces what is damaged"
            });
            return Ok(Outcome::Damaged);
        }
        let unknown = kinds.into_iter().flatten().next();
        Ok(unknown.map_or(Outcome::Done, Outcome::Unknown))
    }

    fn asked(
        &self,
        bench: &Workbench<'_>,
        settings: &Settings,
        scope: &Scope,
    ) -> Result<Asked, Failure> {
        if self.words.is_empty() {
            return Ok(Asked::Everything);
        }
        self.names(bench, settings, scope).map(Asked::Named)
    }

    fn names(
        &self,
        bench: &Workbench<'_>,
        settings: &Settings,
        scope: &Scope,
    ) -> Result<Vec<StorePathName>, Failure> {
        let mut names = Vec::new();
        for word in &self.words {
            let path = std::path::Path::new(word);
            let stem = path.file_name().and_then(|name| name.to_str());
            if let Some(Ok(name)) = stem.map(str::parse::<StorePathName>) {
                names.push(name);
                continue;
            }
            let Some(Ok(name)) = word.to_str().map(str::parse::<EnvName>) else {
                return Err(Error::UnknownPath {
                    what: word.to_string_lossy().into_owned(),
                }
                .into());
            };
            let found = scope.find(&name)?;
            let profile = settings.profile.value.as_ref();
            let platform = &settings.platform.value;
            names.push(
                bench
                    .run(Depth::Quick, |cx| shows(cx, found, platform, profile))?
                    .path,
            );
        }
        Ok(names)
    }
}

/// One path as it is printed, and what kept it from being looked at.
fn described(one: Verified, store: &Path) -> (json::VerifiedPath, Option<Kind>) {
    let mut path = json::VerifiedPath {
        path: store
            .join("store")
            .join(one.name.as_str())
            .display()
            .to_string(),
        status: json::PathStatus::Valid,
        findings: Vec::new(),
        source: None,
        fetched_bytes: None,
        reasons: one.failures,
    };
    let mut unknown = None;
    match one.state {
        Checked::Valid => {}
        Checked::Missing => path.status = json::PathStatus::Missing,
        Checked::Damaged(faults) => {
            path.status = json::PathStatus::Damaged;
            path.findings = faults.iter().map(finding).collect();
        }
        Checked::Repaired(faults, healed) => {
            path.status = json::PathStatus::Repaired;
            path.findings = faults.iter().map(finding).collect();
            path.source = Some(healed.source);
            path.fetched_bytes = Some(healed.bytes);
        }
        Checked::Unchecked(error) => {
            let failure = Failure::from(error);
            path.status = json::PathStatus::Unchecked;
            let all = std::iter::once(failure.message).chain(failure.causes);
            path.reasons.push(all.collect::<Vec<_>>().join(": "));
            unknown = Some(failure.kind);
        }
    }
    (path, unknown)
}

fn document(
    depth: Depth,
    paths: Vec<json::VerifiedPath>,
    left: usize,
    session: &Session,
) -> json::Verify {
    use json::PathStatus::{Damaged, Missing, Repaired, Unchecked, Valid};
    let count = |these: &[json::PathStatus]| {
        let with = |path: &&json::VerifiedPath| these.contains(&path.status);
        paths.iter().filter(with).count()
    };
    json::Verify {
        check: match depth {
            Depth::Quick => json::CheckMode::Quick,
            Depth::Full => json::CheckMode::Full,
        },
        valid: count(&[Valid, Repaired]),
        damaged: count(&[Damaged, Missing]),
        unchecked: count(&[Unchecked]),
        left,
        duration_ms: u64::try_from(session.elapsed().as_millis()).unwrap_or(u64::MAX),
        paths,
    }
}

fn finding(fault: &Fault) -> json::Finding {
    let entry = Some(fault.entry.clone()).filter(|entry| !entry.is_empty());
    json::Finding {
        entry,
        what: fault.what.to_owned(),
    }
}

fn text(document: &json::Verify, session: &Session) -> String {
    let mut text = String::new();
    for path in &document.paths {
        let status = match path.status {
            json::PathStatus::Valid => continue,
            json::PathStatus::Damaged => "damaged",
            json::PathStatus::Repaired => "repaired",
            json::PathStatus::Missing => "missing",
            json::PathStatus::Unchecked => "not checked",
        };
        let _infallible = writeln!(text, "{status}: {}", escaped(&path.path));
        for finding in &path.findings {
            let entry = finding
                .entry
                .as_deref()
                .map(|entry| format!("{entry} "))
                .unwrap_or_default();
            let _infallible = writeln!(text, "  {entry}{}", finding.what);
        }
        for reason in &path.reasons {
            let _infallible = writeln!(text, "  {}", escaped(reason));
        }
        if let (Some(source), Some(bytes)) = (&path.source, path.fetched_bytes) {
            let bytes = Bytes(bytes);
            let _infallible = writeln!(text, "  fetched {bytes} from {}", escaped(source));
        }
    }
    let mut counts = format!("{} valid, {} damaged", document.valid, document.damaged);
    for (count, what) in [
        (document.unchecked, "not checked"),
        (document.left, "left for the next time"),
    ] {
        if count > 0 {
            counts += &format!(", {count} {what}");
        }
    }
    let took = Took(session.elapsed());
    let _infallible = writeln!(text, "{counts}, checked in {took}");
    text
}
