//! Realizing: every environment asked for becomes valid, then the profile shows them.
//!
//! 1. The lock is compared with the declaration, unless it is frozen.
//! 2. Every environment is looked at. If all are valid nothing is opened, unpacked or asked.
//! 3. What is left is brought in, several at a time.
//! 4. The lock is written where pins were learned.
//! 5. The profile moves, under its lock, and the out-link after it. The leases are let go last.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::bring::bring;
use super::context::{Context, Policy};
use super::error::Error;
use super::lock::{block_after, stale, undeclared};
use super::look::{Looked, Wanted, look};
use super::outcome::Outcome;
use super::project::{LockEdits, Project};
use crate::lock::Block;
use crate::model::environment::Environment;
use crate::model::generation::{Cause, link_name};
use crate::model::name::{EnvName, ProfileName};
use crate::model::place::Place;
use crate::model::platform::Platform;
use crate::profile::{self, Change, Committed, Locked, OutLink};
use crate::progress::Phase;

/// Which profile shows the result.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Target {
    /// The declaration's own.
    #[default]
    Own,
    /// This one.
    Profile(ProfileName),
    /// The profile of the link alone.
    OutLink,
}

/// What to realize.
#[derive(Debug, Clone)]
pub struct Request {
    /// The environments; none means all.
    pub environments: Vec<EnvName>,
    /// The platform.
    pub platform: Platform,
    /// How much the lock binds.
    pub policy: Policy,
    /// Which profile shows it.
    pub target: Target,
    /// A link to the generation, made last.
    pub out_link: Option<PathBuf>,
    /// Only look.
    pub dry_run: bool,
}

/// One environment of the result.
#[derive(Debug)]
pub struct RealizedEnvironment {
    /// Its name.
    pub name: EnvName,
    /// The name of its link.
    pub link: String,
    /// The valid path; none in a dry run that found work to do.
    pub outcome: Option<Outcome>,
    /// What a dry run found damaged.
    pub damage: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// What a realization did.
#[derive(Debug)]
pub struct Realized {
    /// The profile.
    pub profile: ProfileName,
    /// The live generation; none for a dry run.
    pub committed: Option<Committed>,
    /// Where the out-link stands.
    pub out_link: Option<PathBuf>,
    /// Whether the lock was written.
    pub lock_written: bool,
    /// Each environment, in the order of the request or of the declaration.
    pub environments: Vec<RealizedEnvironment>,
}

/// Realizes environments of `project`.
///
/// # Errors
/// When one of them cannot be made valid: the profile is then as it was.
pub fn realize(
    cx: &Context<'_>,
    project: &mut Project,
    request: &Request,
) -> Result<Realized, Error> {
    check_lock(project, request)?;
    if matches!(&request.target, Target::Profile(name) if *name == ProfileName::pulled())
        || (request.target == Target::Own && project.profile() == ProfileName::pulled())
    {
        return Err(Error::ReservedProfile);
    }
    let out_link = request.out_link.as_deref().map(OutLink::new).transpose()?;
    let (environments, blocks) = {
        let wanted = wishes(cx, project, request)?;
        let mut environments = all(cx, &wanted, request)?;
        let blocks = if request.policy.may_pin() && !request.dry_run {
            learned(cx, &wanted, &environments)
        } else {
            Vec::new()
        };
        for environment in &mut environments {
            environment.link = link_name(&environment.name, &request.platform, &cx.host);
        }
        (environments, blocks)
    };
    let profile = match (&request.target, &out_link) {
        (Target::Profile(name), _) => name.clone(),
        (Target::OutLink, Some(link)) => link.own_profile(),
        (Target::Own | Target::OutLink, _) => project.profile(),
    };
    let mut realized = Realized {
        profile,
        committed: None,
        out_link: None,
        lock_written: false,
        environments,
    };
    if request.dry_run {
        return Ok(realized);
    }
    realized.lock_written = write_lock(cx, project, request, blocks)?;
    realized.committed = Some(show(cx, project, request, &realized, out_link.as_ref())?);
    realized.out_link = out_link.map(|link| link.path().to_owned());
    for environment in &realized.environments {
        cx.phase(environment.name.as_str(), Phase::Ready);
    }
    Ok(realized)
}

fn check_lock(project: &Project, request: &Request) -> Result<(), Error> {
    let path = project.lock_path().unwrap_or_default();
    if matches!(request.policy, Policy::Locked | Policy::Frozen) && project.lock().is_none() {
        return Err(Error::NoLock { path });
    }
    // Which side's pin was taken is a guess that only `pyro lock` may make.
    if matches!(request.policy, Policy::Locked | Policy::Frozen) && project.is_unmerged() {
        return Err(Error::Unmerged { path });
    }
    if request.policy == Policy::Locked {
        let stale = stale(project, &request.platform)?;
        if !stale.is_empty() {
            return Err(Error::Stale { stale, path });
        }
    }
    Ok(())
}

/// The environments to realize, with their pins.
fn wishes<'p>(
    cx: &Context<'_>,
    project: &'p Project,
    request: &Request,
) -> Result<Vec<Wanted<'p>>, Error> {
    let environments: Vec<&Environment> = if request.environments.is_empty() {
        project.declaration().environments().values().collect()
    } else {
        let mut seen = BTreeSet::new();
        let named = request.environments.iter();
        named
            .filter(|name| seen.insert(*name))
            .map(|name| project.environment(name.as_str()))
            .collect::<Result<_, _>>()?
    };
    let mut wanted = Vec::new();
    for environment in environments {
        if environment.offers(&request.platform) {
            wanted.push(Wanted::new(
                project,
                environment,
                &request.platform,
                request.policy,
            ));
        } else if request.environments.is_empty() {
            cx.note(&format!(
                "{}: not declared for {}, left out",
                environment.name, request.platform
            ));
        } else {
            let offered = environment.platforms.clone().unwrap_or_default();
            let (name, platform) = (environment.name.clone(), request.platform.clone());
            return Err(Error::Platform {
                name,
                platform,
                offered,
            });
        }
    }
    Ok(wanted)
}

