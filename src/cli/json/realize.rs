//! `realize`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::Document;
use crate::model::name::{EnvName, Role, Version};
use crate::model::platform::Platform;

/// `pyro realize`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Realize {
    /// The profile; one that belongs to an out-link begins with `@`.
    pub profile: String,
    /// The link that always points to the profile's current generation.
    pub profile_path: String,
    /// The generation that is live now; null for a dry run.
    pub generation: Option<u64>,
    /// The declaration.
    pub declaration: String,
    /// The environments asked for, in their order.
    pub environments: Vec<RealizedEnvironment>,
    /// The link that was made, when one was asked for.
    pub out_link: Option<String>,
    /// Whether the lock beside the declaration was written.
    pub lock_written: bool,
    /// Whether nothing was done, only told.
    pub dry_run: bool,
    /// How long it all took, in milliseconds.
    pub duration_ms: u64,
}

impl Document for Realize {
    const NAME: &'static str = "realize";
}

/// One environment that was asked for.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RealizedEnvironment {
    /// Its name.
    pub name: EnvName,
    /// Its version.
    pub version: Version,
    /// The platform.
    pub platform: Platform,
    /// The name of its link in the generation.
    pub link: String,
    /// Its store path; null for a dry run that cannot know it yet.
    pub path: Option<String>,
    /// What was done for it.
    pub status: Status,
    /// Where its bytes came from: `oci://…@digest`, `https://…`, `file://…`, `local:…`.
    pub source: Option<String>,
    /// The digest that the source is pinned by, where it has one.
    pub source_digest: Option<String>,
    /// Sources that could not be used.
    pub skipped: Vec<SkippedSource>,
    /// Bytes of all its files; null where not known yet.
    pub size_bytes: Option<u64>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Its artifacts by role.
    pub artifacts: BTreeMap<Role, String>,
}

/// What was done for an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It was there and valid.
    Ready,
    /// It was brought into the store.
    Built,
    /// It was damaged and has been replaced.
    Repaired,
    /// Dry run: it would be brought into the store.
    WouldBuild,
    /// Dry run: it would be replaced.
    WouldRepair,
}

/// A source that could not be used.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SkippedSource {
    /// As declared.
    pub source: String,
    /// The reason.
    pub why: String,
}
