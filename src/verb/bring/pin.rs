//! Pins for sources that have none.

use super::Made;
use crate::fetch::{self, Image};
use crate::model::pin::{Pin, PinnedLayer};
use crate::model::source::Source;
use crate::progress::Phase;
use crate::verb::context::Context;
use crate::verb::error::Error;
use crate::verb::local;
use crate::verb::look::Wanted;

/// The same wish with a pin for this source, made now where there is none and one may be made.
pub(super) fn with_pin<'p>(
    cx: &Context<'_>,
    wanted: &Wanted<'p>,
    index: usize,
) -> Result<Wanted<'p>, Error> {
    let mut pinned = wanted.clone();
    if pinned.pins[index].is_none() && wanted.policy.may_pin() {
        pinned.pins[index] = Some(wanted.with_known_output(index, make_pin(cx, wanted, index)?));
    }
    Ok(pinned)
}

/// Pins one source that is not a local folder.
pub(in crate::verb) fn make_pin(
    cx: &Context<'_>,
    wanted: &Wanted<'_>,
    index: usize,
) -> Result<Pin, Error> {
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

/// What a lock says of an image's layers.
pub(super) fn layers(image: &Image) -> Vec<PinnedLayer> {
    image
        .layers()
        .iter()
        .map(|layer| PinnedLayer {
            digest: layer.digest(),
            size: layer.size(),
        })
        .collect()
}
