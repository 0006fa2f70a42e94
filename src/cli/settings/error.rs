//! Why settings could not be resolved; messages name the variable or the file.

use std::io;
use std::path::PathBuf;

use super::config_file::Mistake;

/// Why settings could not be resolved.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A variable holds something that its flag would not take.
    #[error("{name} is `{value}`: {expected}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What it holds, escaped.
        value: String,
        /// What it should hold.
        expected: String,
    },
    /// Two variables that exclude each other.
    #[error("{first} and {second} are both set")]
    Conflict {
        /// One.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A configuration file says something that is not known.
    #[error("{mistake}")]
    File {
        /// The file.
        path: PathBuf,
        /// What and where.
        mistake: Mistake,
        /// The file's text, to show the place.
        text: String,
    },
    /// A configuration file is there and cannot be read.
    #[error("cannot read the configuration")]
    Unreadable(#[source] io::Error),
    /// `PYRO_CONFIG` names a file that is not there.
    #[error("PYRO_CONFIG names a file that does not exist: {}", .0.display())]
    NoSuchFile(PathBuf),
    /// There is nowhere to put the store.
    #[error("no place for the store: neither XDG_DATA_HOME nor HOME is set")]
    NoHome,
    /// A relative path, and the current folder is gone.
    #[error("the current folder cannot be named ({why}), so `{}` means nothing", .path.display())]
    NoCurrentDir {
        /// The relative path.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
}
