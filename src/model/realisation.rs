//! The record of a realisation: which output a pinned input gave, where the bytes came from, what was checked.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::digest::RecordHash;
use super::input::Input;
use super::store_path::StorePathName;

/// `realisations/<uid>/<input>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "pyro realisation")]
pub struct Realisation {
    /// Always 1.
    pub schema: u32,
    /// What was realized.
    pub input: Input,
    /// What came out.
    pub path: StorePathName,
    /// Where the bytes came from: `oci://…@digest`, `https://…`, `file://…` or `local:…`.
    pub source: String,
    /// The digest that the source was pinned by, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_digest: Option<String>,
    /// When.
    #[schemars(with = "String")]
    pub realized: Timestamp,
    /// For a local folder: what its files looked like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<FolderRecord>,
}

/// What the files of a local folder looked like when it was copied.
///
/// The folder is unchanged when walking it again gives the same digest and nothing in it was touched within two
/// seconds before the record was taken: a later edit in the same clock tick would not show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FolderRecord {
    /// BLAKE3 over path, type, size, mode, mtime, ctime, inode and device of everything in it.
    pub record: RecordHash,
    /// How many entries that were.
    pub entries: u64,
    /// The youngest mtime or ctime, in nanoseconds since the epoch.
    pub newest_ns: i64,
    /// When the walk began, in nanoseconds since the epoch.
    pub taken_ns: i64,
}

impl FolderRecord {
    /// How long a file must have been at rest before its times can be trusted.
    const SETTLED_NS: i64 = 2_000_000_000;

    /// Whether `now` shows the same folder, by times that can be trusted.
    #[must_use]
    pub fn same_as(&self, now: &Self) -> bool {
        self.record == now.record
            && self.entries == now.entries
            && self.newest_ns < self.taken_ns.saturating_sub(Self::SETTLED_NS)
    }
}
