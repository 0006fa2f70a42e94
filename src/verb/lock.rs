//! Locking: every source of a declaration gets a pin, and the lock is written where that changed something.

use std::path::PathBuf;

use super::bring::{make_pin, reason_to_skip};
use super::context::{Context, Policy};
use super::error::Error;
use super::look::{Wanted, look};
use super::outcome::{Outcome, Skipped};
use super::project::Project;
use crate::lock::{Block, Lock, LockedSource};
use crate::model::environment::Environment;
use crate::model::name::EnvName;
use crate::model::pin::Pin;
use crate::model::platform::Platform;
use crate::model::source::Source;

/// What to do about pins that are there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LockMode {
    /// Keep them.
    #[default]
    Missing,
    /// Move those of these environments, or of all where none is named.
    Upgrade(Vec<EnvName>),
}

/// Whether the store path that each pinned source gives shall be known too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outputs {
    /// As far as it is known anyway.
    #[default]
    AsKnown,
    /// Fetch and unpack where it is not.
    All,
}

/// What became of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockState {
    /// As it was.
    Kept,
    /// New, or written anew because its declaration changed or a pin was missing.
    Locked,
    /// Pins have moved.
    Upgraded,
    /// No longer declared.
    Dropped,
}

/// One environment on one platform.
#[derive(Debug, Clone)]
pub struct Locked {
    /// The environment.
    pub name: EnvName,
    /// The platform.
    pub platform: Platform,
    /// What became of its block.
    pub state: BlockState,
    /// Each source as declared, with its pin.
    pub sources: Vec<(String, Option<Pin>)>,
    /// Sources that could not be pinned.
    pub unpinned: Vec<Skipped>,
}

/// What locking did.
#[derive(Debug, Clone)]
pub struct LockReport {
    /// The lock.
    pub path: PathBuf,
    /// Whether it was written.
    pub written: bool,
    /// Each block, by name and platform.
    pub blocks: Vec<Locked>,
}

/// Pins what is missing or changed, and writes the lock if that changed it.
///
/// # Errors
/// When no source of an environment can be pinned, an environment to upgrade is not declared, or the system refuses.
pub fn lock(
    cx: &Context<'_>,
    project: &mut Project,
    mode: &LockMode,
    outputs: Outputs,
) -> Result<LockReport, Error> {
    if let LockMode::Upgrade(names) = mode {
        for name in names {
            project.environment(name.as_str())?;
        }
    }
    let mut builder = project.lock().cloned().unwrap_or_default().into_builder();
    let mut blocks = Vec::new();
    for (name, platform) in undeclared(project) {
        builder = builder.without(&name, &platform);
        let (state, sources, unpinned) = (BlockState::Dropped, Vec::new(), Vec::new());
        blocks.push(Locked {
            name,
            platform,
            state,
            sources,
            unpinned,
        });
    }
    for environment in project.declaration().environments().values() {
        let upgrade = matches!(mode, LockMode::Upgrade(names) if names.is_empty() || names.contains(&environment.name));
        for platform in platforms(cx, project, environment)? {
            let policy = if upgrade {
                Policy::Refresh
            } else {
                Policy::Update
            };
            let wanted = Wanted::new(project, environment, &platform, policy);
            let Some((pins, unpinned)) = pin_all(cx, &wanted, outputs)? else {
                continue;
            };
            let block = block(environment, &pins);
            let before = project
                .lock()
                .and_then(|lock| lock.get(&environment.name, &platform));
            let state = match before {
                Some(before) if *before == block => BlockState::Kept,
                Some(_) if upgrade => BlockState::Upgraded,
                _ => BlockState::Locked,
            };
            let sources = environment
                .sources
                .iter()
                .map(ToString::to_string)
                .zip(pins)
                .collect();
            builder = builder.block(environment.name.clone(), platform.clone(), block);
            blocks.push(Locked {
                name: environment.name.clone(),
                platform,
                state,
                sources,
                unpinned,
            });
        }
    }
    blocks.sort_by(|a, b| (&a.name, &a.platform).cmp(&(&b.name, &b.platform)));
    let path = project.lock_path().unwrap_or_default();
    let written = project.write_lock(builder.build())?;
    Ok(LockReport {
        path,
        written,
        blocks,
    })
}

