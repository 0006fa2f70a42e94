//! `pyro doctor`.

mod registry;

use std::fmt::Write as _;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::json::config::File;
use crate::cli::json::doctor as json;
use crate::cli::quantity::Bytes;
use crate::cli::report::Outcome;
use crate::cli::report::events::escaped;
use crate::cli::session::Session;
use crate::cli::settings::{Flags, Settings};
use crate::model::escape::Line;
use crate::model::oci_reference::RegistryHost;
use crate::run::available;
use crate::run::engine::{Choice, Mode, Namespace};
use crate::store::Trust;
use crate::verb::{Diagnosis, diagnose};

/// Look for what keeps pyro from working here, and say what to do about it
///
/// Looks at the store, its file system, free space, this account's rights, the lower store, the configuration, and what can
/// run virtual machines. What the file system can is tried in the store; nothing is left there. The exit code says what is wrong: 0 where the store can
/// be used or made, 73 no space, 77 denied, 78 a bad place.
///
/// With HOST it also tells what would be asked for what that registry has, and asks: mirrors in their order, where each
/// login comes from, certificates, proxy, and the answer. Where no place can be used, the exit code is that of the last.
///
/// Example: `pyro doctor --json`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// A registry to look at: host, and port where it is not the usual one
    #[arg(value_name = "HOST")]
    pub registry: Option<RegistryHost>,
}

impl DoctorArgs {
    /// Looks.
    ///
    /// # Errors
    /// When the settings cannot be resolved, or stdout cannot be written; what is wrong with the store is no error.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let settings = session.settings(Flags::default())?;
        let found = diagnose(&settings.store.value, settings.lower.value.as_deref());
        let (mut document, mut worst) = document(&settings, found);
        if let Some(host) = &self.registry {
            let (registry, unfit) = registry::look(session, &settings, host.as_str());
            document.registry = Some(registry);
            worst = worst.or(unfit);
        }
        session.report().answer(&document, text)?;
        Ok(worst.map_or(Outcome::Done, |failure| Outcome::Unfit(failure.kind)))
    }
}

/// The document, and the problem that decides the exit code.
fn document(settings: &Settings, mut found: Diagnosis) -> (json::Doctor, Option<Failure>) {
    let problems = std::mem::take(&mut found.problems);
    let all: Vec<(bool, Failure)> = problems
        .into_iter()
        .map(|problem| (problem.is_fatal(), problem.into()))
        .collect();
    let findings = all.iter().map(|(fatal, failure)| finding(*fatal, failure));
    let file = |path: &std::path::Path, exists| File {
        path: path.to_string_lossy().into_owned(),
        exists,
    };
    let files = settings.config_files.iter();
    let document = json::Doctor {
        usable: !all.iter().any(|(fatal, _)| *fatal),
        store: settings.store.value.display().to_string(),
        exists: found.exists,
        layout: found.exists.then_some(1),
        file_system: found.file_system.map(|kind| kind.to_string()),
        trust: found.trust().map(|trust| match trust {
            Trust::Known => json::TrustWord::Known,
            Trust::Unknown => json::TrustWord::Unknown,
            Trust::Remote => json::TrustWord::Remote,
        }),
        abilities: found.abilities.map(|can| json::Abilities {
            flock: can.flock,
            rename_noreplace: can.rename_noreplace,
            exchange: can.exchange,
            reflink: can.reflink,
            holes: can.holes,
        }),
        free_bytes: found.free_bytes,
        free_inodes: found.free_inodes,
        account: json::AccountRights {
            uid: found.account.uid,
            groups: found.account.groups,
            may_read: found.may_read,
            may_write: found.may_write,
        },
        group: found.group,
        lower: found.lower.map(|(path, there)| file(&path, there)),
        files: files.map(|(path, exists)| file(path, *exists)).collect(),
        engines: engines(settings),
        problems: findings.collect(),
        registry: None,
    };
    let worst = all.into_iter().find(|(fatal, _)| *fatal);
    (document, worst.map(|(_, failure)| failure))
}

