//! `pyro verify`.

use std::ffi::OsString;

use clap::Args;

use crate::cli::args::{FileFlag, OfflineFlag, PlatformFlag, ProfileFlag};

/// Check store paths against their manifests
///
/// Without a name every path of the store is checked. Exit code 65 says that a path is damaged.
///
/// Example: `pyro verify --full --repair`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Environments or store paths [default: everything in the store]
    #[arg(value_name = "ENV|PATH")]
    pub words: Vec<OsString>,
    /// How thoroughly.
    #[command(flatten)]
    pub thoroughness: Thoroughness,
    /// Replace damaged paths by good ones
    #[arg(long)]
    pub repair: bool,
    /// The profile.
    #[command(flatten)]
    pub profile: ProfileFlag,
    /// The declaration.
    #[command(flatten)]
    pub file: FileFlag,
    /// The platform.
    #[command(flatten)]
    pub platform: PlatformFlag,
    /// Whether the network may be used.
    #[command(flatten)]
    pub network: OfflineFlag,
}

/// How thoroughly to look.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub struct Thoroughness {
    /// Look at types, sizes, modes and times only
    #[arg(long)]
    pub quick: bool,
    /// Read and hash every byte, and find files that are too many (the default)
    #[arg(long)]
    pub full: bool,
}
