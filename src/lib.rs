//! pyro: a declarative, content-addressed store of environments.
//!
//! Data flows one way: declaration -> lock -> fetched -> staged -> store path -> generation. Each module may use
//! those above it in this list and none below; a test holds the imports against it.
//!
//! | rank | module | owns |
//! |---|---|---|
//! | 0 | [`model`], [`progress`] | the words of the domain: pure values |
//! | 2 | [`store`] | the store on disk: staging, seal, publish, check, repair, leases, trash |
//! | 3 | [`unpack`] | bytes from outside -> a staging tree |
//! | 4 | [`profile`], [`gc`] | generations, their links, out-links; what nothing holds |
//! | 6 | [`cli`] | arguments, settings, printing, exit codes |
//! | 3 | [`fetch`] | bytes from outside, verified as they pass |

#[cfg(not(target_os = "linux"))]
compile_error!("pyro builds on Linux only (x86_64 or aarch64, kernel 5.4 or later)");

pub mod gc;
pub mod cli;
pub mod fetch;
pub mod model;
pub mod profile;
pub mod progress;
pub mod store;
pub mod unpack;
