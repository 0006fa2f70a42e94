//! `pyro run`.

use std::ffi::OsString;
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::time::Duration;

use clap::Args;

mod answer;
mod capture;
mod console;
mod mount;

use crate::cli::args::{EngineChoice, FileFlag, LockFlags, OfflineFlag};
use crate::cli::failure::{Failure, Kind, usage};
use crate::cli::presentation::Output;
use crate::cli::quantity;
use crate::cli::report::Outcome;
use crate::cli::session::Session;
use crate::cli::settings::run::RunFlags;
use crate::cli::settings::{Flags, LockMode, Settings};
use crate::cli::target::find_declaration;
use crate::cli::workbench::{Workbench, bundle, depth};
use crate::model::name::EnvName;
use crate::run::engine::{Choice, Mode};
use crate::run::reach::{MOST_MOUNTS, Network, Reach};
use crate::run::{self, Ending, Exec, Limits, Streams, Terminal};
use crate::verb::{Error, Policy, RunRequest, Scope, run};
use capture::Captured;
use console::Console;

/// What a command finds its programs by where nobody says.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Run a command in an environment: one fresh virtual machine, gone when the command has ended
///
/// The environment is realized first where it is not valid, and kept for as long as the machine lives. The machine boots
/// its `kernel` with its `rootfs`, which is never written: what the command changes is in memory and goes with it. Of the
/// layout `rootfs` and without a kernel, it runs in namespaces under the kernel that is there, a weaker wall. The
/// command gets this terminal's input, its two outputs arrive as they come, byte for byte, and its exit code is that of
/// pyro. Signals that pyro gets go to the command, which has five seconds to end of one.
///
/// Exit codes: the command's own; 124 when its time was up; 125 when pyro or the machine failed; 126 and 127 when the
/// command cannot be executed or is not there; 128 and the number of the signal that ended it.
///
/// Example: `pyro run debian:12 -- git --version`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub name: EnvName,
    /// The command and its arguments, behind --
    #[arg(value_name = "CMD", required = true, last = true)]
    pub command: Vec<OsString>,
    /// The declaration.
    #[command(flatten)]
    pub file: FileFlag,
    /// How far the lock is obeyed.
    #[command(flatten)]
    pub lock: LockFlags,
    /// Whether the network may be used.
    #[command(flatten)]
    pub fetching: OfflineFlag,
    /// The machine.
    #[command(flatten)]
    pub machine: MachineFlags,
    /// Give the command a terminal of its own, where stdin is one: keys come to it as they are typed
    #[arg(long, short = 't', conflicts_with = "json")]
    pub tty: bool,
    /// Taken as others do: what is typed comes to the command in any case
    #[arg(long, short = 'i')]
    pub interactive: bool,
    /// Let the command reach what this machine reaches over the network, its own loopback interface included
    #[arg(long)]
    pub network: bool,
    /// Mount a folder of this machine in the environment, which the command may write to unless it ends with :ro
    #[arg(long = "mount", value_name = "SRC:DST[:ro]")]
    pub mounts: Vec<OsString>,
    /// Set a variable for the command; it has PATH and HOME besides those that are set
    #[arg(long = "env", value_name = "NAME=VALUE")]
    pub variables: Vec<OsString>,
    /// The folder in the environment that the command starts in
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub workdir: OsString,
    /// End the command when it has run for so long: TERM, then KILL after two seconds [default: no limit]
    /// [env: PYRO_TIMEOUT_SECONDS]
    #[arg(long, value_name = "N")]
    pub timeout_seconds: Option<NonZeroU32>,
}

/// What the machine is like.
#[derive(Debug, Clone, Copy, Args)]
pub struct MachineFlags {
    /// How many processors it has [default: 1] [env: PYRO_VCPU_COUNT]
    #[arg(long, value_name = "N")]
    pub vcpu_count: Option<NonZeroU32>,
    /// How much memory it has, in MiB [default: 512] [env: PYRO_MEM_MIB]
    #[arg(long, value_name = "N")]
    pub mem_mib: Option<NonZeroU32>,
    /// How much the command may write, which is held in the machine's memory: 256M [default: half of it]
    /// [env: PYRO_SCRATCH_SIZE]
    #[arg(long, value_name = "SIZE")]
    pub scratch_size: Option<quantity::Size>,
    /// What runs it; `auto` takes the fastest that works here, and never namespaces for what has a kernel
    /// [default: auto] [env: PYRO_ENGINE]
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<EngineChoice>,
    /// Give up when it has not come up after so long [default: 60] [env: PYRO_BOOT_TIMEOUT_SECONDS]
    #[arg(long, value_name = "N")]
    pub boot_timeout_seconds: Option<NonZeroU32>,
}

