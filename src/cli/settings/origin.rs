//! Where a setting came from, kept beside its value so that `pyro config` can tell.

use std::fmt;
use std::path::{Path, PathBuf};

/// The place that decided a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag of this command line.
    Flag(&'static str),
    /// An environment variable.
    Variable(&'static str),
    /// A configuration file.
    File(PathBuf),
    /// Nobody set it.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Variable(name) => f.write_str(name),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value and where it came from.
///
/// ```
/// use pyro::cli::settings::origin::{Origin, Sourced};
/// let jobs = Sourced::first([(None, Origin::Flag("--jobs")), (Some(4), Origin::Variable("PYRO_JOBS"))], || 2);
/// assert_eq!((jobs.value, jobs.origin), (4, Origin::Variable("PYRO_JOBS")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Who decided it.
    pub origin: Origin,
}

impl<T> Sourced<T> {
    /// The first value that is there, else the default.
    pub fn first(
        candidates: impl IntoIterator<Item = (Option<T>, Origin)>,
        default: impl FnOnce() -> T,
    ) -> Self {
        candidates
            .into_iter()
            .find_map(|(value, origin)| {
                Some(Self {
                    value: value?,
                    origin,
                })
            })
            .unwrap_or_else(|| Self {
                value: default(),
                origin: Origin::Default,
            })
    }
}

impl Origin {
    /// The origin of what stands in `path`.
    #[must_use]
    pub fn file(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}
