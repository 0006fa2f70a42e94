//! `config.toml`: what a user or a machine sets for good. Reading is strict; a mistake is named with its place.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::SettingsError;
use crate::cli::args::{DurabilityChoice, EngineChoice};
use crate::cli::quantity::{Size, Timespan};

/// The file as it is written.
///
/// ```
/// use pyro::cli::settings::config_file::ConfigFile;
/// let file = ConfigFile::parse("[registry.\"localhost:5000\"]\ninsecure = true\n")?;
/// assert_eq!(file.registry["localhost:5000"].insecure, Some(true));
/// # Ok::<(), pyro::cli::settings::config_file::Mistake>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "pyro configuration (config.toml)")]
pub struct ConfigFile {
    /// The store.
    #[serde(default)]
    pub store: StoreSection,
    /// What collections are limited to; with any of these, one follows each realization that added something.
    #[serde(default)]
    pub gc: GcSection,
    /// How the network is waited for.
    #[serde(default)]
    pub http: HttpSection,
    /// What a source may come to, against those that unpack to more than anybody meant.
    #[serde(default)]
    pub limits: LimitsSection,
    /// What `pyro run` does where its flags do not say.
    #[serde(default)]
    pub run: RunSection,
    /// Registries, by host and, where it is not the usual one, port.
    #[serde(default, deserialize_with = "registries")]
    pub registry: BTreeMap<String, RegistrySection>,
}

/// `[store]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StoreSection {
    /// Its folder, an absolute path.
    #[serde(default, deserialize_with = "absolute_path")]
    #[schemars(with = "Option<String>")]
    pub path: Option<PathBuf>,
    /// The folder of a store beneath it, which is only read; an absolute path.
    #[serde(default, deserialize_with = "absolute_path")]
    #[schemars(with = "Option<String>")]
    pub lower: Option<PathBuf>,
    /// How long to wait for a lock that somebody else holds.
    #[serde(default)]
    pub lock_timeout: Option<Timespan>,
    /// Whether what is made is on the disk before it shows.
    #[serde(default)]
    pub durability: Option<DurabilityChoice>,
}

/// `[gc]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GcSection {
    /// Generations that have not been live for so long go, and paths that nothing holds and nobody used for so long.
    #[serde(default)]
    pub older_than: Option<Timespan>,
    /// How much all store paths together may take on the disk.
    #[serde(default)]
    pub max_size: Option<Size>,
    /// How much of the file system shall be free.
    #[serde(default)]
    pub min_free: Option<Size>,
    /// How many generations each profile keeps.
    #[serde(default)]
    pub keep: Option<usize>,
}

/// `[http]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpSection {
    /// How many seconds a connection may take to stand; 10 if not set.
    #[serde(default)]
    pub connect_seconds: Option<NonZeroU32>,
    /// A transfer that brings less than `min-rate` over so many seconds has stalled; 30 if not set.
    #[serde(default)]
    pub idle_seconds: Option<NonZeroU32>,
    /// The slowest transfer that is waited for, in bytes a second; `1K` if not set.
    #[serde(default)]
    pub min_rate: Option<Size>,
    /// How often in a row a request that failed is sent again where that may help; 5 if not set.
    #[serde(default)]
    pub retries: Option<u32>,
    /// How many seconds a credential helper may take; 30 if not set.
    #[serde(default)]
    pub helper_seconds: Option<NonZeroU32>,
}

/// `[limits]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LimitsSection {
    /// How many entries a source may have; 4000000 if nothing else is said. Folders that a name implies count, and a
    /// name with its target counts once more for every 256 bytes.
    #[serde(default)]
    pub max_entries: Option<u64>,
    /// How many bytes a source may have when it is unpacked, holes and all; 1T if nothing else is said.
    #[serde(default)]
    pub max_unpacked: Option<Size>,
    /// How many bytes may be written for each byte of a source that was read; 250 if nothing else is said. Looked at
    /// from 64 MiB on; blocks of zeros are not written and do not count.
    #[serde(default)]
    pub max_ratio: Option<u64>,
    /// How long a manifest, index or config of an image may be; 4M if nothing else is said.
    #[serde(default)]
    pub max_manifest: Option<Size>,
}

/// `[run]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RunSection {
    /// What runs the machine; `auto` if not set.
    #[serde(default)]
    pub engine: Option<EngineChoice>,
    /// How many processors it has; 1 if not set.
    #[serde(default)]
    pub vcpu_count: Option<NonZeroU32>,
    /// How much memory it has, in MiB; 512 if not set.
    #[serde(default)]
    pub mem_mib: Option<NonZeroU32>,
    /// How much a command may write, which is held in the machine's memory; half of that if not set.
    #[serde(default)]
    pub scratch_size: Option<Size>,
    /// How many seconds the machine may take to come up; 60 if not set.
    #[serde(default)]
    pub boot_timeout_seconds: Option<NonZeroU32>,
    /// How many seconds a command may take; no limit if not set.
    #[serde(default)]
    pub timeout_seconds: Option<NonZeroU32>,
}

/// `[registry."HOST"]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RegistrySection {
    /// Whether plain HTTP may be spoken; credentials stay at home then.
    #[serde(default)]
    pub insecure: Option<bool>,
    /// Hosts besides this one that may be given its credentials for a token.
    #[serde(default, deserialize_with = "hosts")]
    pub token_realms: Option<Vec<String>>,
    /// Hosts that are asked first, in this order; behind each may stand the beginning of all its repositories.
    #[serde(default, deserialize_with = "mirrors")]
    pub mirrors: Option<Vec<String>>,
    /// Whether the registry itself is asked for what no mirror has; it is, if not set.
    #[serde(default)]
    pub fallback: Option<bool>,
    /// A file with certificates in PEM form that are trusted for this host besides the system's; an absolute path.
    #[serde(default, deserialize_with = "absolute_path")]
    #[schemars(with = "Option<String>")]
    pub ca: Option<PathBuf>,
}

