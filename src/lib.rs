//! pyro: a declarative, content-addressed store of environments.
//!
//! Data flows one way: declaration -> lock -> fetched -> staged -> store path -> generation. Each module may use
//! those above it in this list and none below; a test holds the imports against it.
//!
//! | rank | module | owns |
//! |---|---|---|
//! | 0 | [`model`], [`progress`] | the words of the domain: pure values |
//! | 1 | [`declare`], [`lock`] | the texts of `envs.toml` and `envs.lock`, and the built-in catalog |

#[cfg(not(target_os = "linux"))]
compile_error!("pyro builds on Linux only (x86_64 or aarch64, kernel 5.4 or later)");

pub mod declare;
pub mod lock;
pub mod model;
pub mod progress;
