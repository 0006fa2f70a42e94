//! The manifest, `environment.json`: all that a store path is, in canonical JSON, named by its own digest.
//!
//! Normative text: `store-schema/README.md`. Reading is strict: unknown members, entries out of order, an entry
//! without its parent folder or an artifact that is no entry make a manifest unreadable, so what has been parsed
//! can be relied on without looking again.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::canonical;
use super::digest::{FileHash, StoreHash, decode_hex, encode_hex};
use super::name::{EnvName, Role, Version};
use super::path::{EntryPath, LinkTarget, PathError};
use super::platform::Platform;
use super::recipe::Layout;
use super::store_path::StorePathName;

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

/// The manifest as it stands on disk; members in sorted order.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "pyro manifest (environment.json)")]
pub struct ManifestFile<'a> {
    /// Role of each artifact and its path, as in `entries`.
    #[serde(borrow)]
    artifacts: BTreeMap<Role, Cow<'a, str>>,
    /// Everything below the store path but the manifest, ascending by the raw bytes of the path.
    #[serde(borrow)]
    entries: Vec<EntryLine<'a>>,
    layout: Layout,
    name: EnvName,
    platform: Platform,
    /// Always 1.
    schema: u32,
    version: Version,
}

/// Which of the three kinds an entry is.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum EntryType {
    Directory,
    File,
    Symlink,
}

/// One entry as it stands on disk; members in sorted order.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EntryLine<'a> {
    /// Files only: BLAKE3 of the content.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    blake3: Option<FileHash>,
    /// Files only: whether mode & 0100 is set; never for an artifact.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    executable: Option<bool>,
    /// The path, where its bytes are UTF-8.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    path: Option<Cow<'a, str>>,
    /// The path's bytes in lower-case hex, where they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    path_hex: Option<String>,
    /// Files only: length in bytes, at most 2^53-1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    size: Option<u64>,
    /// Symlinks only: the target, where its bytes are UTF-8.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    target: Option<Cow<'a, str>>,
    /// Symlinks only: the target's bytes in lower-case hex, where they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    target_hex: Option<String>,
    #[serde(rename = "type")]
    kind: EntryType,
}

/// The text form of `bytes`, or else the hex form.
fn text_or_hex(bytes: &[u8]) -> (Option<Cow<'_, str>>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(Cow::Borrowed(text)), None),
        Err(_not_utf8) => (None, Some(encode_hex(bytes))),
    }
}

/// The bytes behind a text and hex pair, of which exactly one must be there and hex only where text cannot be.
fn bytes_of<'t>(text: Option<&'t str>, hex: Option<&str>) -> Option<Cow<'t, [u8]>> {
    match (text, hex) {
        (Some(text), None) => Some(Cow::Borrowed(text.as_bytes())),
        (None, Some(hex)) => decode_hex(hex)
            .filter(|bytes| std::str::from_utf8(bytes).is_err())
            .map(Cow::Owned),
        _ => None,
    }
}

impl<'a> From<&'a Entry> for EntryLine<'a> {
    fn from(entry: &'a Entry) -> Self {
        let (path, path_hex) = text_or_hex(entry.path.as_bytes());
        let mut line = Self {
            blake3: None,
            executable: None,
            path,
            path_hex,
            size: None,
            target: None,
            target_hex: None,
            kind: EntryType::Directory,
        };
        match &entry.kind {
            EntryKind::Directory => {}
            EntryKind::File {
                size,
                executable,
                blake3,
            } => {
                line.kind = EntryType::File;
                line.blake3 = Some(*blake3);
                line.executable = Some(*executable);
                line.size = Some(*size);
            }
            EntryKind::Symlink { target } => {
                line.kind = EntryType::Symlink;
                (line.target, line.target_hex) = text_or_hex(target.as_bytes());
            }
        }
        line
    }
}

impl EntryLine<'_> {
    fn check(self, n: usize) -> Result<Entry, ManifestError> {
        let path = bytes_of(self.path.as_deref(), self.path_hex.as_deref())
            .ok_or(ManifestError::TextOrHex(n))?;
        let path = EntryPath::new(&path)?;
        let no_target = self.target.is_none() && self.target_hex.is_none();
        let kind = match (self.kind, self.blake3, self.executable, self.size) {
            (EntryType::Directory, None, None, None) if no_target => EntryKind::Directory,
            (EntryType::File, Some(blake3), Some(executable), Some(size)) if no_target => {
                if size > SIZE_MAX {
                    return Err(ManifestError::Size(path));
                }
                EntryKind::File {
                    size,
                    executable,
                    blake3,
                }
            }
            (EntryType::Symlink, None, None, None) => {
                let target = bytes_of(self.target.as_deref(), self.target_hex.as_deref())
                    .ok_or(ManifestError::TextOrHex(n))?;
                EntryKind::Symlink {
                    target: LinkTarget::new(&target)?,
                }
            }
            _ => return Err(ManifestError::Members(path)),
        };
        Ok(Entry { path, kind })
    }
}

impl<'a> From<&'a Manifest> for ManifestFile<'a> {
    fn from(manifest: &'a Manifest) -> Self {
        let text = |path: &'a EntryPath| Cow::Borrowed(path.as_str().unwrap_or_default());
        Self {
            artifacts: manifest
                .artifacts
                .iter()
                .map(|(role, path)| (role.clone(), text(path)))
                .collect(),
            entries: manifest.entries.iter().map(EntryLine::from).collect(),
            layout: manifest.layout,
            name: manifest.name.clone(),
            platform: manifest.platform.clone(),
            schema: SCHEMA,
            version: manifest.version.clone(),
        }
    }
}
