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

/// The kinds of root records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RootKind {
    /// A link that somebody made with `--out-link`.
    OutLink,
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
    /// What kind of root this is.
    pub kind: RootKind,
    /// The link's absolute path; a link whose path is not UTF-8 is refused before anything is done.
    pub link: String,
    /// The profile that the link shows a generation of.
    pub profile: String,
    /// Each folder above the link, nearest first.
    pub folders: Vec<FolderAbove>,
}
