//! Errors of the rooms below: kind, exit code, and what to do next.

use super::{Failure, Kind, Subject};
use crate::declare::Mistakes;
use crate::declare::edit::EditError;
use crate::lock::LockError;
use crate::verb::{Error, Why};
use crate::{fetch, gc, profile, store, unpack};

const MAKE_SPACE: &str = "`pyro gc` removes what nothing holds";
const MAY_NOT: &str =
    "this account may not write there: `pyro doctor` says more; --store names another store";

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let hint = hint(&error);
        let failure = match error {
            Error::Declaration(mistakes) => mistakes.into(),
            Error::Lock(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::Fetch(error) => error.into(),
            Error::Profile(error) => error.into(),
            Error::Gc(error) => error.into(),
            Error::Run(error) => error.into(),
            other => Self::of(kind(&other), &other),
        };
        match hint {
            Some(hint) if failure.hint.is_none() => failure.hint(hint),
            None if failure.kind == Kind::NoSpace && failure.hint.is_none() => {
                failure.hint(MAKE_SPACE)
            }
            _ => failure,
        }
    }
}

fn kind(error: &Error) -> Kind {
    match error {
        Error::Unpack { source, .. } => kind_of_unpack(source),
        Error::BadTree { .. } | Error::OtherTree { .. } => Kind::Integrity,
        Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            Kind::Configuration
        }
        Error::Io { source, .. } => Kind::of_io(source),
        Error::UnknownEnvironment { .. }
        | Error::UnknownArtifact { .. }
        | Error::ReservedProfile => Kind::Configuration,
        Error::UnknownPath { .. } | Error::InLower { .. } | Error::Root(_) => Kind::Usage,
        Error::ReadOnlyStore { source, .. } => kind_of_store(source),
        Error::Platform { .. }
        | Error::NotInstalled { .. }
        | Error::OnlyPulled { .. }
        | Error::OtherMachine { .. } => Kind::Unavailable,
        // Without a lock every block is missing, which is what stale means.
        Error::NoLock { .. }
        | Error::Unmerged { .. }
        | Error::Stale { .. }
        | Error::LocalChanged { .. } => Kind::Policy,
        Error::NoSource { skipped, .. } => match Error::last_reason(skipped) {
            Why::Absent => Kind::Unavailable,
            Why::Temporary => Kind::Temporary,
            Why::Denied => Kind::Denied,
            Why::Offline | Why::Unpinned => Kind::Policy,
        },
        Error::Declaration(_)
        | Error::Lock(_)
        | Error::Store(_)
        | Error::Fetch(_)
        | Error::Profile(_)
        | Error::Gc(_)
        | Error::Run(_) => Kind::Unclassified,
    }
}

fn hint(error: &Error) -> Option<String> {
    Some(match error {
        Error::UnknownEnvironment {
            nearest: Some(nearest),
            ..
        } => format!("did you mean `{nearest}`?"),
        Error::UnknownEnvironment { .. } => "`pyro env list` shows every environment".to_owned(),
        Error::Platform { offered, .. } => {
            let first = offered.first().map(ToString::to_string).unwrap_or_default();
            format!("--platform {first}, or add the platform to the declaration")
        }
        Error::Stale { .. } => "`pyro lock` brings it up to date".to_owned(),
        Error::NoLock { .. } => "`pyro lock` writes one; commit it".to_owned(),
        Error::Unmerged { .. } => {
            "`pyro lock` keeps the pins of both sides and writes it anew".to_owned()
        }
        Error::ReservedProfile => {
            "choose another name with --profile or in the declaration".to_owned()
        }
        Error::LocalChanged { .. } => "`pyro lock` pins it as it is now".to_owned(),
        Error::OtherTree { .. } => {
            "`pyro lock --upgrade` takes what the source gives now".to_owned()
        }
        Error::OnlyPulled { .. } => {
            "--profile pulled shows what was pulled; `pyro realize` puts it into the declaration's own".to_owned()
        }
        Error::NotInstalled { name } => format!("`pyro realize` or `pyro env pull {name}`"),
        Error::NoSource { skipped, .. } => match Error::last_reason(skipped) {
            Why::Absent => "add a source that has it, or put the missing one in place".to_owned(),
            Why::Temporary => "try again later; nothing was changed".to_owned(),
            Why::Denied => {
                "`pyro login HOST` stores a login for a registry; `pyro config` shows where they are looked for".to_owned()
            }
            Why::Offline => "run without --offline".to_owned(),
            Why::Unpinned => "`pyro lock` pins the sources that it can reach".to_owned(),
        },
        Error::Unpack { source, .. } => raise(source.limit()?.key()),
        Error::ReadOnlyStore { .. } => {
            "leave out --repair to check only, or repair it where and as whom it may be written"
                .to_owned()
        }
        Error::Root(_) => {
            "`pyro gc roots list` shows what there is; `pyro gc roots add --help`, what \
                           can be one"
                .to_owned()
        }
        Error::InLower { .. } => "ask the lower store itself, with --store".to_owned(),
        Error::UnknownPath { .. } => {
            "`pyro env list` and `pyro store info` show what there is".to_owned()
        }
        _ => return None,
    })
}

