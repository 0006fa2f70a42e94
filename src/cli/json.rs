//! The documents of `--json`: one type for each, one file for each noun.
//!
//! Every document bears `"schema": "pyro.<command>/1"`, which the printer adds. Keys are only ever added; what is
//! unknown or does not apply is `null` where a key is promised, and absent where its documentation says so.
//! All paths are absolute.

use schemars::JsonSchema;
use serde::Serialize;

pub mod completions;
pub mod config;
pub mod declaration;
pub mod doctor;
pub mod env;
pub mod error;
pub mod gc;
pub mod lock;
pub mod login;
pub mod path;
pub mod profile;
pub mod realize;
pub mod run;
pub mod schema;
pub mod store;
pub mod verify;

/// What a command answers with under `--json`.
///
/// ```
/// use pyro::cli::json::{Document, config::Config};
/// assert_eq!(Config::NAME, "config");
/// ```
pub trait Document: Serialize + JsonSchema {
    /// The command, words joined by `-`: `env-pull`.
    const NAME: &'static str;
}
