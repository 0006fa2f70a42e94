//! Local folders: compared by their record, copied and hashed as copied.
//!
//! A folder that is absent or empty never wins, but what was made of it before still serves: an installed path needs
//! no source. A folder that changed is pinned again, or refused (`--locked`), or passed over (`--frozen`).

use std::path::Path;

use super::bring::{self, Made};
use super::context::{Context, Policy};
use super::error::Error;
use super::look::{Seen, Wanted, described};
use super::outcome::{Outcome, Skipped, Why};
use crate::model::input::{Input, PinInput};
use crate::model::pin::Pin;
use crate::model::source::Source;
use crate::progress::Phase;
use crate::store::{Found, Staging};
use crate::unpack;

/// Why a folder is passed over.
const EMPTY: &str = "the folder is not there, or empty";

fn input(wanted: &Wanted<'_>, index: usize, folder: &Path) -> Input {
    let real = fs_err::canonicalize(folder).unwrap_or_else(|_absent| folder.to_owned());
    wanted.input(
        &wanted.environment.sources[index],
        PinInput::Local(real.to_string_lossy().into_owned()),
    )
}

fn failed(folder: &Path) -> impl Fn(unpack::Error) -> Error + '_ {
    |source| Error::Unpack {
        source_text: format!("local folder {}", folder.display()),
        source,
    }
}

/// Looks at a local folder, and for what was made of it.
pub(super) fn see(
    cx: &Context<'_>,
    wanted: &Wanted<'_>,
    index: usize,
    folder: &Path,
) -> Result<Seen, Error> {
    let pinned = wanted.pins[index].as_ref().and_then(Pin::output);
    let skip = |reason: &str| {
        let source = wanted.environment.sources[index].to_string();
        Seen::Skip(Skipped {
            source,
            reason: reason.to_owned(),
            why: Why::Absent,
        })
    };
    let now = unpack::folder_record(folder, cx.now_ns()).map_err(failed(folder))?;
    let name = match (now, pinned) {
        (None, _) => return Ok(skip(EMPTY)),
        (Some(_), None) if !wanted.policy.may_pin() => {
            let source = wanted.environment.sources[index].to_string();
            let reason = "the lock has no pin for it".to_owned();
            return Ok(Seen::Skip(Skipped {
                source,
                reason,
                why: Why::Unpinned,
            }));
        }
        (Some(now), _) => {
            let known = cx.store.realisation(&input(wanted, index, folder))?;
            match known.filter(|known| known.local.as_ref().is_some_and(|then| then.same_as(&now)))
            {
                Some(known) => known.path,
                None => return Ok(Seen::Needed { damage: None }),
            }
        }
    };
    let changed = pinned.is_some_and(|pinned| pinned != name.hash());
    match wanted.policy {
        Policy::Locked if changed => {
            return Err(Error::LocalChanged {
                path: folder.to_owned(),
            });
        }
        Policy::Frozen if changed => return Ok(skip("the folder changed since it was locked")),
        _ => {}
    }
    Ok(match cx.store.find(&name, cx.depth, cx.observer)? {
        Found::Valid(published) => Seen::Ready(
            published,
            Pin::Local {
                output: name.hash(),
            },
        ),
        Found::Missing => Seen::Needed { damage: None },
        Found::Damaged(damage) => Seen::Needed {
            damage: Some(damage.summary()),
        },
    })
}

/// What was made of a local folder before, where no source can be used now: an installed path needs no source.
pub(super) fn left_over(
    cx: &Context<'_>,
    wanted: &Wanted<'_>,
    skipped: Vec<Skipped>,
) -> Result<Result<Outcome, Vec<Skipped>>, Error> {
    for (index, source) in wanted.environment.sources.iter().enumerate() {
        let (Source::Local(folder), Some(Pin::Local { output })) = (source, &wanted.known[index])
        else {
            continue;
        };
        let gone = unpack::folder_record(&folder.resolve(wanted.base), cx.now_ns());
        if !matches!(gone, Ok(None)) {
            continue;
        }
        if let Found::Valid(published) =
            cx.store
                .find(&wanted.path_of(*output), cx.depth, cx.observer)?
        {
            let pin = Pin::Local { output: *output };
            let (source, source_digest) = described(source, wanted.base, &pin);
            return Ok(Ok(Outcome {
                published: *published,
                source,
                source_digest,
                index,
                pin,
                skipped,
            }));
        }
    }
    Ok(Err(skipped))
}

/// Copies a local folder into the store.
pub(super) fn copy(
    cx: &Context<'_>,
    wanted: &Wanted<'_>,
    index: usize,
    folder: &Path,
) -> Result<Made, Error> {
    let pinned = wanted.pins[index].as_ref().and_then(Pin::output);
    cx.phase(wanted.name(), Phase::Unpack);
    let mut staging = Staging::begin(cx.store, wanted.environment.layout)?;
    let (_, record) = match unpack::folder(folder, &mut staging, cx.now_ns()) {
        Ok(copied) => copied,
        Err(unpack::Error::NoFolder { .. }) => {
            return Ok(Made::Skip(EMPTY.to_owned(), Why::Absent));
        }
        Err(error) => return Err(failed(folder)(error)),
    };
    let staged = match bring::seal(
        cx,
        wanted,
        staging,
        &format!("local folder {}", folder.display()),
    )? {
        Ok(staged) => staged,
        Err(reason) => return Ok(Made::Skip(reason, Why::Absent)),
    };
    let changed = pinned.is_some_and(|pinned| pinned != staged.name().hash());
    match wanted.policy {
        Policy::Locked if changed => {
            return Err(Error::LocalChanged {
                path: folder.to_owned(),
            });
        }
        Policy::Frozen if changed => {
            return Ok(Made::Skip(
                "the folder changed since it was locked".to_owned(),
                Why::Absent,
            ));
        }
        _ => {}
    }
    let published = bring::publish(cx, wanted, staged)?;
    let output = published.name().hash();
    let source = format!("local:{}", folder.display());
    bring::remember(
        cx,
        input(wanted, index, folder),
        &published,
        &source,
        None,
        Some(record),
    )?;
    Ok(Made::Path {
        published: Box::new(published),
        source,
        source_digest: None,
        pin: Pin::Local { output },
    })
}