/// What is wrong with the text of a file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Mistake {
    /// What is wrong and what was expected.
    pub message: String,
    /// The bytes that are meant.
    pub span: std::ops::Range<usize>,
}

impl ConfigFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// When it is not TOML, or has a key or value that is not known.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        toml::from_str(text).map_err(|error| Mistake {
            message: error.message().trim_end().replace('\n', ", "),
            span: error.span().unwrap_or(0..0),
        })
    }

    /// Reads a file; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be read, or [`ConfigFile::parse`] refuses it.
    pub fn read(path: &Path) -> Result<Option<Self>, SettingsError> {
        let text = match fs_err::read_to_string(path) {
            Ok(text) => text,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(SettingsError::Unreadable(error)),
        };
        match Self::parse(&text) {
            Ok(file) => Ok(Some(file)),
            Err(mistake) => Err(SettingsError::File {
                path: path.to_owned(),
                mistake,
                text,
            }),
        }
    }
}

fn absolute_path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    if path.is_absolute() {
        Ok(Some(path))
    } else {
        Err(serde::de::Error::custom("expected an absolute path"))
    }
}

/// Whether a text can be a host with an optional port, and no URL, path or credentials.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let ip6 = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let named = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
    let host_fits = match ip6 {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(named),
    };
    host_fits && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

const HOST_RULE: &str =
    "expected a lower-case host name, with `:` and a port if it has one, without `https://`";

fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let hosts = Vec::<String>::deserialize(deserializer)?;
    match hosts.iter().find(|host| !is_host(host)) {
        None => Ok(Some(hosts)),
        Some(bad) => Err(serde::de::Error::custom(format!("`{bad}`: {HOST_RULE}"))),
    }
}

/// Whether a text can be a host, perhaps with the beginning of a repository behind it.
fn is_mirror(text: &str) -> bool {
    let (host, prefix) = text.split_once('/').unwrap_or((text, "a"));
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    let part = |part: &str| {
        part.bytes().all(fits) && part.starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    is_host(host) && prefix.split('/').all(part)
}

fn mirrors<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let mirrors = Vec::<String>::deserialize(deserializer)?;
    match mirrors.iter().find(|mirror| !is_mirror(mirror)) {
        None => Ok(Some(mirrors)),
        Some(bad) => Err(serde::de::Error::custom(format!(
            "`{bad}`: {HOST_RULE}; behind it may stand `/` and the beginning of a repository"
        ))),
    }
}

fn registries<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, RegistrySection>, D::Error> {
    let registries = BTreeMap::<String, RegistrySection>::deserialize(deserializer)?;
    match registries.keys().find(|host| !is_host(host)) {
        None => Ok(registries),
        Some(bad) => Err(serde::de::Error::custom(format!("`{bad}`: {HOST_RULE}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str) -> (String, String) {
        let mistake = ConfigFile::parse(text).unwrap_err();
        (mistake.message, text[mistake.span].to_owned())
    }

    #[test]
    fn an_unknown_key_is_pointed_at() {
        let (message, at) = mistake("[store]\nlock-timout = \"1s\"\n");
        assert_eq!(at, "lock-timout");
        assert_eq!(
            message,
            "unknown field `lock-timout`, expected one of `path`, `lower`, `lock-timeout`, `durability`"
        );
        let (message, at) = mistake("[stroe]\npath = \"/x\"\n");
        assert_eq!(at, "stroe");
        assert!(message.starts_with("unknown field `stroe`"), "{message}");
    }

    #[test]
    fn a_bad_value_is_pointed_at() {
        let (message, at) = mistake("[store]\nlock-timeout = \"soon\"\n");
        assert_eq!(at, "\"soon\"");
        assert!(message.starts_with("`soon` is not a duration"), "{message}");
        let (message, at) = mistake("[store]\npath = \"here\"\n");
        assert_eq!(
            (message.as_str(), at.as_str()),
            ("expected an absolute path", "\"here\"")
        );
    }

    #[test]
    fn a_registry_is_named_by_its_host_alone() {
        for bad in [
            "https://ghcr.io",
            "ghcr.io/x",
            "GHCR.io",
            "me@ghcr.io",
            "",
            "a:b",
            "a b",
        ] {
            assert!(!is_host(bad), "{bad:?}");
        }
        for good in [
            "ghcr.io",
            "localhost:5000",
            "127.0.0.1:5000",
            "[::1]:5000",
            "[::1]",
        ] {
            assert!(is_host(good), "{good:?}");
        }
        for bad in [
            "",
            "/",
            "a/",
            "a//b",
            "a/../b",
            "https://a/b",
            "a/B",
            "a/.b",
            "a/b?c",
        ] {
            assert!(!is_mirror(bad), "{bad:?}");
        }
        for good in ["a.example", "a:5000/b", "[::1]:5000/b/c-d_e.f"] {
            assert!(is_mirror(good), "{good:?}");
        }
        assert!(ConfigFile::parse("[registry.\"https://a\"]\n").is_err());
        assert!(ConfigFile::parse("[registry.a]\ntoken-realms = [\"https://b\"]\n").is_err());
    }
}
