//! The store on disk: the only room that joins a path under the store's root.
//!
//! ```text
//! $STORE/layout.json                       {"layout": 1}
//!        store/<blake3>-<name>-<version>/  a store path: complete, sealed, immutable
//!        store/.s-<random>/                staging trees: nothing looks at them but their maker and the collector
//!        store/.t-<blake3>-<random>/       trash: what a rename took out of the way
//!        leases/<blake3>                   shared: somebody uses the path; its mtime is the last use
//!        leases/<blake3>.w                 exclusive: somebody repairs the path
//!        leases/staging-<random>           exclusive: the maker of a staging tree lives
//!        realisations/<uid>/<input>.json   pinned input -> output
//!        lowers/<id>                       -> the folder of a lower store, which is only read
//!        profiles/  roots/  downloads/     belong to the rooms above
//! ```
//!
//! One way in: [`Staging`] -> seal -> [`Staged`] -> publish -> [`Published`]. Each consumes the one before, and
//! dropping one half-way removes what it made.
//!
//! Locking: shared lease, then publish lock, then (in the rooms above) a profile's lock. Exclusive leases are only
//! tried, never waited for; a shared lease is never upgraded.

mod behind;
mod buffer;
mod check;
mod crew;
mod delete;
mod durable;
mod error;
mod fast_remove;
mod file_system;
mod file_writer;
mod folders;
mod folding;
mod fresh;
mod holders;
mod large_copy;
mod layout;
mod lease;
mod lock_file;
mod lower;
mod open;
mod piecewise;
mod probe;
mod publish;
mod realisations;
mod record_file;
mod repair;
mod rights;
mod room;
mod seal;
mod staging;
mod stale;
mod trash;
pub mod uninterrupted;
mod usage;

pub use check::{Damage, Depth, Fault, FullCheck, LastChecks, Verdict};
pub use crew::Crew;
pub use error::{Error, Lack};
pub use file_system::{FileSystem, Trust};
pub use holders::{Holder, Holders};
pub use layout::Layout;
pub use lease::Lease;
pub use lock_file::{LockFile, Patience};
pub use lower::Lower;
pub use open::Store;
pub use probe::Abilities;
pub use publish::{Found, How, Published};
pub use record_file::{is_random_id, random_id, read_record};
pub use rights::{Account, Deed, require};
pub use room::Room;
pub use seal::Staged;
pub use staging::{Executable, Staging};
pub use trash::{Leftovers, Retired};
pub use usage::{Sizes, Usage};
