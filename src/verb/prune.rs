//! Pruning: letting go of pulled environments that nobody declares any more, then collecting what nothing holds.
//!
//! Where the command runs does not matter: each entry of the profile `pulled` knows its own declaration. An entry
//! goes when that file no longer has the name at that version, or is gone while its folder is there; a folder that
//! is gone may be a volume that is not mounted, so the entry stays.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::path::{Path, PathBuf};

use super::context::{Context, base_of};
use super::error::Error;
use super::pull::commit;
use crate::declare::{self, Declaration};
use crate::gc::{self, Collected, Limits, Reach};
use crate::model::generation::Cause;
use crate::model::name::ProfileName;
use crate::model::store_path::StorePathName;
use crate::profile::{Change, Locked, current};

/// What pruning removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Entries of the profile `pulled` that were dropped.
    pub dropped: Vec<String>,
    /// What the collection removed.
    pub collected: Collected,
}

impl Pruned {
    /// Store paths and staging trees that are gone.
    #[must_use]
    pub fn deleted(&self) -> Vec<PathBuf> {
        let all = self.collected.paths.iter().chain(&self.collected.staging);
        all.map(|gone| gone.path.clone()).collect()
    }
}

/// Drops entries that are no longer declared, then collects.
///
/// # Errors
/// When a root cannot be read: nothing is collected then.
pub fn prune(cx: &Context<'_>) -> Result<Pruned, Error> {
    let collect = || {
        let limits = Limits::default();
        gc::collect(cx.store, &limits, Reach::All, cx.now, cx.observer)
    };
    match drop_undeclared(cx) {
        // A new generation needs room: collect first what is held by nothing as it is, then try again.
        Err(error) if is_full(&error) && !is_of_sync(&error) => {
            let first = collect()?;
            let dropped = drop_undeclared(cx)?;
            let collected = first.and(collect()?);
            Ok(Pruned { dropped, collected })
        }
        // The entries stay with the account that may let go of them; what else can go goes.
        Err(Error::Profile(error)) if error.is_refusal() => {
            let cause = error.source().map(|cause| format!(": {cause}"));
            cx.note(&format!(
                "left what was pulled and is no longer declared: {error}{}",
                cause.unwrap_or_default()
            ));
            Ok(Pruned {
                dropped: Vec::new(),
                collected: collect()?,
            })
        }
        dropped => Ok(Pruned {
            dropped: dropped?,
            collected: collect()?,
        }),
    }
}

/// Whether a sync failed: a second one may succeed and hide that something was lost.
fn is_of_sync(error: &Error) -> bool {
    use crate::{profile, store};
    let (Error::Profile(
        profile::Error::Io { doing, .. } | profile::Error::Store(store::Error::Io { doing, .. }),
    )
    | Error::Store(store::Error::Io { doing, .. })) = error
    else {
        return false;
    };
    *doing == "sync"
}

/// Whether the system said somewhere below that there is no room.
fn is_full(error: &Error) -> bool {
    use std::io::{Error, ErrorKind};
    std::iter::successors(error.source(), |error| (*error).source())
        .filter_map(|error| error.downcast_ref::<Error>())
        .any(|io| matches!(io.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
}

fn drop_undeclared(cx: &Context<'_>) -> Result<Vec<String>, Error> {
    let pulled = ProfileName::pulled();
    if current(cx.store, &pulled)?.is_none() {
        return Ok(Vec::new());
    }
    let mut locked = Locked::wait(cx.store, &pulled, cx.observer)?;
    let Some(live) = locked.current()? else {
        return Ok(Vec::new());
    };
    let mut known: BTreeMap<Option<String>, Declared> = BTreeMap::new();
    let mut dropped = Vec::new();
    for (link, path) in &live.environments {
        let declaration = live.declarations.get(link).cloned();
        let declared = known
            .entry(declaration.clone())
            .or_insert_with(|| declared(cx, declaration.as_deref()));
        if !declared.has(path) {
            dropped.push(link.clone());
        }
    }
    if dropped.is_empty() {
        return Ok(dropped);
    }
    let keep = |link: &String| !dropped.contains(link);
    let before = live.number;
    let mut environments = locked.places()?;
    environments.retain(|link, _| keep(link));
    let mut declarations = live.declarations.clone();
    declarations.retain(|link, _| keep(link));
    let change = Change {
        cause: Cause::Prune,
        declaration: None,
        restores: None,
        environments,
        declarations,
        now: cx.now,
    };
    commit(cx, &mut locked, &change, Some(before))?;
    Ok(dropped)
}

/// What a declaration says now.
enum Declared {
    /// These environments.
    Says(Box<Declaration>),
    /// The file is gone, its folder is there.
    Gone,
    /// Not to be told now, so everything of it stays.
    Unknown,
}

impl Declared {
    fn has(&self, path: &StorePathName) -> bool {
        match self {
            Self::Gone => false,
            Self::Unknown => true,
            Self::Says(declaration) => declaration.environments().values().any(|environment| {
                path.label() == format!("{}-{}", environment.name.file_stem(), environment.version)
            }),
        }
    }
}

fn declared(cx: &Context<'_>, file: Option<&str>) -> Declared {
    let Some(file) = file.map(Path::new) else {
        return Declared::Says(Box::new(declare::catalog().clone()));
    };
    match fs_err::read_to_string(file) {
        Ok(text) => match declare::parse(&text, file) {
            Ok(declaration) => Declared::Says(Box::new(declaration)),
            Err(mistakes) => {
                cx.note(&format!(
                    "kept what was pulled from {}: it has mistakes: {mistakes}",
                    file.display()
                ));
                Declared::Unknown
            }
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && base_of(file).is_dir() => {
            Declared::Gone
        }
        Err(error) => {
            cx.note(&format!(
                "kept what was pulled from {}: {error}",
                file.display()
            ));
            Declared::Unknown
        }
    }
}
