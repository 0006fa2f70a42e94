//! `env list`, `env inspect`, `env pull`, `env prune`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Document;
use crate::model::name::{EnvName, Version};
use crate::model::platform::Platform;

/// One environment, as declared and as installed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Environment {
    /// Its name.
    pub name: EnvName,
    /// Its version.
    pub version: Version,
    /// A line for people.
    pub description: Option<String>,
    /// What is in it.
    pub default_packages: Vec<String>,
    /// The distribution that it was made from.
    pub distribution: Option<String>,
    /// That distribution's version.
    pub distribution_version: Option<String>,
    /// The platform.
    pub platform: Platform,
    /// Registry of its first OCI source.
    pub oci_registry: Option<String>,
    /// Repository of its first OCI source.
    pub oci_repository: Option<String>,
    /// Tag or digest of its first OCI source.
    pub oci_reference: Option<String>,
    /// The digest that its source is pinned by, where known.
    pub source_digest: Option<String>,
    /// The versions of pyro that can use it.
    pub compatibility: Option<String>,
    /// The version of the built-in catalog, for environments of the catalog.
    pub catalog_version: Option<String>,
    /// Whether a valid path of this name, version and platform is known.
    pub installed: bool,
    /// The store's root.
    pub cache_dir: String,
    /// The store path; absent when not installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install_dir: Option<String>,
    /// Its manifest; absent when not installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install_manifest: Option<String>,
    /// The artifact `kernel`; absent when not installed or without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel_image: Option<String>,
    /// The artifact `rootfs`; absent when not installed or without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rootfs_image: Option<String>,
    /// What `pyro run` could run it with; empty where it has neither kernel and
    /// image nor the layout `rootfs`, absent when not installed. Whether an
    /// engine is there, `pyro doctor` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engines: Option<Vec<&'static str>>,
    /// Where its bytes came from, or would come from first: `oci://REGISTRY/REPO@DIGEST`, `https://…`, `file://…`,
    /// `local:…`.
    pub source: Option<String>,
}

/// `pyro env list`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EnvList {
    /// The environments, by name.
    pub environments: Vec<Environment>,
}

impl Document for EnvList {
    const NAME: &'static str = "env-list";
}

/// `pyro env inspect NAME`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct EnvInspect(pub Environment);

impl Document for EnvInspect {
    const NAME: &'static str = "env-inspect";
}

/// `pyro env pull NAME`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct EnvPull(pub Environment);

impl Document for EnvPull {
    const NAME: &'static str = "env-pull";
}

/// `pyro env prune`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EnvPrune {
    /// Length of `deleted_environment_dirs`.
    pub count: usize,
    /// The store paths and staging trees that were removed.
    pub deleted_environment_dirs: Vec<String>,
}

impl Document for EnvPrune {
    const NAME: &'static str = "env-prune";
}
