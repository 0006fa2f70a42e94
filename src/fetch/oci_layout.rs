//! A folder of the OCI image layout: `oci-layout`, `index.json`, `blobs/<algorithm>/<hex>`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::model::digest::OciDigest;

use super::Fetcher;
use super::archive::open_file;
use super::document::{Document, Index, json};
use super::error::Error;
use super::fetched::Fetched;
use super::meter::Meter;
use super::verify::{Expected, Verifier};

const REF_NAME: &str = "org.opencontainers.image.ref.name";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

/// An open layout.
pub(super) struct Layout<'f> {
    fetcher: &'f Fetcher<'f>,
    folder: PathBuf,
}

impl<'f> Layout<'f> {
    /// Checks that the folder is a layout of a known version.
    pub(super) fn open(fetcher: &'f Fetcher<'_>, folder: &Path) -> Result<Self, Error> {
        let layout = Self {
            fetcher,
            folder: folder.to_owned(),
        };
        let path = folder.join("oci-layout");
        let what = path.display().to_string();
        let marker: Marker = json(&what, "the marker of an OCI layout", &layout.bytes(&path)?)?;
        let version = marker.image_layout_version;
        if version.starts_with("1.") {
            Ok(layout)
        } else {
            let why = format!("it is of version {}, not 1.x", version.escape_default());
            Err(Error::unsupported(what, why))
        }
    }

    pub(super) fn name(&self, digest: &OciDigest) -> String {
        format!("oci-layout:{}@{digest}", self.folder.display())
    }

    /// The entries of `index.json` with this tag; without one, all of them if they are one image.
    pub(super) fn index(&self, tag: Option<&str>) -> Result<Index, Error> {
        let path = self.folder.join("index.json");
        let what = path.display().to_string();
        let Document::Index(mut index) = Document::parse(&what, &self.bytes(&path)?)? else {
            return Err(Error::integrity(what, "an image index", "a manifest"));
        };
        let tags: Vec<String> = index
            .manifests
            .iter()
            .filter_map(|entry| Some(entry.annotation(REF_NAME)?.escape_default().to_string()))
            .collect();
        match tag {
            Some(tag) => index
                .manifests
                .retain(|entry| entry.annotation(REF_NAME) == Some(tag)),
            None if index.manifests.len() > 1 && !tags.is_empty() => {
                let why = format!(
                    "it holds several images; add `:TAG`, one of {}",
                    tags.join(", ")
                );
                return Err(Error::absent(what, why));
            }
            None => {}
        }
        if index.manifests.is_empty() {
            let why = match tag {
                Some(tag) => format!("no image has the tag {tag}; tags: {}", tags.join(", ")),
                None => "it holds no image".to_owned(),
            };
            return Err(Error::absent(what, why));
        }
        Ok(index)
    }

    fn path(&self, digest: &OciDigest) -> PathBuf {
        let blobs = self.folder.join("blobs");
        blobs.join(digest.algorithm()).join(digest.hex())
    }

    /// Reads a small blob whole; the caller checks it.
    pub(super) fn read(&self, digest: &OciDigest) -> Result<Vec<u8>, Error> {
        self.bytes(&self.path(digest))
    }

    fn bytes(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let (file, size) = open_file(path)?;
        let limit = self.fetcher.settings.max_manifest;
        if size > limit {
            return Err(Error::TooLarge {
                what: path.display().to_string(),
                limit,
                key: Some(super::Settings::MAX_MANIFEST),
            });
        }
        let mut bytes = Vec::new();
        file.file()
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::io("read", path, error))?;
        Ok(bytes)
    }

    /// Opens a layer.
    pub(super) fn layer(
        &self,
        environment: &str,
        digest: OciDigest,
        size: u64,
        source: String,
    ) -> Result<Fetched<'f>, Error> {
        let what = self.name(&digest);
        let (file, found) = open_file(&self.path(&digest))?;
        if found != size {
            return Err(Error::integrity(
                what,
                format!("{size} bytes"),
                format!("{found} bytes"),
            ));
        }
        let verifier = Verifier::new(what.as_str(), Expected::exactly(digest, size));
        let meter = Meter::of_file(self.fetcher, environment, &what, size);
        Ok(Fetched::of_file(source, file, verifier, meter))
    }
}

#[cfg(test)]
mod tests {
    use super::super::server::{Content, Recorder};
    use super::super::{Network, Settings};
    use super::*;

    fn refusal(folder: &Path, tag: Option<&str>) -> String {
        let recorder = Recorder::default();
        let settings = Settings {
            network: Network::Forbidden,
            ..Settings::default()
        };
        let fetcher = Fetcher::new(settings, folder.join("spool"), &recorder);
        let index = Layout::open(&fetcher, folder).and_then(|layout| layout.index(tag));
        index.map_or_else(|error| error.to_string(), |_| "taken".to_owned())
    }

    #[test]
    fn a_tag_is_needed_where_there_are_several_images() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path();
        assert!(refusal(folder, None).contains("no such file"));
        Content::default().write(folder);
        let entry = |tag: &str| {
            serde_json::json!({
                "digest": format!("sha256:{}", "0".repeat(64)), "size": 1,
                "annotations": {"org.opencontainers.image.ref.name": tag},
            })
        };
        let write = |entries: &[serde_json::Value]| {
            let index = serde_json::json!({"schemaVersion": 2, "manifests": entries});
            fs_err::write(folder.join("index.json"), index.to_string()).unwrap();
        };
        write(&[entry("a"), entry("b")]);
        assert_eq!(refusal(folder, Some("b")), "taken");
        assert!(refusal(folder, None).contains("one of a, b"));
        assert!(refusal(folder, Some("c")).contains("tags: a, b"));
        write(&[entry("a")]);
        assert_eq!(refusal(folder, None), "taken");
        write(&[]);
        assert!(refusal(folder, None).contains("holds no image"));
        fs_err::write(
            folder.join("oci-layout"),
            r#"{"imageLayoutVersion":"2.0.0"}"#,
        )
        .unwrap();
        assert!(refusal(folder, Some("a")).contains("version 2.0.0"));
    }
}
