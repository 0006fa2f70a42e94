//! Bringing from an image or artifact: its layers are unpacked one after the other.

use std::io::Read;

use super::Made;
use super::pin::layers;
use super::sealed::{keep, seal};
use super::unpacked::{finish, read_error};
use crate::fetch::{Fetched, Image, LayerKind};
use crate::model::pin::Pin;
use crate::model::source::{OciSource, Source};
use crate::progress::Phase;
use crate::store::Staging;
use crate::unpack::{self, Allowance};
use crate::verb::context::Context;
use crate::verb::diff_id::Uncompressed;
use crate::verb::error::Error;
use crate::verb::look::Wanted;
use crate::verb::outcome::Why;

/// How much of a titled layer is looked at to tell a tar from a plain file.
const PEEK: u64 = 64 * 1024;

pub(super) fn from_image(
    cx: &Context<'_>,
    wanted: &Wanted<'_>,
    index: usize,
    oci: &OciSource,
) -> Result<Made, Error> {
    let Some(Pin::Oci { digest, output, .. }) = wanted.pins[index].clone() else {
        return Ok(Made::Skip(
            "the lock has no pin for it".to_owned(),
            Why::Unpinned,
        ));
    };
    cx.phase(wanted.name(), Phase::Fetch);
    let image = cx
        .fetcher
        .image(oci, wanted.base, &wanted.platform, Some(&digest))?;
    cx.store.require_room(cx.fetcher.room_for_image(&image))?;
    let mut staging = Staging::begin(cx.store, wanted.environment.layout)?;
    let allowance = Allowance::new(cx.limits);
    let mut layers_left = cx.fetcher.layers(wanted.name(), &image)?;
    for n in 0..image.layers().len() {
        let Some(fetched) = layers_left.next()? else {
            break;
        };
        unpack_layer(cx, wanted, (&image, n), fetched, &mut staging, &allowance)?;
    }
    let staged = match seal(cx, wanted, staging, image.source())? {
        Ok(staged) => staged,
        Err(reason) => return Ok(Made::Skip(reason, Why::Absent)),
    };
    let pin = Pin::Oci {
        digest,
        layers: layers(&image),
        output,
    };
    keep(
        cx,
        wanted,
        staged,
        pin,
        &Source::Oci(oci.clone()),
        image.source().to_owned(),
    )
}

fn unpack_layer(
    cx: &Context<'_>,
    wanted: &Wanted<'_>,
    (image, n): (&Image, usize),
    mut fetched: Fetched<'_>,
    staging: &mut Staging<'_>,
    allowance: &Allowance,
) -> Result<(), Error> {
    let layer = &image.layers()[n];
    cx.phase(wanted.name(), Phase::Unpack);
    let source_text = format!("layer {} of {}", layer.digest(), image.source());
    // A plain file that was pushed without a media type of its own says that it is a tar.
    let mut peeked = Vec::new();
    let title = match (layer.kind(), layer.title()) {
        (LayerKind::Blob { title }, _) => Some(title),
        (LayerKind::Tar, None) => None,
        (LayerKind::Tar, Some(title)) => {
            let looked = fetched.by_ref().take(PEEK).read_to_end(&mut peeked);
            looked.map_err(|error| read_error(error, &source_text))?;
            (!unpack::decompress::may_be_archive(&peeked)).then_some(title)
        }
    };
    let bytes = Box::new(allowance.counting(peeked.as_slice().chain(&mut fetched)));
    if let Some(title) = title {
        let unpacked = unpack::ahead(bytes, |bytes| {
            unpack::blob(bytes, staging, title, layer.size(), allowance)
        });
        return finish(unpacked, fetched, &source_text).map(|_provenance| ());
    }
    let number = u32::try_from(n + 1).unwrap_or(u32::MAX);
    let unpacked = match unpack::decompress::reader(bytes) {
        Ok((_, tar)) => {
            let mut tar = Uncompressed::new(tar, layer.diff_id(), cx.depth);
            let unpacked = unpack::ahead(Box::new(&mut tar), |tar| {
                unpack::layer(tar, staging, unpack::Layer { number }, allowance)
            });
            if unpacked.is_ok() {
                tar.finish(&source_text)?;
            }
            unpacked
        }
        Err(error) => Err(error),
    };
    finish(unpacked, fetched, &source_text).map(|_provenance| ())
}
