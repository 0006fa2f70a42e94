//! Namespaces: the command under the same kernel, with a root, processes, devices and names of its own.
//!
//! A weaker wall than a machine's: each system call of the command is one to the kernel that runs everything else. So it
//! is taken for an environment without a kernel, or where it is asked for.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::net::UnixStream;

use super::said::Said;
use super::{Engine, Guest, Mode, Unfit};
use crate::run::child::Child;
use crate::run::enclosed::{self, Step};
use crate::run::enclosure::Enclosure;
use crate::run::error::Error;
use crate::run::line::Line;

/// Settings that forbid namespaces to ordinary users: where, the value that does, and what changes it.
const FORBIDDING: [(&str, &str, &str); 3] = [
    (
        "kernel/unprivileged_userns_clone",
        "0",
        "sysctl -w kernel.unprivileged_userns_clone=1",
    ),
    (
        "user/max_user_namespaces",
        "0",
        "sysctl -w user.max_user_namespaces=10000",
    ),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile that allows userns to pyro",
    ),
];

/// The engine that needs nothing but the kernel that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    _found: (),
}

impl Namespace {
    /// Tries whether namespaces can be made here.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn find() -> Result<Self, Unfit> {
        let setting = |name: &str| {
            let text = fs_err::read_to_string(format!("/proc/sys/{name}"));
            text.ok().map(|text| text.trim().to_owned())
        };
        match enclosed::try_out() {
            Ok(()) => Ok(Self { _found: () }),
            Err((step, error)) => Err(unfit(step, &error, setting)),
        }
    }
}

/// Why namespaces cannot be made; `setting` reads one of the kernel's.
pub(super) fn unfit(
    step: Step,
    error: &io::Error,
    setting: impl Fn(&str) -> Option<String>,
) -> Unfit {
    let what = match step {
        Step::Clone => "namespaces cannot be made",
        Step::Map => "a user namespace cannot be given its user",
        Step::Mount => "nothing can be mounted in namespaces",
        Step::Processes => "/proc cannot be mounted in namespaces",
    };
    let mut forbidding = FORBIDDING.iter();
    let forbidding = forbidding.find(|(name, value, _)| setting(name).as_deref() == Some(*value));
    let (why, hint) = match forbidding {
        Some((name, value, hint)) => {
            let why = format!("{what}: {} is {value}", name.replace('/', "."));
            (why, (*hint).to_owned())
        }
        None => (
            format!("{what}: {error}"),
            "containers forbid it unless they are started to allow it; ordinary machines do not"
                .to_owned(),
        ),
    };
    Unfit {
        mode: Mode::Namespace,
        why,
        hint: Some(hint),
    }
}

impl Engine for Namespace {
    type Runs = Enclosure;

    fn mode(&self) -> Mode {
        Mode::Namespace
    }

    fn start(&self, enclosure: &Enclosure) -> Result<Guest, Error> {
        let failed = |error: io::Error| Error::system("make streams for the agent", error);
        let (socket, agent) = UnixStream::pair().map_err(failed)?;
        let (hear, stderr) = io::pipe().map_err(failed)?;
        let words = enclosure.words(agent.as_raw_fd());
        let words = words.map_err(|error| failed(error.into()))?;
        let enclosed = enclosed::spawn(
            enclosure.agent.as_fd(),
            &words,
            &[agent.as_fd()],
            stderr.as_fd(),
            enclosure.network(),
        );
        let enclosed = enclosed.map_err(|error| Error::system("make namespaces", error))?;
        drop(stderr);
        let mut said = Said::default();
        said.listen(hear);
        Ok(Guest {
            child: Child::enclosed(enclosed),
            line: Line::Open(socket),
            said,
            folder: None,
        })
    }
}
