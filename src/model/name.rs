//! Names that people choose, checked once: environments, versions, profiles, artifact roles.

use std::fmt;
use std::str::FromStr;

use super::string_form::string_form;

/// Why a text is not a name; the message says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not {what}: {rule}")]
pub struct NameError {
    what: &'static str,
    rule: &'static str,
    found: String,
}

impl NameError {
    fn new(what: &'static str, rule: &'static str, found: &str) -> Self {
        let found = found
            .chars()
            .take(100)
            .flat_map(char::escape_default)
            .collect();
        Self { what, rule, found }
    }
}

fn is_word_start(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit()
}

fn is_word_byte(b: u8) -> bool {
    is_word_start(b) || matches!(b, b'.' | b'_' | b'+' | b'-')
}

fn is_word(text: &str) -> bool {
    text.bytes().next().is_some_and(is_word_start) && text.bytes().all(is_word_byte)
}

macro_rules! text_type {
    ($(#[$about:meta])* $type:ident, $pattern:literal, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// The text as it was written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError::new($what, $rule, text))
                }
            }
        }

        string_form!($type, stringify!($type), $pattern, $rule);
    };
}

text_type!(
    /// An environment's name, such as `debian:12` or `ci/toolchain`.
    ///
    /// ```
    /// use pyro::model::name::EnvName;
    /// let name: EnvName = "debian:12".parse()?;
    /// assert_eq!(name.file_stem(), "debian_12");
    /// assert!("../etc".parse::<EnvName>().is_err());
    /// # Ok::<(), pyro::model::name::NameError>(())
    /// ```
    EnvName,
    r"^[a-z0-9][a-z0-9._+-]*([:/][a-z0-9][a-z0-9._+-]*)*$",
    "an environment name",
    "words of `a-z 0-9 . _ + -` that begin with a letter or digit, joined by `:` or `/`, at most 80 bytes",
    |text| text.len() <= 80 && text.split([':', '/']).all(is_word)
);

impl EnvName {
    /// The name as it stands in file names: `:` and `/` become `_`, so two names can share one stem.
    #[must_use]
    pub fn file_stem(&self) -> String {
        self.0.replace([':', '/'], "_")
    }
}

text_type!(
    /// An environment's version: free text that only people compare.
    ///
    /// ```
    /// use pyro::model::name::Version;
    /// assert_eq!("1.0.0".parse::<Version>()?.as_str(), "1.0.0");
    /// # Ok::<(), pyro::model::name::NameError>(())
    /// ```
    Version,
    r"^[A-Za-z0-9._+-]{1,64}$",
    "a version",
    "one to 64 of `A-Z a-z 0-9 . _ + -`",
    |text| (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'+' | b'-'))
);

text_type!(
    /// A profile's name; names that begin with `@` belong to out-links and cannot be typed.
    ///
    /// ```
    /// use pyro::model::name::ProfileName;
    /// assert!("ci".parse::<ProfileName>().is_ok());
    /// assert!("@ci".parse::<ProfileName>().is_err());
    /// ```
    ProfileName,
    r"^@?[a-z0-9][a-z0-9._+-]*$",
    "a profile name",
    "`a-z 0-9 . _ + -`, beginning with a letter or digit, at most 80 bytes",
    |text| text.len() <= 80 && is_word(text)
);

impl ProfileName {
    /// The profile `pulled` that `env pull` roots things in.
    #[must_use]
    pub fn pulled() -> Self {
        Self("pulled".to_owned())
    }

    /// The profile of a declaration that names none: its folder's name and eight digits of its path's hash.
    ///
    /// `folder` may be anything; what a profile name cannot hold becomes `_`.
    #[must_use]
    pub fn automatic(folder: &str, path_hash: &super::digest::FileHash) -> Self {
        let mut stem: String = folder
            .to_lowercase()
            .bytes()
            .take(60)
            .map(|b| if is_word_byte(b) { char::from(b) } else { '_' })
            .collect();
        if !stem.bytes().next().is_some_and(is_word_start) {
            stem.insert(0, 'p');
        }
        Self(format!("{stem}-{}", &path_hash.to_string()[..8]))
    }

    /// The profile that belongs to one out-link, `@` and its id.
    #[must_use]
    pub fn of_out_link(id: &super::digest::FileHash) -> Self {
        Self(format!("@{id}"))
    }

    /// Reads a folder name under `profiles/`, where out-links' profiles stand too.
    ///
    /// # Errors
    /// When it is neither a profile name nor `@` and an id.
    pub fn from_folder(text: &str) -> Result<Self, NameError> {
        match text.strip_prefix('@') {
            Some(id) if id.parse::<super::digest::FileHash>().is_ok() => Ok(Self(text.to_owned())),
            Some(_) => Err(NameError::new(
                "a profile name",
                "`@` and 64 hex digits",
                text,
            )),
            None => text.parse(),
        }
    }

    /// Whether this profile belongs to an out-link.
    #[must_use]
    pub fn is_out_link(&self) -> bool {
        self.0.starts_with('@')
    }
}

text_type!(
    /// What an artifact is for: `kernel`, `rootfs`, `initrd`, `modules`, or a word of your own.
    ///
    /// ```
    /// use pyro::model::name::Role;
    /// assert!("kernel".parse::<Role>()?.is_file());
    /// assert!(!"modules".parse::<Role>()?.is_file());
    /// # Ok::<(), pyro::model::name::NameError>(())
    /// ```
    Role,
    r"^[a-z][a-z0-9-]{0,31}$",
    "an artifact role",
    "a lower-case letter, then letters, digits and `-`, at most 32",
    |text| (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);

impl Role {
    /// Whether the artifact is one ordinary file; only `modules` is a folder.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.0 != "modules"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::FileHash;

    #[test]
    fn names_that_climb_or_hide_are_refused() {
        for bad in [
            "", ".", "..", "a//b", "a/", "/a", ":a", "A", "a b", "a\0", "é", "-a", ".a", "a/.b",
        ] {
            assert!(bad.parse::<EnvName>().is_err(), "{bad:?}");
        }
        assert!("a".repeat(81).parse::<EnvName>().is_err());
        for good in ["a", "debian:12-base", "ci/tool_chain+1.2", "0"] {
            assert!(good.parse::<EnvName>().is_ok(), "{good:?}");
        }
    }

    #[test]
    fn automatic_profile_names_can_be_typed() {
        let hash = FileHash::of(b"/x");
        for folder in ["My Project", "", ".hidden", "é", "a".repeat(200).as_str()] {
            let name = ProfileName::automatic(folder, &hash);
            assert_eq!(
                name.as_str().parse::<ProfileName>(),
                Ok(name.clone()),
                "{folder:?}"
            );
        }
    }
}
