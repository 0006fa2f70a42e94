//! The command line from outside: one binary for all of it, since linking costs more than running.
//!
//! `cfg(test)` always holds here; it tells clippy that these modules may unwrap outside of test functions too.

#[cfg(test)]
mod support;

#[cfg(test)]
#[path = "cli/config.rs"]
mod config;
#[cfg(test)]
#[path = "cli/generated.rs"]
mod generated;
#[cfg(test)]
#[path = "cli/usage.rs"]
mod usage;
