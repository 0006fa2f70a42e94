//! What runs inside: the agent, and how pyro and it speak.
//!
//! The agent is a program of its own (`src/agent/main.rs`) that `build.rs` compiles with nothing but std; it and this
//! library share the protocol, [`frame`] and [`message`], and nothing else. `docs/run-protocol.md` is the protocol's text.
//!
//! ```text
//! agent                          pyro
//!   hello             ->
//!                     <-  exec {argv, env, cwd, uid, gid}
//!   started | failed  ->
//!   stdout, stderr    ->          as far as credit was given
//!                     <-  stdin   as far as credit was given
//!   exit              ->          after all output
//! ```

pub mod frame;
pub mod message;

// The program, for the lints of this house; nothing here runs it.
#[cfg(test)]
#[path = "agent/main.rs"]
#[allow(
    dead_code,
    clippy::duplicate_mod,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stderr,
    reason = "a program of its own, which has nothing but std, and stderr to complain on"
)]
mod program;

#[cfg(test)]
mod tests;