/// The blocks of what is no longer declared.
pub(super) fn undeclared(project: &Project) -> Vec<(EnvName, Platform)> {
    let Some(lock) = project.lock() else {
        return Vec::new();
    };
    lock.blocks()
        .filter(|(name, platform, _)| {
            project
                .declaration()
                .get(name)
                .is_none_or(|e| !e.offers(platform))
        })
        .map(|(name, platform, _)| (name.clone(), platform.clone()))
        .collect()
}

/// The platforms that blocks are written for: the declared ones, else the usual ones that a source offers.
///
/// An archive does not say what it is for and so is for all; a local folder is for this machine.
fn platforms(
    cx: &Context<'_>,
    project: &Project,
    environment: &Environment,
) -> Result<Vec<Platform>, Error> {
    if let Some(platforms) = &environment.platforms {
        return Ok(platforms.clone());
    }
    let mut offered = vec![cx.host.clone()];
    for source in &environment.sources {
        match source {
            Source::Local(_) => {}
            Source::Archive(_) => offered.extend(Platform::usual()),
            Source::Oci(oci) => match cx.fetcher.offered_platforms(oci, project.base()) {
                Ok(platforms) if platforms.is_empty() => offered.extend(Platform::usual()),
                Ok(platforms) => offered.extend(platforms),
                Err(error) => {
                    // It will be named as unpinned; what is locked of it stays.
                    let lock = project.lock();
                    let known = lock.into_iter().flat_map(Lock::blocks);
                    offered.extend(
                        known
                            .filter(|(n, ..)| **n == environment.name)
                            .map(|(_, p, _)| p.clone()),
                    );
                    reason_to_skip(error.into())?;
                }
            },
        }
    }
    let mut usual: Vec<Platform> = Platform::usual()
        .into_iter()
        .chain([cx.host.clone()])
        .collect();
    usual.retain(|platform| offered.contains(platform));
    usual.sort();
    usual.dedup();
    Ok(usual)
}

/// A pin or none for each source, and the sources that could not be pinned.
type Pins = (Vec<Option<Pin>>, Vec<Skipped>);

/// A pin for every source that can be had; `None` where another platform than the host's has none at all.
fn pin_all(cx: &Context<'_>, wanted: &Wanted<'_>, outputs: Outputs) -> Result<Option<Pins>, Error> {
    let (mut pins, unpinned) = fill(cx, wanted)?;
    if pins.iter().all(Option::is_none) {
        let required = wanted.platform == cx.host || wanted.environment.platforms.is_some();
        if required {
            return Err(Error::NoSource {
                name: wanted.environment.name.clone(),
                skipped: unpinned,
            });
        }
        return Ok(None);
    }
    for (index, source) in wanted.environment.sources.iter().enumerate() {
        let known = pins[index].as_ref().map(|pin| pin.output().is_some());
        if outputs == Outputs::All && known == Some(false) {
            let alone = Environment {
                sources: vec![source.clone()],
                ..wanted.environment.clone()
            };
            let one = Wanted {
                environment: &alone,
                pins: vec![pins[index].clone()],
                ..wanted.clone()
            };
            pins[index] = Some(super::bring::bring(cx, &one)?.pin);
        }
    }
    Ok(Some((pins, unpinned)))
}

