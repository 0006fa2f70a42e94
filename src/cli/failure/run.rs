//! Why a command could not be run in an environment: kind, exit code, and what to do next.

use super::{Failure, Kind};
use crate::agent::message::Stage;
use crate::run::Error;
use crate::run::engine::ApiError;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::NotBuilt => Kind::Unclassified,
            Error::NoArtifact { .. }
            | Error::NoEngine { .. }
            | Error::NoTree
            | Error::Engine {
                what: ApiError::Refused { .. },
                ..
            } => Kind::Unavailable,
            Error::OtherOwner { .. } => Kind::Denied,
            Error::Io { source, .. } => Kind::of_io(source),
            Error::System { .. } | Error::Trouble { .. } => Kind::Io,
            Error::UnknownImage { .. }
            | Error::Module { .. }
            | Error::WhichRelease { .. }
            | Error::Protocol(_)
            | Error::Order { .. }
            | Error::Version { .. } => Kind::Integrity,
            Error::Engine { .. } | Error::Boot { .. } | Error::Interrupted { .. } => {
                Kind::Temporary
            }
            Error::TooLong(_) => Kind::Usage,
            Error::Command {
                stage: Stage::Program,
                source,
                ..
            } if source.kind() == std::io::ErrorKind::NotFound => Kind::NoCommand,
            Error::Command { .. } => Kind::CannotExecute,
        };
        let mut failure = Self::of(kind, &error);
        match error {
            Error::NotBuilt => failure.hint("build it with its default features"),
            Error::NoArtifact { role } => failure.hint(format!(
                "declare it: artifacts = {{ {role} = \"...\" }}; `pyro hold` hands over paths of any environment"
            )),
            Error::NoTree => failure.hint(
                "declare it: layout = \"rootfs\"; what has a kernel and an image runs in a virtual machine",
            ),
            Error::OtherOwner { .. } => failure.hint("realize it in a store of this account"),
            // The last of them works in the most places.
            Error::NoEngine { unfit } => match unfit.into_iter().rev().find_map(|one| one.hint) {
                Some(hint) => failure.hint(hint),
                None => failure,
            },
            Error::Engine { said, .. } | Error::Boot { said, .. } => {
                failure.causes.extend(said);
                failure.hint("--boot-timeout-seconds, --mem-mib and --engine change how it is started; `pyro doctor` shows the engines")
            }
            Error::Command {
                stage: Stage::Program,
                ..
            } if failure.kind == Kind::NoCommand => {
                failure.hint("name a program in the PATH of the environment, or its path there")
            }
            _ => failure,
        }
    }
}
