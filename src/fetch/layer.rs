//! One layer of an image or artifact: a tar to unpack, or a file with a name.

use crate::model::digest::OciDigest;
use crate::model::path::EntryPath;

use super::document::Descriptor;
use super::error::Error;
use super::media_type::{self, LayerType};

const TITLE: &str = "org.opencontainers.image.title";

/// What the bytes of a layer are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayerKind {
    /// A tar, plain or compressed.
    Tar,
    /// One file.
    Blob {
        /// Its path.
        title: EntryPath,
    },
}

/// One layer of an [`Image`](super::Image).
///
/// ```
/// # fn show(layer: &pyro::fetch::Layer) {
/// println!("{} ({} bytes): {:?}", layer.digest(), layer.size(), layer.kind());
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    digest: OciDigest,
    size: u64,
    kind: LayerKind,
    title: Option<EntryPath>,
    diff_id: Option<OciDigest>,
}

impl Layer {
    /// Digest of the bytes as they are served.
    #[must_use]
    pub const fn digest(&self) -> OciDigest {
        self.digest
    }

    /// Their number.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// What to do with them.
    #[must_use]
    pub const fn kind(&self) -> &LayerKind {
        &self.kind
    }

    /// The file name that the author gave the layer, also one whose media type is a tar.
    ///
    /// ORAS gives a plain file the media type of an uncompressed tar when its author names none.
    #[must_use]
    pub const fn title(&self) -> Option<&EntryPath> {
        self.title.as_ref()
    }

    /// Digest of the uncompressed tar, where the image's config has it.
    #[must_use]
    pub const fn diff_id(&self) -> Option<OciDigest> {
        self.diff_id
    }

    /// Reads a descriptor of the manifest that errors call `name`.
    pub(super) fn new(
        name: &str,
        descriptor: &Descriptor,
        diff_id: Option<OciDigest>,
    ) -> Result<Self, Error> {
        let what = || format!("layer {} of {name}", descriptor.digest);
        let stated = descriptor.media_type.escape_default();
        let layer_type = media_type::layer(&descriptor.media_type);
        let title = descriptor.annotation(TITLE);
        let kind = match (layer_type, title) {
            _ if descriptor.has_urls() || layer_type == LayerType::Foreign => {
                let why = format!("its bytes are not in the registry (media type `{stated}`)");
                return Err(Error::unsupported(what(), why));
            }
            (LayerType::Tar, _) => LayerKind::Tar,
            (_, Some(title)) => LayerKind::Blob {
                title: EntryPath::new(title.as_bytes()).map_err(|error| {
                    Error::integrity(what(), "a title that is a relative path", error.to_string())
                })?,
            },
            (_, None) => {
                let why = format!("its media type `{stated}` is no tar, and it has no `{TITLE}`");
                return Err(Error::unsupported(what(), why));
            }
        };
        Ok(Self {
            digest: descriptor.digest,
            size: descriptor.size,
            kind,
            title: title.and_then(|title| EntryPath::new(title.as_bytes()).ok()),
            diff_id,
        })
    }
}