/// The pins of `wanted`, made where they are missing; local folders are looked at again.
pub(super) fn fill(cx: &Context<'_>, wanted: &Wanted<'_>) -> Result<Pins, Error> {
    let mut pins = wanted.pins.clone();
    let mut unpinned = Vec::new();
    for (index, source) in wanted.environment.sources.iter().enumerate() {
        let is_local = matches!(source, Source::Local(_));
        if is_local && wanted.platform != cx.host && wanted.environment.platforms.is_none() {
            let reason = format!(
                "a local folder is pinned for {} only; declare platforms for more",
                cx.host
            );
            unpinned.push(Skipped {
                source: source.to_string(),
                reason,
                why: super::outcome::Why::Absent,
            });
            continue;
        }
        if pins[index].is_some() && !is_local {
            continue;
        }
        match pin_one(cx, wanted, index) {
            Ok(pin) => pins[index] = Some(pin),
            Err(error) => {
                let (reason, why) = reason_to_skip(error)?;
                // A folder that is not here keeps what it was pinned to: it may be on another machine.
                if pins[index].is_none() {
                    unpinned.push(Skipped {
                        source: source.to_string(),
                        reason,
                        why,
                    });
                }
            }
        }
    }
    Ok((pins, unpinned))
}

fn pin_one(cx: &Context<'_>, wanted: &Wanted<'_>, index: usize) -> Result<Pin, Error> {
    let source = &wanted.environment.sources[index];
    if let Source::Local(_) = source {
        // Unchanged by its record: no need to copy it again to know what it gives.
        let alone = Environment {
            sources: vec![source.clone()],
            ..wanted.environment.clone()
        };
        let one = Wanted {
            environment: &alone,
            pins: vec![None],
            policy: Policy::Update,
            ..wanted.clone()
        };
        if let super::look::Looked::Ready(outcome) = look(cx, &one)? {
            return Ok(outcome.pin);
        }
    }
    make_pin(cx, wanted, index)
}

/// The block of an environment with these pins.
pub(super) fn block(environment: &Environment, pins: &[Option<Pin>]) -> Block {
    let sources = environment
        .sources
        .iter()
        .zip(pins)
        .filter_map(|(source, pin)| LockedSource::new(source, pin.clone()).ok())
        .collect();
    Block::new(environment.declaration_hash(), sources)
}

/// The block after a realization: missing pins made, the winner's output known.
pub(super) fn block_after(
    cx: &Context<'_>,
    wanted: &Wanted<'_>,
    outcome: &Outcome,
) -> Result<Block, Error> {
    let mut with = wanted.clone();
    with.pins[outcome.index] = Some(outcome.pin.clone());
    if !wanted.locked || wanted.policy == Policy::Refresh {
        for (index, source) in wanted.environment.sources.iter().enumerate() {
            if with.pins[index].is_some() {
                continue;
            }
            match make_pin(cx, wanted, index) {
                Ok(pin) => with.pins[index] = Some(pin),
                Err(error) => {
                    let (reason, _) = reason_to_skip(error)?;
                    cx.note(&format!(
                        "{}: {source} is not pinned: {reason}",
                        wanted.name()
                    ));
                }
            }
        }
    }
    Ok(block(wanted.environment, &with.pins))
}

/// What is stale in the lock of `project`, one line a block; empty where `--locked` would go on.
///
/// # Errors
/// When there is no lock at all.
pub(super) fn stale(project: &Project, wanted: &Platform) -> Result<Vec<String>, Error> {
    let path = project.lock_path().unwrap_or_default();
    let lock: &Lock = project.lock().ok_or(Error::NoLock { path })?;
    let report = lock.check(project.declaration(), std::slice::from_ref(wanted));
    let line = |stale: &crate::lock::Stale| {
        let why = match stale.why {
            crate::lock::Why::Missing => "is not locked",
            crate::lock::Why::Changed => "is declared differently now",
        };
        format!("{} for {} {why}", stale.name, stale.platform)
    };
    let asked = report
        .stale
        .iter()
        .filter(|stale| stale.platform == *wanted);
    Ok(asked.map(line).collect())
}

/// The blocks that `pyro lock` would write anew; all of them where there is no lock.
#[must_use]
pub fn stale_blocks(project: &Project) -> Vec<(EnvName, Platform)> {
    let nothing = Lock::default();
    let report = project
        .lock()
        .unwrap_or(&nothing)
        .check(project.declaration(), &Platform::usual());
    report
        .stale
        .into_iter()
        .map(|stale| (stale.name, stale.platform))
        .collect()
}