fn finding(fatal: bool, failure: &Failure) -> json::Finding {
    json::Finding {
        fatal,
        kind: failure.kind.as_str(),
        message: failure.message.clone(),
        causes: failure.causes.clone(),
        hint: failure.hint.clone(),
    }
}

fn engines(settings: &Settings) -> Vec<json::EngineFound> {
    let (_usable, unfit) = available(Choice::Auto, &settings.places(), None);
    let namespace = Namespace::find().err();
    let all = Mode::ALL.into_iter().map(|mode| {
        let mut unfit = unfit.iter().chain(&namespace);
        let reason = unfit.find(|reason| reason.mode == mode);
        json::EngineFound {
            execution_mode: mode.as_str(),
            usable: reason.is_none(),
            why: reason.map(|reason| reason.why.clone()),
            hint: reason.and_then(|reason| reason.hint.clone()),
        }
    });
    all.collect()
}

/// Whether an engine can be used, and if not, why and what helps.
fn engine(found: &json::EngineFound) -> String {
    let state = match (&found.why, &found.hint) {
        (None, _) => "usable".to_owned(),
        (Some(why), None) => format!("not usable: {why}"),
        (Some(why), Some(hint)) => format!("not usable: {why} ({hint})"),
    };
    format!("{} {state}", found.execution_mode)
}

fn text(found: &json::Doctor) -> String {
    let mut text: String = rows(found)
        .iter()
        .map(|(key, value)| format!("{key:<13}{value}\n"))
        .collect();
    for problem in &found.problems {
        let word = if problem.fatal { "problem" } else { "remark" };
        let _infallible = writeln!(text, "{word}: {}", Line(&problem.message));
        for cause in &problem.causes {
            let _infallible = writeln!(text, "  caused by: {}", Line(cause));
        }
        if let Some(hint) = &problem.hint {
            let _infallible = writeln!(text, "  hint: {}", Line(hint));
        }
    }
    text.extend(found.registry.as_ref().map(registry::text));
    text
}

fn rows(found: &json::Doctor) -> Vec<(&'static str, String)> {
    let shown = |file: &File| {
        let away = if file.exists { "" } else { ", not there" };
        format!("{}{away}", escaped(&file.path))
    };
    let is_read = found.exists && found.account.may_read && !found.account.may_write;
    let state = match (found.usable, found.exists) {
        (false, _) if is_read => "may only be read",
        (false, _) => "cannot be used",
        (true, true) => "ready",
        (true, false) => "not there yet; the first `pyro realize` makes it",
    };
    let mut rows = vec![
        ("store", escaped(&found.store).to_string()),
        ("state", state.to_owned()),
    ];
    if let Some(kind) = &found.file_system {
        rows.push(("file system", escaped(kind).to_string()));
    }
    rows.push(("can", abilities(found)));
    if let Some(bytes) = found.free_bytes {
        let inodes = found.free_inodes.map(|inodes| format!(", {inodes} inodes"));
        rows.push((
            "free",
            format!("{}{}", Bytes(bytes), inodes.unwrap_or_default()),
        ));
    }
    let may = match (found.account.may_read, found.account.may_write) {
        (_, true) => "read and write",
        (true, false) => "read",
        (false, false) => "do nothing",
    };
    rows.push(("account", format!("{}, may {may}", found.account.uid)));
    if let Some(group) = found.group {
        rows.push(("shared by", format!("group {group}")));
    }
    rows.extend(found.lower.as_ref().map(|lower| ("lower", shown(lower))));
    rows.extend(found.files.iter().map(|file| ("config", shown(file))));
    let engines = found.engines.iter();
    rows.extend(engines.map(|found| ("engine", Line(&engine(found)).to_string())));
    rows
}

fn abilities(found: &json::Doctor) -> String {
    let Some(can) = found.abilities else {
        return "not tried".to_owned();
    };
    let all = [
        (can.flock, "lock"),
        (can.rename_noreplace, "rename without replacing"),
        (can.exchange, "exchange"),
        (can.reflink, "reflink"),
        (can.holes, "keep holes"),
    ];
    let words = all.map(|(can, word)| {
        if can {
            word.to_owned()
        } else {
            format!("not {word}")
        }
    });
    words.join(", ")
}
