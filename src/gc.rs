//! Collecting what nothing holds: no generation, no root, no living process.
//!
//! Plan, then act. [`plan`](plan()) looks and changes nothing: a dry run prints it. [`collect`] does this:
//!
//! 1. Junk goes: dead staging trees, trash, expired downloads; on a full disk every download that nobody is at, so that
//!    there is room for the rest.
//! 2. Generations, profiles and root records that shall not hold any more go, each under its profile's lock; a busy
//!    profile keeps all of its.
//! 3. In batches of at most 64 paths: exclusive leases without waiting; then generations and root records are listed
//!    again and new ones read, since one may have come between the first look and the lease; what is still unheld is
//!    renamed to trash and its lease let go. A realization that comes later finds the path missing and builds it again.
//! 4. Meanwhile what was renamed is deleted, outside any lease, in parallel, as soon as its new name is synced.
//! 5. Lock files that guard nothing, and records that were never finished, go.
//!
//! The cost is that of listing roots and store paths. Only a dry run and limits on sizes look into paths, limits once.

mod collect;
mod deletion;
mod expire;
mod generations;
mod junk;
mod leftovers;
mod limits;
mod plan;
mod records;
mod roots;

pub use collect::{Collected, Gone, Reach, collect};
pub use generations::{DoomedGeneration, DoomedProfile};
pub use junk::Junk;
pub use limits::Limits;
pub use plan::{Candidate, Kept, KeptWhy, Plan, plan};
pub use records::{Records, Shows, link_target, outputs, shows};
pub use roots::{Holding, Roots};

/// How many exclusive leases are held at once, and how many paths a bounded collection takes.
const BATCH: usize = 64;

/// Why a collection stopped; what was renamed to trash by then is the next one's.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// A profile could not be read: what it holds is not known, so nothing is collected.
    #[error(transparent)]
    Profile(#[from] crate::profile::Error),
    /// The operating system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: std::path::PathBuf,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// Whether the operating system did not allow it to this account.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Store(error) => error.is_refusal(),
            Self::Profile(error) => error.is_refusal(),
            Self::Io { source, .. } => source.kind() == std::io::ErrorKind::PermissionDenied,
        }
    }
}
