//! A reference to something in a registry: host, repository, tag or digest.

use std::str::FromStr;

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
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<OciDigest>,
}

/// The registry of a reference that names none.
const DEFAULT_REGISTRY: &str = "docker.io";

impl OciReference {
    /// The text as it was declared.
    #[must_use]
    pub fn as_declared(&self) -> &str {
        &self.declared
    }

    /// Host and port, such as `docker.io` or `127.0.0.1:5000`.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository, such as `library/debian`.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; a reference without a digest always has one.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
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
        let (rest, digest) = match text.split_once('@') {
            None => (text, None),
            Some((rest, digest)) => (
                rest,
                Some(
                    digest
                        .parse::<OciDigest>()
                        .map_err(|error| fail(&error.to_string()))?,
                ),
            ),
        };
        // A colon after the last slash begins a tag; before it, a port.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(fail(
                "a tag is one to 128 of `A-Z a-z 0-9 _ . -` and does not begin with `.` or `-`",
            ));
        }
        let (registry, repository) = match name.split_once('/') {
            Some((host, rest)) if is_host(host) => (host, rest.to_owned()),
            Some(_) => (DEFAULT_REGISTRY, name.to_owned()),
            None => (DEFAULT_REGISTRY, format!("library/{name}")),
        };
        let registry = if registry == "index.docker.io" {
            DEFAULT_REGISTRY
        } else {
            registry
        };
        let library = registry == DEFAULT_REGISTRY && !repository.contains('/');
        let repository = if library {
            format!("library/{repository}")
        } else {
            repository
        };
        if !is_repository(&repository) {
            let rule = "a repository is lower-case words joined by `/`, of `a-z 0-9` with `.`, `_`, `__` or `-` between";
            return Err(fail(rule));
        }
        let tag = match (tag, digest) {
            (Some(tag), _) => Some(tag.to_owned()),
            (None, Some(_)) => None,
            (None, None) => Some("latest".to_owned()),
        };
        Ok(Self {
            declared: text.to_owned(),
            registry: registry.to_owned(),
            repository,
            tag,
            digest,
        })
    }
}

/// A registry by itself, as references name it.
///
/// ```
/// use pyro::model::oci_reference::RegistryHost;
/// let host: RegistryHost = "Index.docker.io".parse()?;
/// assert_eq!(host.as_str(), "docker.io");
/// assert!("https://registry.example/team".parse::<RegistryHost>().is_err());
/// # Ok::<(), pyro::model::oci_reference::OciReferenceError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryHost(String);

impl RegistryHost {
    /// Host, and port where one was said.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RegistryHost {
    type Err = OciReferenceError;

    fn from_str(text: &str) -> Result<Self, OciReferenceError> {
        if !is_host(text) {
            let why =
                "a registry is a host with a dot, a port or both, or localhost; no scheme, no path";
            return Err(OciReferenceError::new(text, why));
        }
        let host = text.to_ascii_lowercase();
        Ok(Self(match host.as_str() {
            "index.docker.io" | "registry-1.docker.io" => DEFAULT_REGISTRY.to_owned(),
            _ => host,
        }))
    }
}

fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// The first word is a host if it could not be a repository's: it has a dot, a port, brackets, or is localhost.
fn is_host(word: &str) -> bool {
    let (host, port) = match word.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (word, None),
    };
    let named =
        host == "localhost" || host.contains('.') || host.starts_with('[') || port.is_some();
    let valid_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let valid_host = match host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        }),
    };
    named && valid_port && valid_host
}

fn is_repository(repository: &str) -> bool {
    let is_word = |word: &str| {
        let alphanumeric =
            |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let separators_fit = word
            .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            .all(|separator| {
                matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-')
            });
        alphanumeric(word.bytes().next()) && alphanumeric(word.bytes().last()) && separators_fit
    };
    repository.len() <= 255 && repository.split('/').all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, String, Option<String>) {
        let reference: OciReference = text.parse().unwrap();
        (reference.registry, reference.repository, reference.tag)
    }

    #[test]
    fn references_are_completed_as_clients_do() {
        let of = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), Some(c.to_owned()));
        assert_eq!(parts("debian"), of("docker.io", "library/debian", "latest"));
        assert_eq!(
            parts("docker.io/debian:12"),
            of("docker.io", "library/debian", "12")
        );
        assert_eq!(
            parts("index.docker.io/a/b"),
            of("docker.io", "a/b", "latest")
        );
        assert_eq!(
            parts("team/tools:1.0"),
            of("docker.io", "team/tools", "1.0")
        );
        assert_eq!(parts("localhost/a"), of("localhost", "a", "latest"));
        assert_eq!(
            parts("host:5000/a/b-c__d:x"),
            of("host:5000", "a/b-c__d", "x")
        );
        assert_eq!(parts("[::1]:5000/a"), of("[::1]:5000", "a", "latest"));
        let digest = format!("sha256:{}", "a".repeat(64));
        assert_eq!(
            parts(&format!("ghcr.io/a/b@{digest}")),
            ("ghcr.io".into(), "a/b".into(), None)
        );
        assert_eq!(
            parts(&format!("ghcr.io/a/b:t@{digest}")),
            of("ghcr.io", "a/b", "t")
        );
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for bad in [
            "",
            "A",
            "a//b",
            "a:",
            "a:b c",
            "a@sha256:00",
            "a/../b",
            "a..b/c",
            "-a",
            "a-",
            "https://a/b",
            "a:-b",
        ] {
            assert!(bad.parse::<OciReference>().is_err(), "{bad:?}");
        }
    }

    proptest::proptest! {
        /// Whatever is accepted is made of the characters that a URL path takes as they are.
        #[test]
        fn accepted_parts_are_plain(text in "[a-z0-9:/@._-]{0,40}") {
            if let Ok(reference) = text.parse::<OciReference>() {
                let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-');
                proptest::prop_assert!(reference.repository.bytes().all(plain));
                proptest::prop_assert!(!reference.repository.contains(".."));
            }
        }
    }
}
