//! The words of the command line: what every command takes, and pieces that several commands share.
//!
//! Flags that set something up (see [`crate::cli::settings`]) are options here, so that their absence can be told
//! from a value; clap never reads the environment, since its errors would not name the variable.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, ValueEnum};
use schemars::JsonSchema;
use serde::Deserialize;

use super::command::Command;
use super::quantity::Timespan;
use super::settings::LockMode;
use crate::model::name::ProfileName;
use crate::model::platform::Platform;

/// Declare environments in envs.toml; realize them by one atomic rename.
///
/// `envs.toml` declares environments, `envs.lock` pins their sources by digest, and `pyro realize` brings each one
/// into a content-addressed store and shows them through a profile of links.
///
/// The result of a command goes to stdout, everything else to stderr.
#[derive(Debug, Parser)]
#[command(
    name = "pyro",
    bin_name = "pyro",
    version,
    propagate_version = true,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_long_help = EXIT_CODES
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How to show it.
    #[command(flatten)]
    pub presentation: PresentationFlags,
    /// Which store, and how patient.
    #[command(flatten)]
    pub store: StoreFlags,
}

const EXIT_CODES: &str = "\
Exit codes:
  0   done
  1   `--check` says no, or an error of no other kind
  2   usage
  65  integrity: damaged, changed or unsafe bytes
  69  the source does not have it
  73  no space or no inodes left
  74  input or output failed
  75  temporary: timeout, server trouble, a lock held for too long
  77  permission denied
  78  bad declaration, lock or configuration
  79  refused by policy: `--locked` and stale, `--offline` and not here
  126 the command to be run cannot be executed
  127 the command to be run is not there";

/// How output looks; the same for every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct PresentationFlags {
    /// Print exactly one JSON document on stdout, also on failure
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use colours [default: auto] [env: PYRO_COLOR, NO_COLOR]
    #[arg(long, global = true, value_name = "WHEN", hide_possible_values = false)]
    pub color: Option<ColorChoice>,
    /// How to show progress on stderr [default: auto] [env: PYRO_PROGRESS]
    ///
    /// `auto` is bars on a terminal and otherwise, or where CI is set, a line for each phase; with `--json` it is
    /// `none`. `json` is one JSON object a line.
    #[arg(long, global = true, value_name = "HOW")]
    pub progress: Option<ProgressChoice>,
    /// Say nothing but errors, repairs and sources that could not be used [env: PYRO_QUIET]
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Log what is done; -vv and -vvv log more [env: PYRO_VERBOSE]
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// Where the store is and how long to wait for it; the same for every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct StoreFlags {
    /// The store's folder [default: $XDG_DATA_HOME/pyro] [env: PYRO_STORE]
    #[arg(long, global = true, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// A store beneath it, which is only read: what is valid there is used in place [env: PYRO_LOWER]
    #[arg(long, global = true, value_name = "DIR")]
    pub lower: Option<PathBuf>,
    /// How long to wait for a lock that somebody else holds: 30s, 10m, 2h, 0 [default: 10m] [env: PYRO_LOCK_TIMEOUT]
    #[arg(long, global = true, value_name = "DURATION")]
    pub lock_timeout: Option<Timespan>,
    /// Whether what is made is on the disk before it shows [default: durable] [env: PYRO_DURABILITY]
    ///
    /// `fast` syncs nothing, for scratch: after a power loss or a crash of the machine the store may be damaged where no
    /// quick check sees it, and is to be deleted. Kills and other processes do it no more harm than ever.
    #[arg(long, global = true, value_name = "HOW")]
    pub durability: Option<DurabilityChoice>,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set or TERM is dumb.
    #[default]
    Auto,
    /// Also into files and pipes.
    Always,
    /// Not even on a terminal.
    Never,
}

/// How to show progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ProgressChoice {
    /// Bars on a terminal, else plain lines.
    #[default]
    Auto,
    /// A line for each phase, and one every ten seconds for each transfer.
    Plain,
    /// One JSON object a line.
    Json,
    /// Nothing.
    None,
}

/// Whether what is made is on the disk before it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DurabilityChoice {
    /// All is synced: what was done survives a power loss.
    #[default]
    Durable,
    /// Nothing is synced.
    Fast,
}

/// How thoroughly paths that are already in the store are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum CheckChoice {
    /// The manifest's digest, and type, size, mode, time and link target of every entry.
    #[default]
    Quick,
    /// Every byte, and nothing besides the entries.
    Full,
}

/// What runs a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EngineChoice {
    /// The fastest that works here.
    #[default]
    Auto,
    /// Firecracker, which needs KVM and an unpacked kernel, or nothing.
    Firecracker,
    /// QEMU, with KVM where that works.
    Qemu,
    /// QEMU with KVM, or nothing.
    QemuKvm,
    /// QEMU without KVM: slow, and works everywhere.
    QemuTcg,
    /// No machine: namespaces under the kernel that is there, a weaker wall.
    Namespace,
}

/// Which declaration a command is about.
#[derive(Debug, Clone, Default, Args)]
pub struct FileFlag {
    /// The declaration [default: envs.toml here or in a parent folder] [env: PYRO_FILE]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Which profile a command is about.
#[derive(Debug, Clone, Default, Args)]
pub struct ProfileFlag {
    /// The profile [default: the one that the declaration names] [env: PYRO_PROFILE]
    #[arg(long, short = 'p', value_name = "PROFILE")]
    pub profile: Option<ProfileName>,
}

/// Which platform a command is about.
#[derive(Debug, Clone, Default, Args)]
pub struct PlatformFlag {
    /// The platform, such as linux/arm64 [default: this machine's] [env: PYRO_PLATFORM]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Platform>,
}

/// How far the lock is to be obeyed.
#[derive(Debug, Clone, Default, Args)]
pub struct LockFlags {
    /// Fail (79) if the lock is stale; never write it [env: PYRO_LOCKED]
    #[arg(long, conflicts_with = "frozen")]
    pub locked: bool,
    /// Take the lock as it is, without comparing it to the declaration; never write it [env: PYRO_FROZEN]
    #[arg(long)]
    pub frozen: bool,
}

impl LockFlags {
    /// The mode that they ask for, if any.
    #[must_use]
    pub fn mode(&self) -> Option<LockMode> {
        match (self.locked, self.frozen) {
            (true, _) => Some(LockMode::Locked),
            (_, true) => Some(LockMode::Frozen),
            (false, false) => None,
        }
    }
}

/// Whether the network may be used.
#[derive(Debug, Clone, Default, Args)]
pub struct OfflineFlag {
    /// Never use the network [env: PYRO_OFFLINE]
    #[arg(long)]
    pub offline: bool,
}

/// Whether a deletion was meant.
#[derive(Debug, Clone, Default, Args)]
pub struct YesFlag {
    /// Do not ask
    #[arg(long, short = 'y')]
    pub yes: bool,
}
