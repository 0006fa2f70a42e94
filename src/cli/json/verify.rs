//! `verify`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Document;

/// `pyro verify`; the exit code is 65 when a path is damaged or missing and not repaired.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Verify {
    /// How thoroughly it was looked.
    pub check: CheckMode,
    /// How many paths are valid, the repaired ones included.
    pub valid: usize,
    /// How many are damaged or missing.
    pub damaged: usize,
    /// How many could not be looked at.
    pub unchecked: usize,
    /// How many the budget left for the next time; they are not among the paths.
    pub left: usize,
    /// Each path.
    pub paths: Vec<VerifiedPath>,
    /// How long it all took, in milliseconds.
    pub duration_ms: u64,
}

impl Document for Verify {
    const NAME: &'static str = "verify";
}

/// How thoroughly it was looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckMode {
    /// Digest of the manifest, one `lstat` an entry.
    Quick,
    /// Every byte.
    Full,
}

/// One path that was looked at.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct VerifiedPath {
    /// The store path.
    pub path: String,
    /// Its state now.
    pub status: PathStatus,
    /// What is or was wrong.
    pub findings: Vec<Finding>,
    /// Where the good one came from: `oci://…@digest`, `https://…`, `file://…` or `local:…`; null unless repaired.
    pub source: Option<String>,
    /// Bytes that were read of that source, as they came; null unless repaired.
    pub fetched_bytes: Option<u64>,
    /// Why it could not be looked at, or why each source that should give a good one could not.
    pub reasons: Vec<String>,
}

/// The state of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PathStatus {
    /// As its manifest says.
    Valid,
    /// Not so.
    Damaged,
    /// It was damaged and has been replaced.
    Repaired,
    /// It should be there and is not.
    Missing,
    /// It could not be looked at, so nobody knows.
    Unchecked,
}

/// One thing that is wrong.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Finding {
    /// The entry, below the store path; null where the whole is meant.
    pub entry: Option<String>,
    /// What is wrong with it.
    pub what: String,
}
