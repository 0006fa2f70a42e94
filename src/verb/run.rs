//! Running a command in an environment: realized if it is not valid, leased for as long as the machine lives.
//!
//! 1. The lock is compared where that was asked for; it is never written, and no root is added.
//! 2. What is valid is taken; else it is brought in.
//! 3. Under the lease, the machine is made of the artifacts, started by the first engine that works, and talked to.
//!
//! An engine that starts no machine, or whose machine does not say hello, is given up for the next one, as long as no command was sent.

use std::path::PathBuf;

use super::bring::bring;
use super::context::{Context, Policy};
use super::error::Error;
use super::lock::stale;
use super::look::Wanted;
use super::lookup::Found;
use super::outcome::Outcome;
use super::pull::installed;
use crate::model::platform::Platform;
use crate::progress::Phase;
use crate::run::engine::{Choice, Mode, Namespace, Places, Unfit};
use crate::run::reach::Reach;
use crate::run::{
    Enclosure, Ended, Engine, Error as RunError, Exec, Limits, Machine, Parts, Size, Streams, Talk,
    available,
};
use crate::store::Published;

/// What to run, and how.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// The platform of the environment.
    pub platform: Platform,
    /// How much the lock binds.
    pub policy: Policy,
    /// The command.
    pub exec: Exec,
    /// The engine.
    pub engine: Choice,
    /// What the command reaches of this machine.
    pub reach: Reach,
    /// The machine's size.
    pub size: Size,
    /// How long things may take.
    pub limits: Limits,
    /// Where engines are looked for.
    pub places: Places,
}

/// A command that was run.
#[derive(Debug)]
pub struct Ran {
    /// The environment that it was run in.
    pub outcome: Outcome,
    /// How the machine was executed.
    pub mode: Mode,
    /// The command's end.
    pub ended: Ended,
}

/// Runs a command in `found`, and leaves nothing of the machine behind, however this ends.
///
/// # Errors
/// When the environment cannot be made valid, no machine could be started, or the command could not be.
pub fn run(
    cx: &Context<'_>,
    found: Found<'_>,
    request: &RunRequest,
    streams: Streams,
) -> Result<Ran, Error> {
    let name = found.environment.name.as_str();
    let outcome = made_valid(cx, found, request)?;
    let published = &outcome.published;
    if !published.lease().is_locked() {
        let path = published.path().display();
        cx.note(&format!(
            "{path} is not held: the store is read-only and has no lease of it"
        ));
    }
    cx.phase(name, Phase::Create);
    let (mode, ended) = begin(cx, found, request, published, streams)?;
    Ok(Ran {
        outcome,
        mode,
        ended,
    })
}

/// Runs the command in a machine of the environment's own kernel, or under the one that is there.
///
/// The weaker wall is for what has no kernel, and for who asks for it; nothing falls back to it.
fn begin(
    cx: &Context<'_>,
    found: Found<'_>,
    request: &RunRequest,
    published: &Published,
    streams: Streams,
) -> Result<(Mode, Ended), Error> {
    let environment = found.environment;
    let name = environment.name.as_str();
    let artifacts: Vec<(String, PathBuf)> = published
        .artifacts()
        .map(|(role, path)| (role.to_string(), path))
        .collect();
    let artifact = |role: &str| {
        let mut artifacts = artifacts.iter();
        artifacts.find_map(|(known, path)| (known == role).then_some(path.as_path()))
    };
    let tree = environment.layout.prefix();
    let is_enclosed = match request.engine {
        Choice::Only(Mode::Namespace) => true,
        Choice::Auto => tree.is_some() && artifact("kernel").is_none(),
        Choice::Qemu | Choice::Only(_) => false,
    };
    if is_enclosed {
        let tree = published.path().join(tree.ok_or(RunError::NoTree)?);
        let enclosure = Enclosure::prepare(&tree, request.size, &request.reach, &hostname(name))?;
        let (engines, unfit) = match Namespace::find() {
            Ok(engine) => (vec![engine], Vec::new()),
            Err(reason) => (Vec::new(), vec![reason]),
        };
        return execute(cx, name, request, (&engines, unfit), &enclosure, streams);
    }
    let needed = |role| artifact(role).ok_or(RunError::NoArtifact { role });
    let parts = Parts {
        kernel: needed("kernel")?,
        image: needed("rootfs")?,
        modules: artifact("modules"),
        initrd: artifact("initrd"),
    };
    let machine = Machine::prepare(&parts, request.size, &request.reach, &hostname(name))?;
    let (engines, unfit) = available(request.engine, &request.places, Some(machine.needs()));
    execute(cx, name, request, (&engines, unfit), &machine, streams)
}

