//! What is known of an environment without opening a source: declared, locked, installed.

use super::context::{Context, Policy};
use super::error::Error;
use super::look::{Looked, Wanted, described, look, pin_input};
use super::lookup::Found;
use super::outcome::Outcome;
use super::pull::entry;
use crate::model::digest::{OciDigest, StoreHash};
use crate::model::environment::Environment;
use crate::model::input::PinInput;
use crate::model::name::ProfileName;
use crate::model::pin::Pin;
use crate::model::platform::Platform;
use crate::model::realisation::Realisation;
use crate::model::source::{OciSource, Source};
use crate::model::store_path::StorePathName;
use crate::profile;
use crate::store::{Found as InStore, Published};

/// One environment, as declared and as installed.
#[derive(Debug)]
pub struct Inspected {
    /// The valid path; none when it is not installed.
    pub outcome: Option<Outcome>,
    /// Where its bytes came from, or would come from first.
    pub source: Option<String>,
    /// The digest that its source is pinned by, where known.
    pub source_digest: Option<String>,
    /// Registry, repository and tag or digest of its first registry source.
    pub oci: Option<(String, String, String)>,
}

impl Inspected {
    /// Registry, repository and tag or digest of an environment's first registry source.
    #[must_use]
    pub fn oci_of(environment: &Environment) -> Option<(String, String, String)> {
        environment.sources.iter().find_map(|source| match source {
            Source::Oci(OciSource::Registry(reference)) => {
                let digest = reference.digest().map(|digest| digest.to_string());
                let at = digest
                    .or_else(|| reference.tag().map(str::to_owned))
                    .unwrap_or_default();
                Some((
                    reference.registry().to_owned(),
                    reference.repository().to_owned(),
                    at,
                ))
            }
            _ => None,
        })
    }
}

/// Looks at one environment.
///
/// # Errors
/// When the store cannot be read.
pub fn inspect(
    cx: Option<&Context<'_>>,
    found: Found<'_>,
    platform: &Platform,
) -> Result<Inspected, Error> {
    let outcome = match cx {
        None => None,
        Some(cx) => {
            let wanted = Wanted::new(found.project, found.environment, platform, Policy::Update);
            match look(cx, &wanted)? {
                Looked::Ready(outcome) => Some(*outcome),
                Looked::Needed { .. } => remembered(cx, found, platform)?,
            }
        }
    };
    let oci = Inspected::oci_of(found.environment);
    let (source, source_digest) = match &outcome {
        Some(outcome) => (Some(outcome.source.clone()), outcome.source_digest.clone()),
        None => first_source(found, platform),
    };
    Ok(Inspected {
        outcome,
        source,
        source_digest,
        oci,
    })
}

fn first_source(found: Found<'_>, platform: &Platform) -> (Option<String>, Option<String>) {
    let Some(source) = found.environment.sources.first() else {
        return (None, None);
    };
    let lock = found.project.lock();
    let pin = lock
        .and_then(|lock| lock.pin_of(&found.environment.name, platform, source))
        .cloned();
    let nothing = Pin::Local {
        output: StoreHash::from_bytes([0; 32]),
    };
    let (text, digest) = described(source, found.project.base(), &pin.unwrap_or(nothing));
    (Some(text), digest)
}

/// A valid path that the profile `pulled` or a realisation names for this declaration.
///
/// A realisation counts only where its input is what the declaration says now, but for the bytes.
pub(super) fn remembered(
    cx: &Context<'_>,
    found: Found<'_>,
    platform: &Platform,
) -> Result<Option<Outcome>, Error> {
    let wanted = Wanted::new(found.project, found.environment, platform, Policy::Update);
    let entry = entry(found, platform, &cx.host);
    let pulled = profile::current(cx.store, &ProfileName::pulled())?
        .and_then(|live| live.environments.get(&entry).cloned());
    let records = cx.realisations()?;
    let fitting: Vec<(&Realisation, usize, Pin)> = records
        .iter()
        .rev()
        .filter_map(|record| {
            source_of(record, found, &wanted).map(|(index, pin)| (record, index, pin))
        })
        .collect();
    let shown = fitting
        .iter()
        .find(|(record, ..)| Some(&record.path) == pulled.as_ref());
    for (record, index, pin) in shown.into_iter().chain(&fitting) {
        if let Some(published) = valid(cx, &record.path)? {
            let (source, source_digest) = (record.source.clone(), record.source_digest.clone());
            let (index, pin, skipped) = (*index, pin.clone(), Vec::new());
            return Ok(Some(Outcome {
                published,
                source,
                source_digest,
                index,
                pin,
                skipped,
            }));
        }
    }
    // A path that this account made of something else is not what is declared now.
    let is_ours = |path: &StorePathName| {
        let mut records = records.iter();
        records.any(|record| record.path == *path)
    };
    if wanted.locked || pulled.as_ref().is_some_and(is_ours) {
        return Ok(None);
    }
    // Pulled by somebody whose records this account does not have.
    let expected = format!(
        "{}-{}",
        found.environment.name.file_stem(),
        found.environment.version
    );
    let (Some(path), Some(first)) = (
        pulled.filter(|path| path.label() == expected),
        found.environment.sources.first(),
    ) else {
        return Ok(None);
    };
    let pin = Pin::Local {
        output: path.hash(),
    };
    let (source, source_digest) = described(first, found.project.base(), &pin);
    let published = valid(cx, &path)?;
    Ok(published.map(|published| Outcome {
        published,
        source,
        source_digest,
        index: 0,
        pin,
        skipped: Vec::new(),
    }))
}

fn valid(cx: &Context<'_>, name: &StorePathName) -> Result<Option<Published>, Error> {
    Ok(match cx.store.find(name, cx.depth, cx.observer)? {
        InStore::Valid(published) => Some(*published),
        InStore::Missing | InStore::Damaged(_) => None,
    })
}

/// Which declared source a record is of, if it is of one as it is declared and pinned now.
fn source_of(record: &Realisation, found: Found<'_>, wanted: &Wanted<'_>) -> Option<(usize, Pin)> {
    let output = Some(record.path.hash());
    let pin = match &record.input.pin {
        PinInput::Local(_) => Pin::Local {
            output: record.path.hash(),
        },
        PinInput::Archive(OciDigest::Sha256(sha256)) => Pin::Archive {
            sha256: *sha256,
            size: 0,
            output,
        },
        PinInput::Archive(OciDigest::Sha512(_)) => return None,
        PinInput::Oci(digest) => Pin::Oci {
            digest: *digest,
            layers: Vec::new(),
            output,
        },
    };
    let sources = found.environment.sources.iter().enumerate();
    let mut fitting = sources.filter(|(index, source)| {
        let kinds_fit = matches!(
            (source, &pin),
            (Source::Local(_), Pin::Local { .. })
                | (Source::Archive(_), Pin::Archive { .. })
                | (Source::Oci(_), Pin::Oci { .. })
        );
        // The lock binds: bytes that it does not name are not this environment any more.
        let pinned = wanted.pins[*index].as_ref().filter(|_| wanted.locked);
        let as_locked = pinned.is_none_or(|pinned| match pinned {
            Pin::Local { output } => *output == record.path.hash(),
            other => pin_input(other) == pin_input(&pin),
        });
        kinds_fit && as_locked && wanted.input(source, record.input.pin.clone()) == record.input
    });
    let (index, _) = fitting.next()?;
    Some((index, pin.clone()))
}
