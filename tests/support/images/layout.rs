//! An OCI image layout on disk: blobs, manifests, `index.json`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::layer::{Layer, digest};

pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The platform of this machine, and one that it is not.
pub const HOST: &str = if cfg!(target_arch = "aarch64") {
    "linux/arm64"
} else {
    "linux/amd64"
};
pub const OTHER: &str = if cfg!(target_arch = "aarch64") {
    "linux/amd64"
} else {
    "linux/arm64"
};

pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What points to a blob.
#[derive(Debug, Clone)]
pub struct Descriptor {
    pub media_type: String,
    pub digest: String,
    pub size: usize,
}

impl Descriptor {
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: digest(bytes),
            size: bytes.len(),
        }
    }

    pub fn json(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.size})
    }
}

/// What the entry of an index says of an image's platform, `os/architecture`.
pub fn for_platform(platform: &str) -> Value {
    let (os, architecture) = platform.split_once('/').unwrap();
    json!({"platform": {"os": os, "architecture": architecture}})
}

/// A layout that is written, or was.
#[derive(Debug, Clone)]
pub struct Layout {
    folder: PathBuf,
}

impl Layout {
    /// Begins one in an empty folder.
    pub fn create(folder: &Path) -> Self {
        fs_err::create_dir_all(folder.join("blobs/sha256")).unwrap();
        fs_err::write(
            folder.join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )
        .unwrap();
        let layout = Self::at(folder);
        layout.write_index(&[]);
        layout
    }

    /// One that is there.
    pub fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds a blob.
    pub fn blob(&self, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = Descriptor::of(media_type, bytes);
        fs_err::write(self.blob_path(&descriptor.digest), bytes).unwrap();
        descriptor
    }

    /// The file of a blob.
    pub fn blob_path(&self, digest: &str) -> PathBuf {
        self.folder.join("blobs").join(digest.replace(':', "/"))
    }

    /// Adds an image for a platform, `os/architecture`.
    pub fn image(&self, platform: &str, layers: &[Layer]) -> Descriptor {
        let (os, architecture) = platform.split_once('/').unwrap();
        let diff_ids: Vec<&str> = layers.iter().map(|layer| layer.diff_id.as_str()).collect();
        let config = json!({
            "architecture": architecture, "os": os, "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = self.blob(
            "application/vnd.oci.image.config.v1+json",
            config.to_string().as_bytes(),
        );
        let layers: Vec<Value> = layers
            .iter()
            .map(|layer| {
                self.blob(layer.compression.media_type(), &layer.blob)
                    .json()
            })
            .collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config.json(), "layers": layers,
        });
        self.blob(MANIFEST, manifest.to_string().as_bytes())
    }

    /// Adds an index of images, each with what its entry says besides the descriptor.
    pub fn index(&self, images: &[(Descriptor, Value)]) -> Descriptor {
        let manifests: Vec<Value> = images
            .iter()
            .map(|(image, more)| {
                let mut entry = image.json();
                entry
                    .as_object_mut()
                    .unwrap()
                    .extend(more.as_object().unwrap().clone());
                entry
            })
            .collect();
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        self.blob(INDEX, index.to_string().as_bytes())
    }

    /// Names what the layout has; replaces the names that it had.
    pub fn tag(&self, tags: &[(&str, &Descriptor)]) {
        let entries: Vec<Value> = tags
            .iter()
            .map(|(tag, descriptor)| {
                let mut entry = descriptor.json();
                entry["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
                entry
            })
            .collect();
        self.write_index(&entries);
    }

    fn write_index(&self, manifests: &[Value]) {
        let index = json!({"schemaVersion": 2, "manifests": manifests});
        fs_err::write(self.folder.join("index.json"), index.to_string()).unwrap();
    }

    /// The digest that a tag shows.
    pub fn digest_of(&self, tag: &str) -> String {
        let text = fs_err::read(self.folder.join("index.json")).unwrap();
        let index: Value = serde_json::from_slice(&text).unwrap();
        let manifests = index["manifests"].as_array().unwrap();
        let named =
            |entry: &&Value| entry["annotations"]["org.opencontainers.image.ref.name"] == tag;
        let entry = manifests.iter().find(named).unwrap();
        entry["digest"].as_str().unwrap().to_owned()
    }

    /// A manifest or another document, by its digest.
    pub fn document(&self, digest: &str) -> Value {
        serde_json::from_slice(&fs_err::read(self.blob_path(digest)).unwrap()).unwrap()
    }
}

/// Digest and size of each layer in a manifest.
pub fn layers_in(manifest: &Value) -> Vec<(String, u64)> {
    let layers = manifest["layers"].as_array().unwrap();
    let layer = |layer: &Value| {
        let digest = layer["digest"].as_str().unwrap().to_owned();
        (digest, layer["size"].as_u64().unwrap())
    };
    layers.iter().map(layer).collect()
}