/// The environment's valid path, leased.
fn made_valid(cx: &Context<'_>, found: Found<'_>, request: &RunRequest) -> Result<Outcome, Error> {
    let name = found.environment.name.clone();
    let platform = request.platform.clone();
    if !found.environment.offers(&platform) {
        let offered = found.environment.platforms.clone().unwrap_or_default();
        return Err(Error::Platform {
            name,
            platform,
            offered,
        });
    }
    if platform != cx.host {
        return Err(Error::OtherMachine { name, platform });
    }
    let project = found.project;
    if !request.policy.may_pin() {
        let path = project.lock_path().unwrap_or_default();
        if project.lock().is_none() {
            return Err(Error::NoLock { path });
        }
        if project.is_unmerged() {
            return Err(Error::Unmerged { path });
        }
        let stale = match request.policy {
            Policy::Locked => stale(project, &platform)?,
            _ => Vec::new(),
        };
        if !stale.is_empty() {
            return Err(Error::Stale { stale, path });
        }
    }
    if request.policy == Policy::Update
        && let Some(outcome) = installed(cx, found, &platform)?
    {
        return Ok(outcome);
    }
    // What is valid and pinned is found by this as well, without opening a source.
    let wanted = Wanted::new(project, found.environment, &platform, request.policy);
    bring(cx, &wanted)
}

/// Starts the machine with each engine in turn until one comes up, and runs the command in it.
fn execute<E: Engine + PartialEq>(
    cx: &Context<'_>,
    name: &str,
    request: &RunRequest,
    (engines, unfit): (&[E], Vec<Unfit>),
    machine: &E::Runs,
    mut streams: Streams,
) -> Result<(Mode, Ended), Error> {
    let Some((last, earlier)) = engines.split_last() else {
        return Err(RunError::NoEngine { unfit }.into());
    };
    let talk = Talk::begin()?;
    for engine in earlier.iter().chain([last]) {
        cx.phase(name, Phase::Start);
        let met = match engine.start(machine) {
            Ok(guest) => talk.meet(guest, &request.limits, streams),
            Err(error) => Err((Box::new(error), streams)),
        };
        match met {
            Ok(met) => {
                cx.phase(name, Phase::Execute);
                let ended = talk.execute(met, &request.exec, &request.limits)?;
                return Ok((engine.mode(), ended));
            }
            Err((error, unused)) if error.may_be_of_engine() && engine != last => {
                let mode = engine.mode();
                let cause = std::error::Error::source(&*error);
                let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
                cx.note(&format!("{mode}: {error}{cause}; trying the next engine"));
                streams = unused;
            }
            Err((error, _)) => return Err((*error).into()),
        }
    }
    Err(RunError::NoEngine { unfit }.into())
}

/// A name for the machine: that of the environment, as far as machines may be called so.
fn hostname(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = name.chars().map(letter).take(63).collect();
    name.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn machines_have_plain_names() {
        assert_eq!(super::hostname("debian:12"), "debian-12");
        assert_eq!(super::hostname("a/b_c+"), "a-b-c");
        assert_eq!(super::hostname(&"a".repeat(80)).len(), 63);
    }
}
