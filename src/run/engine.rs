//! Engines: what runs a machine. Each says whether it can here, and starts one.

use std::fmt;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use super::child::Child;
use super::error::Error;

mod kvm;
mod namespace;
mod qemu;
mod said;

pub use kvm::{Probe, probe};
pub use namespace::Namespace;
pub use qemu::Qemu;
use said::Said;

/// How a machine is executed: the wall between it and this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// QEMU with the processor's own virtualisation.
    QemuKvm,
    /// QEMU that translates every instruction: slow, and works everywhere.
    QemuTcg,
    /// Namespaces under the kernel that is there: no machine.
    Namespace,
}

impl Mode {
    /// All.
    pub const ALL: [Self; 3] = [Self::QemuKvm, Self::QemuTcg, Self::Namespace];

    /// Those that run a machine with its own kernel, the faster first.
    pub const MACHINES: [Self; 2] = [Self::QemuKvm, Self::QemuTcg];

    /// The word in flags, documents and lines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QemuKvm => "qemu-kvm",
            Self::QemuTcg => "qemu-tcg",
            Self::Namespace => "namespace",
        }
    }

    /// What does it.
    #[must_use]
    pub const fn engine(self) -> &'static str {
        match self {
            Self::QemuKvm | Self::QemuTcg => "qemu",
            Self::Namespace => "namespace",
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

/// A machine that runs: dropping it kills it, and waits until it is gone.
#[derive(Debug)]
pub struct Guest {
    pub(super) child: Child,
    pub(super) socket: UnixStream,
    pub(super) said: Said,
}

impl Guest {
    /// One of which nothing but the agent is heard.
    #[cfg(test)]
    pub(super) fn of(child: Child, socket: UnixStream) -> Self {
        Self {
            child,
            socket,
            said: Said::default(),
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
        let _closed = self.socket.shutdown(Shutdown::Both);
    }

    /// The last lines that the machine and its engine said.
    pub(super) fn last_words(&mut self) -> Vec<String> {
        // They are complete when it has ended.
        self.end();
        self.said.lines()
    }
}

/// The engines for machines that can be used here, in the order of trying, and why others cannot.
///
/// `search_path` is where programs are looked for. The probe of KVM runs only where something would come of it.
#[must_use]
pub fn available(choice: Choice, search_path: &[PathBuf]) -> (Vec<Qemu>, Vec<Unfit>) {
    let mut usable = Vec::new();
    let mut unfit = Vec::new();
    for mode in Mode::MACHINES {
        let is_wanted = match choice {
            Choice::Auto | Choice::Qemu => true,
            Choice::Only(only) => only == mode,
        };
        if !is_wanted {
            continue;
        }
        match Qemu::find(mode, search_path) {
            Ok(engine) => usable.push(engine),
            Err(reason) => unfit.push(reason),
        }
    }
    (usable, unfit)
}

/// How long the probe of KVM may take before it counts as too slow.
const PROBE: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
