//! The first file system of a machine, made in memory: the agent, the modules, and what the agent shall do.
//!
//! ```text
//! init               the agent
//! dev/console, dev/null
//! pyro/boot          key=value lines
//! pyro/modules/NN-<name>.ko   in the order in which they are loaded
//! ```

use std::fmt::Write as _;

use super::modules::Module;
use super::newc::Archive;
use super::reach::Access;

/// The name of the port that the agent talks on. The one of each folder is called so, with a point and its number.
pub(super) const PORT: &str = "pyro";

/// The port of the vsock that the agent dials.
pub(super) const VSOCK_PORT: u32 = 1024;

/// How the agent reaches pyro.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    /// A virtio-serial port that has a name.
    Port,
    /// A vsock, on which the agent dials the machine's owner.
    Vsock,
}

impl Channel {
    /// What a machine with this channel needs to find its disk and pyro, in an order that loads; what depends on what, the
    /// modules say.
    pub(super) const fn drivers(self) -> &'static [&'static str] {
        match self {
            Self::Port => &[
                "virtio_ring",
                "virtio",
                "virtio_pci_modern_dev",
                "virtio_pci_legacy_dev",
                "virtio_pci",
                "virtio_mmio",
                "virtio_blk",
                "virtio_console",
                "overlay",
            ],
            Self::Vsock => &[
                "virtio_ring",
                "virtio",
                "virtio_mmio",
                "virtio_blk",
                "virtio_rng",
                "vmw_vsock_virtio_transport",
                "overlay",
            ],
        }
    }

    /// The line of the boot file that says so.
    fn line(self) -> (&'static str, String) {
        match self {
            Self::Port => ("port", PORT.to_owned()),
            Self::Vsock => ("vsock", VSOCK_PORT.to_string()),
        }
    }
}

/// What the agent is told.
#[derive(Debug, Clone)]
pub(super) struct Boot<'a> {
    /// How it reaches pyro.
    pub(super) channel: Channel,
    /// The type of file system in the image.
    pub(super) file_system: &'a str,
    /// How large what is written may get, in the words of tmpfs.
    pub(super) scratch: String,
    /// The machine's name.
    pub(super) hostname: &'a str,
    /// Its own address, mask, gateway and resolver, where it has a network.
    pub(super) network: Option<&'a str>,
    /// How and where folders of this machine are mounted.
    pub(super) mounts: Vec<(Access, &'a str)>,
}

/// The archive.
pub(super) fn initrd(agent: &[u8], modules: &[Module], boot: &Boot<'_>) -> Vec<u8> {
    let mut archive = Archive::default();
    archive.folder("dev");
    archive.device("dev/console", 0o600, (5, 1));
    archive.device("dev/null", 0o666, (1, 3));
    archive.file("init", 0o755, agent);
    archive.folder("pyro");
    let mut text = String::new();
    let (key, value) = boot.channel.line();
    for (key, value) in [
        (key, value.as_str()),
        ("device", "/dev/vda"),
        ("type", boot.file_system),
        ("scratch", &boot.scratch),
        ("hostname", boot.hostname),
    ] {
        let _infallible = writeln!(text, "{key}={value}");
    }
    if let Some(network) = boot.network {
        let _infallible = writeln!(text, "network={network}");
    }
    for (access, target) in &boot.mounts {
        let _infallible = writeln!(text, "mount={} {target}", access.as_str());
    }
    archive.file("pyro/boot", 0o400, text.as_bytes());
    archive.folder("pyro/modules");
    for (number, module) in modules.iter().enumerate() {
        let name = format!("pyro/modules/{number:03}-{}.ko", module.name);
        archive.file(&name, 0o400, &module.bytes);
    }
    archive.finish()
}
