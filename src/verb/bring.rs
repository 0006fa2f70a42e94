//! Bringing an environment into the store from the first of its sources that can be used.
//!
//! For each source in turn: pin it where it has no pin and may get one; take what is valid already; else fetch,
//! unpack, seal, publish. What is absent, empty or lacks an artifact, cannot be reached, is denied or not allowed is
//! reported and the next one tried. Wrong bytes, a bad declaration and a full disk never are.

mod image;

use super::context::{Context, Policy};
use super::error::Error;
use super::local;
use super::look::{Seen, Wanted, pin_input, see_remote};
use super::outcome::{Outcome, Skipped, Why};
use crate::fetch::{self, Fetched, Image};
use crate::model::artifact::ArtifactError;
use crate::model::input::Input;
use crate::model::pin::{Pin, PinnedLayer};
use crate::model::realisation::{FolderRecord, Realisation};
use crate::model::source::{ArchiveSource, Source};
use crate::model::tree::TreeError;
use crate::progress::{Event, Phase};
use crate::store::{self, Published, Staged, Staging};
use crate::unpack::{self, Allowance};

/// What came of one source.
pub(super) enum Made {
    /// A valid path.
    Path {
        published: Box<Published>,
        source: String,
        source_digest: Option<String>,
        pin: Pin,
    },
    /// Nothing, and why.
    Skip(String, Why),
}

/// Brings in one environment.
pub(super) fn bring(cx: &Context<'_>, wanted: &Wanted<'_>) -> Result<Outcome, Error> {
    let mut skipped = Vec::new();
    let sources = 0..wanted.environment.sources.len();
    // What a fresh lock could not pin is tried last, and only if nothing that it pins can be used.
    let (deferred, first): (Vec<usize>, Vec<usize>) =
        sources.partition(|index| wanted.defers(*index));
    for index in first.into_iter().chain(deferred) {
        let source = wanted.environment.sources[index].to_string();
        let made = match from_source(cx, wanted, index) {
            Ok(made) => made,
            Err(error) => {
                let (reason, why) = reason_to_skip(error)?;
                Made::Skip(reason, why)
            }
        };
        match made {
            Made::Path {
                published,
                source,
                source_digest,
                pin,
            } => {
                let published = *published;
                return Ok(Outcome {
                    published,
                    source,
                    source_digest,
                    index,
                    pin,
                    skipped,
                });
            }
            Made::Skip(reason, why) => {
                cx.observer.event(Event::Skipped {
                    environment: wanted.name(),
                    source: &source,
                    why: &reason,
                });
                skipped.push(Skipped {
                    source,
                    reason,
                    why,
                });
            }
        }
    }
    local::left_over(cx, wanted, skipped)?.map_err(|skipped| Error::NoSource {
        name: wanted.environment.name.clone(),
        skipped,
    })
}

/// The reason to try the next source, or the error that ends the realization.
pub(super) fn reason_to_skip(error: Error) -> Result<(String, Why), Error> {
    let why = match &error {
        Error::Fetch(fetch::Error::Absent { .. }) => Why::Absent,
        Error::Fetch(fetch::Error::Temporary { .. }) => Why::Temporary,
        Error::Fetch(fetch::Error::Denied { .. }) => Why::Denied,
        Error::Fetch(fetch::Error::Offline { .. }) => Why::Offline,
        Error::Unpack {
            source: unpack::Error::Local { source, .. },
            ..
        } => match source.kind() {
            std::io::ErrorKind::PermissionDenied => Why::Denied,
            std::io::ErrorKind::NotADirectory | std::io::ErrorKind::NotFound => Why::Absent,
            _ => return Err(error),
        },
        _ => return Err(error),
    };
    let cause = std::error::Error::source(&error)
        .map(|cause| format!(": {cause}"))
        .unwrap_or_default();
    Ok((format!("{error}{cause}"), why))
}

