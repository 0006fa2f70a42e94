//! Bringing a damaged path again, from any source that is pinned to give just this path.
//!
//! The declaration at hand comes first, then those that the generations with this path were made from: a path can be
//! healed wherever the command runs. Pins bind (`--frozen`), so no source gives another path than the one asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::OnceLock;

use super::bring::bring;
use super::context::{Context, Policy};
use super::error::Error;
use super::look::{Wanted, pin_input};
use super::lookup::Scope;
use super::project::Project;
use crate::model::environment::Environment;
use crate::model::input::PinInput;
use crate::model::pin::Pin;
use crate::model::platform::Platform;
use crate::model::source::Source;
use crate::model::store_path::StorePathName;
use crate::profile;
use crate::progress::{Phase, Silent};
use crate::store::{Depth, How};

/// Where a good tree came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healed {
    /// `oci://…@digest`, `https://…`, `file://…` or `local:…`.
    pub source: String,
    /// Bytes that were read of it: its archive or layers as they came, or the files of a folder.
    pub bytes: u64,
}

/// What came of it.
pub(super) enum Healing {
    /// A good tree stands there.
    Done(Healed),
    /// Somebody else had put one there.
    NotNeeded,
    /// Why each source that should give it could not.
    Failed(Vec<String>),
}

/// Brings paths again.
pub(super) struct Healer<'c> {
    /// Looks in full: a quick look would take for valid what the full check found damaged.
    cx: Context<'c>,
    scope: &'c Scope,
    platform: &'c Platform,
    /// The declarations that generations with a path were made from.
    declarations: BTreeMap<StorePathName, BTreeSet<PathBuf>>,
}

impl<'c> Healer<'c> {
    /// Reads every generation that can be read.
    pub(super) fn new(cx: &Context<'c>, scope: &'c Scope, platform: &'c Platform) -> Self {
        let mut declarations: BTreeMap<StorePathName, BTreeSet<PathBuf>> = BTreeMap::new();
        for profile in profile::list(cx.store, cx.observer).unwrap_or_default() {
            let history = profile::history(cx.store, &profile.name, &Silent);
            for generation in history.unwrap_or_default() {
                for (link, path) in generation.environments {
                    let own = generation.declarations.get(&link);
                    if let Some(file) = own.or(generation.declaration.as_ref()) {
                        declarations.entry(path).or_default().insert(file.into());
                    }
                }
            }
        }
        Self {
            cx: Context {
                depth: Depth::Full,
                bundle: cx.bundle.clone(),
                host: cx.host.clone(),
                records: OnceLock::new(),
                ..*cx
            },
            scope,
            platform,
            declarations,
        }
    }

    /// Brings `name` again.
    pub(super) fn heal(&self, name: &StorePathName) -> Healing {
        let mut failures = Vec::new();
        let others = self.others(name, &mut failures);
        for project in self.scope.projects().iter().chain(&others) {
            for environment in project.declaration().environments().values() {
                for platform in platforms(project, environment, self.platform) {
                    let wanted = Wanted::new(project, environment, &platform, Policy::Frozen);
                    if name.label() != wanted.path_of(name.hash()).label() {
                        continue;
                    }
                    if let Some(healing) = self.try_all(&wanted, name, &mut failures) {
                        return healing;
                    }
                }
            }
        }
        if failures.is_empty() {
            failures.push("no source of a declaration at hand is pinned to give it".to_owned());
        }
        Healing::Failed(failures)
    }

    /// The declarations that are not at hand.
    fn others(&self, name: &StorePathName, failures: &mut Vec<String>) -> Vec<Project> {
        let mut projects = Vec::new();
        for file in self.declarations.get(name).into_iter().flatten() {
            let mut at_hand = self.scope.projects().iter().filter_map(Project::file);
            if at_hand.any(|known| known == file) {
                continue;
            }
            match Project::load(file) {
                Ok(project) => projects.push(project),
                Err(error) => failures.push(format!("{}: {error}", file.display())),
            }
        }
        projects
    }