/// Who trusts a source may let it have more.
fn raise(key: &str) -> String {
    let variable = key.replace('-', "_").to_uppercase();
    format!(
        "if it is meant to be so large, raise `{key}` in [limits] of the configuration, or PYRO_LIMITS_{variable}"
    )
}

fn kind_of_unpack(error: &unpack::Error) -> Kind {
    match error {
        unpack::Error::Write { source, .. } => kind_of_store(source),
        unpack::Error::NoFolder { .. } => Kind::Unavailable,
        unpack::Error::Read { source, .. } if !error.is_bad_source() => Kind::of_io(source),
        unpack::Error::Local { source, .. } => Kind::of_io(source),
        unpack::Error::Entry {
            fault: unpack::Fault::Changed,
            ..
        } => Kind::Temporary,
        _ => Kind::Integrity,
    }
}

fn kind_of_store(error: &store::Error) -> Kind {
    match error {
        store::Error::Io { source, .. } | store::Error::Content { source, .. } => {
            Kind::of_io(source)
        }
        store::Error::UnknownLayout { .. }
        | store::Error::Foreign { .. }
        | store::Error::Unfit { .. }
        | store::Error::NotLower { .. } => Kind::Configuration,
        store::Error::Owned { .. } => Kind::Denied,
        store::Error::Tree(_)
        | store::Error::HardLink { .. }
        | store::Error::Folds { .. }
        | store::Error::OwnManifest
        | store::Error::Changed { .. }
        | store::Error::Manifest { .. }
        | store::Error::StillDamaged { .. } => Kind::Integrity,
        store::Error::NoRoom { .. } => Kind::NoSpace,
        store::Error::Busy { .. } => Kind::Temporary,
        store::Error::Record { .. } => Kind::Io,
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        let failure = Self::of(kind_of_store(&error), &error);
        match (&error, failure.kind) {
            (store::Error::UnknownLayout { .. }, _) => {
                failure.hint("use the pyro that made it, or name another store")
            }
            (store::Error::Unfit { .. }, _) => failure
                .hint("name a folder on ext4, XFS, Btrfs or tmpfs with --store or PYRO_STORE"),
            (store::Error::NotLower { .. }, _) => failure.hint(
                "name the folder of another store with --lower, PYRO_LOWER or `lower` in [store] of the configuration",
            ),
            (store::Error::Foreign { .. }, _) => {
                failure.hint("name another folder with --store or PYRO_STORE")
            }
            (store::Error::Busy { .. }, _) => {
                failure.hint("wait for the other process, or raise --lock-timeout")
            }
            (store::Error::Owned { owner, .. }, _) => {
                failure.hint(format!("account {owner} or root can do that"))
            }
            (_, Kind::NoSpace) => failure.hint(MAKE_SPACE),
            (_, Kind::Denied) => failure.hint(MAY_NOT),
            _ => failure,
        }
    }
}

