//! Verifying paths of the store, several at a time, and replacing damaged ones.
//!
//! 1. The paths are put in order: as they were named, or for a scrub with a budget what was read longest ago first.
//! 2. Each is checked under its own lease. What is wrong with one path, or with looking at it, ends no scan.
//! 3. What was read in full is remembered, see [`super::scrub`].
//! 4. Damaged paths are brought again, one after the other, see [`super::heal`].

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::context::Context;
use super::error::Error;
use super::heal::{Healed, Healer, Healing};
use super::lookup::Scope;
use super::scrub::{self, Diary};
use crate::model::platform::Platform;
use crate::model::store_path::StorePathName;
use crate::store::{Fault, Verdict};

/// Whether damaged paths are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// They are only told.
    No,
    /// From a source that is known to give them.
    Yes,
}

/// Which paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Every path of the store; one that is collected meanwhile is no loss.
    Everything,
    /// These, which should be there.
    Named(Vec<StorePathName>),
}

/// What is to be verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Which paths.
    pub asked: Asked,
    /// Whether damaged ones are replaced.
    pub repair: Repair,
    /// After this long no further path is begun; at least one is checked.
    pub budget: Option<Duration>,
}

/// The state of a path.
#[derive(Debug)]
pub enum Checked {
    /// As its manifest says.
    Valid,
    /// Not so.
    Damaged(Vec<Fault>),
    /// It was damaged and has been replaced by this.
    Repaired(Vec<Fault>, Healed),
    /// It should be there and is not.
    Missing,
    /// Nobody knows: it could not be looked at.
    Unchecked(Error),
}

/// A path that was looked at.
#[derive(Debug)]
pub struct Verified {
    /// The path.
    pub name: StorePathName,
    /// Its state now.
    pub state: Checked,
    /// Why each source that should give a good one could not; none where no repair was tried.
    pub failures: Vec<String>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Verification {
    /// Every path that was looked at, by name.
    pub paths: Vec<Verified>,
    /// How many the budget left for the next time.
    pub left: usize,
}

impl Verified {
    /// Whether it is as it should be now.
    #[must_use]
    pub fn is_good(&self) -> bool {
        matches!(self.state, Checked::Valid | Checked::Repaired(..))
    }
}

/// Checks paths, and replaces damaged ones from the sources of `scope`, and of the declarations that generations
/// with such a path were made from, where asked to.
///
/// # Errors
/// When the store cannot be listed, or a repair is asked for where nothing may be written; damage is no error.
pub fn verify(
    cx: &Context<'_>,
    scope: &Scope,
    platform: &Platform,
    inspection: &Inspection,
) -> Result<Verification, Error> {
    if inspection.repair == Repair::Yes {
        let refused = |source| Error::ReadOnlyStore {
            path: cx.store.layout().root().to_owned(),
            source,
        };
        cx.store.require_writable().map_err(refused)?;
    }
    let mut names = match &inspection.asked {
        Asked::Everything => cx.store.list()?.paths,
        Asked::Named(names) => names.clone(),
    };
    names.sort();
    names.dedup();
    if inspection.budget.is_some() {
        // A memory that cannot be read costs the order, no more.
        let known = cx.store.last_checks().unwrap_or_default();
        names = scrub::order(names, &known, cx.now);
    }
    let diary = Diary::new(cx);
    let mut verification = check_all(cx, names, inspection, &diary);
    if inspection.repair == Repair::Yes && !verification.paths.iter().all(Verified::is_good) {
        let healer = Healer::new(cx, scope, platform);
        for path in &mut verification.paths {
            heal(&healer, path);
            diary.note(&path.name, &path.state);
        }
    }
    if let Err(error) = diary.end() {
        cx.note(&format!(
            "what was checked is not remembered, so a scrub begins anew: {error}"
        ));
    }
    verification.paths.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(verification)
}

/// Checks paths in about this order, on every processor, until the budget is spent.
fn check_all(
    cx: &Context<'_>,
    names: Vec<StorePathName>,
    inspection: &Inspection,
    diary: &Diary<'_>,
) -> Verification {
    let start = Instant::now();
    let states: Vec<OnceLock<Checked>> = names.iter().map(|_| OnceLock::new()).collect();
    let numbers: Vec<usize> = (0..names.len()).collect();
    let crew = cx.store.crew();
    crew.share(
        &numbers,
        || (),
        |(), &n| {
            let is_spent = inspection
                .budget
                .is_some_and(|budget| start.elapsed() >= budget);
            if n > 0 && is_spent {
                return;
            }
            let state = check(cx, &names[n]).unwrap_or_else(Checked::Unchecked);
            diary.note(&names[n], &state);
            let _ = states[n].set(state);
        },
    );
    let mut verification = Verification::default();
    for (name, state) in names.into_iter().zip(states) {
        match (state.into_inner(), &inspection.asked) {
            (None, _) => verification.left += 1,
            // Collected since the store was listed.
            (Some(Checked::Missing), Asked::Everything) => {}
            (Some(state), _) => verification.paths.push(Verified {
                name,
                state,
                failures: Vec::new(),
            }),
        }
    }
    verification
}

fn check(cx: &Context<'_>, name: &StorePathName) -> Result<Checked, Error> {
    let lease = cx.store.lease_to_check(name.hash(), cx.observer)?;
    let look = || cx.store.check(name, &lease, cx.depth, cx.observer);
    let verdict = match look()? {
        // Nothing kept it while it was read: it may have been collected.
        Verdict::Damaged(_) if !lease.is_locked() => look()?,
        verdict => verdict,
    };
    Ok(match verdict {
        Verdict::Valid(_) => Checked::Valid,
        Verdict::Missing => Checked::Missing,
        Verdict::Damaged(damage) => Checked::Damaged(damage.faults),
    })
}

/// Puts a good tree in the place of a damaged path, or of one that is gone.
fn heal(healer: &Healer<'_>, path: &mut Verified) {
    let faults = match &path.state {
        Checked::Damaged(faults) => faults.clone(),
        Checked::Missing => Vec::new(),
        Checked::Valid | Checked::Repaired(..) | Checked::Unchecked(_) => return,
    };
    match healer.heal(&path.name) {
        Healing::Done(by) => path.state = Checked::Repaired(faults, by),
        Healing::NotNeeded => path.state = Checked::Valid,
        Healing::Failed(failures) => path.failures = failures,
    }
}
