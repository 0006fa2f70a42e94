//! What can go wrong with profiles.

use std::io;
use std::path::{Path, PathBuf};

/// Why a profile could not be read or moved.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// No profile of that name.
    #[error("unknown profile `{name}`{}", known_text(.known))]
    Unknown {
        /// The name.
        name: String,
        /// The profiles that there are.
        known: Vec<String>,
    },
    /// No generation of that number.
    #[error("profile `{profile}` has no generation {number}")]
    NoGeneration {
        /// The profile.
        profile: String,
        /// The number.
        number: u64,
    },
    /// Nothing before the current generation.
    #[error("profile `{profile}` has no earlier generation to go back to")]
    NoEarlier {
        /// The profile.
        profile: String,
    },
    /// A generation whose store paths are gone or damaged cannot be shown again.
    #[error(
        "generation {number} of profile `{profile}` needs {what}, which is not valid in the store"
    )]
    NotValid {
        /// The profile.
        profile: String,
        /// The number.
        number: u64,
        /// The store path.
        what: String,
    },
    /// Something that is no link of ours stands at an out-link's place.
    #[error("will not replace what is not a link of ours: {}", path.display())]
    OutLinkTaken {
        /// The path.
        path: PathBuf,
    },
    /// An out-link is made in a folder that is there.
    #[error("there is no folder for the out-link {}", path.display())]
    OutLinkFolder {
        /// The path of the link.
        path: PathBuf,
        /// What the system said of the folder.
        #[source]
        source: io::Error,
    },
    /// An out-link's path must be text, since records are.
    #[error("the path of an out-link must be UTF-8: {}", path.display())]
    OutLinkName {
        /// The path.
        path: PathBuf,
    },
}

fn known_text(known: &[String]) -> String {
    if known.is_empty() {
        ": there are none yet".to_owned()
    } else {
        format!("; known: {}", known.join(", "))
    }
}

impl Error {
    /// Whether the operating system did not allow it to this account.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Io { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
            Self::Store(error) => error.is_refusal(),
            _ => false,
        }
    }

    pub(super) fn io(
        doing: &'static str,
        path: impl AsRef<Path>,
        source: impl Into<io::Error>,
    ) -> Self {
        Self::Io {
            doing,
            path: path.as_ref().to_owned(),
            source: source.into(),
        }
    }
}
