//! Pulling from a real registry: who may, which platform, which bytes, and what is refused.
//!
//! `cfg(test)` always holds here; it tells clippy that these modules may unwrap outside of test functions too.

#[cfg(test)]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod support;

#[cfg(test)]
#[path = "registry/parts.rs"]
mod parts;
