//! Firecracker: a machine as the child of this process, told what to be over a socket.
//!
//! ```text
//! run folder/            locked while the machine runs, and the folder that Firecracker works in
//! ├── api                Firecracker listens: one request for each part, then the start
//! ├── vsock              Firecracker listens: nobody calls
//! └── vsock_1024         this side listens, before the start: the agent calls when it is up
//! ```
//!
//! Kernel, initrd and image are inherited and named `/proc/self/fd/N`, as with QEMU; the image is read-only. The console
//! comes on Firecracker's stdout. There is no PCI and no way to switch the machine off: it ends by a reset, which `reboot=k`
//! asks for, or by being killed.

use std::os::fd::{AsFd as _, AsRawFd as _, RawFd};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::kvm::Probe;
use super::said::Said;
use super::{Engine, Guest, KERNEL, Mode, Needs, Places, Unfit, is_program};
use crate::run::child::Child;
use crate::run::error::Error;
use crate::run::folder::RunFolder;
use crate::run::initrd::{Channel, VSOCK_PORT};
use crate::run::kernel::KernelForm;
use crate::run::line::Line;
use crate::run::machine::{Machine, Size};
use crate::run::reach::Network;

mod api;

pub use api::ApiError;
use api::{Client, Request};

const PROGRAM: &str = "firecracker";

/// The names of its sockets in the run folder.
const API: &str = "api";
const VSOCK: &str = "vsock";

/// How long it may take to listen, and then for each answer. It takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Firecracker, where it can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firecracker {
    pub(in crate::run) program: PathBuf,
    /// Where run folders may be.
    pub(in crate::run) homes: Vec<PathBuf>,
    pub(in crate::run) patience: Duration,
}

/// The descriptors that Firecracker inherits, by number.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    kernel: RawFd,
    initrd: RawFd,
    image: RawFd,
}

impl Firecracker {
    /// Looks for it and for what it needs: KVM, of which `kvm` tells, and a machine that it can run, where one is known.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn find(
        places: &Places,
        needs: Option<Needs>,
        kvm: &dyn Fn() -> Probe,
    ) -> Result<Self, Unfit> {
        let program = program(places)?;
        if places.runtime.is_empty() {
            return Err(Unfit {
                mode: Mode::Firecracker,
                why: "no folder is named for its sockets".to_owned(),
                hint: None,
            });
        }
        needs.map_or(Ok(()), serves)?;
        kvm().fit(Mode::Firecracker)?;
        Ok(Self {
            program,
            homes: places.runtime.clone(),
            patience: PATIENCE,
        })
    }

    /// Starts the program and tells it all of the machine, up to the start.
    fn prepare(&self, machine: &Machine) -> Result<(Guest, Client), Error> {
        let initrd = machine.initrd(Channel::Vsock)?;
        let folder = RunFolder::make(&self.homes)?;
        // It calls at once when it is up, so this side listens before.
        let listener = folder.listen(&format!("{VSOCK}_{VSOCK_PORT}"))?;
        let mut child = self.spawn(machine, &initrd, &folder)?;
        let mut said = Said::default();
        if let Some(console) = child.stdout() {
            said.listen(console);
        }
        if let Some(stderr) = child.stderr() {
            said.listen(stderr);
        }
        let watch = || {
            let process = child.watch();
            process.map_err(|error| Error::system("watch the engine", error))
        };
        let (process, awaited) = (watch()?, watch()?);
        let api = folder.socket(API);
        let mut guest = Guest {
            child,
            line: Line::awaited(listener, awaited),
            said,
            folder: Some(folder),
        };
        let numbers = Numbers {
            kernel: machine.kernel.as_raw_fd(),
            initrd: initrd.as_raw_fd(),
            image: machine.image.as_raw_fd(),
        };
        let client = Client::connect(&api, process.as_fd(), self.patience);
        let told = client.and_then(|mut client| {
            for request in requests(machine.size, numbers) {
                let about = match request {
                    Request::Boot { .. } => Some(machine.kernel.path()),
                    Request::Drive { .. } => Some(machine.image.path()),
                    _ => None,
                };
                client.put(&request).map_err(|error| error.of(about))?;
            }
            Ok(client)
        });
        match told {
            Ok(client) => Ok((guest, client)),
            Err(what) => {
                let said = guest.last_words();
                Err(Error::Engine { what, said })
            }
        }
    }

    /// Starts the program, which listens in `folder` then.
    fn spawn(
        &self,
        machine: &Machine,
        initrd: &fs_err::File,
        folder: &RunFolder,
    ) -> Result<Child, Error> {
        let mut command = Command::new(&self.program);
        command.args(["--api-sock", API]).current_dir(folder.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let inherited = [
            machine.kernel.as_fd(),
            initrd.as_fd(),
            machine.image.as_fd(),
        ];
        Child::spawn(command, &inherited).map_err(|error| Error::io("start", &self.program, error))
    }
}

