//! Why a verb failed.

use std::io;
use std::path::{Path, PathBuf};

use super::outcome::{Skipped, Why};
use crate::model::name::{EnvName, ProfileName};
use crate::model::platform::Platform;
use crate::model::store_path::StorePathName;

/// All that can go wrong above the rooms, and what comes up from them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The declaration has mistakes.
    #[error(transparent)]
    Declaration(#[from] crate::declare::Mistakes),
    /// The lock cannot be read.
    #[error(transparent)]
    Lock(#[from] crate::lock::LockError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// The bytes could not be had, or are not the right ones.
    #[error(transparent)]
    Fetch(#[from] crate::fetch::Error),
    /// The bytes are no tree that may be unpacked.
    #[error("cannot unpack {source_text}")]
    Unpack {
        /// Where they came from.
        source_text: String,
        /// Why.
        #[source]
        source: crate::unpack::Error,
    },
    /// A source that can never be right.
    #[error("{source_text} is unusable")]
    BadTree {
        /// Where it came from.
        source_text: String,
        /// Why.
        #[source]
        source: crate::store::Error,
    },
    /// A profile failed.
    #[error(transparent)]
    Profile(#[from] crate::profile::Error),
    /// A collection failed.
    #[error(transparent)]
    Gc(#[from] crate::gc::Error),
    /// A command could not be run in an environment.
    #[error(transparent)]
    Run(#[from] crate::run::Error),
    /// Something that cannot be a root, or is none.
    #[error(transparent)]
    Root(#[from] super::roots::RootError),
    /// The operating system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// No environment of that name.
    #[error("unknown environment `{name}`; known: {}", .known.join(", "))]
    UnknownEnvironment {
        /// The name.
        name: String,
        /// What there is.
        known: Vec<String>,
        /// The one that was probably meant.
        nearest: Option<String>,
    },
    /// The environment is not declared for that platform.
    #[error("environment `{name}` is declared for {}, not for {platform}", offered.iter().map(Platform::as_str).collect::<Vec<_>>().join(", "))]
    Platform {
        /// The environment.
        name: EnvName,
        /// What was asked for.
        platform: Platform,
        /// What it is declared for.
        offered: Vec<Platform>,
    },
    /// The environment is for another processor.
    #[error("environment `{name}` for {platform} cannot be run on this machine")]
    OtherMachine {
        /// The environment.
        name: EnvName,
        /// Its platform.
        platform: Platform,
    },
    /// `--locked` and the lock does not say what the declaration says.
    #[error("the lock is stale: {}: {}", .stale.join("; "), path.display())]
    Stale {
        /// One line a block.
        stale: Vec<String>,
        /// The lock.
        path: PathBuf,
    },
    /// `--locked` or `--frozen` without a lock.
    #[error("there is no lock: {}", path.display())]
    NoLock {
        /// Where it should stand.
        path: PathBuf,
    },
    /// `--locked` or `--frozen`, and git left conflict markers in the lock.
    #[error("the lock has git's conflict markers: {}", path.display())]
    Unmerged {
        /// The lock.
        path: PathBuf,
    },
    /// `--locked` and a local folder is not what was locked.
    #[error("local folder changed since it was locked: {}", path.display())]
    LocalChanged {
        /// The folder.
        path: PathBuf,
    },
    /// The pinned bytes gave another tree than the lock says.
    #[error("{source_text} gives store path {found}, the lock says {expected}")]
    OtherTree {
        /// The source.
        source_text: String,
        /// The digest that came out.
        found: String,
        /// The locked one.
        expected: String,
    },
    /// Every source was passed over.
    #[error("no source of environment `{name}` could be used: {}", .skipped.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    NoSource {
        /// The environment.
        name: EnvName,
        /// Each source and its reason, in the order they were tried.
        skipped: Vec<Skipped>,
    },
    /// The profile of `env pull` belongs to it alone.
    #[error("profile `pulled` belongs to `pyro env pull`")]
    ReservedProfile,
    /// Something that is asked for by path or name is not installed.
    #[error("environment `{name}` is not installed")]
    NotInstalled {
        /// The environment.
        name: EnvName,
    },
    /// A profile does not show it, but it was pulled.
    #[error("profile {profile} does not show environment `{name}`, which was pulled")]
    OnlyPulled {
        /// Its name.
        name: EnvName,
        /// The profile that was asked.
        profile: ProfileName,
    },
    /// An artifact that the environment does not have.
    #[error("environment `{name}` has no artifact `{role}`; it has: {}", .known.join(", "))]
    UnknownArtifact {
        /// The environment.
        name: EnvName,
        /// The role.
        role: String,
        /// The roles that it has.
        known: Vec<String>,
    },
    /// A path of the lower store, where nothing is held or collected.
    #[error("stands in the lower store, of which nothing is held or collected: {}", path.display())]
    InLower {
        /// Where.
        path: PathBuf,
    },
    /// A repair was asked for where nothing may be written.
    #[error("the store may not be written, so nothing in it can be repaired: {}", path.display())]
    ReadOnlyStore {
        /// Its folder.
        path: PathBuf,
        /// What was refused.
        #[source]
        source: crate::store::Error,
    },
    /// Not a store path, not an environment.
    #[error("neither an environment nor a path of this store: {what}")]
    UnknownPath {
        /// What was asked for.
        what: String,
    },
}

impl Error {
    pub(super) fn io(
        doing: &'static str,
        path: impl AsRef<Path>,
        source: impl Into<io::Error>,
    ) -> Self {
        Self::Io {
            doing,
            path: path.as_ref().to_owned(),
            source: source.into(),
        }
    }

    /// The error for a path that is not in the store itself.
    pub(super) fn not_here(store: &crate::store::Store, name: &StorePathName) -> Self {
        let below = store.lower().map(|lower| lower.path(name));
        match below.filter(|path| fs_err::symlink_metadata(path).is_ok()) {
            Some(path) => Self::InLower { path },
            None => Self::UnknownPath {
                what: name.to_string(),
            },
        }
    }

    /// The kind of reason of the last source that was tried.
    #[must_use]
    pub fn last_reason(skipped: &[Skipped]) -> Why {
        skipped.last().map_or(Why::Absent, |last| last.why)
    }
}
