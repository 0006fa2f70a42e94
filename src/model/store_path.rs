//! The name of a store path: digest of its manifest, environment, version.

use std::fmt;
use std::str::FromStr;

use super::digest::StoreHash;
use super::name::{EnvName, Version};
use super::string_form::string_form;

/// Why a file name is not a store path's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a store path name: `{0}`")]
pub struct StorePathNameError(String);

/// `<blake3>-<name>-<version>`, one component.
///
/// ```
/// use pyro::model::{digest::StoreHash, store_path::StorePathName};
/// let name = StorePathName::new(StoreHash::of(b"{}"), &"debian:12".parse()?, &"1.0.0".parse()?);
/// assert!(name.as_str().ends_with("-debian_12-1.0.0"));
/// assert_eq!(name.as_str().parse::<StorePathName>()?.hash(), name.hash());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorePathName(String);

impl StorePathName {
    /// The name of the store path whose manifest hashes to `hash`.
    #[must_use]
    pub fn new(hash: StoreHash, name: &EnvName, version: &Version) -> Self {
        Self(format!("{hash}-{}-{version}", name.file_stem()))
    }

    /// The file name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digest that it begins with.
    #[must_use]
    pub fn hash(&self) -> StoreHash {
        // Both constructors put 64 hex digits there.
        self.0
            .get(..64)
            .and_then(|hex| hex.parse().ok())
            .unwrap_or(StoreHash::from_bytes([0; 32]))
    }

    /// What a person calls it: name and version, without the digest.
    #[must_use]
    pub fn label(&self) -> &str {
        self.0.get(65..).unwrap_or_default()
    }
}

impl fmt::Display for StorePathName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for StorePathName {
    type Err = StorePathNameError;

    fn from_str(text: &str) -> Result<Self, StorePathNameError> {
        let valid = text.len() <= 255
            && text
                .get(..64)
                .is_some_and(|hex| hex.parse::<StoreHash>().is_ok())
            && text.get(64..).is_some_and(|rest| {
                rest.len() > 1
                    && rest.starts_with('-')
                    && rest.bytes().all(|b| {
                        b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'+' | b'-')
                    })
            });
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(StorePathNameError(
                text.chars()
                    .take(100)
                    .flat_map(char::escape_default)
                    .collect(),
            ))
        }
    }
}

string_form!(
    StorePathName,
    "StorePathName",
    "^[0-9a-f]{64}-[A-Za-z0-9._+-]+$",
    "digest of the manifest, name and version of the environment"
);
