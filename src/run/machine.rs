//! A machine as it is to be started: all that it needs is open, and nothing of it is on disk besides the store path.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use fs_err::File;
use rustix::fs::{MemfdFlags, SealFlags};

use super::AGENT;
use super::engine::Needs;
use super::error::Error;
use super::image::FileSystemType;
use super::initrd::{Boot, Channel, initrd};
use super::kernel::{self, KernelForm};
use super::modules::Modules;
use super::reach::{Network, Reach};
use super::share::Share;

/// What QEMU's user network gives to a machine: its address, mask, gateway, and who answers for names.
const USER_NETWORK: &str = "10.0.2.15 255.255.255.0 10.0.2.2 10.0.2.3";

/// The artifacts that a machine is made of.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'p> {
    /// The kernel.
    pub kernel: &'p Path,
    /// The image of its root file system.
    pub image: &'p Path,
    /// A folder with modules of that kernel; without one it must have all that is needed built in.
    pub modules: Option<&'p Path>,
    /// An archive that is unpacked before pyro's own.
    pub initrd: Option<&'p Path>,
}

/// How large a machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Processors.
    pub vcpus: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Bytes that may be written in it; half of its memory where nothing is said.
    pub scratch: Option<u64>,
}

/// A machine, ready to be started by an engine.
#[derive(Debug)]
pub struct Machine {
    pub(super) kernel: File,
    pub(super) image: File,
    pub(super) size: Size,
    pub(super) network: Network,
    pub(super) shares: Vec<Share>,
    form: KernelForm,
    kind: FileSystemType,
    modules: Option<Modules>,
    /// The archive that is unpacked before pyro's own.
    first: Option<PathBuf>,
    hostname: String,
    agent: &'static [u8],
}

impl Machine {
    /// Opens all of it; `hostname` is the name that the machine gets.
    ///
    /// # Errors
    /// When a part cannot be read or used.
    pub fn prepare(
        parts: &Parts<'_>,
        size: Size,
        reach: &Reach,
        hostname: &str,
    ) -> Result<Self, Error> {
        let agent = AGENT.ok_or(Error::NotBuilt)?;
        let kernel = open(parts.kernel)?;
        let image = open(parts.image)?;
        let kind = FileSystemType::of(&image)?;
        let shares = reach.mounts.iter().map(Share::open);
        let release = kernel::release(&kernel)?;
        let modules = parts
            .modules
            .map(|folder| Modules::find(folder, release.as_deref()));
        Ok(Self {
            form: KernelForm::of(&kernel)?,
            kernel,
            image,
            size,
            network: reach.network,
            shares: shares.collect::<Result<_, _>>()?,
            kind,
            modules: modules.transpose()?,
            first: parts.initrd.map(Path::to_owned),
            hostname: hostname.to_owned(),
            agent,
        })
    }

    /// What of an engine it needs.
    #[must_use]
    pub fn needs(&self) -> Needs {
        Needs {
            kernel: self.form,
            network: self.network,
            has_mounts: !self.shares.is_empty(),
        }
    }

    /// Its first file system, for an engine whose machines have this channel.
    pub(super) fn initrd(&self, channel: Channel) -> Result<File, Error> {
        let wanted = channel.drivers().iter().copied();
        let mut wanted: Vec<&str> = wanted.chain([self.kind.module()]).collect();
        if self.network == Network::Shared {
            wanted.push("virtio_net");
        }
        if !self.shares.is_empty() {
            wanted.push("fuse");
        }
        let modules = match &self.modules {
            Some(modules) => modules.load(&wanted)?,
            None => Vec::new(),
        };
        let boot = Boot {
            channel,
            file_system: self.kind.module(),
            scratch: Scratch(self.size.scratch).to_string(),
            hostname: &self.hostname,
            network: match self.network {
                Network::Off => None,
                Network::Shared => Some(USER_NETWORK),
            },
            mounts: self
                .shares
                .iter()
                .map(|share| (share.access, share.target.as_str()))
                .collect(),
        };
        let own = initrd(self.agent, &modules, &boot);
        sealed("pyro-initrd", self.first.as_deref(), &own)
    }
}

/// The limit in the words of tmpfs.
struct Scratch(Option<u64>);

impl fmt::Display for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(bytes) => write!(f, "{bytes}"),
            None => f.write_str("50%"),
        }
    }
}

fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|error| Error::io("open", path, error))
}

/// A file that is nowhere and is not changed any more: another one, filled up to whole words, and then `own`. Of two
/// archives the second wins.
pub(super) fn sealed(name: &str, first: Option<&Path>, own: &[u8]) -> Result<File, Error> {
    let failed = |error: std::io::Error| Error::system("keep a file in memory", error);
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = rustix::fs::memfd_create(name, flags).map_err(|error| failed(error.into()))?;
    let mut file = File::from_parts(file.into(), name);
    if let Some(path) = first {
        let mut first = open(path)?;
        let count = std::io::copy(&mut first, &mut file);
        let count = count.map_err(|error| Error::io("read", path, error))?;
        let padding = count.next_multiple_of(4) - count;
        let padding = usize::try_from(padding).unwrap_or_default();
        file.write_all(&[0; 4][..padding]).map_err(failed)?;
    }
    file.write_all(own).map_err(failed)?;
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals).map_err(|error| failed(error.into()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _};

    use super::*;

    #[test]
    fn our_archive_comes_behind_the_environments_own_on_a_whole_word() {
        let folder = tempfile::tempdir().unwrap();
        let first = folder.path().join("initrd");
        fs_err::write(&first, b"theirs").unwrap();
        let read = |first| {
            let mut file = sealed("x", first, b"ours").unwrap();
            file.rewind().unwrap();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            assert!(file.write_all(b"more").is_err());
            bytes
        };
        assert_eq!(read(None), b"ours");
        assert_eq!(read(Some(&first)), b"theirs\0\0ours");
    }
}