fn from_source(cx: &Context<'_>, wanted: &Wanted<'_>, index: usize) -> Result<Made, Error> {
    let source = &wanted.environment.sources[index];
    let pinned = match source {
        Source::Local(local) => {
            let folder = local.resolve(wanted.base);
            return match local::see(cx, wanted, index, &folder)? {
                Seen::Ready(published, pin) => {
                    let source = format!("local:{}", folder.display());
                    Ok(Made::Path {
                        published,
                        source,
                        source_digest: None,
                        pin,
                    })
                }
                Seen::Skip(skip) => Ok(Made::Skip(skip.reason, skip.why)),
                Seen::Needed { .. } => local::copy(cx, wanted, index, &folder),
            };
        }
        Source::Archive(_) | Source::Oci(_) => with_pin(cx, wanted, index)?,
    };
    // With a pin the output may be known, and there.
    match see_remote(cx, &pinned, index)? {
        Seen::Ready(published, pin) => {
            let (source, source_digest) = super::look::described(source, wanted.base, &pin);
            return Ok(Made::Path {
                published,
                source,
                source_digest,
                pin,
            });
        }
        Seen::Skip(skip) => return Ok(Made::Skip(skip.reason, skip.why)),
        Seen::Needed { .. } => {}
    }
    match (source, &pinned.pins[index]) {
        (Source::Archive(archive), Some(Pin::Archive { .. })) => {
            from_archive(cx, &pinned, index, archive)
        }
        (Source::Oci(oci), Some(Pin::Oci { .. })) => image::from_image(cx, &pinned, index, oci),
        _ => Ok(Made::Skip(
            "the lock has no pin for it".to_owned(),
            Why::Unpinned,
        )),
    }
}

/// The same wish with a pin for this source, made now where there is none and one may be made.
fn with_pin<'p>(cx: &Context<'_>, wanted: &Wanted<'p>, index: usize) -> Result<Wanted<'p>, Error> {
    let mut pinned = wanted.clone();
    if pinned.pins[index].is_none() && wanted.policy.may_pin() {
        pinned.pins[index] = Some(wanted.with_known_output(index, make_pin(cx, wanted, index)?));
    }
    Ok(pinned)
}

/// Pins one source that is not a local folder.
pub(super) fn make_pin(cx: &Context<'_>, wanted: &Wanted<'_>, index: usize) -> Result<Pin, Error> {
    cx.phase(wanted.name(), Phase::Resolve);
    match &wanted.environment.sources[index] {
        Source::Archive(archive) => {
            let (sha256, size) = cx
                .fetcher
                .archive_pin(wanted.name(), archive, wanted.base)?;
            Ok(Pin::Archive {
                sha256,
                size,
                output: None,
            })
        }
        Source::Oci(oci) => {
            let image = cx.fetcher.image(oci, wanted.base, &wanted.platform, None)?;
            Ok(Pin::Oci {
                digest: image.digest(),
                layers: layers(&image),
                output: None,
            })
        }
        Source::Local(folder) => {
            match local::copy(cx, wanted, index, &folder.resolve(wanted.base))? {
                Made::Path { pin, .. } => Ok(pin),
                Made::Skip(why, _) => Err(fetch::Error::Absent {
                    what: folder.path.clone(),
                    why,
                }
                .into()),
            }
        }
    }
}

fn layers(image: &Image) -> Vec<PinnedLayer> {
    image
        .layers()
        .iter()
        .map(|layer| PinnedLayer {
            digest: layer.digest(),
            size: layer.size(),
        })
        .collect()
}

fn from_archive(
    cx: &Context<'_>,
    wanted: &Wanted<'_>,
    index: usize,
    archive: &ArchiveSource,
) -> Result<Made, Error> {
    let Some(Pin::Archive {
        sha256,
        size,
        output,
    }) = wanted.pins[index].clone()
    else {
        return Ok(Made::Skip(
            "the lock has no pin for it".to_owned(),
            Why::Unpinned,
        ));
    };
    match unpack_archive(
        cx,
        wanted,
        archive,
        Pin::Archive {
            sha256,
            size,
            output,
        },
    ) {
        Err(Error::Fetch(fetch::Error::Integrity { .. }))
            if wanted.policy == Policy::AcceptSameTree
                && archive.sha256.is_none()
                && output.is_some() =>
        {
            let (sha256, size) = cx
                .fetcher
                .archive_pin(wanted.name(), archive, wanted.base)?;
            let made = unpack_archive(
                cx,
                wanted,
                archive,
                Pin::Archive {
                    sha256,
                    size,
                    output,
                },
            )?;
            cx.note(&format!(
                "{archive}: the bytes changed, the tree did not; pinned again",
                archive = archive.locations[0]
            ));
            Ok(made)
        }
        other => other,
    }
}

