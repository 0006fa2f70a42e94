//! The command line from outside: one binary for all of it, since linking costs more than running.

mod support;

#[path = "cli/config.rs"]
mod config;
#[path = "cli/generated.rs"]
mod generated;
#[path = "cli/usage.rs"]
mod usage;
