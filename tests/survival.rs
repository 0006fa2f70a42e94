//! kill -9 at any moment of a realize: nothing invalid is visible afterwards, and the next realize succeeds.
//!
//! Nothing here waits for a time to pass: a proxy hands out so many bytes and no more until pyro is dead. Kills at
//! system calls are in `tests/survival_steps/`.
//!
//! `cfg(test)` always holds here; it tells clippy that these modules may unwrap outside of test functions too.

#[cfg(test)]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod support;

#[cfg(test)]
#[path = "survival/at_bytes.rs"]
mod at_bytes;
#[cfg(test)]
#[path = "survival/stage.rs"]
mod stage;
