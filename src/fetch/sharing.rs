//! What several environments of one run need is fetched once: its spool file stays until the last of them has read it.
//!
//! An environment is expected with the digests that it needs, or, where its source has no pin yet, with nothing known:
//! then everything is kept for it until its image was resolved.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::digest::OciDigest;

use super::Fetcher;
use super::error::Error;
use super::spool::Used;

#[derive(Default)]
struct State {
    /// By environment; `None` where it is not known yet.
    needs: BTreeMap<String, Option<Vec<OciDigest>>>,
    kept: Vec<(OciDigest, Used)>,
}

impl State {
    fn needed(&self, digest: OciDigest, besides: &str) -> bool {
        let mut others = self.needs.iter().filter(|(name, _)| *name != besides);
        others.any(|(_, needs)| needs.as_ref().is_none_or(|needs| needs.contains(&digest)))
    }
}

/// Who in this run needs which bytes.
#[derive(Default)]
pub(super) struct Sharing(Mutex<State>);

impl Sharing {
    fn state(&self) -> MutexGuard<'_, State> {
        // Both parts are whole after each change, whoever panicked later.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An environment will be fetched.
    pub(super) fn expect(&self, environment: &str, needs: Option<Vec<OciDigest>>) {
        self.state().needs.insert(environment.to_owned(), needs);
    }

    /// What an expected environment needs is known now.
    pub(super) fn learn(&self, environment: &str, needs: impl FnOnce() -> Vec<OciDigest>) {
        if let Some(known) = self.state().needs.get_mut(environment) {
            *known = Some(needs());
        }
    }

    /// An expected environment needs nothing more.
    pub(super) fn is_done(&self, environment: &str) -> Result<(), Error> {
        let mut state = self.state();
        state.needs.remove(environment);
        let kept = std::mem::take(&mut state.kept);
        let (keep, remove): (Vec<_>, Vec<_>) = kept
            .into_iter()
            .partition(|(digest, _)| state.needed(*digest, ""));
        state.kept = keep;
        drop(state);
        remove.into_iter().try_for_each(|(_, used)| used.remove())
    }
}

/// Decides about a spool file once an environment has read it.
pub(super) struct Keep<'f> {
    sharing: &'f Sharing,
    environment: String,
}

impl<'f> Keep<'f> {
    pub(super) fn new(fetcher: &'f Fetcher<'_>, environment: &str) -> Self {
        Self {
            sharing: &fetcher.sharing,
            environment: environment.to_owned(),
        }
    }

    /// Keeps the file for another environment of this run, or removes it.
    pub(super) fn or_remove(self, digest: OciDigest, used: Used) -> Result<(), Error> {
        let mut state = self.sharing.state();
        if state.needed(digest, &self.environment) {
            state.kept.push((digest, used));
            return Ok(());
        }
        drop(state);
        used.remove()
    }
}
