//! `pyro profile list`, `history` and `diff`.

use std::collections::BTreeMap;

use super::{ProfileDiffArgs, ProfileHistoryArgs, ProfileListArgs};
use crate::cli::failure::Failure;
use crate::cli::json::profile as json;
use crate::cli::report::Outcome;
use crate::cli::report::events::escaped;
use crate::cli::report::table::table;
use crate::cli::session::Session;
use crate::cli::settings::Flags;
use crate::cli::workbench::Workbench;
use crate::model::generation::{Cause, Generation};
use crate::model::name::ProfileName;
use crate::profile::{Error, current, current_number, generation, history, list};
use crate::progress::Silent;
use crate::store::Store;

impl ProfileListArgs {
    /// Lists them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let Self {} = self;
        let settings = session.settings(Flags::default())?;
        let mut profiles = Vec::new();
        if let Some(bench) = Workbench::open_if_there(session, &settings, "profile")? {
            for summary in list(bench.store(), bench.observer())? {
                let path = bench
                    .store()
                    .layout()
                    .profile(&summary.name)
                    .join("current")
                    .display()
                    .to_string();
                let live = summary.current;
                profiles.push(json::Profile {
                    name: summary.name.to_string(),
                    path,
                    current: live.as_ref().map(|live| live.number),
                    generations: summary.generations,
                    declaration: live.as_ref().and_then(|live| live.declaration.clone()),
                    created: live.as_ref().map(|live| live.created.to_string()),
                    environments: live
                        .map(|live| live.environments.into_keys().collect())
                        .unwrap_or_default(),
                });
            }
        }
        session
            .report()
            .answer(&json::ProfileList { profiles }, |document| {
                let rows = document.profiles.iter().map(|profile| {
                    let number = profile
                        .current
                        .map_or_else(|| "-".to_owned(), |number| number.to_string());
                    let shown = escaped(&profile.environments.join(" ")).to_string();
                    [
                        profile.name.clone(),
                        number,
                        profile.generations.to_string(),
                        shown,
                    ]
                });
                table(&["PROFILE", "CURRENT", "GENERATIONS", "ENVIRONMENTS"], rows)
            })?;
        Ok(Outcome::Done)
    }
}

impl ProfileHistoryArgs {
    /// Lists them.
    ///
    /// # Errors
    /// When there is no such profile.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let (settings, name) = self.which.resolve(session)?;
        let bench = Workbench::open(session, &settings, "profile")?;
        let live = current_number(bench.store(), &name)?;
        let mut generations = history(bench.store(), &name, bench.observer())?;
        generations.reverse();
        let document = json::ProfileHistory {
            profile: name.to_string(),
            generations: generations
                .into_iter()
                .map(|one| entry(one, live))
                .collect(),
        };
        session.report().answer(&document, |document| {
            let rows = document.generations.iter().map(|one| {
                let number = if one.current {
                    format!("{}*", one.number)
                } else {
                    one.number.to_string()
                };
                let cause = match (one.cause, one.restores) {
                    (cause, Some(restored)) => format!("{} to {restored}", word(cause)),
                    (cause, None) => word(cause).to_owned(),
                };
                let links: Vec<&str> = one.environments.keys().map(String::as_str).collect();
                [
                    number,
                    seconds(&one.created),
                    cause,
                    escaped(&links.join(" ")).to_string(),
                ]
            });
            table(&["GENERATION", "CREATED", "BY", "ENVIRONMENTS"], rows)
        })?;
        Ok(Outcome::Done)
    }
}

fn word(cause: Cause) -> &'static str {
    match cause {
        Cause::Realize => "realize",
        Cause::Switch => "switch",
        Cause::Rollback => "rollback",
        Cause::Pull => "pull",
        Cause::Prune => "prune",
    }
}

fn entry(one: Generation, live: Option<u64>) -> json::HistoryEntry {
    json::HistoryEntry {
        number: one.number,
        current: Some(one.number) == live,
        cause: one.cause,
        created: one.created.to_string(),
        declaration: one.declaration,
        previous: one.previous,
        restores: one.restores,
        environments: texts(&one.environments),
    }
}

fn texts(
    links: &BTreeMap<String, crate::model::store_path::StorePathName>,
) -> BTreeMap<String, String> {
    links
        .iter()
        .map(|(link, path)| (link.clone(), path.to_string()))
        .collect()
}

impl ProfileDiffArgs {
    /// Compares them.
    ///
    /// # Errors
    /// When a generation is not there.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let (settings, name) = self.which.resolve(session)?;
        let bench = Workbench::open(session, &settings, "profile")?;
        let (from, to) = sides(bench.store(), &name, self.from.zip(self.to))?;
        let document = difference(&name, &from, &to);
        session.report().answer(&document, text)?;
        Ok(Outcome::Done)
    }
}

fn sides(
    store: &Store,
    name: &ProfileName,
    named: Option<(u64, u64)>,
) -> Result<(Generation, Generation), Failure> {
    if let Some((from, to)) = named {
        return Ok((generation(store, name, from)?, generation(store, name, to)?));
    }
    history(store, name, &Silent)?;
    let none = || Error::NoEarlier {
        profile: name.to_string(),
    };
    let live = current(store, name)?.ok_or_else(none)?;
    let before = live.previous.ok_or_else(none)?;
    Ok((generation(store, name, before)?, live))
}

fn difference(name: &ProfileName, from: &Generation, to: &Generation) -> json::ProfileDiff {
    let (old, new) = (texts(&from.environments), texts(&to.environments));
    let only = |a: &BTreeMap<String, String>, b: &BTreeMap<String, String>| {
        let mut rest = a.clone();
        rest.retain(|link, _| !b.contains_key(link));
        rest
    };
    let changed = old.iter().filter_map(|(link, from)| {
        let to = new.get(link).filter(|to| *to != from)?;
        Some((
            link.clone(),
            json::Change {
                from: from.clone(),
                to: to.clone(),
            },
        ))
    });
    json::ProfileDiff {
        profile: name.to_string(),
        from: from.number,
        to: to.number,
        added: only(&new, &old),
        removed: only(&old, &new),
        changed: changed.collect(),
    }
}

fn text(document: &json::ProfileDiff) -> String {
    let added = document
        .added
        .iter()
        .map(|(link, path)| format!("+ {} {path}\n", escaped(link)));
    let removed = document
        .removed
        .iter()
        .map(|(link, path)| format!("- {} {path}\n", escaped(link)));
    let changed = document.changed.iter().map(|(link, change)| {
        format!(
            "~ {}\n    {}\n    {}\n",
            escaped(link),
            change.from,
            change.to
        )
    });
    let lines: String = added.chain(removed).chain(changed).collect();
    let body = if lines.is_empty() {
        "no difference\n"
    } else {
        &lines
    };
    format!(
        "{} {} -> {}\n{body}",
        document.profile, document.from, document.to
    )
}

/// A time for people, without its fraction of a second.
fn seconds(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, _fraction)) => format!("{seconds}Z"),
        None => time.to_owned(),
    }
}
