//! What can go wrong in the store.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::model::manifest::ManifestError;
use crate::model::path::EntryPath;
use crate::model::tree::TreeError;

/// What a file system can run out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// Room for content.
    Bytes,
    /// Files and folders.
    Inodes,
}

impl std::fmt::Display for Lack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Inodes => "inodes",
        })
    }
}

/// Why the store could not do what it was asked.
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
    /// It belongs to another account, and the operating system refused.
    #[error("cannot {doing} {}, which belongs to account {owner}", path.display())]
    Owned {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Whose it is, as a user id.
        owner: u32,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file system has less room than is needed at least.
    #[error("needs at least {needed} {what} on the file system of {}, and {free} are free", path.display())]
    NoRoom {
        /// Of what there is too little.
        what: Lack,
        /// How much is needed.
        needed: u64,
        /// How much there is for this account.
        free: u64,
        /// The store.
        path: PathBuf,
    },
    /// The folder holds a store of a layout that this pyro does not know, or a `layout.json` that is none.
    #[error("store layout {found}, this pyro reads layout 1: {}", path.display())]
    UnknownLayout {
        /// What stood there.
        found: String,
        /// The `layout.json`.
        path: PathBuf,
    },
    /// The folder has a name that a store would use, but no `layout.json`.
    #[error("not a store, but it has a `{name}` of its own: {}", path.display())]
    Foreign {
        /// The name that a store would use.
        name: &'static str,
        /// The folder.
        path: PathBuf,
    },
    /// The file system cannot keep what a store promises.
    #[error("no store can be kept on {file_system}, {lacks}: {}", path.display())]
    Unfit {
        /// Its type.
        file_system: String,
        /// What is missing.
        lacks: &'static str,
        /// The store's folder.
        path: PathBuf,
    },
    /// What was named as the lower store is none.
    #[error("cannot be a lower store, {why}: {}", path.display())]
    NotLower {
        /// Why not.
        why: &'static str,
        /// The folder.
        path: PathBuf,
    },
    /// The tree breaks a rule of the manifest, or lacks an artifact.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Reading the source's bytes failed while a file was being written.
    #[error("cannot read the content of `{entry}`")]
    Content {
        /// The entry.
        entry: EntryPath,
        /// What the source said.
        #[source]
        source: io::Error,
    },
    /// A hard link to something that is no file of the same tree.
    #[error("`{entry}` is a hard link to `{target}`, which is no earlier file of the same source")]
    HardLink {
        /// The link.
        entry: EntryPath,
        /// What it names.
        target: EntryPath,
    },
    /// Two names of one folder that the file system takes for one.
    #[error("the file system takes `{entry}` for `{other}`, which is there already")]
    Folds {
        /// What was to be made.
        entry: EntryPath,
        /// What has the name.
        other: EntryPath,
    },
    /// An `environment.json` at the top of a source that is not an old install record.
    #[error("the source has its own `environment.json` at the top, where the manifest must stand")]
    OwnManifest,
    /// The staging tree changed under the writer.
    #[error("the staging tree is not what was written: {what}: {}", path.display())]
    Changed {
        /// What differs.
        what: String,
        /// The staging tree.
        path: PathBuf,
    },
    /// Somebody held a lock for longer than allowed.
    #[error("{} is locked{}", path.display(), holder_text(.holder.as_ref()))]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// Process id and command of the holder, where the system tells.
        holder: Option<(u32, String)>,
    },
    /// A record of pyro's own that cannot be read back.
    #[error("unreadable record {}", path.display())]
    Record {
        /// The record.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A manifest that cannot be read, where one is needed.
    #[error("unreadable manifest {}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Why.
        #[source]
        source: ManifestError,
    },
    /// The path that a repair put in place is still not valid.
    #[error("still damaged after a repair: {}", path.display())]
    StillDamaged {
        /// The store path.
        path: PathBuf,
    },
}

fn holder_text(holder: Option<&(u32, String)>) -> String {
    holder
        .map(|(pid, command)| format!(" by process {pid} ({command})"))
        .unwrap_or_default()
}

impl Error {
    /// Whether there was no room left to write.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_full(source))
    }

    /// Whether the operating system did not allow it to this account.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Io { source, .. } | Self::Owned { source, .. } => {
                source.kind() == io::ErrorKind::PermissionDenied
            }
            _ => false,
        }
    }

    /// Wraps what the system said, with what was being done to which path.
    pub fn io(doing: &'static str, path: impl AsRef<Path>, source: impl Into<io::Error>) -> Self {
        Self::Io {
            doing,
            path: path.as_ref().to_owned(),
            source: source.into(),
        }
    }

    /// Puts `folder` before the path of a system error that names something in it.
    pub(super) fn below(self, folder: &Path) -> Self {
        match self {
            Self::Io {
                doing,
                path,
                source,
            } if path.is_relative() => Self::Io {
                doing,
                path: folder.join(path),
                source,
            },
            other => other,
        }
    }
}

/// The error of a deed on something that may be another account's than `uid`; then it says whose.
pub(super) fn refused(doing: &'static str, path: &Path, uid: u32, errno: Errno) -> Error {
    let owner = rustix::fs::lstat(path).map(|meta| meta.st_uid);
    match (errno, owner) {
        (Errno::PERM | Errno::ACCESS, Ok(owner)) if owner != uid => Error::Owned {
            doing,
            path: path.to_owned(),
            owner,
            source: errno.into(),
        },
        _ => Error::io(doing, path, errno),
    }
}

/// Whether a system error means that there was no room left to write.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Names the deed and the path of a failing system call.
pub(super) trait Doing<T> {
    /// Turns the error into [`Error::Io`].
    fn doing(self, doing: &'static str, path: impl AsRef<Path>) -> Result<T, Error>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, doing: &'static str, path: impl AsRef<Path>) -> Result<T, Error> {
        self.map_err(|source| Error::io(doing, path, source))
    }
}
