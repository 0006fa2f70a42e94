//! What an environment runs on: operating system, processor and, where it matters, the processor's variant.

use std::fmt;
use std::str::FromStr;

use super::string_form::string_form;

/// Why a text is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a platform: expected os/architecture as registries write it, such as linux/amd64"
)]
pub struct PlatformError(String);

/// `os/architecture[/variant]` in the words of the OCI image index, such as `linux/arm64`.
///
/// ```
/// use pyro::model::platform::Platform;
/// let platform: Platform = "linux/arm/v7".parse()?;
/// assert_eq!((platform.os(), platform.architecture(), platform.variant()), ("linux", "arm", Some("v7")));
/// # Ok::<(), pyro::model::platform::PlatformError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform(String);

impl Platform {
    /// The platforms that `lock` writes when a declaration names none.
    #[must_use]
    pub fn usual() -> [Self; 2] {
        [Self("linux/amd64".into()), Self("linux/arm64".into())]
    }

    /// The platform of this binary.
    #[must_use]
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Self(format!("linux/{architecture}"))
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn part(&self, n: usize) -> Option<&str> {
        self.0.split('/').nth(n)
    }

    /// The operating system.
    #[must_use]
    pub fn os(&self) -> &str {
        self.part(0).unwrap_or_default()
    }

    /// The processor architecture.
    #[must_use]
    pub fn architecture(&self) -> &str {
        self.part(1).unwrap_or_default()
    }

    /// The processor variant, where one is named.
    #[must_use]
    pub fn variant(&self) -> Option<&str> {
        self.part(2)
    }

    /// The platform as a link's suffix: `linux-arm64`.
    #[must_use]
    pub fn file_stem(&self) -> String {
        self.0.replace('/', "-")
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let word = |part: &str| {
            (1..=32).contains(&part.len())
                && part.bytes().all(|b| {
                    b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.')
                })
                && part
                    .bytes()
                    .next()
                    .is_some_and(|b| b.is_ascii_alphanumeric())
        };
        let parts: Vec<_> = text.split('/').collect();
        if matches!(parts.len(), 2 | 3) && parts.iter().all(|part| word(part)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PlatformError(
                text.chars()
                    .take(80)
                    .flat_map(char::escape_default)
                    .collect(),
            ))
        }
    }
}

string_form!(
    Platform,
    "Platform",
    "^[a-z0-9][a-z0-9_.]*/[a-z0-9][a-z0-9_.]*(/[a-z0-9][a-z0-9_.]*)?$",
    "os/architecture, or os/architecture/variant, as in an OCI image index"
);