impl From<fetch::Error> for Failure {
    fn from(error: fetch::Error) -> Self {
        let kind = match &error {
            fetch::Error::Absent { .. } => Kind::Unavailable,
            fetch::Error::Temporary { .. } | fetch::Error::Busy { .. } => Kind::Temporary,
            fetch::Error::Denied { .. } => Kind::Denied,
            fetch::Error::Offline { .. } => Kind::Policy,
            fetch::Error::Integrity { .. }
            | fetch::Error::TooLarge { .. }
            | fetch::Error::Unsupported { .. } => Kind::Integrity,
            fetch::Error::Credentials { .. } | fetch::Error::Authority { .. } => {
                Kind::Configuration
            }
            fetch::Error::Io { source, .. } => Kind::of_io(source),
        };
        let failure = Self::of(kind, &error);
        match kind {
            Kind::Policy => failure.hint("run without --offline"),
            Kind::Integrity if let fetch::Error::TooLarge { key, .. } = &error => match key {
                Some(key) => failure.hint(raise(key)),
                None => failure,
            },
            Kind::Integrity => failure.hint("if the change is wanted: `pyro lock --upgrade`"),
            _ => failure,
        }
    }
}

impl From<profile::Error> for Failure {
    fn from(error: profile::Error) -> Self {
        match error {
            profile::Error::Store(error) => error.into(),
            profile::Error::Io { ref source, .. } => {
                let failure = Self::of(Kind::of_io(source), &error);
                match failure.kind {
                    Kind::Denied => failure.hint(MAY_NOT),
                    _ => failure,
                }
            }
            profile::Error::Unknown { .. } => Self::of(Kind::Configuration, &error)
                .hint("`pyro profile list` shows every profile"),
            profile::Error::NoGeneration { .. } | profile::Error::NoEarlier { .. } => {
                Self::of(Kind::Configuration, &error)
                    .hint("`pyro profile history` shows every generation")
            }
            profile::Error::NotValid { .. } => {
                Self::of(Kind::Unavailable, &error).hint("realize its declaration again")
            }
            profile::Error::OutLinkFolder { .. } => {
                Self::of(Kind::Usage, &error).hint("make the folder first, or name another")
            }
            profile::Error::OutLinkTaken { .. } | profile::Error::OutLinkName { .. } => {
                Self::of(Kind::Usage, &error).hint("name another --out-link")
            }
        }
    }
}

impl From<gc::Error> for Failure {
    fn from(error: gc::Error) -> Self {
        match error {
            gc::Error::Store(error) => error.into(),
            gc::Error::Profile(error) => error.into(),
            gc::Error::Io { ref source, .. } => Self::of(Kind::of_io(source), &error),
        }
    }
}

impl From<Mistakes> for Failure {
    fn from(mistakes: Mistakes) -> Self {
        let mut failure = Self::new(Kind::Configuration, mistakes.first().message());
        failure.subject = Subject::Mistakes(Box::new(mistakes));
        failure
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        Self::from(error.mistakes().clone())
            .hint("`pyro lock` writes it anew once it is out of the way")
    }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Invalid(mistakes) => mistakes.into(),
            EditError::Refused { ref mistakes, .. } => Self {
                causes: mistakes.iter().map(|m| m.message().to_owned()).collect(),
                ..Self::new(Kind::Usage, error.to_string())
            },
            EditError::Exists { .. } => Self::of(Kind::Usage, &error)
                .hint("edit the declaration to change it, or `pyro remove` it first"),
            EditError::Unknown {
                nearest: Some(ref nearest),
                ..
            } => Self::of(Kind::Configuration, &error).hint(format!("did you mean `{nearest}`?")),
            EditError::Unknown { .. } | EditError::Shape { .. } => {
                Self::of(Kind::Configuration, &error)
            }
        }
    }
}
