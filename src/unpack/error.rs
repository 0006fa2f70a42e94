//! What can be wrong with bytes that should become a tree.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::decompress::Compression;
use super::limits::{Limit, OverRatio};
use crate::model::escape::Escaped;
use crate::model::path::{EntryPath, PathFault};
use crate::model::tree::TreeError;
use crate::store;

/// Which part of a source is spoken of.
///
/// ```
/// use pyro::unpack::Place;
/// assert_eq!(Place::Entry { layer: Some(2), number: 17 }.to_string(), "entry 17 of layer 2");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A member of an archive, counted from 1 as `tar t` lists them; 0 is before the first.
    Entry {
        /// The layer of an image, counted from 1.
        layer: Option<u32>,
        /// The member.
        number: u64,
    },
    /// A layer of an artifact that is one plain file.
    Blob,
    /// Something in a local folder.
    Local,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry {
                layer: None,
                number,
            } => write!(f, "entry {number}"),
            Self::Entry {
                layer: Some(layer),
                number,
            } => write!(f, "entry {number} of layer {layer}"),
            Self::Blob => f.write_str("blob"),
            Self::Local => f.write_str("local file"),
        }
    }
}

/// Why an entry is refused: each of these means that the source is broken or hostile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Its name climbs, is absolute, too long or malformed.
    #[error("its name has {0}")]
    Name(PathFault),
    /// What its symlink or hard link points to cannot stand in a tree.
    #[error("its link target has {0}")]
    Target(PathFault),
    /// Named before, and not a folder both times.
    #[error("entry {first} has the same name")]
    Twice {
        /// The earlier one.
        first: u64,
    },
    /// Named before by another part of the source.
    #[error("an earlier part of the source has the same name")]
    TwiceInSource,
    /// A part of its path is a link, a file or a device.
    #[error("it would be written through `{above}`, which is not a folder")]
    Through {
        /// What stands in its way.
        above: EntryPath,
    },
    /// A hard link to what is not there yet, a folder, or outside.
    #[error("a hard link to `{target}`, which is no earlier file of the same source")]
    HardLink {
        /// What it names.
        target: EntryPath,
    },
    /// A device, fifo or socket in layout `files`.
    #[error("a {0} cannot stand in layout `files`")]
    Special(&'static str),
    /// A character device 0/0: overlayfs would hide what is below it.
    #[error("a character device 0/0, an overlayfs whiteout, cannot stand in a tree")]
    OverlayWhiteout,
    /// A member type that is not known or needs other volumes.
    #[error("unknown type `{}`", Escaped(&[*.0]))]
    Type(u8),
    /// A member that has no content by its type, with content.
    #[error("a {0} with {1} bytes of content, which readers of tar disagree about")]
    Body(&'static str, u64),
    /// Two sizes.
    #[error("its header says {header} bytes, its extended header {extended}")]
    Sizes {
        /// In the ustar header.
        header: u64,
        /// In the PAX header.
        extended: u64,
    },
    /// Larger than a manifest can say.
    #[error("larger than 2^53-1 bytes")]
    Size,
    /// A header that does not follow the format.
    #[error("bad header: {0}")]
    Header(&'static str),
    /// An extended header that does not follow the format.
    #[error("bad extended header: {0}")]
    Extended(&'static str),
    /// A map of a sparse file that does not fit its data.
    #[error("bad sparse file: {0}")]
    Sparse(&'static str),
    /// A name of an image layer's whiteout where there is none.
    #[error("named like a whiteout, which only image layers may have")]
    Whiteout,
    /// A whiteout that hides nothing that can be named, or is no empty file.
    #[error("bad whiteout: {0}")]
    BadWhiteout(&'static str),
    /// Fewer components than are to be stripped.
    #[error("strip-components = {0} leaves nothing of its name")]
    Strip(u32),
    /// Of another size than announced.
    #[error("expected {expected} bytes, found {}{found}", if *.found > *.expected { "at least " } else { "" })]
    Length {
        /// As the manifest of the source says.
        expected: u64,
        /// What came; reading stops one byte after what was expected.
        found: u64,
    },
    /// With it, the source comes to more than it may.
    #[error(transparent)]
    Limit(#[from] Limit),
    /// Another name of the same folder is the same name to the store's file system.
    #[error("the store's file system takes its name for that of `{other}`{}", first.map(|first| format!(", entry {first}")).unwrap_or_default())]
    Folds {
        /// What has the name there.
        other: EntryPath,
        /// The entry that made it, where this archive did.
        first: Option<u64>,
    },
    /// Touched by somebody between its opening and its end.
    #[error("changed while it was being copied")]
    Changed,
}

/// Why a source did not become a tree.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither a tar archive nor one that is compressed in a known way.
    #[error("not a tar archive (plain, gzip, zstd, xz or bzip2): {} `{}`", begins(*.compression), Escaped(.first))]
    NotTar {
        /// What it was packed with.
        compression: Compression,
        /// Its first bytes, after unpacking; at most 16.
        first: Vec<u8>,
    },
    /// The archive stops before its end mark.
    #[error("the archive is cut off in or after {place}")]
    CutOff {
        /// The last member that was begun.
        place: Place,
    },
    /// Something other than zeros after the end mark.
    #[error("the archive goes on after its end mark, which follows {place}")]
    AfterEnd {
        /// The last member.
        place: Place,
    },
    /// With what follows its end mark, the archive comes to more than it may.
    #[error("what follows the end mark, after {place}: {limit}")]
    LongEnd {
        /// The last member.
        place: Place,
        /// What it went over.
        limit: Limit,
    },
    /// An entry is refused.
    #[error("{place} `{}`: {fault}", Escaped(.name))]
    Entry {
        /// Which one.
        place: Place,
        /// Its name as it came.
        name: Vec<u8>,
        /// Why.
        fault: Fault,
    },
    /// The bytes of the source could not be read; see [`Error::content_io`].
    #[error("cannot read {place}")]
    Read {
        /// What was being read.
        place: Place,
        /// What the reader said.
        #[source]
        source: io::Error,
    },
    /// The store could not take an entry.
    #[error("cannot keep {place} `{}`", Escaped(.name))]
    Write {
        /// Which one.
        place: Place,
        /// Its name.
        name: Vec<u8>,
        /// What the store said.
        #[source]
        source: Box<store::Error>,
    },
    /// A local folder that is not there, or has nothing in it.
    #[error("{what}: {}", path.display())]
    NoFolder {
        /// Which of the two.
        what: &'static str,
        /// The folder.
        path: PathBuf,
    },
    /// The system refused to show something of a local folder.
    #[error("cannot {doing} {}", path.display())]
    Local {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

fn begins(compression: Compression) -> String {
    match compression {
        Compression::None => "it begins".to_owned(),
        packed => format!("{packed} data that begins"),
    }
}

impl Error {
    /// What the reader of the source said, where that is why it failed.
    ///
    /// Its inner error (`io::Error::get_ref`) is whatever the maker of the reader put there, or a
    /// [`Corrupt`](super::decompress::Corrupt) where the compressed data itself is bad.
    #[must_use]
    pub fn content_io(&self) -> Option<&io::Error> {
        match self {
            Self::Read { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Whether the source itself is broken or hostile, so that reading it again cannot help.
    #[must_use]
    pub fn is_bad_source(&self) -> bool {
        match self {
            Self::NotTar { .. }
            | Self::CutOff { .. }
            | Self::AfterEnd { .. }
            | Self::LongEnd { .. } => true,
            Self::Entry { fault, .. } => *fault != Fault::Changed,
            Self::Read { source, .. } => inner::<super::decompress::Corrupt>(source).is_some(),
            Self::Write { .. } | Self::NoFolder { .. } | Self::Local { .. } => false,
        }
    }

    /// The limit that the source went over, if that is why.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::LongEnd { limit, .. }
            | Self::Entry {
                fault: Fault::Limit(limit),
                ..
            } => Some(*limit),
            _ => None,
        }
    }

    pub(super) fn local(doing: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Local {
            doing,
            path: path.to_owned(),
            source: source.into(),
        }
    }

    /// Sorts what the store said into what is wrong with the entry, its bytes, or the store.
    pub(super) fn of_store(place: Place, name: &[u8], error: store::Error) -> Self {
        let fault = match error {
            store::Error::Content { source, .. } => match inner::<OverRatio>(&source) {
                Some(OverRatio(limit)) => Fault::Limit(*limit),
                None => return Self::of_read(place, source),
            },
            store::Error::Folds { other, .. } => Fault::Folds { other, first: None },
            store::Error::Tree(TreeError::Twice(_)) => Fault::TwiceInSource,
            store::Error::Tree(TreeError::NotAFolder { above, .. }) => Fault::Through { above },
            store::Error::Tree(TreeError::Whiteout(_)) => Fault::Whiteout,
            store::Error::Tree(TreeError::Size(_)) => Fault::Size,
            store::Error::HardLink { target, .. } => Fault::HardLink { target },
            source => {
                return Self::Write {
                    place,
                    name: name.to_vec(),
                    source: Box::new(source),
                };
            }
        };
        Self::Entry {
            place,
            name: name.to_vec(),
            fault,
        }
    }

    /// Tells an end that came too early from a reader that failed.
    pub(super) fn of_read(place: Place, source: io::Error) -> Self {
        if inner::<EndedEarly>(&source).is_some() {
            Self::CutOff { place }
        } else {
            Self::Read { place, source }
        }
    }
}

fn inner<T: StdError + 'static>(error: &io::Error) -> Option<&T> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// Marks, inside an `io::Error`, that an archive ended within a member's content.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the archive is cut off")]
pub(super) struct EndedEarly;

impl From<EndedEarly> for io::Error {
    fn from(ended: EndedEarly) -> Self {
        Self::new(io::ErrorKind::UnexpectedEof, ended)
    }
}
