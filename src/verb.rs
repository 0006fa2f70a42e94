//! The verbs: each joins the rooms below into one thing that a user asks for. They emit events and print nothing.
//!
//! Plan, then act: [`realize`] first looks at every environment without touching a source (`look`), so that a run
//! with nothing to do opens no connection and reads no content; what is left is brought in by `bring`, several
//! environments at a time; only when all are valid does the profile move.

mod bring;
mod collect;
mod context;
mod diff_id;
mod doctor;
mod error;
mod heal;
mod inspect;
mod local;
mod lock;
mod look;
mod lookup;
mod outcome;
mod project;
mod prune;
mod pull;
mod realize;
mod roots;
mod run;
mod scrub;
mod show;
mod store;
mod usage;
mod verify;

pub use collect::{Chain, Forecast, Reasons, chain, collect, forecast, paths_of_digest, why};
pub use context::{Context, Policy};
pub use doctor::{Diagnosis, Problem, diagnose};
pub use error::Error;
pub use heal::Healed;
pub use inspect::{Inspected, inspect};
pub use lock::{BlockState, LockMode, LockReport, Locked, Outputs, lock, stale_blocks};
pub use lookup::{Found, Scope};
pub use outcome::{Outcome, Skipped, Why};
pub use project::{Project, replace};
pub use prune::{Pruned, prune};
pub use pull::{Pulled, pull};
pub use realize::{Realized, RealizedEnvironment, Request, Target, realize};
pub use roots::{ListedRoot, RootError, add_root, remove_root, roots};
pub use run::{Ran, RunRequest, run};
pub use show::{Link, Shown, restore, shown, shows};
pub use store::{StoreInfo, delete_store, store_info};
pub use usage::{DiskUsage, ProfileUsage, Share, disk_usage};
pub use verify::{Asked, Checked, Inspection, Repair, Verification, Verified, verify};
