//! What a lock says of one environment on one platform.

use crate::model::digest::{DeclarationHash, InputHash};
use crate::model::pin::Pin;
use crate::model::source::Source;

/// A pin of another kind than its source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a source of the kind `{source_kind}` cannot have a pin of the kind `{pin_kind}`")]
pub struct PinMismatch {
    source_kind: &'static str,
    pin_kind: &'static str,
}

/// One environment on one platform: the digest of its declaration and its sources in declared order.
///
/// ```
/// use pyro::lock::{Block, LockedSource};
/// use pyro::model::{digest::{DeclarationHash, StoreHash}, pin::Pin, source::{LocalSource, Source}};
/// let tools = Source::Local(LocalSource { path: "tools".into() });
/// let pin = Pin::Local { output: StoreHash::of(b"{}") };
/// let block = Block::new(DeclarationHash::of(b"{}"), vec![LockedSource::new(&tools, Some(pin.clone()))?]);
/// assert_eq!(block.pin_of(&tools), Some(&pin));
/// # Ok::<(), pyro::lock::PinMismatch>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    declaration: DeclarationHash,
    sources: Vec<LockedSource>,
}

impl Block {
    /// A block of the declaration with that digest.
    #[must_use]
    pub fn new(declaration: DeclarationHash, sources: Vec<LockedSource>) -> Self {
        Self {
            declaration,
            sources,
        }
    }

    /// The digest of the declaration that it was made from.
    #[must_use]
    pub fn declaration(&self) -> DeclarationHash {
        self.declaration
    }

    /// The sources in declared order, pinned or not.
    #[must_use]
    pub fn sources(&self) -> &[LockedSource] {
        &self.sources
    }

    /// The pin of a source, found by its kind and location.
    #[must_use]
    pub fn pin_of(&self, source: &Source) -> Option<&Pin> {
        let found = self.sources.iter().find(|locked| locked.is_of(source))?;
        found.pin()
    }

    /// How much it knows: its pins and their outputs.
    pub(super) fn knowledge(&self) -> usize {
        let pins = self.sources.iter().filter_map(LockedSource::pin);
        pins.map(|pin| 1 + usize::from(pin.output().is_some()))
            .sum()
    }
}

/// The digest of what made an output: the declaration and the bytes.
pub(super) fn input_of(declaration: DeclarationHash, pin: &Pin) -> InputHash {
    let bytes = match pin {
        Pin::Local { .. } => String::new(),
        Pin::Archive { sha256, .. } => format!("sha256:{sha256}"),
        Pin::Oci { digest, .. } => digest.to_string(),
    };
    InputHash::of(format!("{declaration}\n{bytes}\n").as_bytes())
}

/// One source of a block: its location as declared and, once it was reached, its pin.
///
/// ```
/// use pyro::lock::LockedSource;
/// use pyro::model::source::Source;
/// let debian = Source::Oci("debian:12".parse()?);
/// let locked = LockedSource::new(&debian, None)?;
/// assert!(locked.is_of(&debian) && locked.pin().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedSource {
    location: Location,
    pin: Option<Pin>,
}

/// Where a source is, in the words of its declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Location {
    Local(String),
    Archive(Vec<String>),
    Oci(String),
}

impl Location {
    fn of(source: &Source) -> Self {
        match source {
            Source::Local(local) => Self::Local(local.path.clone()),
            Source::Archive(archive) => {
                Self::Archive(archive.locations.iter().map(ToString::to_string).collect())
            }
            Source::Oci(oci) => Self::Oci(oci.to_string()),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Local(_) => "local",
            Self::Archive(_) => "archive",
            Self::Oci(_) => "oci",
        }
    }
}

fn kind_of(pin: &Pin) -> &'static str {
    match pin {
        Pin::Local { .. } => "local",
        Pin::Archive { .. } => "archive",
        Pin::Oci { .. } => "oci",
    }
}

impl LockedSource {
    /// A declared source and its pin; none when it could not be reached.
    ///
    /// # Errors
    /// When the pin is of another kind than the source.
    pub fn new(source: &Source, pin: Option<Pin>) -> Result<Self, PinMismatch> {
        Self::at(Location::of(source), pin)
    }

    pub(super) fn at(location: Location, pin: Option<Pin>) -> Result<Self, PinMismatch> {
        match &pin {
            Some(pin) if kind_of(pin) != location.kind() => Err(PinMismatch {
                source_kind: location.kind(),
                pin_kind: kind_of(pin),
            }),
            _ => Ok(Self { location, pin }),
        }
    }

    /// Without an output that was made by something else, as a merge can leave it; a local folder has no other pin.
    pub(super) fn forget_output(self) -> Self {
        let pin = match self.pin {
            None | Some(Pin::Local { .. }) => None,
            Some(Pin::Archive { sha256, size, .. }) => Some(Pin::Archive {
                sha256,
                size,
                output: None,
            }),
            Some(Pin::Oci { digest, layers, .. }) => Some(Pin::Oci {
                digest,
                layers,
                output: None,
            }),
        };
        Self {
            location: self.location,
            pin,
        }
    }

    /// The pin.
    #[must_use]
    pub fn pin(&self) -> Option<&Pin> {
        self.pin.as_ref()
    }

    /// Whether this is `source`: of the same kind, at the same location.
    #[must_use]
    pub fn is_of(&self, source: &Source) -> bool {
        self.location == Location::of(source)
    }

    pub(super) fn location(&self) -> &Location {
        &self.location
    }
}
