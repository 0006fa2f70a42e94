//! Content by its digest, from a registry or from an OCI layout: everything above sees no difference.

use std::path::{Path, PathBuf};

use crate::model::digest::OciDigest;
use crate::model::source::OciSource;

use super::Fetcher;
use super::document::{Descriptor, Document};
use super::error::Error;
use super::fetched::Fetched;
use super::mirrors::Repository;
use super::oci_layout::Layout;
use super::verify::{Expected, Verifier};

/// Where the content of an image is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// Host and repository.
    Registry {
        registry: String,
        repository: String,
    },
    /// A folder.
    Layout(PathBuf),
}

impl Place {
    /// The place that a source names; its declaration stands in `base`.
    pub(super) fn of(source: &OciSource, base: &Path) -> Self {
        match source {
            OciSource::Registry(reference) => Self::Registry {
                registry: reference.registry().to_owned(),
                repository: reference.repository().to_owned(),
            },
            OciSource::Layout { folder, .. } => Self::Layout(base.join(folder)),
        }
    }
}

/// What a source's tag or digest stands for: checked bytes, already read.
pub(super) struct Root {
    pub(super) document: Document,
    /// The digest of a manifest that is named directly.
    pub(super) digest: Option<OciDigest>,
}

/// An open place.
pub(super) enum Blobs<'f> {
    Registry(Repository<'f>),
    Layout(Layout<'f>),
}

impl<'f> Blobs<'f> {
    pub(super) fn open(fetcher: &'f Fetcher<'_>, place: &Place) -> Result<Self, Error> {
        Ok(match place {
            Place::Registry {
                registry,
                repository,
            } => Self::Registry(Repository::new(fetcher, registry, repository)),
            Place::Layout(folder) => Self::Layout(Layout::open(fetcher, folder)?),
        })
    }

    /// `oci://REGISTRY/REPOSITORY@DIGEST` or `oci-layout:FOLDER@DIGEST`.
    pub(super) fn name(&self, digest: &OciDigest) -> String {
        match self {
            Self::Registry(registry) => registry.name(digest),
            Self::Layout(layout) => layout.name(digest),
        }
    }

    /// Reads what the source names.
    pub(super) fn root(&self, source: &OciSource) -> Result<Root, Error> {
        match (self, source) {
            (Self::Registry(registry), OciSource::Registry(reference)) => {
                let what = reference.as_declared();
                let (bytes, digest) = match reference.digest() {
                    Some(digest) => (self.manifest(&digest, None)?, digest),
                    None => registry.tagged(reference.tag().unwrap_or("latest"))?,
                };
                Ok(Root {
                    document: Document::parse(what, &bytes)?,
                    digest: Some(digest),
                })
            }
            (Self::Layout(layout), OciSource::Layout { tag, .. }) => Ok(Root {
                document: Document::Index(layout.index(tag.as_deref())?),
                digest: None,
            }),
            (_, source) => Err(Error::unsupported(
                source.to_string(),
                "it is not in the place that was opened",
            )),
        }
    }

    /// Reads a manifest or index and checks it against the digest, and the size where a descriptor gives one.
    pub(super) fn manifest(&self, digest: &OciDigest, size: Option<u64>) -> Result<Vec<u8>, Error> {
        let bytes = match self {
            Self::Registry(registry) => registry.manifest(digest)?,
            Self::Layout(layout) => layout.read(digest)?,
        };
        self.checked(digest, size, bytes)
    }

    /// Reads an image config.
    pub(super) fn config(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        let digest = &descriptor.digest;
        let bytes = match self {
            Self::Registry(registry) => registry.config(digest)?,
            Self::Layout(layout) => layout.read(digest)?,
        };
        self.checked(digest, Some(descriptor.size), bytes)
    }

    fn checked(
        &self,
        digest: &OciDigest,
        size: Option<u64>,
        bytes: Vec<u8>,
    ) -> Result<Vec<u8>, Error> {
        let expected = Expected {
            digest: Some(*digest),
            size,
        };
        Verifier::check(&self.name(digest), expected, &bytes)?;
        Ok(bytes)
    }

    /// Opens a layer.
    pub(super) fn layer(
        &self,
        environment: &str,
        digest: OciDigest,
        size: u64,
        source: String,
    ) -> Result<Fetched<'f>, Error> {
        match self {
            Self::Registry(registry) => registry.layer(environment, digest, size, source),
            Self::Layout(layout) => layout.layer(environment, digest, size, source),
        }
    }

    /// Lets a layer come that will be opened later; `None` where nothing need or can be done.
    pub(super) fn layer_ahead(
        &self,
        environment: &str,
        digest: OciDigest,
        size: u64,
        source: String,
    ) -> Result<Option<Fetched<'f>>, Error> {
        match self {
            Self::Registry(registry) => registry.layer_ahead(environment, digest, size, source),
            Self::Layout(_) => Ok(None),
        }
    }
}