impl MachineFlags {
    const fn said(self, timeout_seconds: Option<NonZeroU32>) -> RunFlags {
        RunFlags {
            engine: self.engine,
            vcpu_count: self.vcpu_count,
            mem_mib: self.mem_mib,
            scratch_size: self.scratch_size,
            boot_timeout_seconds: self.boot_timeout_seconds,
            timeout_seconds,
        }
    }
}

const fn choice(engine: EngineChoice) -> Choice {
    match engine {
        EngineChoice::Auto => Choice::Auto,
        EngineChoice::Firecracker => Choice::Only(Mode::Firecracker),
        EngineChoice::Qemu => Choice::Qemu,
        EngineChoice::QemuKvm => Choice::Only(Mode::QemuKvm),
        EngineChoice::QemuTcg => Choice::Only(Mode::QemuTcg),
        EngineChoice::Namespace => Choice::Only(Mode::Namespace),
    }
}

impl RunArgs {
    /// Runs it; what fails before the command is started is told here, under the exit codes of this command.
    ///
    /// # Errors
    /// When the answer cannot be printed.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        match self.try_run(session) {
            Ok(outcome) => Ok(outcome),
            Err((failure, code)) => {
                let _finer = session.report().failure("run", &failure);
                Ok(Outcome::Exited(code))
            }
        }
    }

    fn try_run(self, session: &Session) -> Result<Outcome, (Failure, u8)> {
        let settings = session
            .settings(Flags {
                file: self.file.file.clone(),
                lock_mode: self.lock.mode(),
                offline: self.fetching.offline,
                run: self.machine.said(self.timeout_seconds),
                ..Flags::default()
            })
            .map_err(failed)?;
        let console = match session.report().presentation().output {
            Output::Text if self.tty => Console::find(),
            // Nobody sees it in a document.
            Output::Text | Output::Json => None,
        };
        let request = self.request(&settings, session, console.as_ref());
        let request = request.map_err(failed)?;
        let file = find_declaration(&settings, session.surroundings()).map_err(failed)?;
        let scope = Scope::new(file.as_deref(), &bundle(&settings));
        let scope = scope.map_err(|error| failed(error.into()))?;
        let found = scope.find(&self.name);
        let found = found.map_err(|error| failed(error.into()))?;
        let bench = Workbench::open(session, &settings, "run").map_err(failed)?;
        let captured = match session.report().presentation().output {
            Output::Json => Some((Captured::default(), Captured::default())),
            Output::Text => None,
        };
        let streams = streams(captured.as_ref(), console);
        let mut interrupted = None;
        let ran = bench.run(depth(&settings), |cx| {
            let ran = run(cx, found, &request, streams);
            if let Err(Error::Run(run::Error::Interrupted { signal })) = &ran {
                interrupted = Some(*signal);
            }
            ran
        });
        let ran = ran.map_err(|failure| match interrupted {
            Some(signal) => (failure, 128_u8.saturating_add(signal)),
            None => failed(failure),
        })?;
        // Whatever the observer still shows must not stand beneath the summary.
        drop(bench);
        if let Ending::Lost { what, said } = &ran.ended.ending {
            let failure = Failure {
                causes: said.clone(),
                ..Failure::new(Kind::Io, what.clone())
            };
            session.report().complaint(&failure);
        }
        let document = answer::document(&self, found, &ran, captured.as_ref());
        session.report().summary(&answer::summary(&document));
        if captured.is_some() {
            let answered = session.report().answer(&document, |_| String::new());
            answered.map_err(failed)?;
        }
        Ok(Outcome::Exited(document.exit_code))
    }

    fn request(
        &self,
        settings: &Settings,
        session: &Session,
        console: Option<&Console>,
    ) -> Result<RunRequest, Failure> {
        let seconds = |n: NonZeroU32| Duration::from_secs(n.get().into());
        let said = &settings.run;
        Ok(RunRequest {
            platform: settings.platform.value.clone(),
            policy: match settings.lock_mode.value {
                LockMode::Update => Policy::Update,
                LockMode::Locked => Policy::Locked,
                LockMode::Frozen => Policy::Frozen,
            },
            exec: self.exec(session, console)?,
            engine: choice(said.engine.value),
            reach: self.reach(session)?,
            size: run::Size {
                vcpus: said.vcpu_count.value.get(),
                memory_mib: said.mem_mib.value.get(),
                scratch: said.scratch_size.value.map(quantity::Size::bytes),
            },
            limits: Limits {
                boot: seconds(said.boot_timeout_seconds.value),
                command: said.timeout_seconds.value.map(seconds),
            },
            places: settings.places(),
        })
    }

    fn reach(&self, session: &Session) -> Result<Reach, Failure> {
        if self.mounts.len() > MOST_MOUNTS {
            let what = format!("more than {MOST_MOUNTS} folders are to be mounted");
            return Err(usage::mistake(what));
        }
        let mounts = self.mounts.iter();
        let mounts = mounts.map(|word| mount::parse(word, session.surroundings()));
        Ok(Reach {
            network: if self.network {
                Network::Shared
            } else {
                Network::Off
            },
            mounts: mount::in_order(mounts.collect::<Result<_, _>>()?)?,
        })
    }

    fn exec(&self, session: &Session, console: Option<&Console>) -> Result<Exec, Failure> {
        let mut env = vec![
            (b"PATH".to_vec(), PATH.as_bytes().to_vec()),
            (b"HOME".to_vec(), b"/root".to_vec()),
        ];
        let kind = session.surroundings().variable("TERM");
        if let Some(kind) = kind.filter(|_| console.is_some()) {
            env.push((b"TERM".to_vec(), kind.as_bytes().to_vec()));
        }
        for variable in &self.variables {
            let bytes = variable.as_bytes();
            let at = bytes.iter().position(|byte| *byte == b'=');
            let Some(at) = at.filter(|at| *at > 0) else {
                let shown = crate::model::escape::Escaped(bytes);
                return Err(usage::mistake(format!(
                    "`{shown}` is no variable: expected NAME=VALUE"
                )));
            };
            let (name, value) = (bytes[..at].to_vec(), bytes[at + 1..].to_vec());
            env.retain(|(known, _)| *known != name);
            env.push((name, value));
        }
        let words = self.command.iter().cloned();
        Ok(Exec {
            uid: 0,
            gid: 0,
            // One that does not know its size has none to speak of.
            terminal: console.map(|console| console.size().unwrap_or_default()),
            cwd: self.workdir.as_bytes().to_vec(),
            argv: words.map(OsString::into_vec).collect(),
            env,
        })
    }
}

