//! Engines: what runs a machine. Each says whether it can here, and starts one.

use std::cell::OnceCell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::child::Child;
use super::error::Error;
use super::folder::RunFolder;
use super::kernel::KernelForm;
use super::line::Line;
use super::machine::Machine;
use super::reach::Network;

mod firecracker;
mod kvm;
mod namespace;
mod qemu;
mod said;

pub use firecracker::{ApiError, Firecracker};
pub use kvm::{Probe, probe};
pub use namespace::Namespace;
pub use qemu::Qemu;
use said::Said;

/// How a machine is executed: the wall between it and this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Firecracker, which has the processor's own virtualisation or nothing.
    Firecracker,
    /// QEMU with the processor's own virtualisation.
    QemuKvm,
    /// QEMU that translates every instruction: slow, and works everywhere.
    QemuTcg,
    /// Namespaces under the kernel that is there: no machine.
    Namespace,
}

impl Mode {
    /// All.
    pub const ALL: [Self; 4] = [
        Self::Firecracker,
        Self::QemuKvm,
        Self::QemuTcg,
        Self::Namespace,
    ];

    /// Those that run a machine with its own kernel, the faster first.
    pub const MACHINES: [Self; 3] = [Self::Firecracker, Self::QemuKvm, Self::QemuTcg];

    /// The word in flags, documents and lines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firecracker => "firecracker",
            Self::QemuKvm => "qemu-kvm",
            Self::QemuTcg => "qemu-tcg",
            Self::Namespace => "namespace",
        }
    }

    /// What does it.
    #[must_use]
    pub const fn engine(self) -> &'static str {
        match self {
            Self::Firecracker => "firecracker",
            Self::QemuKvm | Self::QemuTcg => "qemu",
            Self::Namespace => "namespace",
        }
    }

    /// Whether it can boot a kernel of this form.
    ///
    /// # Errors
    /// Why not.
    pub fn boots(self, kernel: KernelForm) -> Result<(), Unfit> {
        match self {
            Self::Firecracker => firecracker::fits(kernel),
            // QEMU knows more forms than are told apart here.
            Self::QemuKvm | Self::QemuTcg | Self::Namespace => Ok(()),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which engine is to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// The fastest that works.
    #[default]
    Auto,
    /// QEMU, with KVM where that works.
    Qemu,
    /// Just this.
    Only(Mode),
}

/// What a machine needs of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// In what form its kernel is.
    pub kernel: KernelForm,
    /// The network.
    pub network: Network,
    /// Whether folders are mounted.
    pub has_mounts: bool,
}

/// An engine that cannot be used here, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The engine.
    pub mode: Mode,
    /// Why not.
    pub why: String,
    /// What to do about it, where something can be done.
    pub hint: Option<String>,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.mode, self.why)
    }
}

/// Something that runs machines, or what stands in for one.
pub trait Engine {
    /// What it runs.
    type Runs;

    /// How it runs them.
    fn mode(&self) -> Mode;

    /// Starts one. The thread that calls this must live until the guest is dropped, or the guest dies with it.
    ///
    /// # Errors
    /// When its program cannot be started.
    fn start(&self, machine: &Self::Runs) -> Result<Guest, Error>;
}

/// An engine that runs machines with a kernel of their own: the wall is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MachineEngine {
    /// Firecracker.
    Firecracker(Firecracker),
    /// QEMU.
    Qemu(Qemu),
}

impl Engine for MachineEngine {
    type Runs = Machine;

    fn mode(&self) -> Mode {
        match self {
            Self::Firecracker(engine) => engine.mode(),
            Self::Qemu(engine) => engine.mode(),
        }
    }

    fn start(&self, machine: &Machine) -> Result<Guest, Error> {
        match self {
            Self::Firecracker(engine) => engine.start(machine),
            Self::Qemu(engine) => engine.start(machine),
        }
    }
}

/// A machine that runs: dropping it kills it, and waits until it is gone.
#[derive(Debug)]
pub struct Guest {
    pub(super) child: Child,
    pub(super) line: Line,
    pub(super) said: Said,
    /// Where its sockets are; it goes with the machine.
    pub(super) folder: Option<RunFolder>,
}

impl Guest {
    /// One of which nothing but the agent is heard.
    #[cfg(test)]
    pub(super) fn of(child: Child, socket: std::os::unix::net::UnixStream) -> Self {
        Self {
            child,
            line: Line::Open(socket),
            said: Said::default(),
            folder: None,
        }
    }

    /// The number of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, and lets nobody wait for it any more.
    pub(super) fn end(&mut self) {
        let _ended = self.child.end();
        self.line.close();
        drop(self.folder.take());
    }

    /// The last lines that the machine and its engine said.
    pub(super) fn last_words(&mut self) -> Vec<String> {
        // They are complete when it has ended.
        self.end();
        self.said.lines()
    }
}

/// Where engines are looked for, and where they keep what they need while they run.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Where programs are looked for.
    pub search_path: Vec<PathBuf>,
    /// Firecracker's program, where one is named.
    pub firecracker: Option<PathBuf>,
    /// Folders for sockets of machines that run, the best first; without one, engines that need one are not used.
    pub runtime: Vec<PathBuf>,
}

/// The engines for machines that can be used here, in the order of trying, and why others cannot.
///
/// Where a machine is known, engines that cannot run it are among the others. The probe of KVM runs only where something
/// would come of it.
#[must_use]
pub fn available(
    choice: Choice,
    places: &Places,
    needs: Option<Needs>,
) -> (Vec<MachineEngine>, Vec<Unfit>) {
    choose(choice, places, needs, &|| probe(PROBE))
}

/// As [`available`], with what tells of KVM, which is asked once at most.
fn choose(
    choice: Choice,
    places: &Places,
    needs: Option<Needs>,
    kvm: &dyn Fn() -> Probe,
) -> (Vec<MachineEngine>, Vec<Unfit>) {
    let probed = OnceCell::new();
    let kvm = || probed.get_or_init(kvm).clone();
    let mut usable = Vec::new();
    let mut unfit = Vec::new();
    for mode in Mode::MACHINES {
        let is_wanted = match choice {
            Choice::Auto => true,
            Choice::Qemu => matches!(mode, Mode::QemuKvm | Mode::QemuTcg),
            Choice::Only(only) => only == mode,
        };
        if !is_wanted {
            continue;
        }
        let found = match mode {
            Mode::Firecracker => {
                Firecracker::find(places, needs, &kvm).map(MachineEngine::Firecracker)
            }
            _ => Qemu::find(mode, &places.search_path, &kvm).map(MachineEngine::Qemu),
        };
        match found {
            Ok(engine) => usable.push(engine),
            Err(reason) => unfit.push(reason),
        }
    }
    (usable, unfit)
}

/// How long the probe of KVM may take before it counts as too slow.
const PROBE: Duration = Duration::from_millis(250);

/// What every machine's kernel is told. It says only what is wrong, and a panic ends the machine; what cost time at boot and
/// gives nothing here (self-tests of ciphers, security modules, audit) is left out.
const KERNEL: &str = "quiet panic=-1 cryptomgr.notests lsm= audit=0 random.trust_cpu=on";

fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests;
