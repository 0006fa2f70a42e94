//! Looking at profiles, without their locks: generations do not change, and `current` moves by rename.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::Error;
use crate::model::generation::Generation;
use crate::model::name::ProfileName;
use crate::model::store_path::StorePathName;
use crate::store::{Store, read_record};

/// One profile at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Its name.
    pub name: ProfileName,
    /// The generation that it shows; none while its first one is being made.
    pub current: Option<Generation>,
    /// How many generations it has.
    pub generations: usize,
}

/// All profiles, by name.
///
/// # Errors
/// When a folder or record cannot be read.
pub fn list(store: &Store) -> Result<Vec<Summary>, Error> {
    let folder = store.layout().profiles();
    let mut all = Vec::new();
    for entry in fs_err::read_dir(&folder).map_err(|source| Error::io("list", &folder, source))? {
        let entry = entry.map_err(|source| Error::io("list", &folder, source))?;
        let Some(name) = entry
            .file_name()
            .to_str()
            .and_then(|name| ProfileName::from_folder(name).ok())
        else {
            continue;
        };
        let generations = numbers(store, &name)?.len();
        let current = current(store, &name)?;
        all.push(Summary {
            name,
            current,
            generations,
        });
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// The generation that `name` shows.
///
/// # Errors
/// When its record cannot be read.
pub fn current(store: &Store, name: &ProfileName) -> Result<Option<Generation>, Error> {
    match current_number(store, name)? {
        Some(number) => generation(store, name, number).map(Some),
        None => Ok(None),
    }
}

pub(super) fn current_number(store: &Store, name: &ProfileName) -> Result<Option<u64>, Error> {
    let link = store.layout().profile(name).join("current");
    match fs_err::read_link(&link) {
        Ok(target) => Ok(target
            .file_name()
            .and_then(|n| n.to_str())
            .and_then(|n| n.parse().ok())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", link, error)),
    }
}

/// The record of one generation.
///
/// # Errors
/// When there is none of that number, or it cannot be read.
pub fn generation(store: &Store, name: &ProfileName, number: u64) -> Result<Generation, Error> {
    let path = folder_of(store, name, number).join("generation.json");
    read_record(&path)?.ok_or_else(|| Error::NoGeneration {
        profile: name.to_string(),
        number,
    })
}

/// The numbers of the generations of `name`, ascending.
///
/// # Errors
/// When the folder cannot be listed; a profile that is not there has none.
pub fn generations(store: &Store, name: &ProfileName) -> Result<Vec<u64>, Error> {
    numbers(store, name)
}

/// Every generation of `name`, oldest first.
///
/// # Errors
/// When there is no such profile or a record cannot be read.
pub fn history(store: &Store, name: &ProfileName) -> Result<Vec<Generation>, Error> {
    require(store, name)?;
    numbers(store, name)?
        .into_iter()
        .map(|number| generation(store, name, number))
        .collect()
}

/// An error that lists the known profiles, unless `name` is one.
pub(super) fn require(store: &Store, name: &ProfileName) -> Result<(), Error> {
    if fs_err::symlink_metadata(store.layout().profile(name).join("current")).is_ok() {
        return Ok(());
    }
    let known = list(store)?
        .into_iter()
        .filter(|known| !known.name.is_out_link() && known.current.is_some());
    Err(Error::Unknown {
        name: name.to_string(),
        known: known.map(|known| known.name.to_string()).collect(),
    })
}

fn numbers(store: &Store, name: &ProfileName) -> Result<Vec<u64>, Error> {
    let folder = store.layout().profile(name).join("generations");
    let entries = match fs_err::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list", folder, error)),
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| Error::io("list", &folder, source))?;
        numbers.extend(
            entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse::<u64>().ok()),
        );
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The folder of one generation.
pub(super) fn folder_of(store: &Store, name: &ProfileName, number: u64) -> PathBuf {
    store
        .layout()
        .profile(name)
        .join("generations")
        .join(number.to_string())
}

/// What the links of a generation folder show, by the links themselves.
fn links(folder: &Path) -> Result<BTreeMap<String, StorePathName>, Error> {
    let mut links = BTreeMap::new();
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        // Dropped by somebody since it was listed.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(links),
        Err(error) => return Err(Error::io("list", folder, error)),
    };
    for entry in entries {
        let entry = entry.map_err(|source| Error::io("list", folder, source))?;
        let Ok(target) = fs_err::read_link(entry.path()) else {
            continue;
        };
        let path = target
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.parse().ok());
        if let (Some(path), Some(link)) = (path, entry.file_name().to_str()) {
            links.insert(link.to_owned(), path);
        }
    }
    Ok(links)
}

/// Every store path that some generation of some profile shows.
///
/// The links are read, not the records: a generation that somebody damaged still holds what it shows.
///
/// # Errors
/// When a folder cannot be listed: a collector must then collect nothing.
pub fn held(store: &Store) -> Result<std::collections::BTreeSet<StorePathName>, Error> {
    let mut held = std::collections::BTreeSet::new();
    for profile in list_names(store)? {
        let folder = profile.join("generations");
        let entries = match fs_err::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::io("list", folder, error)),
        };
        for entry in entries {
            let entry = entry.map_err(|source| Error::io("list", &folder, source))?;
            held.extend(links(&entry.path())?.into_values());
        }
    }
    Ok(held)
}

fn list_names(store: &Store) -> Result<Vec<PathBuf>, Error> {
    let folder = store.layout().profiles();
    let mut all = Vec::new();
    for entry in fs_err::read_dir(&folder).map_err(|source| Error::io("list", &folder, source))? {
        let entry = entry.map_err(|source| Error::io("list", &folder, source))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            all.push(entry.path());
        }
    }
    Ok(all)
}
