//! Filling a registry: images by skopeo, artifacts (as ORAS makes them) by a few requests.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::super::http::Request;
use super::super::registry::{Login, Registry};
use super::layout::{Descriptor, Layout, MANIFEST};

/// How skopeo writes an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As it is.
    Oci,
    /// Docker's own: image manifest version 2, schema 2.
    DockerSchema2,
}

/// How skopeo is to copy.
#[derive(Debug, Clone, Copy)]
pub struct Push<'a> {
    pub format: Format,
    /// All images of an index, and the index.
    pub whole_index: bool,
    pub login: Option<&'a Login>,
}

impl Default for Push<'_> {
    fn default() -> Self {
        Self {
            format: Format::Oci,
            whole_index: false,
            login: None,
        }
    }
}

impl Push<'_> {
    /// Copies what `tag` names in a layout to a repository, under the same tag.
    pub fn copy(self, layout: &Layout, tag: &str, registry: &Registry, repository: &str) {
        let home = tempfile::tempdir().unwrap();
        let policy = home.path().join("policy.json");
        fs_err::write(
            &policy,
            r#"{"default":[{"type":"insecureAcceptAnything"}]}"#,
        )
        .unwrap();
        let mut command = skopeo(home.path());
        command
            .arg("--policy")
            .arg(policy)
            .args(["copy", "--quiet", "--dest-tls-verify=false"]);
        if self.whole_index {
            command.arg("--all");
        }
        if self.format == Format::DockerSchema2 {
            command.args(["--format", "v2s2"]);
        }
        match self.login {
            Some(login) => {
                command.arg(format!("--dest-creds={}:{}", login.user, login.password));
            }
            None => {
                command.arg("--dest-no-creds");
            }
        }
        let to = registry.reference(repository, tag);
        let copied = command
            .arg(format!("oci:{}:{tag}", layout.folder().display()))
            .arg(format!("docker://{to}"))
            .output()
            .expect("skopeo is installed");
        assert!(copied.status.success(), "{command:?}: {copied:?}");
    }
}

/// skopeo without settings, and without what it remembers of other registries at the same port.
fn skopeo(home: &Path) -> Command {
    let mut command = Command::new("skopeo");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("XDG_DATA_HOME", home)
        .env("XDG_RUNTIME_DIR", home)
        .env("REGISTRY_AUTH_FILE", home.join("auth.json"))
        // Root's memory of blobs is not in its home; any other account's is.
        .env("_CONTAINERS_ROOTLESS_UID", "1000");
    command
}

/// One plain blob of an artifact.
pub struct Blob<'a> {
    pub title: &'a str,
    pub content: &'a [u8],
}

/// Pushes an artifact to an open registry; gives the digest of its manifest.
pub fn push_artifact(
    registry: &Registry,
    repository: &str,
    tag: &str,
    blobs: &[Blob<'_>],
) -> String {
    let config = put_blob(
        registry,
        repository,
        "application/vnd.oci.empty.v1+json",
        b"{}",
    );
    let layers: Vec<Value> = blobs
        .iter()
        .map(|blob| {
            let content = put_blob(
                registry,
                repository,
                "application/octet-stream",
                blob.content,
            );
            let mut layer = content.json();
            layer["annotations"] = json!({"org.opencontainers.image.title": blob.title});
            layer
        })
        .collect();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.example.environment",
        "config": config.json(), "layers": layers,
    });
    put_manifest(
        registry,
        repository,
        tag,
        MANIFEST,
        manifest.to_string().as_bytes(),
    )
}

/// Pushes one blob to an open registry.
pub fn put_blob(
    registry: &Registry,
    repository: &str,
    media_type: &str,
    bytes: &[u8],
) -> Descriptor {
    let descriptor = Descriptor::of(media_type, bytes);
    let upload = Request::new("POST", &format!("/v2/{repository}/blobs/uploads/"));
    let begun = upload.send(registry.address()).unwrap();
    assert_eq!(begun.status, 202, "{}", registry.log());
    let location = begun.header("location").unwrap();
    let path = location.splitn(4, '/').nth(3).unwrap();
    let target = format!("/{path}&digest={}", descriptor.digest);
    let put = Request::new("PUT", &target)
        .with("content-type", "application/octet-stream")
        .with_body(bytes);
    assert_eq!(
        put.send(registry.address()).unwrap().status,
        201,
        "{}",
        registry.log()
    );
    descriptor
}

/// Pushes a manifest, byte for byte, to an open registry; gives its digest.
pub fn put_manifest(
    registry: &Registry,
    repository: &str,
    which: &str,
    media_type: &str,
    bytes: &[u8],
) -> String {
    let put = Request::new("PUT", &format!("/v2/{repository}/manifests/{which}"))
        .with("content-type", media_type)
        .with_body(bytes);
    let answer = put.send(registry.address()).unwrap();
    assert_eq!(answer.status, 201, "{}", registry.log());
    Descriptor::of(media_type, bytes).digest
}