/// Looks at all, then brings in what is needed on up to `jobs` threads.
fn all(
    cx: &Context<'_>,
    wanted: &[Wanted<'_>],
    request: &Request,
) -> Result<Vec<RealizedEnvironment>, Error> {
    let mut environments = Vec::with_capacity(wanted.len());
    let mut needed = Vec::new();
    for (n, wish) in wanted.iter().enumerate() {
        let start = Instant::now();
        let (outcome, damage) = match look(cx, wish)? {
            Looked::Ready(outcome) => (Some(*outcome), None),
            Looked::Needed { damage } => {
                needed.push(n);
                (None, damage)
            }
        };
        let name = wish.environment.name.clone();
        environments.push(RealizedEnvironment {
            name,
            link: String::new(),
            outcome,
            damage,
            took: start.elapsed(),
        });
    }
    if request.dry_run || needed.is_empty() {
        return Ok(environments);
    }
    for (n, (outcome, took)) in bring_all(cx, wanted, &needed)? {
        environments[n].outcome = Some(outcome);
        environments[n].took += took;
    }
    Ok(environments)
}

type Brought = (usize, (Outcome, Duration));

fn bring_all(
    cx: &Context<'_>,
    wanted: &[Wanted<'_>],
    needed: &[usize],
) -> Result<Vec<Brought>, Error> {
    for &n in needed {
        cx.fetcher.expect(wanted[n].name(), wanted[n].needs());
    }
    let next = AtomicUsize::new(0);
    let brought = Mutex::new(Vec::new());
    let failed: Mutex<Option<(usize, Error)>> = Mutex::new(None);
    let work = || {
        while let Some(&n) = needed.get(next.fetch_add(1, Ordering::Relaxed)) {
            let start = Instant::now();
            let wish = &wanted[n];
            let result = bring(cx, wish);
            let done = cx.fetcher.is_done(wish.name());
            let result = result.and_then(|outcome| Ok(done.map(|()| outcome)?));
            match (result, brought.lock(), failed.lock()) {
                (Ok(outcome), Ok(mut brought), _) => brought.push((n, (outcome, start.elapsed()))),
                (Err(error), _, Ok(mut failed)) => {
                    // No more work is begun; what others have begun ends and is there for the next run.
                    next.store(needed.len(), Ordering::Relaxed);
                    if failed.as_ref().is_none_or(|(first, _)| n < *first) {
                        *failed = Some((n, error));
                    }
                }
                _ => {}
            }
        }
    };
    if cx.jobs.min(needed.len()) <= 1 {
        work();
    } else {
        std::thread::scope(|scope| {
            for _ in 0..cx.jobs.min(needed.len()) {
                scope.spawn(work);
            }
        });
    }
    if let Some((_, error)) = failed.into_inner().unwrap_or_default() {
        return Err(error);
    }
    Ok(brought.into_inner().unwrap_or_default())
}

/// The blocks that the lock shall have for what was realized.
fn learned(
    cx: &Context<'_>,
    wanted: &[Wanted<'_>],
    environments: &[RealizedEnvironment],
) -> Vec<(EnvName, Block)> {
    let mut blocks = Vec::new();
    for (wish, environment) in wanted.iter().zip(environments) {
        if let Some(outcome) = &environment.outcome {
            blocks.push((environment.name.clone(), block_after(cx, wish, outcome)));
        }
    }
    blocks
}

/// Writes what was learned; a block that says what it said before is left to whoever changes it meanwhile.
fn write_lock(
    cx: &Context<'_>,
    project: &mut Project,
    request: &Request,
    blocks: Vec<(EnvName, Block)>,
) -> Result<bool, Error> {
    if !request.policy.may_pin() {
        return Ok(false);
    }
    let lock = project.lock();
    let differs = |name: &EnvName, block: &Block| {
        lock.and_then(|lock| lock.get(name, &request.platform)) != Some(block)
    };
    let edits = LockEdits {
        dropped: undeclared(project),
        blocks: blocks
            .into_iter()
            .filter(|(name, block)| differs(name, block))
            .map(|(name, block)| (name, request.platform.clone(), block))
            .collect(),
    };
    let nothing = edits.dropped.is_empty() && edits.blocks.is_empty();
    if nothing && project.lock().is_some() && !project.is_unmerged() {
        return Ok(false);
    }
    project.edit_lock(cx, edits)
}

/// Moves the profile.
fn show(
    cx: &Context<'_>,
    project: &Project,
    request: &Request,
    realized: &Realized,
    out_link: Option<&OutLink>,
) -> Result<Committed, Error> {
    let mut locked = Locked::wait(cx.store, &realized.profile, cx.observer)?;
    let live = locked.current()?;
    if live.is_none() && profile::current_number(cx.store, &realized.profile)?.is_some() {
        cx.note(&format!(
            "the record of the generation that profile {} shows cannot be read: its other links are not kept",
            realized.profile
        ));
    }
    let declaration = project.file().map(|file| file.display().to_string());
    if let (Some(live), Target::Profile(_) | Target::Own) = (&live, &request.target)
        && live.declaration.is_some()
        && live.declaration != declaration
    {
        let before = live.declaration.as_deref().unwrap_or_default();
        cx.note(&format!(
            "profile {} was last set by {before}",
            realized.profile
        ));
    }
    let mut environments = kept_links(project, request, locked.places()?, &cx.host);
    for environment in &realized.environments {
        if let Some(outcome) = &environment.outcome {
            environments.insert(environment.link.clone(), outcome.published.place());
        }
    }
    let change = Change {
        cause: Cause::Realize,
        declaration,
        restores: None,
        environments,
        declarations: BTreeMap::new(),
        now: cx.now,
    };
    // The paths were there already, perhaps renamed by somebody who has not come to the sync.
    cx.store.sync_folder()?;
    Ok(locked.commit(&change, out_link)?)
}

/// The links of the live generation that stay: all others where environments are named, else other platforms'.
fn kept_links(
    project: &Project,
    request: &Request,
    mut shown: BTreeMap<String, Place>,
    host: &Platform,
) -> BTreeMap<String, Place> {
    let named = !request.environments.is_empty();
    let own_suffix = link_suffix(&request.platform, host);
    let declared: std::collections::HashSet<String> = project
        .declaration()
        .environments()
        .keys()
        .map(EnvName::file_stem)
        .collect();
    let stays = |link: &str| {
        let (stem, suffix) = link
            .split_once('@')
            .map_or((link, None), |(stem, suffix)| (stem, Some(suffix)));
        named || (declared.contains(stem) && suffix != own_suffix.as_deref())
    };
    shown.retain(|link, _| stays(link));
    shown
}

fn link_suffix(platform: &Platform, host: &Platform) -> Option<String> {
    (platform != host).then(|| platform.file_stem())
}
