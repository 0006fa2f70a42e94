//! What a generation shows, with the store that each path stands in.

use std::collections::BTreeMap;

use super::error::Error;
use super::read::{folder_of, links};
use crate::model::generation::Generation;
use crate::model::name::ProfileName;
use crate::model::place::Place;
use crate::model::store_path::StorePathName;
use crate::store::Store;

/// The paths of a generation's record, each where its link says that it stands.
///
/// # Errors
/// When the generation's folder cannot be listed.
pub fn places(
    store: &Store,
    profile: &ProfileName,
    generation: &Generation,
) -> Result<BTreeMap<String, Place>, Error> {
    let links = links(&folder_of(store, profile, generation.number))?;
    Ok(places_by(generation, &links))
}

/// The same with what the links show.
pub(super) fn places_by(
    generation: &Generation,
    links: &BTreeMap<String, Place>,
) -> BTreeMap<String, Place> {
    let place = |(link, name): (&String, &StorePathName)| {
        let shown = links.get(link).filter(|place| place.name == *name);
        let place = shown.cloned().unwrap_or(Place::own(name.clone()));
        (link.clone(), place)
    };
    generation.environments.iter().map(place).collect()
}

/// The names alone, as a record has them.
pub(super) fn names(places: &BTreeMap<String, Place>) -> BTreeMap<String, StorePathName> {
    let name = |(link, place): (&String, &Place)| (link.clone(), place.name.clone());
    places.iter().map(name).collect()
}
