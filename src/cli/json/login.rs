//! `login`, `logout`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Document;

/// `pyro login HOST`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Login {
    /// The registry.
    pub registry: String,
    /// The user.
    pub username: String,
    /// Where the login is now: a file, or `credential helper NAME`.
    pub stored_in: String,
    /// Whether the registry accepted it; false where it asks for no login.
    pub verified: bool,
}

impl Document for Login {
    const NAME: &'static str = "login";
}

/// `pyro logout HOST`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Logout {
    /// The registry.
    pub registry: String,
    /// Where a login was removed: files, and `credential helper NAME`; empty where none was known.
    pub removed_from: Vec<String>,
}

impl Document for Logout {
    const NAME: &'static str = "logout";
}
