//! Why a command could not be run in an environment.

use std::io;
use std::path::{Path, PathBuf};

use super::engine::{ApiError, Unfit};
use crate::agent::frame::FrameError;
use crate::agent::message::Stage;

/// What keeps a command from being run, up to the moment in which it is started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This pyro has no agent.
    #[error("this pyro was built without `pyro run`")]
    NotBuilt,
    /// The environment has no such artifact.
    #[error("the environment has no artifact `{role}`, which a virtual machine needs")]
    NoArtifact {
        /// The artifact's role.
        role: &'static str,
    },
    /// The environment has no folder that could be a root.
    #[error("the environment has no tree of files to run in: it is not of layout `rootfs`")]
    NoTree,
    /// The tree belongs to another account.
    #[error("the tree belongs to user {} and group {}, and this account is user {} and group {}: {}", theirs.0, theirs.1, ours.0, ours.1, path.display())]
    OtherOwner {
        /// The tree.
        path: PathBuf,
        /// Its user and group.
        theirs: (u32, u32),
        /// Those of this account.
        ours: (u32, u32),
    },
    /// The system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// What is between pyro and the engine could not be made.
    #[error("cannot {doing}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The image holds no file system that the agent can mount.
    #[error("the image holds no file system that is known (ext4, erofs, squashfs, xfs, btrfs): {}", path.display())]
    UnknownImage {
        /// The image.
        path: PathBuf,
    },
    /// A module of the kernel cannot be used.
    #[error("cannot use the kernel module ({why}): {}", path.display())]
    Module {
        /// The module.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The modules of several kernels, and none of them known to be this one's.
    #[error("has modules of {}, and the kernel does not say which it is: {}", .releases.join(", "), path.display())]
    WhichRelease {
        /// The artifact `modules`.
        path: PathBuf,
        /// What is there.
        releases: Vec<String>,
    },
    /// No engine can run it here.
    #[error("no engine can run this environment here: {}", .unfit.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    NoEngine {
        /// Each engine and why not.
        unfit: Vec<Unfit>,
    },
    /// The engine's program does not do what it is told.
    #[error("the engine {what}")]
    Engine {
        /// What it did.
        what: ApiError,
        /// The last lines that it said.
        said: Vec<String>,
    },
    /// The virtual machine ended, or said nothing, before a command could be started.
    #[error("the machine {what}")]
    Boot {
        /// `did not come up within 60 seconds`.
        what: String,
        /// The last lines that it and its engine said.
        said: Vec<String>,
    },
    /// The agent says that there can be no command.
    #[error("the machine cannot be used: {text}")]
    Trouble {
        /// What it says.
        text: String,
    },
    /// What came is not the protocol.
    #[error("the machine does not speak the protocol")]
    Protocol(#[source] FrameError),
    /// The agent sent what only pyro sends, or not in its turn, or more than it was granted.
    #[error("the machine does not keep to the protocol: {what}")]
    Order {
        /// What it did.
        what: &'static str,
    },
    /// The agent is of another pyro.
    #[error(
        "the agent speaks protocol {found}, this pyro {}",
        crate::agent::frame::VERSION
    )]
    Version {
        /// Its protocol.
        found: u32,
    },
    /// The command, its folder and its variables do not fit into one message.
    #[error("the command and its variables are too long")]
    TooLong(#[source] FrameError),
    /// The command could not be started.
    #[error("{}", match stage {
        Stage::Program => format!("cannot run `{program}` in the environment"),
        Stage::Folder => format!("cannot enter `{program}` in the environment"),
        Stage::Streams => format!("cannot make streams for `{program}` in the environment"),
    })]
    Command {
        /// What was being done.
        stage: Stage,
        /// The program, or the folder.
        program: String,
        /// What the guest's kernel said.
        #[source]
        source: io::Error,
    },
    /// A signal came before the command was started.
    #[error("ended by signal {signal} before the command was started")]
    Interrupted {
        /// The signal.
        signal: u8,
    },
}

impl Error {
    /// Whether it may be the engine's own, so that another may be tried as long as no command was sent.
    #[must_use]
    pub fn may_be_of_engine(&self) -> bool {
        matches!(
            self,
            Self::Engine { .. } | Self::Boot { .. } | Self::Io { .. } | Self::System { .. }
        )
    }

    pub(super) fn io(
        doing: &'static str,
        path: impl AsRef<Path>,
        source: impl Into<io::Error>,
    ) -> Self {
        Self::Io {
            doing,
            path: path.as_ref().to_owned(),
            source: source.into(),
        }
    }

    pub(super) fn system(doing: &'static str, source: impl Into<io::Error>) -> Self {
        Self::System {
            doing,
            source: source.into(),
        }
    }
}
