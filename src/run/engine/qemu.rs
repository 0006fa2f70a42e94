//! QEMU: a machine as the child of this process, with everything it needs handed over as descriptors.
//!
//! Kernel and initrd are opened by QEMU as `/proc/self/fd/N`, the image comes by `-add-fd` and is read-only, and the
//! agent's port is one end of a pair of sockets: no path is shared with anybody, and each side sees at once when the
//! other has gone.

use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::kvm::Probe;
use super::said::Said;
use super::{Engine, Guest, KERNEL, Mode, Unfit, is_program};
use crate::run::child::Child;
use crate::run::error::Error;
use crate::run::initrd::{Channel, PORT};
use crate::run::line::Line;
use crate::run::machine::{Machine, Size};
use crate::run::reach::Network;

/// QEMU's program for this machine's processor.
const PROGRAM: &str = if cfg!(target_arch = "x86_64") {
    "qemu-system-x86_64"
} else {
    "qemu-system-aarch64"
};

/// QEMU in one mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qemu {
    mode: Mode,
    program: PathBuf,
}

/// The descriptors that QEMU inherits, by number.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    pub(super) kernel: RawFd,
    pub(super) initrd: RawFd,
    pub(super) image: RawFd,
    pub(super) agent: RawFd,
    pub(super) console: RawFd,
    /// Of each folder that is served to it.
    pub(super) shares: Vec<RawFd>,
}

impl Qemu {
    /// Looks for it, and for what `mode` needs besides; `kvm` tells what KVM does here.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn find(
        mode: Mode,
        search_path: &[PathBuf],
        kvm: &dyn Fn() -> Probe,
    ) -> Result<Self, Unfit> {
        let unfit = |why: String, hint: Option<&str>| Unfit {
            mode,
            why,
            hint: hint.map(str::to_owned),
        };
        let mut places = search_path.iter().map(|folder| folder.join(PROGRAM));
        let Some(program) = places.find(|place| is_program(place)) else {
            let hint = if cfg!(target_arch = "x86_64") {
                "on Debian: apt-get install qemu-system-x86"
            } else {
                "on Debian: apt-get install qemu-system-arm"
            };
            return Err(unfit(format!("there is no {PROGRAM}"), Some(hint)));
        };
        if mode == Mode::QemuKvm {
            kvm().fit(mode)?;
        }
        Ok(Self { mode, program })
    }

    /// The words that start it.
    pub(super) fn words(&self, size: Size, network: Network, fds: &Numbers) -> Vec<OsString> {
        let (machine, console) = if cfg!(target_arch = "x86_64") {
            ("q35,usb=off,vmport=off", "ttyS0")
        } else {
            ("virt,gic-version=max", "ttyAMA0")
        };
        let (accelerator, processor) = match self.mode {
            Mode::QemuKvm => ("kvm", "host"),
            _ => ("tcg", "max"),
        };
        let words = [
            // Nothing that is not named here, neither from files nor by default.
            "-no-user-config".to_owned(),
            "-nodefaults".to_owned(),
            "-no-reboot".to_owned(),
            "-display".to_owned(),
            "none".to_owned(),
            "-machine".to_owned(),
            format!("{machine},accel={accelerator}"),
            "-cpu".to_owned(),
            processor.to_owned(),
            "-smp".to_owned(),
            size.vcpus.to_string(),
            "-m".to_owned(),
            format!("{}M", size.memory_mib),
            "-kernel".to_owned(),
            format!("/proc/self/fd/{}", fds.kernel),
            "-initrd".to_owned(),
            format!("/proc/self/fd/{}", fds.initrd),
            "-append".to_owned(),
            format!("{KERNEL} console={console}"),
            "-add-fd".to_owned(),
            format!("fd={},set=1,opaque=image", fds.image),
            "-drive".to_owned(),
            "if=none,id=image,file=/dev/fdset/1,format=raw,readonly=on".to_owned(),
            "-device".to_owned(),
            "virtio-blk-pci,drive=image".to_owned(),
            "-chardev".to_owned(),
            format!("socket,id=agent,fd={}", fds.agent),
            "-device".to_owned(),
            "virtio-serial-pci".to_owned(),
            "-device".to_owned(),
            format!("virtserialport,chardev=agent,name={PORT}"),
            "-chardev".to_owned(),
            format!("socket,id=console,fd={}", fds.console),
            "-serial".to_owned(),
            "chardev:console".to_owned(),
        ];
        let words = words.into_iter().chain(outside(network, &fds.shares));
        words.map(OsString::from).collect()
    }
}

/// The words for what a machine reaches besides pyro itself.
fn outside(network: Network, shares: &[RawFd]) -> Vec<String> {
    let mut words = Vec::new();
    if network == Network::Shared {
        // Of IPv6 it would promise more than most machines have.
        words.extend(["-netdev".to_owned(), "user,id=net,ipv6=off".to_owned()]);
        words.extend(["-device".to_owned(), "virtio-net-pci,netdev=net".to_owned()]);
    }
    for (number, fd) in shares.iter().enumerate() {
        let id = format!("share{number}");
        words.extend(["-chardev".to_owned(), format!("socket,id={id},fd={fd}")]);
        let port = format!("virtserialport,chardev={id},name={PORT}.{number}");
        words.extend(["-device".to_owned(), port]);
    }
    words
}

impl Engine for Qemu {
    type Runs = Machine;

    fn mode(&self) -> Mode {
        self.mode
    }

    fn start(&self, machine: &Machine) -> Result<Guest, Error> {
        let pair = || {
            let failed = |error| Error::system("make a socket for the virtual machine", error);
            UnixStream::pair().map_err(failed)
        };
        let (socket, agent) = pair()?;
        let (console, speaker) = pair()?;
        let mut served = Vec::new();
        for share in &machine.shares {
            let (ours, theirs) = pair()?;
            share.serve(ours)?;
            served.push(theirs);
        }
        let initrd = machine.initrd(Channel::Port)?;
        let numbers = Numbers {
            kernel: machine.kernel.as_raw_fd(),
            initrd: initrd.as_raw_fd(),
            image: machine.image.as_raw_fd(),
            agent: agent.as_raw_fd(),
            console: speaker.as_raw_fd(),
            shares: served.iter().map(UnixStream::as_raw_fd).collect(),
        };
        let mut command = Command::new(&self.program);
        command.args(self.words(machine.size, machine.network, &numbers));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut inherited = vec![
            machine.kernel.as_fd(),
            initrd.as_fd(),
            machine.image.as_fd(),
            agent.as_fd(),
            speaker.as_fd(),
        ];
        inherited.extend(served.iter().map(UnixStream::as_fd));
        let child = Child::spawn(command, &inherited);
        let mut child = child.map_err(|error| Error::io("start", &self.program, error))?;
        let mut said = Said::default();
        said.listen(console);
        if let Some(stderr) = child.stderr() {
            said.listen(stderr);
        }
        Ok(Guest {
            child,
            line: Line::Open(socket),
            said,
            folder: None,
        })
    }
}
