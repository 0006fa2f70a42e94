//! Pulling one environment by name, rooted in the profile `pulled`.
//!
//! The lock beside the declaration binds where it has pins; nothing is written to it. Each declaration has an entry
//! of its own, so two projects that call different things `tools` keep both.

use super::bring::bring;
use super::context::{Context, Policy};
use super::error::Error;
use super::look::{Looked, Wanted, look};
use super::lookup::Found;
use super::outcome::Outcome;
use crate::model::generation::Cause;
use crate::model::name::ProfileName;
use crate::model::platform::Platform;
use crate::profile::{Change, Locked};
use crate::progress::Phase;

/// A pulled environment.
#[derive(Debug)]
pub struct Pulled {
    /// The valid path and how it was come by.
    pub outcome: Outcome,
    /// Its entry in the profile `pulled`.
    pub link: String,
}

/// The name of an environment's entry in the profile `pulled`.
pub(super) fn entry(found: Found<'_>, platform: &Platform, host: &Platform) -> String {
    let stem = crate::model::generation::link_name(&found.environment.name, platform, host);
    format!("{stem}@{}", found.project.pulled_suffix())
}

/// Makes `found` valid and keeps it.
///
/// # Errors
/// When no source can be used, or the system refuses.
pub fn pull(cx: &Context<'_>, found: Found<'_>, platform: &Platform) -> Result<Pulled, Error> {
    if !found.environment.offers(platform) {
        let offered = found.environment.platforms.clone().unwrap_or_default();
        let (name, platform) = (found.environment.name.clone(), platform.clone());
        return Err(Error::Platform {
            name,
            platform,
            offered,
        });
    }
    let outcome = match installed(cx, found, platform)? {
        Some(outcome) => outcome,
        None => bring(
            cx,
            &Wanted::new(found.project, found.environment, platform, Policy::Update),
        )?,
    };
    let link = entry(found, platform, &cx.host);
    // The path was there already, perhaps renamed by somebody who has not come to the sync.
    cx.store.sync_folder()?;
    let mut locked = Locked::wait(cx.store, &ProfileName::pulled(), cx.observer)?;
    let mut environments = locked.places()?;
    let live = locked.current()?;
    let before = live.map(|live| live.number);
    let mut declarations = live.map_or_else(<_>::default, |live| live.declarations.clone());
    environments.insert(link.clone(), outcome.published.place());
    if let Some(file) = found.project.file() {
        declarations.insert(link.clone(), file.display().to_string());
    }
    let change = Change {
        cause: Cause::Pull,
        declaration: None,
        restores: None,
        environments,
        declarations,
        now: cx.now,
    };
    commit(cx, &mut locked, &change, before)?;
    cx.phase(found.environment.name.as_str(), Phase::Ready);
    Ok(Pulled { outcome, link })
}

/// Moves the profile `pulled`, which keeps no history.
///
/// The generation before it may be another account's, who is left to remove it.
pub(super) fn commit(
    cx: &Context<'_>,
    locked: &mut Locked<'_>,
    change: &Change,
    before: Option<u64>,
) -> Result<(), Error> {
    let committed = locked.commit(change, None)?;
    let Some(before) = before.filter(|_| committed.changed) else {
        return Ok(());
    };
    match locked.drop_generation(before) {
        Err(error) if error.is_refusal() => {
            cx.note(&format!("left an old generation: {error}"));
            Ok(())
        }
        other => Ok(other.map(|_dropped| ())?),
    }
}

/// A valid path that needs no source: by the lock, by `pulled`, or by a realisation of what the declaration says.
pub(super) fn installed(
    cx: &Context<'_>,
    found: Found<'_>,
    platform: &Platform,
) -> Result<Option<Outcome>, Error> {
    let wanted = Wanted::new(found.project, found.environment, platform, Policy::Update);
    if let Looked::Ready(outcome) = look(cx, &wanted)? {
        return Ok(Some(*outcome));
    }
    super::inspect::remembered(cx, found, platform)
}
