//! Where nothing fits any more, and where nothing can be renamed: an error with a code, and everything as it was.
//!
//! `cfg(test)` always holds here; it tells clippy that these modules may unwrap outside of test functions too.

#[cfg(test)]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod support;

#[cfg(test)]
#[path = "survival_full/full.rs"]
mod full;
#[cfg(test)]
#[allow(dead_code, reason = "this binary uses a part of it")]
#[path = "support/inside.rs"]
mod inside;
#[cfg(test)]
#[path = "survival_full/overlay.rs"]
mod overlay;
#[cfg(test)]
#[path = "survival_full/small_disk.rs"]
mod small_disk;
#[cfg(test)]
#[allow(dead_code, reason = "this binary uses a part of it")]
#[path = "support/tree.rs"]
mod tree;
#[cfg(test)]
#[allow(dead_code, reason = "this binary uses a part of it")]
#[path = "support/world.rs"]
mod world;
