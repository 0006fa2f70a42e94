//! What keeps a store in order, and what others do with it: verifying, repairing, copying it elsewhere, holding paths.
//!
//! `cfg(test)` always holds here; it tells clippy that these modules may unwrap outside of test functions too.

#[cfg(test)]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod support;

#[cfg(test)]
#[path = "support/inside.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod inside;
#[cfg(test)]
#[path = "support/tree.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod tree;

#[cfg(test)]
#[path = "upkeep/copies.rs"]
mod copies;
#[cfg(test)]
#[path = "upkeep/heal.rs"]
mod heal;
#[cfg(test)]
#[path = "upkeep/hold.rs"]
mod hold;
#[cfg(test)]
#[path = "upkeep/other.rs"]
mod other;
#[cfg(test)]
#[path = "upkeep/read_only.rs"]
mod read_only;
#[cfg(test)]
#[path = "upkeep/scrub.rs"]
mod scrub;
#[cfg(test)]
#[path = "upkeep/unreadable.rs"]
mod unreadable;
#[cfg(test)]
#[path = "upkeep/world.rs"]
mod world;
