//! From an index to the manifest of one platform.
//!
//! Attestations and other entries for the platform `unknown/unknown` are no offers. An entry without a platform is
//! looked into last: its config may name one. A platform without variant takes any, rather one without;
//! `arm64` and `arm64/v8` are the same.

use crate::model::platform::Platform;

use super::blobs::Blobs;
use super::document::{Descriptor, Document, Index, StatedPlatform};
use super::error::Error;
use super::media_type::{self, DocumentType};

/// Indexes inside an index, counted from the outermost.
const MAX_DEPTH: u32 = 2;
/// How many indexes one may hold; each is a request.
const MAX_NESTED: u32 = 32;
const ATTESTATION: &str = "vnd.docker.reference.type";

/// Lists the manifests of an index and of those inside it.
pub(super) fn offers(
    blobs: &Blobs<'_>,
    what: &str,
    index: &Index,
) -> Result<Vec<Descriptor>, Error> {
    let mut found = Vec::new();
    let mut budget = MAX_NESTED;
    collect(blobs, what, index, MAX_DEPTH, &mut budget, &mut found)?;
    Ok(found)
}

fn collect(
    blobs: &Blobs<'_>,
    what: &str,
    index: &Index,
    depth: u32,
    budget: &mut u32,
    found: &mut Vec<Descriptor>,
) -> Result<(), Error> {
    for descriptor in &index.manifests {
        let stated = descriptor.platform().and_then(StatedPlatform::text);
        if stated.is_some_and(|text| text.starts_with("unknown/unknown"))
            || descriptor.annotation(ATTESTATION).is_some()
        {
            continue;
        }
        if media_type::document(&descriptor.media_type) != DocumentType::Index {
            found.push(descriptor.clone());
            continue;
        }
        if depth == 0 || *budget == 0 {
            let why =
                format!("its indexes hold each other more than {MAX_DEPTH} deep, or too many");
            return Err(Error::unsupported(what, why));
        }
        *budget -= 1;
        let bytes = blobs.manifest(&descriptor.digest, Some(descriptor.size))?;
        match Document::parse(what, &bytes)? {
            Document::Index(inner) => collect(blobs, what, &inner, depth - 1, budget, found)?,
            Document::Manifest(_) => {
                return Err(Error::integrity(
                    blobs.name(&descriptor.digest),
                    "an index, as the index around it says",
                    "a manifest",
                ));
            }
        }
    }
    Ok(())
}

/// The offer that fits best: the first of equals.
pub(super) fn select<'o>(offers: &'o [Descriptor], wanted: &Platform) -> Option<&'o Descriptor> {
    let ranked = offers.iter().filter_map(|offer| {
        let platform = offer.platform()?.platform()?;
        Some((rank(wanted, &platform)?, offer))
    });
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, offer)| offer)
}

/// How well an offer fits; smaller is better, `None` does not.
pub(super) fn rank(wanted: &Platform, offered: &Platform) -> Option<u8> {
    if (wanted.os(), wanted.architecture()) != (offered.os(), offered.architecture()) {
        return None;
    }
    match (variant(wanted), variant(offered)) {
        (wanted, offered) if wanted == offered => Some(0),
        (None, Some(_)) => Some(1),
        (Some(_), _) | (None, None) => None,
    }
}

fn variant(platform: &Platform) -> Option<&str> {
    let usual = |&variant: &&str| platform.architecture() == "arm64" && variant == "v8";
    platform.variant().filter(|variant| !usual(variant))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(wanted: &str, offered: &str) -> Option<u8> {
        rank(&wanted.parse().unwrap(), &offered.parse().unwrap())
    }

    #[test]
    fn variants_fit_where_they_can_run() {
        assert_eq!(fits("linux/amd64", "linux/amd64"), Some(0));
        assert_eq!(fits("linux/amd64", "linux/amd64/v3"), Some(1));
        assert_eq!(fits("linux/amd64/v3", "linux/amd64"), None);
        assert_eq!(fits("linux/arm64", "linux/arm64/v8"), Some(0));
        assert_eq!(fits("linux/arm64/v8", "linux/arm64"), Some(0));
        assert_eq!(fits("linux/arm/v7", "linux/arm/v6"), None);
        assert_eq!(fits("linux/arm64", "windows/arm64"), None);
    }

    #[test]
    fn the_closest_offer_wins_over_an_earlier_one() {
        let offer = |platform: &str, size: u64| {
            let mut parts = platform.split('/');
            let json = serde_json::json!({
                "digest": format!("sha256:{}", "0".repeat(64)), "size": size,
                "platform": {"os": parts.next(), "architecture": parts.next(), "variant": parts.next()},
            });
            serde_json::from_value::<Descriptor>(json).unwrap()
        };
        let offers = [
            offer("linux/arm64/v9", 1),
            offer("linux/arm64/v8", 2),
            offer("linux/arm64", 3),
        ];
        let size = |wanted: &str| select(&offers, &wanted.parse().unwrap()).map(|o| o.size);
        assert_eq!(size("linux/arm64"), Some(2));
        assert_eq!(size("linux/arm64/v9"), Some(1));
        assert_eq!(size("linux/amd64"), None);
    }
}
