//! Collecting as a user does: limits, bytes, roots, and who holds what.
//!
//! `cfg(test)` always holds here; it tells clippy that these modules may unwrap outside of test functions too.

#[cfg(test)]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod support;

#[cfg(test)]
#[path = "gc/after.rs"]
mod after;
#[cfg(test)]
#[path = "gc/bytes.rs"]
mod bytes;
#[cfg(test)]
#[path = "gc/generations.rs"]
mod generations;
#[cfg(test)]
#[path = "gc/limits.rs"]
mod limits;
#[cfg(test)]
#[path = "gc/races.rs"]
mod races;
#[cfg(test)]
#[path = "gc/roots.rs"]
mod roots;
#[cfg(test)]
#[path = "gc/shelf.rs"]
mod shelf;
#[cfg(test)]
#[path = "gc/who.rs"]
mod who;
