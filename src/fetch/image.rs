//! An image or artifact of one platform: its manifest, checked, and its layers as things to unpack.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::model::digest::OciDigest;
use crate::model::platform::Platform;
use crate::model::source::OciSource;

use super::Fetcher;
use super::blobs::{Blobs, Place};
use super::document::{Config, Document, Manifest, StatedPlatform};
use super::error::Error;
use super::index;
use super::layer::{Layer, LayerKind};

/// A platform's manifest that was read and found to be what its digest, and the index's, say.
///
/// ```
/// # fn show(image: &pyro::fetch::Image) {
/// println!("{}: {} layers", image.source(), image.layers().len());
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    digest: OciDigest,
    layers: Vec<Layer>,
    source: String,
    place: Place,
}

impl Image {
    /// Digest of the platform's manifest; never that of an index.
    #[must_use]
    pub const fn digest(&self) -> OciDigest {
        self.digest
    }

    /// The layers, base first.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// `oci://REGISTRY/REPOSITORY@DIGEST` or `oci-layout:FOLDER@DIGEST`.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    pub(super) const fn place(&self) -> &Place {
        &self.place
    }
}

/// The images of a run: whoever pins one fetches it next, and its manifest and config need not be asked for again.
#[derive(Debug, Default)]
pub(super) struct Images(Mutex<HashMap<(Place, OciDigest), Image>>);

impl Images {
    fn get(&self, place: &Place, digest: &OciDigest) -> Option<Image> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(place.clone(), *digest)).cloned()
    }

    fn keep(&self, image: &Image) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert((image.place.clone(), image.digest), image.clone());
    }
}

/// A manifest with its config.
struct Loaded {
    digest: OciDigest,
    manifest: Manifest,
    config: Config,
}

impl Loaded {
    fn by_digest(blobs: &Blobs<'_>, digest: OciDigest, size: Option<u64>) -> Result<Self, Error> {
        let name = blobs.name(&digest);
        match Document::parse(&name, &blobs.manifest(&digest, size)?)? {
            Document::Manifest(manifest) => Self::new(blobs, digest, *manifest),
            Document::Index(_) => Err(Error::integrity(
                name,
                "the manifest of one platform",
                "an index",
            )),
        }
    }

    fn new(blobs: &Blobs<'_>, digest: OciDigest, manifest: Manifest) -> Result<Self, Error> {
        let name = format!("the config of {}", blobs.name(&digest));
        let config = Config::parse(&name, &blobs.config(&manifest.config)?)?;
        Ok(Self {
            digest,
            manifest,
            config,
        })
    }

    /// Whether the config names this platform, or none.
    fn fits(&self, wanted: &Platform) -> bool {
        let stated = self.config.platform();
        match stated.platform() {
            Some(platform) => index::rank(wanted, &platform).is_some(),
            None => stated.text().is_none(),
        }
    }

    fn layers(&self, name: &str) -> Result<Vec<Layer>, Error> {
        let descriptors = &self.manifest.layers;
        let diff_ids = self.config.diff_ids();
        if let Some(ids) = diff_ids.filter(|ids| ids.len() != descriptors.len()) {
            return Err(Error::integrity(
                name,
                format!(
                    "{} diff_ids in its config, one for each layer",
                    descriptors.len()
                ),
                format!("{}", ids.len()),
            ));
        }
        let mut titles = BTreeSet::new();
        let mut layers = Vec::with_capacity(descriptors.len());
        for (n, descriptor) in descriptors.iter().enumerate() {
            let diff_id = diff_ids.and_then(|ids| ids.get(n).copied());
            let layer = Layer::new(name, descriptor, diff_id)?;
            if let LayerKind::Blob { title } = layer.kind()
                && !titles.insert(title.clone())
            {
                let found = format!("two layers with the title {title}");
                return Err(Error::integrity(name, "one file for each title", found));
            }
            layers.push(layer);
        }
        Ok(layers)
    }
}

