//! pyro: a declarative, content-addressed store of environments.
//!
//! Data flows one way: declaration -> lock -> fetched -> staged -> store path -> generation. Each module may use
//! those above it in this list and none below; a test holds the imports against it.
//!
//! | rank | module | owns |
//! |---|---|---|
//! | 0 | [`model`], [`progress`], [`agent`] | the words of the domain: pure values; the protocol of the agent |
//! | 1 | [`declare`], [`lock`] | declarations and locks: text to values and back |
//! | 2 | [`store`] | the store on disk: staging, seal, publish, check, repair, leases, trash |
//! | 3 | [`fetch`], [`unpack`] | bytes from outside, verified as they pass; bytes to a staging tree |
//! | 4 | [`profile`], [`gc`], [`run`] | generations, their links, out-links; what nothing holds; virtual machines |
//! | 5 | [`verb`] | what a user asks for, joined from the rooms above |
//! | 6 | [`cli`] | arguments, settings, printing, exit codes |

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
compile_error!("pyro builds on Linux only (x86_64 or aarch64, kernel 5.4 or later)");

pub mod agent;
pub mod cli;
pub mod declare;
pub mod fetch;
pub mod gc;
pub mod lock;
pub mod model;
pub mod profile;
pub mod progress;
pub mod run;
pub mod store;
pub mod unpack;
pub mod verb;
