//! What a collection would do, found by looking only.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::Timestamp;

use super::Error;
use super::generations::{Doom, DoomedGeneration, DoomedProfile, Judge};
use super::limits::{Amounts, Limits};
use super::records::{Records, Shows, shows};
use super::roots::{Holding, Roots};
use crate::model::name::ProfileName;
use crate::model::root::Root;
use crate::model::store_path::StorePathName;
use crate::store::{Sizes, Store};

/// A store path that nothing holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: StorePathName,
    /// When it was last leased, in seconds since the epoch.
    pub last_used: i64,
    /// What it takes on the disk; 0 where no limit is on sizes.
    pub bytes: u64,
}

/// A path that stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub name: StorePathName,
    /// Why.
    pub why: KeptWhy,
}

/// Why a path stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptWhy {
    /// These hold it.
    Held(Vec<Holding>),
    /// A process has a lease on it.
    Leased,
    /// The limits let it stay.
    Limits,
}

/// What shall go, and what stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Root records whose links or locks are gone.
    pub records: Vec<Root>,
    /// Root records that cannot be judged now, and stay.
    pub unclear: Vec<Root>,
    /// Generations whose records cannot be read, and why; they stay.
    pub unread: Vec<(PathBuf, String)>,
    /// Generations.
    pub generations: Vec<DoomedGeneration>,
    /// Profiles.
    pub profiles: Vec<DoomedProfile>,
    /// Store paths, in the order in which they go.
    pub paths: Vec<Candidate>,
    /// Store paths that stay.
    pub kept: Vec<Kept>,
    /// Whether the limits are met when all of this is gone.
    pub meets_limits: bool,
}

/// Plans a collection; `freed` bytes are about to be freed otherwise.
///
/// # Errors
/// When a root cannot be read: what it holds is not known.
pub fn plan(store: &Store, limits: &Limits, now: Timestamp, freed: u64) -> Result<Plan, Error> {
    let mut plan = Plan::default();
    let records = Records::read(store)?;
    for (_, root) in &records.0 {
        match shows(store, root) {
            Shows::Nothing => plan.records.push(root.clone()),
            Shows::Unknown(_)
            | Shows::Outputs {
                unread: Some(_), ..
            } => plan.unclear.push(root.clone()),
            _ => {}
        }
    }
    let judge = Judge {
        store,
        limits,
        now,
        records: &records,
        unread: RefCell::default(),
    };
    doom(store, &judge, &mut plan)?;
    plan.unread = judge.unread.into_inner();
    let roots = Roots::read(store)?;
    let all = store.list()?.paths;
    let mut loose = Vec::new();
    for name in &all {
        let holders: Vec<Holding> = roots.of(name).filter(|one| plan.leaves(one)).collect();
        let why = if !holders.is_empty() {
            KeptWhy::Held(holders)
        // What cannot be told is tried, and reported then.
        } else if store.is_leased(name.hash()).unwrap_or(false) {
            KeptWhy::Leased
        } else {
            loose.push(name.clone());
            continue;
        };
        let name = name.clone();
        plan.kept.push(Kept { name, why });
    }
    choose(store, limits, now, freed, &mut plan, (&all, loose));
    Ok(plan)
}

/// Adds the generations and profiles that shall go.
fn doom(store: &Store, judge: &Judge<'_>, plan: &mut Plan) -> Result<(), Error> {
    for profile in crate::profile::names(store)? {
        match judge.doom(&profile)? {
            Doom::None => {}
            Doom::Profile => plan.profiles.push(DoomedProfile { profile }),
            Doom::Generations(numbers) => {
                let doomed = numbers.into_iter().map(|number| DoomedGeneration {
                    profile: profile.clone(),
                    number,
                });
                plan.generations.extend(doomed);
            }
        }
    }
    Ok(())
}

/// Adds the paths that go; `loose` of `all` are held by nothing.
fn choose(
    store: &Store,
    limits: &Limits,
    now: Timestamp,
    freed: u64,
    plan: &mut Plan,
    (all, loose): (&[StorePathName], Vec<StorePathName>),
) {
    let mut sizes = limits.are_of_sizes().then(|| Sizes::load(store));
    let mut size_of = |name: &StorePathName| sizes.as_mut().map_or(0, |s| s.of(store, name));
    let free = rustix::fs::statvfs(store.layout().root())
        .map_or(u64::MAX, |fs| fs.f_bavail.saturating_mul(fs.f_frsize));
    let amounts = Amounts {
        used: all.iter().map(&mut size_of).sum(),
        free: free.saturating_add(freed),
    };
    let mut candidates: Vec<Candidate> = loose
        .into_iter()
        .map(|name| Candidate {
            last_used: store.last_used(&name),
            bytes: size_of(&name),
            name,
        })
        .collect();
    if let Some(sizes) = sizes {
        sizes.save(store, all);
    }
    candidates.sort_by(|a, b| (a.last_used, &a.name).cmp(&(b.last_used, &b.name)));
    let (paths, stay) = limits.choose(candidates, amounts, now);
    let going: u64 = paths.iter().map(|path| path.bytes).sum();
    plan.meets_limits = limits.are_met_by(Amounts {
        used: amounts.used.saturating_sub(going),
        free: amounts.free.saturating_add(going),
    });
    plan.paths = paths;
    plan.kept.extend(stay.into_iter().map(|candidate| Kept {
        name: candidate.name,
        why: KeptWhy::Limits,
    }));
    plan.kept.sort_by(|a, b| a.name.cmp(&b.name));
}

impl Plan {
    /// The profiles that something shall go of.
    pub(super) fn touched(&self) -> BTreeSet<&ProfileName> {
        let generations = self.generations.iter().map(|one| &one.profile);
        let profiles = self.profiles.iter().map(|one| &one.profile);
        generations.chain(profiles).collect()
    }

    /// Whether `holding` is still there when all of this is gone.
    fn leaves(&self, holding: &Holding) -> bool {
        match holding {
            Holding::Root(root) => !self.records.contains(root),
            Holding::Generation(hold) => {
                let is_of = |profile: &ProfileName| profile.as_str() == hold.profile;
                let is_it = |one: &DoomedGeneration| {
                    is_of(&one.profile) && one.number.to_string() == hold.generation
                };
                !self.profiles.iter().any(|one| is_of(&one.profile))
                    && !self.generations.iter().any(is_it)
            }
        }
    }
}
