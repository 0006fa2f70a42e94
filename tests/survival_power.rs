//! The power fails: what was synced is there, what was not is gone, and nothing is half of either.
//!
//! `cfg(test)` always holds here; it tells clippy that these modules may unwrap outside of test functions too.

#[cfg(test)]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod support;

#[cfg(test)]
#[path = "survival_power/device.rs"]
mod device;
#[cfg(test)]
#[path = "survival_power/failing.rs"]
mod failing;
#[cfg(test)]
#[allow(dead_code, reason = "this binary uses a part of it")]
#[path = "support/inside.rs"]
mod inside;
#[cfg(test)]
#[path = "survival_power/order.rs"]
mod order;
#[cfg(test)]
#[path = "survival_power/states.rs"]
mod states;
#[cfg(test)]
#[path = "survival_power/story.rs"]
mod story;
#[cfg(test)]
#[path = "survival_power/sync_order.rs"]
mod sync_order;
#[cfg(test)]
#[path = "survival_power/trace.rs"]
mod trace;
#[cfg(test)]
#[allow(dead_code, reason = "this binary uses a part of it")]
#[path = "support/tree.rs"]
mod tree;
#[cfg(test)]
#[path = "survival_power/unsynced.rs"]
mod unsynced;
#[cfg(test)]
#[allow(dead_code, reason = "this binary uses a part of it")]
#[path = "support/world.rs"]
mod world;
