//! `pyro verify`.

use std::ffi::OsString;
use std::fmt::Write as _;

use clap::Args;

use crate::cli::args::{FileFlag, OfflineFlag, PlatformFlag, ProfileFlag};
use crate::cli::failure::Failure;
use crate::cli::json::verify as json;
use crate::cli::quantity::Took;
use crate::cli::report::Outcome;
use crate::cli::report::events::escaped;
use crate::cli::session::Session;
use crate::cli::settings::{Flags, Settings};
use crate::cli::target::find_declaration;
use crate::cli::workbench::{Workbench, bundle};
use crate::model::name::EnvName;
use crate::model::store_path::StorePathName;
use crate::store::{Depth, Fault};
use crate::verb::{Checked, Error, Repair, Scope, Verified, shows, verify};

/// Check store paths against their manifests
///
/// Without a name every path of the store is checked. Exit code 65 says that a path is damaged.
///
/// Example: `pyro verify --full --repair`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Environments or store paths [default: everything in the store]
    #[arg(value_name = "ENV|PATH")]
    pub words: Vec<OsString>,
    /// How thoroughly.
    #[command(flatten)]
    pub thoroughness: Thoroughness,
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
        let repair = if self.repair { Repair::Yes } else { Repair::No };
        let mut verified = Vec::new();
        if let Some(bench) = Workbench::open_if_there(session, &settings, "verify")? {
            let names = self.names(&bench, &settings, &scope)?;
            let platform = &settings.platform.value;
            verified = bench.run(depth, |cx| verify(cx, &scope, platform, &names, repair))?;
        } else if let Some(word) = self.words.first() {
            return Err(Error::UnknownPath {
                what: word.to_string_lossy().into_owned(),
            }
            .into());
        }
        let document = document(depth, &verified, session);
        session
            .report()
            .answer(&document, |document| text(document, session))?;
        if verified.iter().all(Verified::is_good) {
            return Ok(Outcome::Done);
        }
        session
            .report()
            .note("`pyro realize` or `pyro verify --repair` replaces what is damaged");
        Ok(Outcome::Damaged)
    }

    fn names(
        &self,
        bench: &Workbench<'_>,
        settings: &Settings,
        scope: &Scope,
    ) -> Result<Vec<StorePathName>, Failure> {
        if self.words.is_empty() {
            return Ok(bench.store().list()?.paths);
        }
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

fn document(depth: Depth, verified: &[Verified], session: &Session) -> json::Verify {
    let good = verified.iter().filter(|one| one.is_good()).count();
    let paths = verified.iter().map(|one| {
        let (status, faults) = match &one.state {
            Checked::Valid => (json::PathStatus::Valid, &[][..]),
            Checked::Missing => (json::PathStatus::Missing, &[][..]),
            Checked::Damaged(faults) => (json::PathStatus::Damaged, faults.as_slice()),
            Checked::Repaired(faults, _) => (json::PathStatus::Repaired, faults.as_slice()),
        };
        let path = one.path.display().to_string();
        json::VerifiedPath {
            path,
            status,
            findings: faults.iter().map(finding).collect(),
        }
    });
    json::Verify {
        check: match depth {
            Depth::Quick => json::CheckMode::Quick,
            Depth::Full => json::CheckMode::Full,
        },
        valid: good,
        damaged: verified.len() - good,
        paths: paths.collect(),
        duration_ms: u64::try_from(session.elapsed().as_millis()).unwrap_or(u64::MAX),
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
    }
    let took = Took(session.elapsed());
    let _infallible = writeln!(
        text,
        "{} valid, {} damaged, checked in {took}",
        document.valid, document.damaged
    );
    text
}
