//! What a profile shows, and showing an earlier generation again.

use std::collections::BTreeMap;

use super::context::Context;
use super::error::Error;
use super::lookup::Found;
use super::pull::entry;
use crate::model::generation::{Cause, Generation, link_name};
use crate::model::name::ProfileName;
use crate::model::place::Home;
use crate::model::platform::Platform;
use crate::model::store_path::StorePathName;
use crate::profile::{self, Change, Committed, Locked};
use crate::store::{Depth, Found as InStore, Published};

/// The valid path that a profile shows for an environment.
#[derive(Debug)]
pub struct Shown {
    /// The path, leased until this is dropped.
    pub published: Published,
    /// The profile.
    pub profile: ProfileName,
    /// The generation that shows it.
    pub generation: u64,
}

/// A link of a profile, not looked at.
#[derive(Debug, Clone)]
pub struct Link {
    /// Where it points.
    pub path: StorePathName,
    /// The profile.
    pub profile: ProfileName,
    /// The generation that shows it.
    pub generation: u64,
}

/// What `profile`, or else the environment's own profile, shows for `found`, valid or not.
///
/// # Errors
/// When the profile does not show it.
pub fn shows(
    cx: &Context<'_>,
    found: Found<'_>,
    platform: &Platform,
    profile: Option<&ProfileName>,
) -> Result<Link, Error> {
    let name = &found.environment.name;
    let own = found.project.profile();
    let profile = profile.unwrap_or(&own);
    let missing = || match is_pulled(cx, found, platform) {
        Ok(true) => Error::OnlyPulled {
            name: name.clone(),
            profile: profile.clone(),
        },
        Ok(false) => Error::NotInstalled { name: name.clone() },
        Err(error) => error,
    };
    let live = profile::current(cx.store, profile)?.ok_or_else(missing)?;
    let links = [
        link_name(name, platform, &cx.host),
        entry(found, platform, &cx.host),
    ];
    let path = links
        .iter()
        .find_map(|link| live.environments.get(link))
        .ok_or_else(missing)?;
    Ok(Link {
        path: path.clone(),
        profile: profile.clone(),
        generation: live.number,
    })
}

/// Whether the profile `pulled` has this environment of this declaration.
fn is_pulled(cx: &Context<'_>, found: Found<'_>, platform: &Platform) -> Result<bool, Error> {
    let live = profile::current(cx.store, &ProfileName::pulled())?;
    let entry = entry(found, platform, &cx.host);
    Ok(live.is_some_and(|live| live.environments.contains_key(&entry)))
}

/// The valid path that `profile`, or else the environment's own profile, shows for `found`.
///
/// # Errors
/// When the profile does not show it, or what it shows is not valid.
pub fn shown(
    cx: &Context<'_>,
    found: Found<'_>,
    platform: &Platform,
    profile: Option<&ProfileName>,
) -> Result<Shown, Error> {
    let Link {
        path,
        profile,
        generation,
    } = shows(cx, found, platform, profile)?;
    match cx.store.find(&path, cx.depth, cx.observer)? {
        InStore::Valid(published) => Ok(Shown {
            published: *published,
            profile,
            generation,
        }),
        InStore::Missing | InStore::Damaged(_) => {
            tell_of_lower(cx, &profile, generation, &path)?;
            Err(Error::NotInstalled {
                name: found.environment.name.clone(),
            })
        }
    }
}

/// Says where a profile shows a path that is in no store which is looked at.
fn tell_of_lower(
    cx: &Context<'_>,
    profile: &ProfileName,
    generation: u64,
    path: &StorePathName,
) -> Result<(), Error> {
    let generation = profile::generation(cx.store, profile, generation)?;
    let places = profile::places(cx.store, profile, &generation)?;
    let lower = places.values().find(|place| place.name == *path);
    if let Some(Home::Lower(id)) = lower.map(|place| place.home)
        && let Ok(root) = fs_err::read_link(cx.store.layout().lower(id))
        && cx.store.lower().is_none_or(|lower| lower.root() != root)
    {
        cx.note(&format!(
            "profile {profile} shows it in the lower store {}: `--lower` puts that beneath this one",
            root.display()
        ));
    }
    Ok(())
}

/// Shows the links of generation `number` again, or of the one that was live before: as a new generation.
///
/// # Errors
/// When there is no such generation, or one of its paths is not valid any more.
pub fn restore(
    cx: &Context<'_>,
    name: &ProfileName,
    number: Option<u64>,
) -> Result<(Committed, Generation), Error> {
    let mut locked = Locked::existing(cx.store, name, cx.observer)?;
    let target = locked.target(number)?;
    // Leased before the look, until the generation that names them is synced.
    let mut leased = Vec::new();
    let mut environments = BTreeMap::new();
    for (link, path) in &target.environments {
        match cx.store.find(path, Depth::Quick, cx.observer)? {
            InStore::Valid(published) => {
                environments.insert(link.clone(), published.place());
                leased.push(published);
            }
            InStore::Missing | InStore::Damaged(_) => {
                let (profile, number, what) = (name.to_string(), target.number, path.to_string());
                return Err(profile::Error::NotValid {
                    profile,
                    number,
                    what,
                }
                .into());
            }
        }
    }
    cx.store.sync_folder()?;
    let change = Change {
        cause: if number.is_some() {
            Cause::Switch
        } else {
            Cause::Rollback
        },
        declaration: target.declaration.clone(),
        restores: Some(target.number),
        environments,
        declarations: target.declarations.clone(),
        now: cx.now,
    };
    let committed = locked.commit(&change, None)?;
    Ok((committed, target))
}