/// A failure of pyro's own, whatever its kind; a command that cannot be run has codes of its own.
fn failed(failure: Failure) -> (Failure, u8) {
    let code = match failure.kind {
        Kind::CannotExecute | Kind::NoCommand => failure.exit_code(),
        _ => 125,
    };
    (failure, code)
}

/// This process's own streams, or where the outputs are kept.
fn streams(captured: Option<&(Captured, Captured)>, console: Option<Console>) -> Streams {
    let stdin = io::stdin().as_fd().try_clone_to_owned().ok();
    let (stdout, stderr): (Box<dyn Write + Send>, Box<dyn Write + Send>) = match captured {
        Some((stdout, stderr)) => (Box::new(stdout.clone()), Box::new(stderr.clone())),
        None => (own(&io::stdout(), "stdout"), own(&io::stderr(), "stderr")),
    };
    Streams {
        stdin,
        stdout,
        stderr,
        terminal: console.map(|console| Box::new(console) as Box<dyn Terminal>),
    }
}

/// The stream itself: what std puts before it would hold back what has no end of line.
fn own(stream: &impl AsFd, name: &str) -> Box<dyn Write + Send> {
    match stream.as_fd().try_clone_to_owned() {
        Ok(fd) => Box::new(fs_err::File::from_parts(fd.into(), name)),
        Err(_closed) => Box::new(io::sink()),
    }
}
