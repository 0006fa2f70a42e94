//! Where an environment's bytes can come from, as declared.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::digest::Sha256;
use super::oci_reference::{OciReference, OciReferenceError};

/// One source of an environment; they are tried in the order of the declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder on this machine.
    Local(LocalSource),
    /// A tar archive.
    Archive(ArchiveSource),
    /// An image or artifact in a registry or an OCI layout folder.
    Oci(OciSource),
}

impl Source {
    /// The declared key and location, such as `archive` and `https://…`: what a lock block repeats.
    #[must_use]
    pub fn location(&self) -> (&'static str, Vec<String>) {
        match self {
            Self::Local(local) => ("local", vec![local.path.clone()]),
            Self::Archive(archive) => (
                "archive",
                archive.locations.iter().map(ToString::to_string).collect(),
            ),
            Self::Oci(oci) => ("oci", vec![oci.to_string()]),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, locations) = self.location();
        write!(f, "{kind} {}", locations.join(" | "))
    }
}

/// A folder, relative to its declaration or absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalSource {
    /// As declared.
    pub path: String,
}

impl LocalSource {
    /// The folder, where the declaration stands in `base`.
    #[must_use]
    pub fn resolve(&self, base: &Path) -> PathBuf {
        base.join(&self.path)
    }
}

/// A tar archive that may be had from several places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveSource {
    /// Mirrors of the same bytes, tried in order; never empty.
    pub locations: Vec<ArchiveLocation>,
    /// The digest that the author of the declaration insists on.
    pub sha256: Option<Sha256>,
    /// How many leading components its names lose.
    pub strip_components: u32,
}

/// One place of an archive.
///
/// ```
/// use pyro::model::source::ArchiveLocation;
/// assert!(matches!(ArchiveLocation::from("https://example.org/a.tar"), ArchiveLocation::Http(_)));
/// assert_eq!(ArchiveLocation::from("file:///a%20b.tar").path("/x".as_ref()), Some("/a b.tar".into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchiveLocation {
    /// `http://` or `https://`.
    Http(String),
    /// `file://` and an absolute path, percent-encoded.
    File(String),
    /// A path, relative to the declaration or absolute.
    Path(String),
}

impl From<&str> for ArchiveLocation {
    fn from(text: &str) -> Self {
        if text.starts_with("http://") || text.starts_with("https://") {
            Self::Http(text.to_owned())
        } else if text.starts_with("file://") {
            Self::File(text.to_owned())
        } else {
            Self::Path(text.to_owned())
        }
    }
}

impl ArchiveLocation {
    /// The file, where this is one and the declaration stands in `base`.
    #[must_use]
    pub fn path(&self, base: &Path) -> Option<PathBuf> {
        use std::os::unix::ffi::OsStringExt;
        match self {
            Self::Http(_) => None,
            Self::Path(path) => Some(base.join(path)),
            Self::File(url) => {
                let path = url
                    .strip_prefix("file://localhost")
                    .or_else(|| url.strip_prefix("file://"))?;
                Some(base.join(std::ffi::OsString::from_vec(percent_decoded(path))))
            }
        }
    }
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = match (first, tail) {
            (b'%', [high, low, ..]) => char::from(*high)
                .to_digit(16)
                .zip(char::from(*low).to_digit(16)),
            _ => None,
        };
        if let Some(byte) = escape.and_then(|(high, low)| u8::try_from(high * 16 + low).ok()) {
            out.push(byte);
            rest = &tail[2..];
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}

impl fmt::Display for ArchiveLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Http(text) | Self::File(text) | Self::Path(text)) = self;
        f.write_str(text)
    }
}

/// An image or artifact, in a registry or in a folder of the OCI image layout.
///
/// ```
/// use pyro::model::source::OciSource;
/// let source: OciSource = "oci-layout:images/tools:1.0".parse()?;
/// assert_eq!(source, OciSource::Layout { folder: "images/tools".into(), tag: Some("1.0".into()) });
/// # Ok::<(), pyro::model::oci_reference::OciReferenceError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OciSource {
    /// In a registry.
    Registry(OciReference),
    /// In a folder with an `index.json`.
    Layout {
        /// Relative to the declaration, or absolute.
        folder: String,
        /// Which of its manifests, by the annotation `org.opencontainers.image.ref.name`; the only one without.
        tag: Option<String>,
    },
}

impl fmt::Display for OciSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(reference) => f.write_str(reference.as_declared()),
            Self::Layout {
                folder,
                tag: Some(tag),
            } => write!(f, "oci-layout:{folder}:{tag}"),
            Self::Layout { folder, tag: None } => write!(f, "oci-layout:{folder}"),
        }
    }
}

impl FromStr for OciSource {
    type Err = OciReferenceError;

    fn from_str(text: &str) -> Result<Self, OciReferenceError> {
        let Some(layout) = text.strip_prefix("oci-layout:") else {
            return Ok(Self::Registry(text.parse()?));
        };
        let (folder, tag) = match layout.rsplit_once(':') {
            Some((folder, tag)) if !tag.contains('/') => (folder, Some(tag.to_owned())),
            _ => (layout, None),
        };
        if folder.is_empty() || tag.as_deref() == Some("") {
            return Err(OciReferenceError::new(
                text,
                "expected oci-layout:FOLDER or oci-layout:FOLDER:TAG",
            ));
        }
        Ok(Self::Layout {
            folder: folder.to_owned(),
            tag,
        })
    }
}
