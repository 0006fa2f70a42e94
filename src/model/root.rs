//! The records of garbage collection roots that stand outside the store, or that somebody set by hand.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::digest::{FileHash, StoreHash};
use super::store_path::StorePathName;

/// One folder above a link or a lock, as it was when the record was made.
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

/// `roots/<id>.json`, where `<id>` is the BLAKE3 of what it names: a link's or a lock's absolute path, or a store
/// path's name.
///
/// A collector reads the link or the lock itself; the record only says where to look.
///
/// ```
/// use pyro::model::root::{PathRoot, Root};
/// let path = format!("{}-hello-1.0.0", "0".repeat(64)).parse()?;
/// let root = Root::Path(PathRoot { schema: 1, path });
/// assert!(serde_json::to_string(&root)?.starts_with(r#"{"kind":"path","schema":1"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[schemars(title = "pyro root")]
pub enum Root {
    /// A link that somebody made with `--out-link`.
    OutLink(OutLinkRoot),
    /// Another link into the store.
    Link(LinkRoot),
    /// A lock file, for every output that it names.
    Lock(LockRoot),
    /// One store path.
    Path(PathRoot),
}

/// A link to a generation of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutLinkRoot {
    /// Always 1.
    pub schema: u32,
    /// The link's absolute path; a link whose path is not UTF-8 is refused before anything is done.
    pub link: String,
    /// The profile that the link shows a generation of.
    pub profile: String,
    /// Each folder above the link, nearest first.
    pub folders: Vec<FolderAbove>,
}

/// A link to a store path, to something in it, or to what a profile shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkRoot {
    /// Always 1.
    pub schema: u32,
    /// The link's absolute path.
    pub link: String,
    /// Each folder above the link, nearest first.
    pub folders: Vec<FolderAbove>,
    /// What it led to when it was last read; it holds while the link cannot be read.
    pub path: StorePathName,
}

/// A lock file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockRoot {
    /// Always 1.
    pub schema: u32,
    /// The lock's absolute path.
    pub lock: String,
    /// Each folder above the lock, nearest first.
    pub folders: Vec<FolderAbove>,
    /// What it named when it was last read; they hold while it cannot be read.
    pub outputs: BTreeSet<StoreHash>,
}

/// A store path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PathRoot {
    /// Always 1.
    pub schema: u32,
    /// Its name.
    pub path: StorePathName,
}

impl Root {
    /// What it names, as text: a path outside the store, or the name of a store path.
    #[must_use]
    pub fn subject(&self) -> &str {
        match self {
            Self::OutLink(root) => &root.link,
            Self::Link(root) => &root.link,
            Self::Lock(root) => &root.lock,
            Self::Path(root) => root.path.as_str(),
        }
    }

    /// The word for its kind, as in the record.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::OutLink(_) => "out-link",
            Self::Link(_) => "link",
            Self::Lock(_) => "lock",
            Self::Path(_) => "path",
        }
    }

    /// The name of its record: BLAKE3 of what it names.
    #[must_use]
    pub fn id(&self) -> FileHash {
        FileHash::of(self.subject().as_bytes())
    }

    /// The folders above what it names, nearest first; none for a store path.
    #[must_use]
    pub fn folders(&self) -> &[FolderAbove] {
        match self {
            Self::OutLink(root) => &root.folders,
            Self::Link(root) => &root.folders,
            Self::Lock(root) => &root.folders,
            Self::Path(_) => &[],
        }
    }
}
