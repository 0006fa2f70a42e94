//! What a registry is shown, and where that comes from.

use std::fmt;
use std::path::PathBuf;

use super::super::secret::Secret;

/// The user name by which helpers say that the secret is an identity token.
const TOKEN_USER: &str = "<token>";

/// A login, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fetch) struct Login {
    pub(in crate::fetch) source: Source,
    pub(in crate::fetch) means: Means,
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fetch) enum Means {
    Nothing,
    /// The `Authorization` of the Basic scheme.
    Password(Secret),
    /// Good for tokens at the token server, and for nothing else.
    IdentityToken(Secret),
}

/// Where a login comes from, in words that may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fetch) enum Source {
    Anonymous,
    /// What somebody asks to store.
    Given,
    File(PathBuf),
    Helper(String),
}

impl Login {
    pub(in crate::fetch) const fn anonymous() -> Self {
        Self {
            source: Source::Anonymous,
            means: Means::Nothing,
        }
    }

    pub(in crate::fetch) fn given(user: &str, secret: &Secret) -> Self {
        Self {
            source: Source::Given,
            means: Means::of(user, secret),
        }
    }
}

impl Means {
    /// What a user name and a secret stand for.
    pub(super) fn of(user: &str, secret: &Secret) -> Self {
        if user == TOKEN_USER {
            Self::IdentityToken(secret.clone())
        } else {
            Self::Password(Secret::basic(user, secret))
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::Given => f.write_str("this command"),
            Self::File(path) => path.display().fmt(f),
            Self::Helper(name) => write!(f, "credential helper {name}"),
        }
    }
}
