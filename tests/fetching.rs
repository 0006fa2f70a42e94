//! Fetching over a network that misbehaves: what is tried again, what is resumed, what is an error.
//!
//! `cfg(test)` always holds here; it tells clippy that these modules may unwrap outside of test functions too.

#[cfg(test)]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod support;

#[cfg(test)]
#[path = "fetching/blobs.rs"]
mod blobs;
#[cfg(test)]
#[path = "fetching/faults.rs"]
mod faults;
#[cfg(test)]
#[path = "fetching/layers.rs"]
mod layers;
#[cfg(test)]
#[path = "fetching/mirrors.rs"]
mod mirrors;
#[cfg(test)]
#[path = "fetching/proxies.rs"]
mod proxies;
#[cfg(test)]
#[path = "fetching/room.rs"]
mod room;
#[cfg(test)]
#[path = "fetching/shelf.rs"]
mod shelf;
#[cfg(test)]
#[path = "fetching/taken_up.rs"]
mod taken_up;
