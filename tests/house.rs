//! What the house promises, through the built program: one binary for all of it, since linking costs more than running.
//!
//! `cfg(test)` always holds here; it tells clippy that these modules may unwrap outside of test functions too.

#[cfg(test)]
mod ancestor;
#[cfg(test)]
mod findings;
#[cfg(test)]
mod realize;
#[cfg(test)]
mod support;

#[cfg(test)]
#[path = "support/inside.rs"]
mod inside;
#[cfg(test)]
#[path = "house/lock_merge.rs"]
mod lock_merge;
#[cfg(test)]
#[path = "house/locks.rs"]
mod locks;
#[cfg(test)]
#[path = "house/mutants.rs"]
mod mutants;
#[cfg(test)]
#[path = "house/rooms.rs"]
mod rooms;
#[cfg(test)]
#[path = "support/tree.rs"]
mod tree;
