//! `pyro path`.

use clap::Args;

use crate::cli::args::{FileFlag, PlatformFlag, ProfileFlag};
use crate::model::name::{EnvName, Role};

/// Print the store path of an environment, or of one of its artifacts
///
/// Looks at the profile, never at sources. Without --profile it is the profile of the declaration found, or
/// `pulled` for a name of the built-in catalog.
///
/// Example: `pyro path debian:12 kernel`
#[derive(Debug, Args)]
pub struct PathArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub name: EnvName,
    /// The role of an artifact: kernel, rootfs, initrd, modules, or another that is declared
    #[arg(value_name = "ARTIFACT")]
    pub artifact: Option<Role>,
    /// The profile.
    #[command(flatten)]
    pub profile: ProfileFlag,
    /// The declaration.
    #[command(flatten)]
    pub file: FileFlag,
    /// The platform.
    #[command(flatten)]
    pub platform: PlatformFlag,
}
