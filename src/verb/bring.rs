//! Bringing an environment into the store from the first of its sources that can be used.
//!
//! For each source in turn: pin it where it has no pin and may get one; take what is valid already; else fetch,
//! unpack, seal, publish. What is absent, empty or lacks an artifact, cannot be reached, is denied or not allowed is
//! reported and the next one tried. Wrong bytes, a bad declaration and a full disk never are.

mod archive;
mod image;
mod pin;
mod sealed;
mod unpacked;

pub(super) use pin::make_pin;
pub(super) use sealed::{publish, remember, seal};

use super::context::Context;
use super::error::Error;
use super::local;
use super::look::{Seen, Wanted, described, see_remote};
use super::outcome::{Outcome, Skipped, Why};
use crate::fetch;
use crate::model::pin::Pin;
use crate::model::source::Source;
use crate::progress::Event;
use crate::store::Published;
use crate::unpack;
use archive::from_archive;
use pin::with_pin;

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
            let (source, source_digest) = described(source, wanted.base, &pin);
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
