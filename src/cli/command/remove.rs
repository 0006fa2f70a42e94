//! `pyro remove`.

use clap::Args;

use crate::cli::args::FileFlag;
use crate::model::name::EnvName;

/// Remove an environment from a declaration
///
/// Comments and order of the rest stay as they are; the store is not touched.
///
/// Example: `pyro remove debian:12`
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub name: EnvName,
    /// The declaration.
    #[command(flatten)]
    pub file: FileFlag,
}