/// Resolves a source to the image of one platform.
pub(super) fn resolve(
    fetcher: &Fetcher<'_>,
    source: &OciSource,
    base: &Path,
    platform: &Platform,
    pinned: Option<&OciDigest>,
) -> Result<Image, Error> {
    let place = Place::of(source, base);
    if let Some(known) = pinned.and_then(|digest| fetcher.images.get(&place, digest)) {
        return Ok(known);
    }
    let blobs = Blobs::open(fetcher, &place)?;
    let loaded = match pinned {
        Some(digest) => Loaded::by_digest(&blobs, *digest, None)?,
        None => find(&blobs, source, platform)?,
    };
    let name = blobs.name(&loaded.digest);
    let image = Image {
        digest: loaded.digest,
        layers: loaded.layers(&name)?,
        source: name,
        place,
    };
    fetcher.images.keep(&image);
    Ok(image)
}

fn find(blobs: &Blobs<'_>, source: &OciSource, platform: &Platform) -> Result<Loaded, Error> {
    let what = source.to_string();
    let root = blobs.root(source)?;
    let absent = |offered: &[String]| {
        let offered = if offered.is_empty() {
            "nothing".to_owned()
        } else {
            offered.join(", ")
        };
        let why = format!("it has no {platform}, it offers {offered}");
        Err(Error::absent(what.as_str(), why))
    };
    let index = match (root.document, root.digest) {
        (Document::Index(index), _) => index,
        (Document::Manifest(manifest), Some(digest)) => {
            let loaded = Loaded::new(blobs, digest, *manifest)?;
            if loaded.fits(platform) {
                return Ok(loaded);
            }
            return absent(&shown(&loaded));
        }
        (Document::Manifest(_), None) => return absent(&[]),
    };
    let offers = index::offers(blobs, &what, &index)?;
    if let Some(offer) = index::select(&offers, platform) {
        return Loaded::by_digest(blobs, offer.digest, Some(offer.size));
    }
    let mut offered = Vec::new();
    for offer in &offers {
        if let Some(text) = offer.platform().and_then(StatedPlatform::text) {
            offered.push(text.escape_default().to_string());
            continue;
        }
        let loaded = Loaded::by_digest(blobs, offer.digest, Some(offer.size))?;
        if loaded.fits(platform) {
            return Ok(loaded);
        }
        offered.extend(shown(&loaded));
    }
    absent(&offered)
}

/// The platform that a config names.
fn shown(loaded: &Loaded) -> Vec<String> {
    let stated = loaded.config.platform().text();
    stated
        .iter()
        .map(|text| text.escape_default().to_string())
        .collect()
}

/// The platforms that a source has, in its order; one that names none is for all and left out.
pub(super) fn offered_platforms(
    fetcher: &Fetcher<'_>,
    source: &OciSource,
    base: &Path,
) -> Result<Vec<Platform>, Error> {
    let blobs = Blobs::open(fetcher, &Place::of(source, base))?;
    let root = blobs.root(source)?;
    let mut found = Vec::new();
    match (root.document, root.digest) {
        (Document::Index(index), _) => {
            for offer in index::offers(&blobs, &source.to_string(), &index)? {
                found.extend(match offer.platform() {
                    Some(stated) if stated.text().is_some() => stated.platform(),
                    _ => Loaded::by_digest(&blobs, offer.digest, Some(offer.size))?
                        .config
                        .platform()
                        .platform(),
                });
            }
        }
        (Document::Manifest(manifest), Some(digest)) => {
            let loaded = Loaded::new(&blobs, digest, *manifest)?;
            found.extend(loaded.config.platform().platform());
        }
        (Document::Manifest(_), None) => {}
    }
    let mut seen = BTreeSet::new();
    found.retain(|platform| seen.insert(platform.clone()));
    Ok(found)
}

#[cfg(test)]
mod tests;