    /// Tries the sources of one environment that give the path, in their order.
    fn try_all(
        &self,
        wanted: &Wanted<'_>,
        name: &StorePathName,
        failures: &mut Vec<String>,
    ) -> Option<Healing> {
        for (index, source) in wanted.environment.sources.iter().enumerate() {
            let healing = match pin(&self.cx, wanted, index, name) {
                Ok(Some(pin)) => from_source(&self.cx, wanted, source, pin),
                Ok(None) => continue,
                Err(error) => Err(error),
            };
            match healing {
                Ok(healing) => return Some(healing),
                Err(error) => failures.push(told(source, &error)),
            }
        }
        None
    }
}

fn told(source: &Source, error: &Error) -> String {
    match error {
        // It had this source alone, which the reason names.
        Error::NoSource { skipped, .. } if skipped.len() == 1 => skipped[0].to_string(),
        _ => match std::error::Error::source(error) {
            Some(cause) => format!("{source}: {error}: {cause}"),
            None => format!("{source}: {error}"),
        },
    }
}

/// The platform that was asked for, then every other one that is pinned.
fn platforms(project: &Project, environment: &Environment, first: &Platform) -> Vec<Platform> {
    let blocks = project
        .lock()
        .into_iter()
        .flat_map(crate::lock::Lock::blocks);
    let pinned =
        blocks.filter(|(name, platform, _)| **name == environment.name && *platform != first);
    let pinned = pinned.map(|(_, platform, _)| platform.clone());
    std::iter::once(first.clone()).chain(pinned).collect()
}

/// The pin by which a source gives just this path, as far as anybody knows.
fn pin(
    cx: &Context<'_>,
    wanted: &Wanted<'_>,
    index: usize,
    name: &StorePathName,
) -> Result<Option<Pin>, Error> {
    let source = &wanted.environment.sources[index];
    let locked = wanted.pins[index].as_ref();
    let output = name.hash();
    match (source, locked.map(Pin::output)) {
        (_, Some(Some(known))) if known == output => return Ok(locked.cloned()),
        // What a folder holds is known once it was copied, which costs no network.
        (Source::Local(_), None) => return Ok(Some(Pin::Local { output })),
        (Source::Local(_), Some(_)) => return Ok(None),
        _ => {}
    }
    for record in cx
        .realisations()?
        .iter()
        .filter(|record| record.path == *name)
    {
        let pin = &record.input.pin;
        if wanted.input(source, pin.clone()) != record.input {
            continue;
        }
        match (pin, locked) {
            (pin, Some(locked)) if pin_input(locked).as_ref() == Some(pin) => {
                return Ok(Some(locked.clone().with_output(output)));
            }
            // The lock has moved on; a registry gives a manifest by its digest as long as it keeps it.
            (PinInput::Oci(digest), _) => {
                return Ok(Some(Pin::Oci {
                    digest: *digest,
                    layers: Vec::new(),
                    output: Some(output),
                }));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// Brings the path from one source, with nothing left to choose.
fn from_source(
    cx: &Context<'_>,
    wanted: &Wanted<'_>,
    source: &Source,
    pin: Pin,
) -> Result<Healing, Error> {
    let alone = Environment {
        sources: vec![source.clone()],
        ..wanted.environment.clone()
    };
    let one = Wanted {
        environment: &alone,
        pins: vec![Some(pin.clone())],
        known: vec![Some(pin)],
        ..wanted.clone()
    };
    let before = cx.fetcher.bytes_read();
    let outcome = bring(cx, &one)?;
    cx.phase(wanted.name(), Phase::Ready);
    let bytes = match source {
        Source::Local(_) => outcome.published.content_size(),
        Source::Archive(_) | Source::Oci(_) => cx.fetcher.bytes_read() - before,
    };
    let source = outcome.source;
    Ok(match outcome.published.how() {
        How::Repaired { .. } | How::Built => Healing::Done(Healed { source, bytes }),
        How::Existing => Healing::NotNeeded,
    })
}
