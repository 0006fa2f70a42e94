//! `init`, `add` and `remove`: what they did to a declaration.

use schemars::JsonSchema;
use serde::Serialize;

use super::Document;
use crate::model::name::{EnvName, Version};

/// `pyro init`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Init {
    /// The declaration that was written.
    pub declaration: String,
}

impl Document for Init {
    const NAME: &'static str = "init";
}

/// `pyro add`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Add {
    /// The declaration that was changed.
    pub declaration: String,
    /// The environment that a source was added to.
    pub name: EnvName,
    /// Its version.
    pub version: Version,
    /// The source, as it stands in the declaration now: `oci …`, `archive …` or `local …`.
    pub source: String,
}

impl Document for Add {
    const NAME: &'static str = "add";
}

/// `pyro remove`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Remove {
    /// The declaration that was changed.
    pub declaration: String,
    /// The environment that is gone from it.
    pub name: EnvName,
}

impl Document for Remove {
    const NAME: &'static str = "remove";
}
