//! What of this machine a command may reach: nothing but its own streams, unless somebody says more.

use std::path::PathBuf;

/// Whether a command has a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// None: a virtual machine has no such device, and namespaces have one of their own without a way out.
    #[default]
    Off,
    /// It reaches what this machine reaches, as this account: services that listen on its loopback interface, too.
    Shared,
}

/// What may be done with what is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It is only read, whatever the command does.
    ReadOnly,
    /// The command changes it, with the rights of this account.
    ReadWrite,
}

impl Access {
    /// The word in flags, and for the agent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "ro",
            Self::ReadWrite => "rw",
        }
    }
}

/// A folder of this machine that a command finds among its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The folder here.
    pub source: PathBuf,
    /// Where it is there: an absolute path on one line.
    pub target: String,
    /// What may be done with it.
    pub access: Access,
}

/// So many folders a machine has ports for.
pub const MOST_MOUNTS: usize = 16;

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach {
    /// The network.
    pub network: Network,
    /// Folders, in the order in which they are mounted.
    pub mounts: Vec<Mount>,
}
