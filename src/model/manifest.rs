//! The manifest, `environment.json`: all that a store path is, in canonical JSON, named by its own digest.
//!
//! Normative text: `store-schema/README.md`. Reading is strict: unknown members, entries out of order, an entry
//! without its parent folder or an artifact that is no entry make a manifest unreadable, so what has been parsed
//! can be relied on without looking again.

mod file;

use std::collections::BTreeMap;

use serde::Deserialize;

use super::canonical;
use super::digest::{FileHash, StoreHash};
use super::name::{EnvName, Role, Version};
use super::path::{EntryPath, LinkTarget, PathError};
use super::platform::Platform;
use super::recipe::Layout;
use super::store_path::StorePathName;

pub use file::ManifestFile;

/// The manifest's file name at the top of a store path.
pub const MANIFEST_NAME: &str = "environment.json";
/// The only schema that this pyro reads and writes.
pub const SCHEMA: u32 = 1;
/// Largest file size that JSON numbers carry exactly, 2^53 - 1.
pub const SIZE_MAX: u64 = (1 << 53) - 1;

/// What stands at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A folder.
    Directory,
    /// An ordinary file.
    File {
        /// Length in bytes, at most 2^53 - 1.
        size: u64,
        /// Whether its owner may execute it; never for an artifact.
        executable: bool,
        /// BLAKE3 of its content.
        blake3: FileHash,
    },
    /// A symbolic link; what it points to is not looked at.
    Symlink {
        /// The bytes of the link.
        target: LinkTarget,
    },
}

/// One line of the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands, below the store path.
    pub path: EntryPath,
    /// What stands there.
    pub kind: EntryKind,
}

/// Why bytes are not a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON, or a member is missing, unknown or of the wrong type.
    #[error("not a manifest of schema {SCHEMA}")]
    Json(#[source] serde_json::Error),
    /// The right members, but not as canonical JSON writes them.
    #[error("not canonical JSON")]
    Canonical,
    /// Written by a later pyro.
    #[error("manifest schema {found}, this pyro reads up to {SCHEMA}")]
    Schema {
        /// The number that stood there.
        found: u32,
    },
    /// A path or link target that no tree can hold.
    #[error("bad path in the manifest")]
    Path(#[from] PathError),
    /// No entries: an empty tree is never published.
    #[error("a manifest without entries")]
    Empty,
    /// Both or neither of a member and its `_hex` twin, or a hex form where text would do.
    #[error("entry {0} must have either a text or a hex form of its path or target")]
    TextOrHex(usize),
    /// A member that its type does not have, or lacks one that it must have.
    #[error("entry `{0}` does not have the members of its type")]
    Members(EntryPath),
    /// Sizes that JSON numbers cannot carry.
    #[error("entry `{0}` is larger than 2^53-1 bytes")]
    Size(EntryPath),
    /// Not strictly ascending.
    #[error("entry `{0}` is out of order")]
    Order(EntryPath),
    /// The folder above is not an entry, or not a folder.
    #[error("entry `{0}` has no parent folder")]
    Parent(EntryPath),
    /// `environment.json` itself, or something beside `rootfs`.
    #[error("entry `{0}` cannot stand there in this layout")]
    Place(EntryPath),
    /// An artifact that is no entry, of the wrong type, or executable.
    #[error("artifact `{0}` does not name a fitting entry")]
    Artifact(Role),
}

/// All that a store path is.
///
/// ```
/// use pyro::model::{manifest::{EntryKind, Manifest}, path::EntryPath, recipe::Recipe, tree::Tree};
/// let recipe = Recipe {
///     name: "hello".parse()?, version: "1.0.0".parse()?, platform: "linux/amd64".parse()?,
///     layout: Default::default(), artifacts: Default::default(),
/// };
/// let mut tree = Tree::default();
/// tree.insert(EntryPath::new(b"empty")?, EntryKind::Directory)?;
/// let manifest = tree.into_manifest(&recipe)?;
/// assert_eq!(Manifest::parse(&manifest.to_bytes())?, manifest);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    name: EnvName,
    version: Version,
    platform: Platform,
    layout: Layout,
    artifacts: BTreeMap<Role, EntryPath>,
    entries: Vec<Entry>,
}

impl Manifest {
    /// Puts the parts together; the tree has made sure that they fit.
    pub(super) fn assemble(
        recipe: &super::recipe::Recipe,
        artifacts: BTreeMap<Role, EntryPath>,
        entries: Vec<Entry>,
    ) -> Self {
        Self {
            name: recipe.name.clone(),
            version: recipe.version.clone(),
            platform: recipe.platform.clone(),
            layout: recipe.layout,
            artifacts,
            entries,
        }
    }

    /// The environment's name.
    #[must_use]
    pub fn name(&self) -> &EnvName {
        &self.name
    }

    /// The environment's version.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The platform that the tree is for.
    #[must_use]
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Where the content stands.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The path of each artifact, below the store path.
    #[must_use]
    pub fn artifacts(&self) -> &BTreeMap<Role, EntryPath> {
        &self.artifacts
    }

