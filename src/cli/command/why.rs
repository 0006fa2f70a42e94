//! `pyro why`.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

use clap::Args;

use super::gc::holders::{line, of_chain, of_process};
use crate::cli::args::{FileFlag, PlatformFlag, ProfileFlag};
use crate::cli::failure::Failure;
use crate::cli::json::gc as json;
use crate::cli::quantity::Bytes;
use crate::cli::report::Outcome;
use crate::cli::report::events::escaped;
use crate::cli::session::Session;
use crate::cli::settings::{Flags, Settings, absolute};
use crate::cli::target::find_declaration;
use crate::cli::workbench::{Workbench, bundle, depth};
use crate::model::name::EnvName;
use crate::model::store_path::StorePathName;
use crate::verb::{Context, Error, Reasons, Scope, paths_of_digest, shows, why};

/// Say who holds a store path: profile, generation, declaration, root, process
///
/// Example: `pyro why debian:12`
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// A store path or something in it, the first digits of a digest, or an environment
    #[arg(value_name = "PATH|DIGEST|ENV")]
    pub subject: OsString,
    /// The profile.
    #[command(flatten)]
    pub profile: ProfileFlag,
    /// The declaration.
    #[command(flatten)]
    pub file: FileFlag,
    /// The platform.
    #[command(flatten)]
    pub platform: PlatformFlag,
}

impl WhyArgs {
    /// Says it.
    ///
    /// # Errors
    /// When nothing of that name is in the store.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let settings = session.settings(Flags {
            file: self.file.file.clone(),
            profile: self.profile.profile.clone(),
            platform: self.platform.platform.clone(),
            ..Flags::default()
        })?;
        let unknown = || Error::UnknownPath {
            what: self.subject.to_string_lossy().into_owned(),
        };
        let Some(bench) = Workbench::open_if_there(session, &settings, "why")? else {
            return Err(unknown().into());
        };
        let names = self.names(session, &settings, &bench)?;
        if names.is_empty() {
            return Err(unknown().into());
        }
        let reasons: Vec<Reasons> = bench.run(depth(&settings), |cx| {
            names.iter().map(|name| why(cx, name)).collect()
        })?;
        let document = json::Why {
            paths: reasons.iter().map(|one| document(&bench, one)).collect(),
        };
        session.report().answer(&document, text)?;
        Ok(Outcome::Done)
    }

    fn names(
        &self,
        session: &Session,
        settings: &Settings,
        bench: &Workbench<'_>,
    ) -> Result<Vec<StorePathName>, Failure> {
        if let Some(name) = in_store(&self.subject, session, bench)? {
            return Ok(vec![name]);
        }
        let Some(text) = self.subject.to_str() else {
            return Ok(Vec::new());
        };
        let is_digest = text.len() >= 6 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if is_digest {
            let names = bench.run(depth(settings), |cx| paths_of_digest(cx, text))?;
            if !names.is_empty() {
                return Ok(names);
            }
        }
        let Ok(name) = text.parse::<EnvName>() else {
            return Ok(Vec::new());
        };
        let file = find_declaration(settings, session.surroundings())?;
        let scope = Scope::new(file.as_deref(), &bundle(settings))?;
        bench.run(depth(settings), |cx| {
            of_environment(cx, &scope, settings, &name)
        })
    }
}

/// The store path that a place is, or is in; a bare name counts too.
fn in_store(
    subject: &OsString,
    session: &Session,
    bench: &Workbench<'_>,
) -> Result<Option<StorePathName>, Failure> {
    if let Some(Ok(name)) = subject.to_str().map(str::parse) {
        return Ok(Some(name));
    }
    let path = absolute(Path::new(subject), session.surroundings())?;
    let path = fs_err::canonicalize(&path).unwrap_or(path);
    let folder = bench.store().layout().store();
    let real = fs_err::canonicalize(folder);
    let below = |folder: &Path| {
        let rest = path.strip_prefix(folder).ok()?;
        rest.iter().next()?.to_str()?.parse().ok()
    };
    Ok(below(folder).or_else(|| below(&real.ok()?)))
}

/// What the profile shows for an environment; else every path in the store that bears its name.
fn of_environment(
    cx: &Context<'_>,
    scope: &Scope,
    settings: &Settings,
    name: &EnvName,
) -> Result<Vec<StorePathName>, Error> {
    let (platform, profile) = (&settings.platform.value, settings.profile.value.as_ref());
    let shown = scope
        .find(name)
        .and_then(|found| shows(cx, found, platform, profile));
    match shown {
        Ok(link) => Ok(vec![link.path]),
        Err(unknown) => {
            let stem = format!("{}-", name.file_stem());
            let mut paths = cx.store.list()?.paths;
            paths.retain(|path| path.label().starts_with(&stem));
            if paths.is_empty() {
                return Err(unknown);
            }
            Ok(paths)
        }
    }
}

fn document(bench: &Workbench<'_>, reasons: &Reasons) -> json::WhyPath {
    let roots = reasons.holding.iter().map(of_chain);
    let used = jiff::Timestamp::from_second(reasons.last_used);
    json::WhyPath {
        path: bench
            .store()
            .layout()
            .path(&reasons.name)
            .display()
            .to_string(),
        bytes: reasons.bytes,
        last_used: used.map(|used| used.to_string()).unwrap_or_default(),
        by: roots.chain(reasons.leases.iter().map(of_process)).collect(),
    }
}

fn text(document: &json::Why) -> String {
    let mut text = String::new();
    for path in &document.paths {
        let (place, bytes) = (escaped(&path.path), Bytes(path.bytes));
        let _infallible = writeln!(text, "{place} ({bytes}, last used {})", path.last_used);
        for holder in &path.by {
            let _infallible = writeln!(text, "  {}", line(holder));
        }
        if path.by.is_empty() {
            text.push_str("  nothing holds it: `pyro gc` removes it\n");
        }
    }
    text
}
