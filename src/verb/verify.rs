//! Verifying paths of the store, and replacing damaged ones.

use std::path::PathBuf;

use super::bring::bring;
use super::context::{Context, Policy};
use super::error::Error;
use super::look::{Wanted, pin_input};
use super::lookup::Scope;
use crate::model::pin::Pin;
use crate::model::platform::Platform;
use crate::model::source::Source;
use crate::model::store_path::StorePathName;
use crate::progress::{Event, Phase};
use crate::store::{Depth, Fault, How, Verdict};

/// Whether damaged paths are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// They are only told.
    No,
    /// From a source that is known to give them.
    Yes,
}

/// The state of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// As its manifest says.
    Valid,
    /// Not so.
    Damaged(Vec<Fault>),
    /// It was damaged and has been replaced, from this source.
    Repaired(Vec<Fault>, String),
    /// It should be there and is not.
    Missing,
}

/// A path that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Its name.
    pub name: StorePathName,
    /// Where it stands: in the store, or in the lower one if it is in that one only.
    pub path: PathBuf,
    /// Its state now.
    pub state: Checked,
}

impl Verified {
    /// Whether it is as it should be now.
    #[must_use]
    pub fn is_good(&self) -> bool {
        matches!(self.state, Checked::Valid | Checked::Repaired(..))
    }
}

/// Checks `names`, and replaces damaged ones from the sources of `scope` where asked to.
///
/// # Errors
/// When the system fails to answer; damage is no error.
pub fn verify(
    cx: &Context<'_>,
    scope: &Scope,
    platform: &Platform,
    names: &[StorePathName],
    repair: Repair,
) -> Result<Vec<Verified>, Error> {
    names
        .iter()
        .map(|name| {
            let (path, state) = check(cx, name)?;
            let state = match (state, repair) {
                // What is damaged in the lower store is not ours to replace.
                (Checked::Damaged(faults), Repair::Yes) if path == cx.store.layout().path(name) => {
                    heal(cx, scope, platform, name, faults)?
                }
                (state, _) => state,
            };
            Ok(Verified {
                name: name.clone(),
                path,
                state,
            })
        })
        .collect()
}

fn check(cx: &Context<'_>, name: &StorePathName) -> Result<(PathBuf, Checked), Error> {
    let lease = cx.store.lease(name.hash(), cx.observer)?;
    let mut path = cx.store.layout().path(name);
    let mut verdict = cx.store.check(name, &lease, cx.depth, cx.observer)?;
    if let (Verdict::Missing, Some(lower)) = (&verdict, cx.store.lower()) {
        verdict = cx.store.check_lower(name, &lease, cx.depth, cx.observer)?;
        if !matches!(verdict, Verdict::Missing) {
            path = lower.path(name);
        }
    }
    let state = match verdict {
        Verdict::Valid(_) => Checked::Valid,
        Verdict::Missing => Checked::Missing,
        Verdict::Damaged(damage) => Checked::Damaged(damage.faults),
    };
    Ok((path, state))
}

fn heal(
    cx: &Context<'_>,
    scope: &Scope,
    platform: &Platform,
    name: &StorePathName,
    faults: Vec<Fault>,
) -> Result<Checked, Error> {
    // What a lower store has does not mend what is damaged here.
    let alone = cx.store.alone()?;
    // A quick look must not take for valid what the full check found damaged.
    let cx = &Context {
        store: &alone,
        depth: Depth::Full,
        bundle: cx.bundle.clone(),
        host: cx.host.clone(),
        records: std::sync::OnceLock::new(),
        ..*cx
    };
    for found in scope.all() {
        let wanted = Wanted::new(found.project, found.environment, platform, Policy::Frozen);
        for (index, source) in found.environment.sources.iter().enumerate() {
            if !gives(cx, &wanted, index, source, name)? {
                continue;
            }
            let alone = crate::model::environment::Environment {
                sources: vec![source.clone()],
                ..found.environment.clone()
            };
            let pins = vec![wanted.pins[index].clone().or(Some(Pin::Local {
                output: name.hash(),
            }))];
            let pins = match source {
                Source::Local(_) => vec![None],
                _ => pins,
            };
            let one = Wanted {
                environment: &alone,
                known: pins.clone(),
                pins,
                policy: Policy::Update,
                ..wanted.clone()
            };
            match bring(cx, &one) {
                Ok(outcome) if outcome.published.name() == name => {
                    cx.phase(found.environment.name.as_str(), Phase::Ready);
                    return Ok(match outcome.published.how() {
                        How::Repaired { .. } | How::Built => {
                            Checked::Repaired(faults, outcome.source)
                        }
                        How::Existing => Checked::Valid,
                    });
                }
                Ok(_) => {}
                Err(error) => {
                    let text = format!("cannot repair {name} from {source}: {error}");
                    cx.observer.event(Event::Note { text: &text });
                }
            }
        }
    }
    Ok(Checked::Damaged(faults))
}

/// Whether a source is known to give just this path.
fn gives(
    cx: &Context<'_>,
    wanted: &Wanted<'_>,
    index: usize,
    source: &Source,
    name: &StorePathName,
) -> Result<bool, Error> {
    if name.label() != wanted.path_of(name.hash()).label() {
        return Ok(false);
    }
    let Some(pin) = &wanted.pins[index] else {
        return Ok(matches!(source, Source::Local(_)));
    };
    if let Some(output) = pin.output() {
        return Ok(output == name.hash());
    }
    let Some(input) = pin_input(pin) else {
        return Ok(false);
    };
    Ok(cx
        .store
        .realisation(&wanted.input(source, input))?
        .is_some_and(|record| record.path == *name))
}
