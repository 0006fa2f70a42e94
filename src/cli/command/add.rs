//! `pyro add`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::FileFlag;
use crate::model::name::{EnvName, Version};

/// Add an environment, or one more source of it, to a declaration
///
/// Comments and order of the file stay as they are.
///
/// Example: `pyro add debian:12 --oci docker.io/example/debian-12:1.0.0 --version 1.0.0`
#[derive(Debug, Args)]
#[command(disable_version_flag = true)]
pub struct AddArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub name: EnvName,
    /// Where its bytes come from.
    #[command(flatten)]
    pub source: SourceFlags,
    /// Its version; needed unless the environment is declared already
    #[arg(long, value_name = "V")]
    pub version: Option<Version>,
    /// The declaration.
    #[command(flatten)]
    pub file: FileFlag,
}

/// One source.
#[derive(Debug, Clone, Default, Args)]
#[group(required = true, multiple = false)]
pub struct SourceFlags {
    /// An image or artifact in a registry, by tag or digest; or oci-layout:DIR, or oci-layout:DIR:TAG
    #[arg(long, value_name = "REF")]
    pub oci: Option<String>,
    /// A tar archive: an http(s):// or file:// URL, or a path
    #[arg(long, value_name = "URL")]
    pub archive: Option<String>,
    /// A folder on this machine
    #[arg(long, value_name = "DIR")]
    pub local: Option<PathBuf>,
}
