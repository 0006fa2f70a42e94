//! Bringing from an archive: its bytes are unpacked as they come.

use super::Made;
use super::sealed::{keep, seal};
use super::unpacked::finish;
use crate::fetch;
use crate::model::pin::Pin;
use crate::model::source::{ArchiveSource, Source};
use crate::progress::Phase;
use crate::store::Staging;
use crate::unpack::{self, Allowance};
use crate::verb::context::{Context, Policy};
use crate::verb::error::Error;
use crate::verb::look::Wanted;
use crate::verb::outcome::Why;

pub(super) fn from_archive(
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
    let unpacked = unpack::decompress::reader(Box::new(allowance.counting(&mut fetched))).and_then(
        |(_, tar)| {
            unpack::ahead(tar, |tar| {
                unpack::archive(tar, &mut staging, rules, &allowance)
            })
        },
    );
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
