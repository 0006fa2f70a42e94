//! The JSON documents of a registry: index, manifest and image config, checked for being what they say.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::model::digest::OciDigest;
use crate::model::platform::Platform;

use super::error::Error;
use super::media_type::{self, DocumentType};

/// Points to content by its digest.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) digest: OciDigest,
    pub(super) size: u64,
    #[serde(default)]
    urls: Option<Vec<String>>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    platform: Option<StatedPlatform>,
}

impl Descriptor {
    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        Some(self.annotations.as_ref()?.get(key)?.as_str())
    }

    /// Whether the bytes are kept elsewhere than in the registry.
    pub(super) fn has_urls(&self) -> bool {
        self.urls.as_ref().is_some_and(|urls| !urls.is_empty())
    }

    pub(super) fn platform(&self) -> Option<&StatedPlatform> {
        self.platform.as_ref()
    }
}

/// A platform in the words of an index or an image config, which may be any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct StatedPlatform {
    #[serde(default)]
    os: Option<String>,
    #[serde(default)]
    architecture: Option<String>,
    #[serde(default)]
    variant: Option<String>,
}

impl StatedPlatform {
    /// As one text; `None` when neither system nor processor is named.
    pub(super) fn text(&self) -> Option<String> {
        let part = |part: &Option<String>| part.clone().filter(|text| !text.is_empty());
        let parts = [part(&self.os), part(&self.architecture)];
        if parts == [None, None] {
            return None;
        }
        let parts = parts.map(|part| part.unwrap_or_else(|| "unknown".to_owned()));
        let variant = part(&self.variant).map(|variant| format!("/{variant}"));
        Some(parts.join("/") + &variant.unwrap_or_default())
    }

    /// As a platform that something can be realized for.
    pub(super) fn platform(&self) -> Option<Platform> {
        self.text()?.parse().ok()
    }
}

/// Manifests of one thing for several platforms.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Index {
    pub(super) manifests: Vec<Descriptor>,
}

/// One image or artifact.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Manifest {
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
}

/// What a digest or tag stands for.
#[derive(Debug, Clone)]
pub(super) enum Document {
    Index(Index),
    Manifest(Box<Manifest>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe {
    schema_version: Option<u64>,
    media_type: Option<String>,
    manifests: Option<IgnoredAny>,
    layers: Option<IgnoredAny>,
    config: Option<IgnoredAny>,
    fs_layers: Option<IgnoredAny>,
}

impl Document {
    /// Reads an index or a manifest. One that could be taken for both is refused, as is one whose `mediaType`
    /// says the other: two clients must not see two things in the same bytes.
    pub(super) fn parse(what: &str, bytes: &[u8]) -> Result<Self, Error> {
        let probe: Probe = json(what, "an image index or manifest", bytes)?;
        if probe.schema_version == Some(1) || probe.fs_layers.is_some() {
            return Err(Error::unsupported(
                what,
                "it is a Docker manifest of schema version 1; push the image again with a current client",
            ));
        }
        let ambiguous = |found: &str| Err(Error::integrity(what, "an index or a manifest", found));
        if probe.schema_version != Some(2) {
            return ambiguous("a document without `schemaVersion` 2");
        }
        let stated = probe.media_type.as_deref();
        let kind = match (
            probe.manifests.is_some(),
            probe.layers.is_some() || probe.config.is_some(),
        ) {
            (true, false) => DocumentType::Index,
            (false, true) => DocumentType::Manifest,
            (true, true) => return ambiguous("a document that is both"),
            (false, false) => return ambiguous("a document that is neither"),
        };
        match stated.map(media_type::document) {
            Some(DocumentType::Other) => {
                let stated = stated.unwrap_or_default().escape_default();
                let why = format!("its media type is `{stated}`, neither an index nor a manifest");
                Err(Error::unsupported(what, why))
            }
            Some(stated) if stated != kind => ambiguous("a `mediaType` that says the other"),
            _ if kind == DocumentType::Index => {
                Ok(Self::Index(json(what, "an image index", bytes)?))
            }
            _ => Ok(Self::Manifest(Box::new(json(
                what,
                "an image manifest",
                bytes,
            )?))),
        }
    }
}

/// What matters of an image config; `{}` says nothing and is fine.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Config {
    #[serde(flatten)]
    platform: StatedPlatform,
    #[serde(default)]
    rootfs: Option<RootFs>,
}

#[derive(Debug, Clone, Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Option<Vec<OciDigest>>,
}

