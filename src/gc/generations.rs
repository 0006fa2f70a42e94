//! Which generations and profiles shall not hold any more.
//!
//! The same judgement is made twice: by the plan, and again under the profile's lock before anything goes.
//!
//! - A profile that people use keeps all generations without a limit. With one, those go that have not been live for
//!   `older_than` and are not among the newest `keep`; never the current one, nor the one that was live before it.
//! - A profile that was named after a declaration goes with it, once nobody has used what it shows for `older_than`.
//! - `pulled` keeps its current generation only.
//! - The profile of an out-link keeps what links show, and its current one; it goes when no link shows it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::Error;
use super::collect::with_cause;
use super::limits::Limits;
use super::records::{Need, Records};
use crate::model::digest::FileHash;
use crate::model::generation::Generation;
use crate::model::name::ProfileName;
use crate::profile::{self, Locked};
use crate::store::Store;

/// A generation that shall go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DoomedGeneration {
    /// Its profile.
    pub profile: ProfileName,
    /// Its number.
    pub number: u64,
}

/// A profile that shall go, with all of its generations.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DoomedProfile {
    /// Its name.
    pub profile: ProfileName,
}

/// What shall go of one profile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Doom {
    /// Nothing.
    #[default]
    None,
    /// Some of its generations.
    Generations(BTreeSet<u64>),
    /// All of it.
    Profile,
}

/// Judges; for an out-link's own profile by the records as they are.
pub(super) struct Judge<'a> {
    pub(super) store: &'a Store,
    pub(super) limits: &'a Limits,
    pub(super) now: Timestamp,
    pub(super) records: &'a Records,
    /// Generations that could not be judged, and why.
    pub(super) unread: RefCell<Vec<(PathBuf, String)>>,
}

impl Judge<'_> {
    /// What shall go of `profile`.
    pub(super) fn doom(&self, profile: &ProfileName) -> Result<Doom, Error> {
        let numbers = profile::generations(self.store, profile)?;
        let current = profile::current_number(self.store, profile)?;
        let all_but = |kept: BTreeSet<u64>| {
            let goes = |number: &u64| Some(*number) != current && !kept.contains(number);
            match numbers.iter().copied().filter(goes).collect() {
                none if BTreeSet::is_empty(&none) => Doom::None,
                some => Doom::Generations(some),
            }
        };
        if profile.is_out_link() {
            return Ok(match self.records.need_of(self.store, profile) {
                Need::Nothing => Doom::Profile,
                Need::Shown(shown) => all_but(shown),
                Need::Unknown => Doom::None,
            });
        }
        // While its first generation is being made there is nothing to judge.
        if current.is_none() {
            return Ok(Doom::None);
        }
        if *profile == ProfileName::pulled() {
            return Ok(all_but(BTreeSet::new()));
        }
        if self.limits.older_than.is_none() && self.limits.keep.is_none() {
            return Ok(Doom::None);
        }
        // What cannot be read is judged by nobody.
        let read = |number: &u64| match profile::generation(self.store, profile, *number) {
            Ok(generation) => Some(generation),
            Err(error) => {
                let folder = profile::folder_of(self.store, profile, *number);
                let mut unread = self.unread.borrow_mut();
                unread.push((folder, with_cause(&error)));
                None
            }
        };
        let history: Vec<Generation> = numbers.iter().filter_map(read).collect();
        let Some(live) = history.iter().find(|one| Some(one.number) == current) else {
            return Ok(Doom::None);
        };
        if self.is_forgotten(profile, live) {
            return Ok(Doom::Profile);
        }
        let readable: BTreeSet<u64> = history.iter().map(|one| one.number).collect();
        let unreadable = numbers.iter().filter(|number| !readable.contains(number));
        let mut kept: BTreeSet<u64> = unreadable.copied().collect();
        kept.extend(live.previous);
        // What a rollback shows again was live before, under the number that it restores.
        kept.extend(live.restores);
        kept.extend(self.kept(&history));
        Ok(all_but(kept))
    }

    /// The numbers that the limits keep.
    fn kept(&self, history: &[Generation]) -> Vec<u64> {
        let horizon = self.limits.horizon(self.now);
        let newest = history.len().saturating_sub(self.limits.keep.unwrap_or(0));
        let is_kept = |(n, _): &(usize, &Generation)| {
            // It was live until the next one came.
            let until = history.get(n + 1).map_or(self.now, |next| next.created);
            *n >= newest || horizon.is_some_and(|horizon| until >= horizon)
        };
        let kept = history.iter().enumerate().filter(is_kept);
        kept.map(|(_, generation)| generation.number).collect()
    }

    /// Whether a profile was named after a declaration that is gone, and nobody has used what it shows for so long.
    fn is_forgotten(&self, profile: &ProfileName, live: &Generation) -> bool {
        let (Some(horizon), Some(file)) = (self.limits.horizon(self.now), &live.declaration) else {
            return false;
        };
        let path = Path::new(file);
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
        let hash = FileHash::of(file.as_bytes());
        let is_automatic = *profile == ProfileName::automatic(&folder.to_string_lossy(), &hash);
        let is_gone = || {
            fs_err::symlink_metadata(path)
                .is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        };
        let is_unused = || {
            let paths = live.environments.values();
            live.created < horizon
                && paths
                    .map(|path| self.store.last_used(path))
                    .all(|used| used < horizon.as_second())
        };
        is_automatic && is_gone() && is_unused()
    }

    /// Removes what shall go of a profile that is locked, and tells what that was.
    pub(super) fn execute(&self, locked: Locked<'_>) -> Result<Doom, Error> {
        let profile = locked.name().clone();
        let doom = self.doom(&profile)?;
        match &doom {
            Doom::None => {}
            Doom::Profile => locked.delete()?,
            Doom::Generations(numbers) => {
                for number in numbers {
                    locked.drop_generation(*number)?;
                }
            }
        }
        Ok(doom)
    }
}
