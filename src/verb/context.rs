//! What every verb is given.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use jiff::Timestamp;

use super::error::Error;
use crate::fetch::Fetcher;
use crate::model::platform::Platform;
use crate::model::realisation::Realisation;
use crate::progress::{Event, Observer, Phase};
use crate::store::{Depth, Store};
use crate::unpack::Limits;

/// How much the lock binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// What is missing is pinned, what changed is pinned again, and the lock is written.
    #[default]
    Update,
    /// As `Update`, but pins of what was asked for are forgotten first.
    Refresh,
    /// As `Update`, and an archive whose bytes changed is taken if its tree did not.
    AcceptSameTree,
    /// A stale lock is an error; nothing is written, nothing unpinned is used.
    Locked,
    /// The lock is used as it is, without comparing it to the declaration.
    Frozen,
}

impl Policy {
    /// Whether new pins may be made.
    #[must_use]
    pub const fn may_pin(self) -> bool {
        matches!(self, Self::Update | Self::Refresh | Self::AcceptSameTree)
    }
}

/// The store, the way to the outside, and who is told.
pub struct Context<'a> {
    /// The store.
    pub store: &'a Store,
    /// The way to the outside.
    pub fetcher: &'a Fetcher<'a>,
    /// Who is told.
    pub observer: &'a dyn Observer,
    /// The time that records carry.
    pub now: Timestamp,
    /// The platform that is meant when none is named.
    pub host: Platform,
    /// How closely paths are looked at.
    pub depth: Depth,
    /// Where the catalog's local folders stand.
    pub bundle: PathBuf,
    /// How many environments are brought in at once.
    pub jobs: usize,
    /// What one source may come to.
    pub limits: Limits,
    /// This account's realisation records, read when first asked for.
    pub records: OnceLock<Vec<Realisation>>,
}

impl Context<'_> {
    /// This account's realisation records, oldest first.
    pub(super) fn realisations(&self) -> Result<&[Realisation], Error> {
        if let Some(records) = self.records.get() {
            return Ok(records);
        }
        let records = self.store.realisations()?;
        Ok(self.records.get_or_init(|| records))
    }

    pub(super) fn phase(&self, environment: &str, phase: Phase) {
        self.observer.event(Event::Phase { environment, phase });
    }

    pub(super) fn note(&self, text: &str) {
        self.observer.event(Event::Note { text });
    }

    /// The time as folder records carry it.
    pub(super) fn now_ns(&self) -> i64 {
        i64::try_from(self.now.as_nanosecond()).unwrap_or(i64::MAX)
    }
}

/// The folder that relative sources are relative to.
pub(super) fn base_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new("/"))
}
