//! What can go wrong between here and the bytes, in the classes that decide whether the next source is tried.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Whether asking once more may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// The same would come of it.
    Useless,
    /// After a moment.
    Soon,
    /// Not before so long: the server said so.
    After(Duration),
}

/// Why bytes could not be had.
///
/// `what` names the thing: a URL without credentials, a reference, a digest in a registry. An error that a
/// [`Fetched`](super::Fetched) reports while somebody reads it travels inside an [`io::Error`];
/// [`Error::from_io`] finds it again, also below the wrappers of decoders.
///
/// ```
/// use pyro::fetch::Error;
/// let error = Error::Offline { what: "https://example.org/a.tar".into() };
/// let found = Error::from_io(std::io::Error::other(error)).expect("it is ours");
/// assert!(matches!(found, Error::Offline { .. }));
/// ```
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The source does not have it.
    #[error("{what} is not there: {why}")]
    Absent {
        /// What was asked for.
        what: String,
        /// What the other side said, and what it has instead.
        why: String,
    },
    /// It may work later: timeouts, refused connections, 429 and 5xx.
    #[error("{what} cannot be reached: {why}")]
    Temporary {
        /// What was asked for.
        what: String,
        /// What happened.
        why: String,
        /// Whether the same request may be answered later.
        again: Again,
        /// The host that gave no answer at all, where that was the trouble.
        host: Option<String>,
    },
    /// Credentials, certificates or policy stand in the way.
    #[error("{what} is denied: {why}")]
    Denied {
        /// What was asked for.
        what: String,
        /// Who said no, and the setting that would change it.
        why: String,
    },
    /// The network is needed and forbidden.
    #[error("{what} needs the network, and it is forbidden")]
    Offline {
        /// What was asked for.
        what: String,
    },
    /// The bytes are not those that were named; never a reason to try elsewhere.
    #[error("{what} is not what it should be: expected {expected}, found {found}")]
    Integrity {
        /// What was asked for.
        what: String,
        /// Digest, size or form that it should have.
        expected: String,
        /// What it has.
        found: String,
    },
    /// A document that is longer than it may be.
    #[error("{what} is longer than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        what: String,
        /// How long it may be.
        limit: u64,
        /// The key in `[limits]` that says so; `None` where nothing can.
        key: Option<&'static str>,
    },
    /// Something that is understood and not taken.
    #[error("{what} is not supported: {why}")]
    Unsupported {
        /// What was asked for.
        what: String,
        /// What it is, and what to do instead.
        why: String,
    },
    /// Another process has been at the same download for too long.
    #[error("another process holds the lock for longer than {seconds} s: {}", path.display())]
    Busy {
        /// The spool file that is locked.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// The file with the registry logins is not usable.
    #[error("{why}: {}", path.display())]
    Credentials {
        /// The file.
        path: PathBuf,
        /// What is wrong in it; never a secret.
        why: String,
    },
    /// The certificates that are configured for a host are not usable.
    #[error("the certificates of an authority cannot be used, {why}: {}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The operating system refused something on this machine.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was being done, such as `write`.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// The refusal.
        source: Arc<io::Error>,
    },
}

impl Error {
    /// Finds the typed error in what a reader returned.
    ///
    /// # Errors
    /// When it holds none: the error as it came.
    pub fn from_io(error: io::Error) -> Result<Self, io::Error> {
        Self::in_io(&error).ok_or(error)
    }

    /// The typed error that `error` carries, if it is one of ours.
    #[must_use]
    pub fn in_io(error: &io::Error) -> Option<Self> {
        let mut link: Option<&(dyn StdError + 'static)> = error.get_ref().map(|inner| inner as _);
        while let Some(current) = link {
            if let Some(found) = current.downcast_ref::<Self>() {
                return Some(found.clone());
            }
            // An io::Error hides the error that it carries from source().
            link = match current.downcast_ref::<io::Error>() {
                Some(io) => io.get_ref().map(|inner| inner as _),
                None => current.source(),
            };
        }
        None
    }

    /// Whether other locations of the same bytes may be tried after this.
    #[must_use]
    pub const fn allows_next_location(&self) -> bool {
        matches!(
            self,
            Self::Absent { .. }
                | Self::Temporary { .. }
                | Self::Denied { .. }
                | Self::Offline { .. }
        )
    }

    pub(super) fn absent(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Absent {
            what: what.into(),
            why: why.into(),
        }
    }

    pub(super) fn temporary(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Temporary {
            what: what.into(),
            why: why.into(),
            again: Again::Useless,
            host: None,
        }
    }

    /// Something that another attempt may put right.
    pub(super) fn passing(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Temporary {
            what: what.into(),
            why: why.into(),
            again: Again::Soon,
            host: None,
        }
    }

    /// The same error, which means that this host gave no answer.
    pub(super) fn of_host(self, silent: &str) -> Self {
        match self {
            Self::Temporary {
                what, why, again, ..
            } => Self::Temporary {
                what,
                why,
                again,
                host: Some(silent.to_owned()),
            },
            other => other,
        }
    }

    /// The same error with more to say.
    pub(super) fn with_more(self, more: &str) -> Self {
        match self {
            Self::Temporary {
                what,
                why,
                again,
                host,
            } => Self::Temporary {
                what,
                why: format!("{why}; {more}"),
                again,
                host,
            },
            Self::Denied { what, why } => Self::Denied {
                what,
                why: format!("{why}; {more}"),
            },
            Self::Absent { what, why } => Self::Absent {
                what,
                why: format!("{why}; {more}"),
            },
            other => other,
        }
    }

    /// Whether, and when, the same may be asked again.
    pub(super) const fn again(&self) -> Again {
        match self {
            Self::Temporary { again, .. } => *again,
            _ => Again::Useless,
        }
    }

    pub(super) fn denied(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Denied {
            what: what.into(),
            why: why.into(),
        }
    }

    pub(super) fn unsupported(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Unsupported {
            what: what.into(),
            why: why.into(),
        }
    }

    pub(super) fn integrity(
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Integrity {
            what: what.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// The same error, if it is of a limit, with the key that says so.
    pub(super) fn limited_by(self, key: &'static str) -> Self {
        match self {
            Self::TooLarge { what, limit, .. } => Self::TooLarge {
                what,
                limit,
                key: Some(key),
            },
            other => other,
        }
    }

    /// `source` is the bare refusal of the system: an error of `fs_err` would say the path again.
    pub(super) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
        source: impl Into<io::Error>,
    ) -> Self {
        Self::Io {
            doing,
            path: path.into(),
            source: Arc::new(source.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_typed_error_is_found_below_a_decoders_wrapper() {
        #[derive(Debug, thiserror::Error)]
        #[error("while reading the header")]
        struct Wrapper(#[source] io::Error);

        let ours = Error::integrity("a", "b", "c");
        let wrapped = io::Error::other(Wrapper(io::Error::other(ours)));
        assert!(matches!(
            Error::from_io(wrapped),
            Ok(Error::Integrity { .. })
        ));
        assert!(Error::from_io(io::Error::other("another")).is_err());
        assert!(Error::from_io(io::ErrorKind::NotFound.into()).is_err());
    }
}
