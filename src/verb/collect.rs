//! Collecting, planning a collection, and telling who holds what.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::context::Context;
use super::error::Error;
use crate::gc::{self, Collected, Junk, Limits, Plan, Reach, Roots};
use crate::model::name::ProfileName;
use crate::model::store_path::StorePathName;
use crate::profile;
use crate::store::{Holder, Holders, Usage};

/// What a collection would do, with what that would free.
#[derive(Debug, Clone, Default)]
pub struct Forecast {
    /// Dead staging trees, trash and downloads that would go, and what each frees.
    pub junk: Vec<(PathBuf, u64)>,
    /// What else would go, and what stays.
    pub plan: Plan,
    /// What each path that would go frees, in the plan's order.
    pub bytes: Vec<u64>,
    /// The processes that lease what stays for them.
    pub leases: BTreeMap<StorePathName, Vec<Holder>>,
}

impl Forecast {
    /// What all of it would free.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.junk.iter().map(|(_, bytes)| bytes).sum::<u64>() + self.bytes.iter().sum::<u64>()
    }

    /// Whether there is nothing to remove.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let plan = &self.plan;
        self.junk.is_empty()
            && plan.paths.is_empty()
            && plan.generations.is_empty()
            && plan.profiles.is_empty()
            && plan.records.is_empty()
    }
}

/// Removes what nothing holds and the limits do not keep.
///
/// # Errors
/// When a root cannot be read: nothing is collected then.
pub fn collect(cx: &Context<'_>, limits: &Limits, reach: Reach) -> Result<Collected, Error> {
    Ok(gc::collect(cx.store, limits, reach, cx.now, cx.observer)?)
}

/// Says what [`collect`] would remove, and changes nothing.
///
/// # Errors
/// As for [`collect`].
pub fn forecast(cx: &Context<'_>, limits: &Limits) -> Result<Forecast, Error> {
    let store = cx.store;
    // In the order in which things go, since of two names of one file the last one frees it.
    let mut usage = Usage::default();
    let mut measured = |path: PathBuf| {
        let bytes = usage.of(&path);
        (path, bytes)
    };
    let junk: Vec<(PathBuf, u64)> = Junk::find(store, cx.now)?
        .places(store)
        .into_iter()
        .map(&mut measured)
        .collect();
    let freed = junk.iter().map(|(_, bytes)| bytes).sum();
    let plan = gc::plan(store, limits, cx.now, freed)?;
    let paths = plan.paths.iter();
    let bytes = paths
        .map(|path| measured(store.layout().path(&path.name)).1)
        .collect();
    let holders = Holders::read();
    let used = plan
        .kept
        .iter()
        .filter(|kept| kept.why == gc::KeptWhy::Leased);
    let leases = used
        .map(|kept| {
            (
                kept.name.clone(),
                holders.of(&store.layout().lease(kept.name.hash())),
            )
        })
        .collect();
    Ok(Forecast {
        junk,
        plan,
        bytes,
        leases,
    })
}

/// Who holds a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reasons {
    /// The path.
    pub name: StorePathName,
    /// Generations and root records.
    pub holding: Vec<Chain>,
    /// Processes with a lease.
    pub leases: Vec<Holder>,
    /// When it was last leased, in seconds since the epoch.
    pub last_used: i64,
    /// What it takes on the disk.
    pub bytes: u64,
}

/// One root of a path, with what leads from it to the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// What holds it.
    pub holding: gc::Holding,
    /// Of a generation: whether its profile shows it now.
    pub is_current: bool,
    /// Of a generation: the declaration that it was made from.
    pub declaration: Option<String>,
}

/// Tells who holds `name`.
///
/// # Errors
/// When a root cannot be read, or there is no such path.
pub fn why(cx: &Context<'_>, name: &StorePathName) -> Result<Reasons, Error> {
    let path = cx.store.layout().path(name);
    if fs_err::symlink_metadata(&path).is_err() {
        return Err(Error::UnknownPath {
            what: name.to_string(),
        });
    }
    let roots = Roots::read(cx.store)?;
    let holding = roots.of(name).map(|holding| chain(cx, holding)).collect();
    Ok(Reasons {
        name: name.clone(),
        holding,
        leases: Holders::read().of(&cx.store.layout().lease(name.hash())),
        last_used: cx.store.last_used(name),
        bytes: Usage::default().of(&path),
    })
}

/// Adds what the generation's own record says.
pub fn chain(cx: &Context<'_>, holding: gc::Holding) -> Chain {
    let gc::Holding::Generation(hold) = &holding else {
        return Chain {
            holding,
            is_current: false,
            declaration: None,
        };
    };
    let profile = ProfileName::from_folder(&hold.profile).ok();
    let number = hold.generation.parse::<u64>().ok();
    let (is_current, declaration) = match (profile, number) {
        (Some(profile), Some(number)) => {
            let current = profile::current_number(cx.store, &profile).ok().flatten();
            let record = profile::generation(cx.store, &profile, number).ok();
            let declaration = record.and_then(|record| {
                let own = record.declarations.get(&hold.link).cloned();
                own.or(record.declaration)
            });
            (current == Some(number), declaration)
        }
        // It is being made.
        _ => (false, None),
    };
    Chain {
        holding,
        is_current,
        declaration,
    }
}

/// Every path of the store whose digest begins with `digits`.
///
/// # Errors
/// When the store cannot be listed.
pub fn paths_of_digest(cx: &Context<'_>, digits: &str) -> Result<Vec<StorePathName>, Error> {
    let mut paths = cx.store.list()?.paths;
    paths.retain(|path| path.as_str().starts_with(digits));
    Ok(paths)
}
