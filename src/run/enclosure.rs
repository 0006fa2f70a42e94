//! A tree as it is to be enclosed: the agent is open, and nothing of it is on disk besides the store path.

use std::ffi::{CString, NulError};
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::{getegid, geteuid};

use super::AGENT;
use super::error::Error;
use super::machine::{Size, sealed};
use super::reach::{Network, Reach};
use super::share::folder;

/// A tree, ready for the engine that needs no machine.
#[derive(Debug)]
pub struct Enclosure {
    pub(super) agent: fs_err::File,
    tree: PathBuf,
    scratch: u64,
    hostname: String,
    reach: Reach,
}

impl Enclosure {
    /// Looks at the tree; `hostname` is the name that the command finds.
    ///
    /// # Errors
    /// When the tree cannot be read, or belongs to somebody else: who is root inside is this account outside, and could
    /// change nothing in it.
    pub fn prepare(tree: &Path, size: Size, reach: &Reach, hostname: &str) -> Result<Self, Error> {
        let agent = AGENT.ok_or(Error::NotBuilt)?;
        let meta = fs_err::symlink_metadata(tree);
        let meta = meta.map_err(|error| Error::io("look at", tree, error))?;
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        if (meta.uid(), meta.gid()) != (uid, gid) {
            return Err(Error::OtherOwner {
                path: tree.to_owned(),
                theirs: (meta.uid(), meta.gid()),
                ours: (uid, gid),
            });
        }
        for mount in &reach.mounts {
            // The agent opens it again, among its own mounts; here it is told apart what cannot be mounted.
            folder(&mount.source)?;
        }
        let half = u64::from(size.memory_mib) << 19;
        Ok(Self {
            agent: sealed("pyro-agent", None, agent)?,
            tree: tree.to_owned(),
            scratch: size.scratch.unwrap_or(half),
            hostname: hostname.to_owned(),
            reach: reach.clone(),
        })
    }

    /// Whose network it has.
    pub(super) const fn network(&self) -> Network {
        self.reach.network
    }

    /// The words that start the agent, which talks on this descriptor.
    pub(super) fn words(&self, socket: RawFd) -> Result<Vec<CString>, NulError> {
        let network = match self.reach.network {
            Network::Off => "own",
            Network::Shared => "shared",
        };
        let mut words = vec![
            b"pyro-agent".to_vec(),
            b"enclose".to_vec(),
            socket.to_string().into_bytes(),
            self.tree.clone().into_os_string().into_vec(),
            self.scratch.to_string().into_bytes(),
            self.hostname.clone().into_bytes(),
            network.into(),
        ];
        for mount in &self.reach.mounts {
            words.push(mount.source.clone().into_os_string().into_vec());
            words.push(mount.target.clone().into_bytes());
            words.push(mount.access.as_str().into());
        }
        words.into_iter().map(CString::new).collect()
    }
}
