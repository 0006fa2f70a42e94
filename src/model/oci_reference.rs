//! A reference to something in a registry: host, repository, tag or digest.

use std::str::FromStr;

use oci_spec::distribution::Reference;

use super::digest::OciDigest;

/// Why a text is not a reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not an image reference: {why}")]
pub struct OciReferenceError {
    found: String,
    why: String,
}

impl OciReferenceError {
    pub(super) fn new(found: &str, why: &str) -> Self {
        Self {
            found: found
                .chars()
                .take(200)
                .flat_map(char::escape_default)
                .collect(),
            why: why.to_owned(),
        }
    }
}

/// `[HOST/]REPOSITORY[:TAG][@DIGEST]`, completed as registries' clients do (`debian` is `docker.io/library/debian:latest`).
///
/// ```
/// use pyro::model::oci_reference::OciReference;
/// let reference: OciReference = "127.0.0.1:5000/team/tools:1.0".parse()?;
/// assert_eq!((reference.registry(), reference.repository()), ("127.0.0.1:5000", "team/tools"));
/// assert_eq!(reference.tag(), Some("1.0"));
/// # Ok::<(), pyro::model::oci_reference::OciReferenceError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciReference {
    declared: String,
    reference: Reference,
    digest: Option<OciDigest>,
}

impl OciReference {
    /// The text as it was declared.
    #[must_use]
    pub fn as_declared(&self) -> &str {
        &self.declared
    }

    /// Host and port, such as `docker.io` or `127.0.0.1:5000`.
    #[must_use]
    pub fn registry(&self) -> &str {
        self.reference.registry()
    }

    /// The repository, such as `library/debian`.
    #[must_use]
    pub fn repository(&self) -> &str {
        self.reference.repository()
    }

    /// The tag; a reference without a digest always has one.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.reference.tag()
    }

    /// The digest, where the author pinned one.
    #[must_use]
    pub fn digest(&self) -> Option<OciDigest> {
        self.digest
    }
}

impl FromStr for OciReference {
    type Err = OciReferenceError;

    fn from_str(text: &str) -> Result<Self, OciReferenceError> {
        let fail = |why: &str| OciReferenceError::new(text, why);
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(fail(&format!(
                "leave `{scheme}://` out; the scheme is not part of a reference"
            )));
        }
        let reference: Reference = text
            .parse()
            .map_err(|error: oci_spec::distribution::ParseError| fail(&error.to_string()))?;
        let digest = match reference.digest() {
            None => None,
            Some(digest) => Some(
                digest
                    .parse::<OciDigest>()
                    .map_err(|error| fail(&error.to_string()))?,
            ),
        };
        Ok(Self {
            declared: text.to_owned(),
            reference,
            digest,
        })
    }
}