/// The program: the one that is named, else the first on the search path.
fn program(places: &Places) -> Result<PathBuf, Unfit> {
    let unfit = |why: String| {
        Unfit {
        mode: Mode::Firecracker,
        why,
        hint: Some(
            "https://github.com/firecracker-microvm/firecracker/releases has it; put it on PATH as `firecracker`, or name \
             it in PYRO_FIRECRACKER"
                .to_owned(),
        ),
    }
    };
    if let Some(named) = &places.firecracker {
        return if is_program(named) {
            Ok(named.clone())
        } else {
            Err(unfit(format!(
                "this is no program that can be started: {}",
                named.display()
            )))
        };
    }
    let mut found = places.search_path.iter().map(|folder| folder.join(PROGRAM));
    found
        .find(|path| is_program(path))
        .ok_or_else(|| unfit(format!("there is no {PROGRAM}")))
}

/// Whether it has what this machine needs.
fn serves(needs: Needs) -> Result<(), Unfit> {
    fits(needs.kernel)?;
    let lacks = match (needs.network, needs.has_mounts) {
        (Network::Shared, _) => "it has no network that needs no rights here",
        (Network::Off, true) => "pyro mounts no folders in its machines",
        (Network::Off, false) => return Ok(()),
    };
    Err(Unfit {
        mode: Mode::Firecracker,
        why: lacks.to_owned(),
        hint: Some("`--engine qemu` does".to_owned()),
    })
}

/// Whether it boots a kernel of this form.
pub(super) fn fits(kernel: KernelForm) -> Result<(), Unfit> {
    let (needed, name, hint) = if cfg!(target_arch = "x86_64") {
        let hint = "declare the kernel unpacked, as `vmlinux`: `scripts/extract-vmlinux` of the kernel's source does it";
        (KernelForm::Vmlinux, "an unpacked `vmlinux`", hint)
    } else {
        let hint = "declare the kernel unpacked, as `Image`: gzip -d makes it of most `vmlinuz`";
        (KernelForm::Image, "an unpacked `Image`", hint)
    };
    if kernel == needed {
        return Ok(());
    }
    let is = match kernel {
        KernelForm::BzImage => "a packed `vmlinuz`",
        KernelForm::Vmlinux => "a `vmlinux` for x86_64",
        KernelForm::Image => "an `Image` for ARM",
        KernelForm::Other => "neither that nor anything else that is known",
    };
    Err(Unfit {
        mode: Mode::Firecracker,
        why: format!("it boots {name}, and the kernel is {is}"),
        hint: Some(hint.to_owned()),
    })
}

/// The last thing that it is told.
const START: Request = Request::Start {
    action_type: "InstanceStart",
};

/// What it is told before, in this order.
fn requests(size: Size, fds: Numbers) -> [Request; 5] {
    let path = |number: RawFd| format!("/proc/self/fd/{number}");
    [
        Request::Machine {
            vcpu_count: size.vcpus,
            mem_size_mib: size.memory_mib,
        },
        Request::Boot {
            kernel_image_path: path(fds.kernel),
            initrd_path: path(fds.initrd),
            boot_args: format!("{KERNEL} reboot=k pci=off console=ttyS0"),
        },
        Request::Drive {
            drive_id: "rootfs",
            path_on_host: path(fds.image),
            is_root_device: false,
            is_read_only: true,
        },
        Request::Vsock {
            // 0 to 2 have a meaning of their own.
            guest_cid: 3,
            uds_path: VSOCK,
        },
        Request::Entropy {},
    ]
}

impl Engine for Firecracker {
    type Runs = Machine;

    fn mode(&self) -> Mode {
        Mode::Firecracker
    }

    fn start(&self, machine: &Machine) -> Result<Guest, Error> {
        let (mut guest, mut client) = self.prepare(machine)?;
        match client.put(&START) {
            Ok(()) => Ok(guest),
            Err(what) => {
                let said = guest.last_words();
                Err(Error::Engine { what, said })
            }
        }
    }
}
