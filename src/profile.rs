//! Profiles: chains of generations, each a folder of symlinks into the store.
//!
//! ```text
//! profiles/<profile>/lock                      exclusive from reading `current` until the new link is synced
//! profiles/<profile>/current                   -> generations/<n>, replaced by rename
//! profiles/<profile>/generations/<n>/<link>    -> ../../../../store/<store path>
//! profiles/<profile>/generations/<n>/generation.json
//! profiles/.d-<random>/                        a profile that is being deleted
//! ```
//!
//! A generation is made under a dot name, synced, renamed to its number and never changed; only then does `current`
//! move. Switching and rolling back make a new generation, so the current one always has the highest number and no
//! number is used twice. Every generation folder that exists is a garbage collection root.

mod delete;
mod drop;
mod error;
mod held;
mod locked;
mod out_link;
mod places;
mod read;
mod sticky;

pub use delete::remove_deleted;
pub use error::Error;
pub use held::{Held, Hold};
pub use locked::{Change, Committed, Locked, Tried};
pub use out_link::{OutLink, folders_above, remove_unfinished};
pub use places::places;
pub use read::{
    Summary, current, current_number, folder_of, generation, generations, history, list, names,
};
