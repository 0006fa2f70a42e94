//! What, besides the bytes of a source, decides which manifest comes out.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::name::{EnvName, Role, Version};
use super::path::EntryPath;
use super::platform::Platform;
use super::string_form::string_form;

/// Where the content stands below the store path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Layout {
    /// Directly beside the manifest.
    #[default]
    Files,
    /// Below `rootfs/`, as container runtimes want it.
    Rootfs,
}

impl Layout {
    /// The folder that holds the content, where it is not the store path itself.
    #[must_use]
    pub const fn prefix(self) -> Option<&'static str> {
        match self {
            Self::Files => None,
            Self::Rootfs => Some("rootfs"),
        }
    }

    /// The word that declarations and manifests use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Rootfs => "rootfs",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not a layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a layout is `files` or `rootfs`")]
pub struct LayoutError;

impl FromStr for Layout {
    type Err = LayoutError;

    fn from_str(text: &str) -> Result<Self, LayoutError> {
        match text {
            "files" => Ok(Self::Files),
            "rootfs" => Ok(Self::Rootfs),
            _ => Err(LayoutError),
        }
    }
}

string_form!(
    Layout,
    "Layout",
    "^(files|rootfs)$",
    "where the content stands below the store path"
);

/// The declared half of a manifest: all of it but the entries.
///
/// Artifact paths are as declared, relative to the source's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The environment's name.
    pub name: EnvName,
    /// Its version.
    pub version: Version,
    /// The platform that this tree is for.
    pub platform: Platform,
    /// Where the content stands.
    pub layout: Layout,
    /// The declared path of each artifact.
    pub artifacts: BTreeMap<Role, EntryPath>,
}
