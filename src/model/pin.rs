//! What a lock remembers of one source: enough to get the same bytes again.

use super::digest::{OciDigest, Sha256, StoreHash};

/// One layer of a pinned image or artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedLayer {
    /// The digest of the bytes as the registry serves them.
    pub digest: OciDigest,
    /// Their number.
    pub size: u64,
}

/// The pin of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pin {
    /// A local folder has no other identity than the store path that comes out.
    Local {
        /// The store path.
        output: StoreHash,
    },
    /// An archive's bytes.
    Archive {
        /// Their SHA-256.
        sha256: Sha256,
        /// Their number.
        size: u64,
        /// The store path, once known.
        output: Option<StoreHash>,
    },
    /// A platform's manifest; never the index, since registries drop those.
    Oci {
        /// The digest of the platform manifest.
        digest: OciDigest,
        /// Its layers, base first.
        layers: Vec<PinnedLayer>,
        /// The store path, once known.
        output: Option<StoreHash>,
    },
}

impl Pin {
    /// The store path that this pin gives, where it is known.
    #[must_use]
    pub fn output(&self) -> Option<StoreHash> {
        match self {
            Self::Local { output } => Some(*output),
            Self::Archive { output, .. } | Self::Oci { output, .. } => *output,
        }
    }

    /// The same pin, with the store path that it was found to give.
    #[must_use]
    pub fn with_output(mut self, found: StoreHash) -> Self {
        match &mut self {
            Self::Local { output } => *output = found,
            Self::Archive { output, .. } | Self::Oci { output, .. } => *output = Some(found),
        }
        self
    }
}
