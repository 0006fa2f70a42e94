//! `lock` and `update`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Document;
use crate::model::name::EnvName;
use crate::model::platform::Platform;

/// `pyro lock`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Lock {
    /// The declaration.
    pub declaration: String,
    /// The lock beside it.
    pub lock: String,
    /// Whether the lock was written.
    pub written: bool,
    /// Whether every declared block stands in the lock and fits its declaration, after what was written.
    pub up_to_date: bool,
    /// Each block, by name and platform.
    pub blocks: Vec<Block>,
}

impl Document for Lock {
    const NAME: &'static str = "lock";
}

/// One environment on one platform.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Block {
    /// The environment.
    pub name: EnvName,
    /// The platform.
    pub platform: Platform,
    /// What became of the block.
    pub status: BlockStatus,
    /// Its sources, in their order; empty for one that was dropped.
    pub sources: Vec<LockedSource>,
}

/// What became of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BlockStatus {
    /// As it was.
    Kept,
    /// New, or written anew because its declaration changed.
    Locked,
    /// Pins have moved.
    Upgraded,
    /// No longer declared.
    Dropped,
    /// Missing or not fitting its declaration, with `--check`.
    Stale,
}

/// One source of a block.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LockedSource {
    /// As declared: `oci …`, `archive …` or `local …`.
    pub source: String,
    /// What pins it: a digest; null for one that is not pinned.
    pub pin: Option<String>,
    /// The digest of the store path that it gives, once known.
    pub output: Option<String>,
    /// Why it is not pinned; absent for one that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}
