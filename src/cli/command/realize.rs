//! `pyro realize`.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use crate::cli::args::{CheckChoice, LockFlags, OfflineFlag, PlatformFlag, ProfileFlag};

/// Bring declared environments into the store and show them
///
/// Fetches what is missing, repairs what is damaged, then moves the profile to a new generation. Nothing is seen of
/// it before everything asked for is valid; with exit code 0 it is on the disk for good. FILE is the first word if
/// it ends in `.toml` or is an existing file; without ENV every environment of the file is realized, otherwise the
/// profile's other links stay.
///
/// Example: `pyro realize envs.toml debian:12 --locked`
#[derive(Debug, Args)]
pub struct RealizeArgs {
    /// The declaration [default: envs.toml here or in a parent folder], then the environments [default: all]
    #[arg(value_name = "FILE|ENV")]
    pub words: Vec<OsString>,
    /// How far the lock is obeyed.
    #[command(flatten)]
    pub lock: LockFlags,
    /// Whether the network may be used.
    #[command(flatten)]
    pub network: OfflineFlag,
    /// The profile.
    #[command(flatten)]
    pub profile: ProfileFlag,
    /// The platform.
    #[command(flatten)]
    pub platform: PlatformFlag,
    /// Ask every source again, even where the store has what the lock names
    #[arg(long, conflicts_with = "offline")]
    pub refresh: bool,
    /// Make a link to the generation at PATH, last; without --profile the link is the profile
    #[arg(long, value_name = "PATH")]
    pub out_link: Option<PathBuf>,
    /// How many environments to work on at once [default: processors] [env: PYRO_JOBS]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// How thoroughly to look at paths that are there [default: quick] [env: PYRO_CHECK]
    #[arg(long, value_name = "HOW")]
    pub check: Option<CheckChoice>,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Accept an archive whose bytes changed if the tree in it did not; never against a declared sha256
    #[arg(long)]
    pub accept_same_tree: bool,
}
