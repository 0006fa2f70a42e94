//! The manifest as it stands on disk: what its JSON looks like, and how its parts become entries and back.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Entry, EntryKind, Manifest, ManifestError, SCHEMA, SIZE_MAX};
use crate::model::digest::{FileHash, decode_hex, encode_hex};
use crate::model::name::{EnvName, Role, Version};
use crate::model::path::{EntryPath, LinkTarget};
use crate::model::platform::Platform;
use crate::model::recipe::Layout;

/// The manifest as it stands on disk; members in sorted order.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "pyro manifest (environment.json)")]
pub struct ManifestFile<'a> {
    /// Role of each artifact and its path, as in `entries`.
    #[serde(borrow)]
    pub(super) artifacts: BTreeMap<Role, Cow<'a, str>>,
    /// Everything below the store path but the manifest, ascending by the raw bytes of the path.
    #[serde(borrow)]
    pub(super) entries: Vec<EntryLine<'a>>,
    pub(super) layout: Layout,
    pub(super) name: EnvName,
    pub(super) platform: Platform,
    /// Always 1.
    pub(super) schema: u32,
    pub(super) version: Version,
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
pub(super) struct EntryLine<'a> {
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
    pub(super) fn check(self, n: usize) -> Result<Entry, ManifestError> {
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
