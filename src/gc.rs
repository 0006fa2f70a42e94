//! Collecting what nothing holds: no generation, no living process.
//!
//! 1. Dead staging trees and trash are deleted, so that there is room for the rest on a full disk.
//! 2. Out-links that are gone take their record, and a profile of their own, with them; what killed writers left in
//!    profiles goes.
//! 3. In batches of at most 64 paths: exclusive leases without waiting; then the generations are listed again and new ones read,
//!    since one may have come between the first look and the lease; what is still unheld is renamed to trash and
//!    its lease let go. A realization that comes later finds the path missing and builds it again.
//! 4. Trash and dead staging trees are deleted again, outside any lease, in parallel.
//! 5. Lock files that guard nothing, and records that were never finished, go.

mod leftovers;
mod out_links;
mod sweep;

pub use sweep::{Swept, sweep};

/// How many exclusive leases are held at once.
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
