//! From a staging tree to a store path: sealed, published, and remembered for what it was made of.

use super::Made;
use crate::model::artifact::ArtifactError;
use crate::model::input::Input;
use crate::model::pin::Pin;
use crate::model::realisation::{FolderRecord, Realisation};
use crate::model::source::Source;
use crate::model::tree::TreeError;
use crate::progress::Phase;
use crate::store::{self, Published, Staged, Staging};
use crate::verb::context::Context;
use crate::verb::error::Error;
use crate::verb::look::{Wanted, described, pin_input};

/// Seals a tree; a tree that is merely unusable is a reason for the next source.
pub(in crate::verb) fn seal<'s>(
    cx: &Context<'_>,
    wanted: &Wanted<'_>,
    staging: Staging<'s>,
    source_text: &str,
) -> Result<Result<Staged<'s>, String>, Error> {
    cx.phase(wanted.name(), Phase::Seal);
    match staging.seal(&wanted.environment.recipe(&wanted.platform)) {
        Ok(staged) => {
            for note in staged.notes() {
                cx.note(&format!("{}: {note}", wanted.name()));
            }
            Ok(Ok(staged))
        }
        Err(store::Error::Tree(
            error @ (TreeError::Empty | TreeError::Artifact(ArtifactError::Missing { .. })),
        )) => Ok(Err(error.to_string())),
        Err(
            source @ (store::Error::Tree(_)
            | store::Error::OwnManifest
            | store::Error::Folds { .. }
            | store::Error::HardLink { .. }),
        ) => Err(Error::BadTree {
            source_text: source_text.to_owned(),
            source,
        }),
        Err(error) => Err(error.into()),
    }
}

/// Publishes a sealed tree.
pub(in crate::verb) fn publish(
    cx: &Context<'_>,
    wanted: &Wanted<'_>,
    staged: Staged<'_>,
) -> Result<Published, Error> {
    cx.phase(wanted.name(), Phase::Publish);
    Ok(staged.publish(cx.depth, cx.observer)?)
}

/// Publishes what a pinned source gave, if it is what the lock says, and remembers it.
pub(super) fn keep(
    cx: &Context<'_>,
    wanted: &Wanted<'_>,
    staged: Staged<'_>,
    pin: Pin,
    source: &Source,
    source_text: String,
) -> Result<Made, Error> {
    let found = staged.name().hash();
    if let Some(expected) = pin.output()
        && expected != found
    {
        let (found, expected) = (found.to_string(), expected.to_string());
        return Err(Error::OtherTree {
            source_text,
            found,
            expected,
        });
    }
    let published = publish(cx, wanted, staged)?;
    let (_, source_digest) = described(source, wanted.base, &pin);
    if let Some(input) = pin_input(&pin) {
        let input = wanted.input(source, input);
        remember(
            cx,
            input,
            &published,
            &source_text,
            source_digest.clone(),
            None,
        )?;
    }
    let pin = pin.with_output(found);
    Ok(Made::Path {
        published: Box::new(published),
        source: source_text,
        source_digest,
        pin,
    })
}

/// Writes the realisation record.
pub(in crate::verb) fn remember(
    cx: &Context<'_>,
    input: Input,
    published: &Published,
    source: &str,
    source_digest: Option<String>,
    local: Option<FolderRecord>,
) -> Result<(), Error> {
    let (path, source) = (published.name().clone(), source.to_owned());
    let record = Realisation {
        schema: 1,
        input,
        path,
        source,
        source_digest,
        realized: cx.now,
        local,
    };
    Ok(cx.store.remember(&record)?)
}