fn unpack_archive(
    cx: &Context<'_>,
    wanted: &Wanted<'_>,
    archive: &ArchiveSource,
    pin: Pin,
) -> Result<Made, Error> {
    let Pin::Archive { sha256, size, .. } = pin else {
        return Ok(Made::Skip(
            "the lock has no pin for it".to_owned(),
            Why::Unpinned,
        ));
    };
    cx.phase(wanted.name(), Phase::Fetch);
    let room = cx.fetcher.room_for_archive(archive, (sha256, size));
    cx.store.require_room(room)?;
    let mut fetched =
        cx.fetcher
            .archive(wanted.name(), archive, wanted.base, Some((sha256, size)))?;
    let source_text = format!(
        "archive {}",
        archive
            .locations
            .first()
            .map(ToString::to_string)
            .unwrap_or_default()
    );
    let mut staging = Staging::begin(cx.store, wanted.environment.layout)?;
    cx.phase(wanted.name(), Phase::Unpack);
    let rules = unpack::Archive {
        strip_components: archive.strip_components,
    };
    let allowance = Allowance::new(cx.limits);
    let unpacked = unpack::decompress::reader(Box::new(allowance.counting(&mut fetched)))
        .and_then(|(_, mut tar)| unpack::archive(&mut *tar, &mut staging, rules, &allowance));
    let provenance = finish(unpacked, fetched, &source_text)?;
    let staged = match seal(cx, wanted, staging, &source_text)? {
        Ok(staged) => staged,
        Err(reason) => return Ok(Made::Skip(reason, Why::Absent)),
    };
    keep(
        cx,
        wanted,
        staged,
        pin,
        &Source::Archive(archive.clone()),
        provenance.source,
    )
}

fn read_error(error: std::io::Error, source_text: &str) -> Error {
    match fetch::Error::from_io(error) {
        Ok(ours) => ours.into(),
        Err(other) => Error::io("read", source_text, other),
    }
}

/// Reads what is left and decides what was wrong: bytes that are not the pinned ones explain every other fault.
fn finish(
    unpacked: Result<unpack::Unpacked, unpack::Error>,
    fetched: Fetched<'_>,
    source_text: &str,
) -> Result<fetch::Provenance, Error> {
    match unpacked {
        Ok(_) => Ok(fetched.finish()?),
        Err(error) => {
            if let Some(io) = error.content_io()
                && let Some(ours) = fetch::Error::in_io(io)
            {
                return Err(ours.into());
            }
            if error.is_bad_source() {
                // Damaged on the way, or packed like this? The digest of all bytes tells, and nobody is advised to
                // raise a limit for bytes that were never meant.
                fetched.finish()?;
            }
            Err(Error::Unpack {
                source_text: source_text.to_owned(),
                source: error,
            })
        }
    }
}

/// Seals a tree; a tree that is merely unusable is a reason for the next source.
pub(super) fn seal<'s>(
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
pub(super) fn publish(
    cx: &Context<'_>,
    wanted: &Wanted<'_>,
    staged: Staged<'_>,
) -> Result<Published, Error> {
    cx.phase(wanted.name(), Phase::Publish);
    Ok(staged.publish(cx.depth, cx.observer)?)
}

/// Publishes what a pinned source gave, if it is what the lock says, and remembers it.
fn keep(
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
    let (_, source_digest) = super::look::described(source, wanted.base, &pin);
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
pub(super) fn remember(
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
