//! The record of an out-link: a garbage collection root outside the store.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One folder above the link, as it was when the record was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FolderAbove {
    /// Its absolute path.
    pub path: String,
    /// Its device number.
    pub device: u64,
    /// Its inode number.
    pub inode: u64,
}

/// `roots/<id>.json`, where `<id>` is the BLAKE3 of the link's absolute path.
///
/// The record names the link, never a generation: a collector reads the link itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "pyro out-link root")]
pub struct OutLinkRoot {
    /// Always 1.
    pub schema: u32,
    /// The link's absolute path, text or (where it is not UTF-8) escaped for people only.
    pub link: String,
    /// The link's bytes in lower-case hex, where they are not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_hex: Option<String>,
    /// The profile that the link shows a generation of.
    pub profile: String,
    /// Each folder above the link, nearest first.
    pub folders: Vec<FolderAbove>,
}
