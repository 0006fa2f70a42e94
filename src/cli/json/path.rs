//! `path`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Document;
use crate::model::name::{EnvName, ProfileName, Role};

/// `pyro path ENV [ARTIFACT]`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PathAnswer {
    /// The environment.
    pub name: EnvName,
    /// The profile that shows it.
    pub profile: ProfileName,
    /// The generation that shows it.
    pub generation: u64,
    /// What was asked for: the artifact, or else the store path.
    pub path: String,
    /// The store path.
    pub store_path: String,
    /// The role of the artifact; null when none was asked for.
    pub artifact: Option<Role>,
}

impl Document for PathAnswer {
    const NAME: &'static str = "path";
}
