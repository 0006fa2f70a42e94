//! `profile list|history|switch|rollback|diff|delete`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::Document;
use crate::model::generation::Cause;

/// `pyro profile list`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ProfileList {
    /// The profiles, by name.
    pub profiles: Vec<Profile>,
}

impl Document for ProfileList {
    const NAME: &'static str = "profile-list";
}

/// One profile.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Profile {
    /// Its name; one that belongs to an out-link begins with `@`.
    pub name: String,
    /// The link that always points to the current generation.
    pub path: String,
    /// The current generation; null before the first.
    pub current: Option<u64>,
    /// How many generations there are.
    pub generations: usize,
    /// The declaration that made the current one; null for the catalog.
    pub declaration: Option<String>,
    /// When the current one was made, as in RFC 3339.
    pub created: Option<String>,
    /// The environments that it shows, by link.
    pub environments: Vec<String>,
}

/// `pyro profile history`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ProfileHistory {
    /// The profile.
    pub profile: String,
    /// Its generations, newest first.
    pub generations: Vec<HistoryEntry>,
}

impl Document for ProfileHistory {
    const NAME: &'static str = "profile-history";
}

/// One generation.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct HistoryEntry {
    /// Its number.
    pub number: u64,
    /// Whether the profile shows it now.
    pub current: bool,
    /// What made it.
    pub cause: Cause,
    /// When, as in RFC 3339.
    pub created: String,
    /// The declaration that asked for it; null for the catalog.
    pub declaration: Option<String>,
    /// What was live before.
    pub previous: Option<u64>,
    /// The generation whose links it shows again.
    pub restores: Option<u64>,
    /// Link and store path of each environment.
    pub environments: BTreeMap<String, String>,
}

/// What `switch` and `rollback` did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Move {
    /// The profile.
    pub profile: String,
    /// The generation that is live now.
    pub generation: u64,
    /// The generation that was live before.
    pub previous: Option<u64>,
    /// The generation whose links are shown again.
    pub restores: u64,
    /// Whether anything was written; not so when the links were equal already.
    pub changed: bool,
}

/// `pyro profile switch N`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct ProfileSwitch(pub Move);

impl Document for ProfileSwitch {
    const NAME: &'static str = "profile-switch";
}

/// `pyro profile rollback`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct ProfileRollback(pub Move);

impl Document for ProfileRollback {
    const NAME: &'static str = "profile-rollback";
}

/// `pyro profile diff [A B]`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ProfileDiff {
    /// The profile.
    pub profile: String,
    /// The older side.
    pub from: u64,
    /// The newer side.
    pub to: u64,
    /// Links that only the newer side has, with their store paths.
    pub added: BTreeMap<String, String>,
    /// Links that only the older side has, with their store paths.
    pub removed: BTreeMap<String, String>,
    /// Links that point elsewhere.
    pub changed: BTreeMap<String, Change>,
}

impl Document for ProfileDiff {
    const NAME: &'static str = "profile-diff";
}

/// One link on both sides.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Change {
    /// The store path on the older side.
    pub from: String,
    /// The store path on the newer side.
    pub to: String,
}

/// `pyro profile delete P`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ProfileDelete {
    /// The profile that is gone.
    pub profile: String,
    /// How many generations went with it.
    pub generations: usize,
}

impl Document for ProfileDelete {
    const NAME: &'static str = "profile-delete";
}