impl Config {
    /// Reads a config, which is a JSON object of whatever type.
    pub(super) fn parse(what: &str, bytes: &[u8]) -> Result<Self, Error> {
        // A struct would also be read from an array.
        let object: serde_json::Map<String, serde_json::Value> =
            json(what, "a config that is a JSON object", bytes)?;
        serde_json::from_value(object.into()).map_err(|error| {
            Error::integrity(
                what,
                "a config with platform and diff_ids",
                error.to_string(),
            )
        })
    }

    /// The platform that it names, if any.
    pub(super) fn platform(&self) -> &StatedPlatform {
        &self.platform
    }

    /// Digests of the uncompressed layers, where it has them.
    pub(super) fn diff_ids(&self) -> Option<&[OciDigest]> {
        self.rootfs.as_ref()?.diff_ids.as_deref()
    }
}

/// Reads JSON, or says what should have stood there.
pub(super) fn json<'b, T: Deserialize<'b>>(
    what: &str,
    expected: &str,
    bytes: &'b [u8],
) -> Result<T, Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::integrity(what, expected, format!("something else ({error})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Document::parse("x", text.as_bytes())
            .err()
            .map_or_else(|| "taken".to_owned(), |error| error.to_string())
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let config = r#""config":{"digest":"sha256:0","size":1}"#;
        assert!(refusal(r#"{"schemaVersion":2,"manifests":[],"layers":[]}"#).contains("both"));
        assert!(
            refusal(&format!(r#"{{"schemaVersion":2,"manifests":[],{config}}}"#)).contains("both")
        );
        assert!(refusal(r#"{"schemaVersion":2}"#).contains("neither"));
        assert!(refusal(r#"{"manifests":[]}"#).contains("schemaVersion"));
        let other = "application/vnd.oci.image.manifest.v1+json";
        assert!(
            refusal(&format!(
                r#"{{"schemaVersion":2,"mediaType":"{other}","manifests":[]}}"#
            ))
            .contains("says the other")
        );
        assert!(
            refusal(r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#).contains("duplicate")
        );
    }

    #[test]
    fn old_and_unknown_documents_are_refused_by_name() {
        assert!(refusal(r#"{"schemaVersion":1,"fsLayers":[]}"#).contains("schema version 1"));
        let artifact = "application/vnd.oci.artifact.manifest.v1+json";
        let text = format!(r#"{{"schemaVersion":2,"mediaType":"{artifact}","layers":[]}}"#);
        assert!(refusal(&text).contains(artifact));
        assert_eq!(refusal(r#"{"schemaVersion":2,"manifests":[]}"#), "taken");
    }

    #[test]
    fn a_config_is_any_object() {
        let empty = Config::parse("x", b"{}").unwrap();
        assert_eq!((empty.diff_ids(), empty.platform().text()), (None, None));
        assert!(Config::parse("x", b"[]").is_err());
        assert!(Config::parse("x", b"[null,null]").is_err());
        let config =
            br#"{"os":"linux","architecture":"arm","variant":"v7","rootfs":{"diff_ids":[]},"x":1}"#;
        let config = Config::parse("x", config).unwrap();
        assert_eq!(
            config.platform().platform().unwrap().as_str(),
            "linux/arm/v7"
        );
        assert_eq!(config.diff_ids(), Some(&[][..]));
    }
}
