//! One collection.

use std::cell::RefCell;
use std::path::PathBuf;

use jiff::Timestamp;

use super::deletion::{self, Deletion};
use super::generations::{Doom, DoomedGeneration, DoomedProfile, Judge};
use super::junk::Junk;
use super::limits::Limits;
use super::plan::{Candidate, KeptWhy, Plan, plan};
use super::records::Records;
use super::roots::Roots;
use super::{BATCH, Error, expire, leftovers};
use crate::model::root::Root;
use crate::model::store_path::StorePathName;
use crate::profile::{Locked, Tried};
use crate::progress::Observer;
use crate::store::Store;

/// Something that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// Where it stood.
    pub path: PathBuf,
    /// How many bytes of the disk that freed.
    pub bytes: u64,
}

/// How much a collection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// All that there is to do.
    #[default]
    All,
    /// One batch of paths; the rest is for later.
    Batch,
}

/// What a collection removed and what it had to leave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collected {
    /// Store paths that are gone.
    pub paths: Vec<Gone>,
    /// Dead staging trees that are gone.
    pub staging: Vec<Gone>,
    /// Downloads that are gone.
    pub downloads: Vec<Gone>,
    /// Trash that is gone, but for that of this collection's own paths.
    pub trash: Vec<Gone>,
    /// Root records that are gone.
    pub records: Vec<Root>,
    /// Generations that are gone.
    pub generations: Vec<DoomedGeneration>,
    /// Profiles that are gone.
    pub profiles: Vec<DoomedProfile>,
    /// Store paths that somebody uses although no root names them.
    pub in_use: Vec<StorePathName>,
    /// What this account may not delete, and why.
    pub refused: Vec<(PathBuf, String)>,
    /// Whether the limits are met.
    pub meets_limits: bool,
}

impl Collected {
    /// This collection and one after it.
    #[must_use]
    pub fn and(mut self, later: Self) -> Self {
        self.paths.extend(later.paths);
        self.staging.extend(later.staging);
        self.downloads.extend(later.downloads);
        self.records.extend(later.records);
        self.generations.extend(later.generations);
        self.profiles.extend(later.profiles);
        self.trash.extend(later.trash);
        Self {
            in_use: later.in_use,
            refused: later.refused,
            meets_limits: later.meets_limits,
            ..self
        }
    }

    /// How many bytes of the disk are free now that were not before.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let parts = [&self.paths, &self.staging, &self.downloads, &self.trash];
        parts.into_iter().flatten().map(|gone| gone.bytes).sum()
    }

    /// Notes what could not be removed, once.
    pub(super) fn refuse(&mut self, path: PathBuf, error: &dyn std::error::Error) {
        self.leave(path, with_cause(error));
    }

    fn leave(&mut self, path: PathBuf, why: String) {
        if !self.refused.iter().any(|(known, _)| *known == path) {
            self.refused.push((path, why));
        }
    }
}

/// Removes every store path that no root and no lease holds and that the limits do not keep, dead staging trees,
/// trash, expired downloads, and what killed writers left.
///
/// # Errors
/// When a root cannot be read: nothing is collected then, but for what is nobody's.
pub fn collect(
    store: &Store,
    limits: &Limits,
    reach: Reach,
    now: Timestamp,
    observer: &dyn Observer,
) -> Result<Collected, Error> {
    let mut collected = Collected::default();
    // First what is nobody's: on a full disk all that follows needs the room.
    Junk::find(store, now)?.remove(store, &mut collected)?;
    expire::expire(store, observer, &mut collected)?;
    leftovers::of_profiles(store, &mut collected)?;
    let mut plan = plan(store, limits, now, 0)?;
    if reach == Reach::Batch {
        plan.paths.truncate(BATCH);
    }
    collected.meets_limits = plan.meets_limits;
    let leased =
        |kept: &super::plan::Kept| (kept.why == KeptWhy::Leased).then(|| kept.name.clone());
    collected.in_use = plan.kept.iter().filter_map(leased).collect();
    drop_generations(store, limits, now, &plan, &mut collected)?;
    let mut roots = Roots::read(store)?;
    deletion::of_all_that(store, &mut collected, |deletion, collected| {
        for batch in plan.paths.chunks(BATCH) {
            retire(store, batch, &mut roots, deletion, collected)?;
        }
        Ok(())
    })?;
    leftovers::of_store(store, now, &mut collected)?;
    Ok(collected)
}

/// Drops the generations and profiles that the plan names and that still shall go, each under its profile's lock.
fn drop_generations(
    store: &Store,
    limits: &Limits,
    now: Timestamp,
    plan: &Plan,
    collected: &mut Collected,
) -> Result<(), Error> {
    let records = Records::read(store)?;
    let judge = Judge {
        store,
        limits,
        now,
        records: &records,
        unread: RefCell::default(),
    };
    for profile in plan.touched() {
        let dropped = match Locked::try_existing(store, profile) {
            Ok(Tried::Locked(locked)) => judge.execute(locked),
            // A busy profile holds all of its generations.
            Ok(Tried::Busy | Tried::Missing) => Ok(Doom::None),
            Err(error) => Err(error.into()),
        };
        let profile = profile.clone();
        match dropped {
            Ok(Doom::None) => {}
            Ok(Doom::Profile) => collected.profiles.push(DoomedProfile { profile }),
            Ok(Doom::Generations(numbers)) => {
                collected
                    .generations
                    .extend(numbers.into_iter().map(|number| DoomedGeneration {
                        profile: profile.clone(),
                        number,
                    }));
            }
            Err(error) => collected.refuse(store.layout().profile(&profile), &error),
        }
    }
    let unread = plan.unread.iter().cloned();
    for (path, why) in unread.chain(judge.unread.into_inner()) {
        collected.leave(path, why);
    }
    Ok(())
}

/// Renames what is still unheld to trash, under exclusive leases.
fn retire(
    store: &Store,
    batch: &[Candidate],
    roots: &mut Roots,
    deletion: &mut Deletion<'_>,
    collected: &mut Collected,
) -> Result<(), Error> {
    let mut leased = Vec::new();
    for Candidate { name, .. } in batch {
        match store.try_exclusive_lease(name.hash()) {
            Ok(Some(lease)) => leased.push((name, lease)),
            Ok(None) => collected.in_use.push(name.clone()),
            Err(error) => collected.refuse(store.layout().path(name), &error),
        }
    }
    // A generation that came since the first look was made by somebody who held a lease until it was synced.
    roots.look(store)?;
    for (name, lease) in leased {
        if roots.hold(name) {
            continue;
        }
        let path = store.layout().path(name);
        match store.retire(name, lease) {
            Ok(Some(retired)) => {
                let gone = collected.paths.len();
                collected.paths.push(Gone { path, bytes: 0 });
                deletion.of(gone, retired)?;
            }
            Ok(None) => {}
            Err(error) => collected.refuse(path, &error),
        }
    }
    Ok(())
}

/// What the store said, and why.
pub(super) fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