    /// Every entry, ascending by the raw bytes of its path.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Bytes of all files, counted as their sizes say.
    #[must_use]
    pub fn content_size(&self) -> u64 {
        self.entries
            .iter()
            .map(|entry| match entry.kind {
                EntryKind::File { size, .. } => size,
                _ => 0,
            })
            .fold(0, u64::saturating_add)
    }

    /// The canonical bytes, whose BLAKE3 names the store path.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::to_vec(&ManifestFile::from(self))
    }

    /// The name of the store path whose manifest has these bytes.
    #[must_use]
    pub fn store_path_name(&self, bytes: &[u8]) -> StorePathName {
        StorePathName::new(StoreHash::of(bytes), &self.name, &self.version)
    }

    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// When it is not JSON of this schema, or breaks a rule of the normative text.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let manifest = Self::parse_any_form(bytes)?;
        if manifest.to_bytes() != bytes {
            return Err(ManifestError::Canonical);
        }
        Ok(manifest)
    }

    /// Reads a manifest whose bytes hash to the name of its store path, and does not ask whether they are canonical:
    /// writing all of it again costs more than reading it.
    ///
    /// # Errors
    /// As for [`Manifest::parse`], but for the form.
    pub fn parse_any_form(bytes: &[u8]) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        struct Probe {
            schema: u32,
        }
        let file: ManifestFile<'_> = match serde_json::from_slice(bytes) {
            Ok(file) => file,
            Err(error) => {
                return Err(match serde_json::from_slice::<Probe>(bytes) {
                    Ok(Probe { schema }) if schema != SCHEMA => {
                        ManifestError::Schema { found: schema }
                    }
                    _ => ManifestError::Json(error),
                });
            }
        };
        if file.schema != SCHEMA {
            return Err(ManifestError::Schema { found: file.schema });
        }
        let entries = file
            .entries
            .into_iter()
            .enumerate()
            .map(|(n, entry)| entry.check(n))
            .collect::<Result<Vec<_>, _>>()?;
        let artifacts = file
            .artifacts
            .into_iter()
            .map(|(role, path)| Ok((role, EntryPath::new(path.as_bytes())?)))
            .collect::<Result<BTreeMap<_, _>, ManifestError>>()?;
        let manifest = Self {
            name: file.name,
            version: file.version,
            platform: file.platform,
            layout: file.layout,
            artifacts,
            entries,
        };
        manifest.check_order()?;
        manifest.check_artifacts()?;
        Ok(manifest)
    }

    fn check_order(&self) -> Result<(), ManifestError> {
        let mut folders: Vec<&EntryPath> = Vec::new();
        let mut all_folders = std::collections::HashSet::new();
        let mut before: Option<&EntryPath> = None;
        if self.entries.is_empty() {
            return Err(ManifestError::Empty);
        }
        for Entry { path, kind } in &self.entries {
            if before.is_some_and(|before| before >= path) {
                return Err(ManifestError::Order(path.clone()));
            }
            let top = path.components().next().unwrap_or_default();
            let hidden = path
                .components()
                .any(|component| component.starts_with(b".wh."));
            let misplaced = match self.layout {
                Layout::Files => path.as_bytes() == MANIFEST_NAME.as_bytes(),
                Layout::Rootfs => {
                    top != b"rootfs" || (before.is_none() && *kind != EntryKind::Directory)
                }
            };
            before = Some(path);
            let misplaced = misplaced || hidden;
            if misplaced {
                return Err(ManifestError::Place(path.clone()));
            }
            while folders.last().is_some_and(|folder| !path.is_below(folder)) {
                folders.pop();
            }
            let parent_len = path.as_bytes().len() - path.name().len();
            let parent = &path.as_bytes()[..parent_len.saturating_sub(1)];
            let on_stack = folders
                .last()
                .map_or(parent.is_empty(), |folder| folder.as_bytes() == parent);
            if !on_stack && !all_folders.contains(parent) {
                return Err(ManifestError::Parent(path.clone()));
            }
            if *kind == EntryKind::Directory {
                folders.push(path);
                all_folders.insert(path.as_bytes());
            }
        }
        Ok(())
    }

    fn check_artifacts(&self) -> Result<(), ManifestError> {
        for (role, path) in &self.artifacts {
            let found = self.entries.binary_search_by(|entry| entry.path.cmp(path));
            let is_prefix = self
                .layout
                .prefix()
                .is_some_and(|prefix| path.as_bytes() == prefix.as_bytes());
            let fits = !is_prefix
                && found.is_ok_and(|n| match self.entries[n].kind {
                    EntryKind::File { executable, .. } => role.is_file() && !executable,
                    EntryKind::Directory => !role.is_file(),
                    EntryKind::Symlink { .. } => false,
                });
            if !fits {
                return Err(ManifestError::Artifact(role.clone()));
            }
        }
        Ok(())
    }
}
