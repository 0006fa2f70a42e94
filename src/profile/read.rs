//! Looking at profiles, without their locks: generations do not change, and `current` moves by rename.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::error::Error;
use crate::model::generation::Generation;
use crate::model::name::ProfileName;
use crate::model::place::Place;
use crate::progress::{Event, Observer, Silent};
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

/// All profiles, by name; one whose live record is damaged shows nothing, and a note says so.
///
/// # Errors
/// When a folder cannot be read.
pub fn list(store: &Store, observer: &dyn Observer) -> Result<Vec<Summary>, Error> {
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
        let current = told(current(store, &name), &name, observer)?.flatten();
        all.push(Summary {
            name,
            current,
            generations,
        });
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// The names of all profiles, those of out-links included, in order.
///
/// # Errors
/// When the folder cannot be listed.
pub fn names(store: &Store) -> Result<Vec<ProfileName>, Error> {
    let mut names: Vec<ProfileName> = list_names(store)?
        .iter()
        .filter_map(|path| ProfileName::from_folder(path.file_name()?.to_str()?).ok())
        .collect();
    names.sort();
    Ok(names)
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

/// The number of the generation that `name` shows, whether or not its record can be read.
///
/// # Errors
/// When the link cannot be read.
pub fn current_number(store: &Store, name: &ProfileName) -> Result<Option<u64>, Error> {
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

/// Every generation of `name` whose record can be read, oldest first; a note tells of each other one.
///
/// # Errors
/// When there is no such profile or the system refuses.
pub fn history(
    store: &Store,
    name: &ProfileName,
    observer: &dyn Observer,
) -> Result<Vec<Generation>, Error> {
    require(store, name)?;
    let mut all = Vec::new();
    for number in numbers(store, name)? {
        all.extend(told(generation(store, name, number), name, observer)?);
    }
    Ok(all)
}

/// Whether a record is damaged or gone, and not the system's fault.
pub(super) fn is_unreadable(error: &Error) -> bool {
    matches!(
        error,
        Error::Store(crate::store::Error::Record { .. }) | Error::NoGeneration { .. }
    )
}

/// Passes over a record that cannot be read, and says so.
fn told<T>(
    read: Result<T, Error>,
    name: &ProfileName,
    observer: &dyn Observer,
) -> Result<Option<T>, Error> {
    match read {
        Err(error) if is_unreadable(&error) => {
            let text = format!("profile `{name}`: passed over a generation: {error}");
            observer.event(Event::Note { text: &text });
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// An error that lists the known profiles, unless `name` is one; one that shows nothing counts if it has a generation.
pub(super) fn require(store: &Store, name: &ProfileName) -> Result<(), Error> {
    if fs_err::symlink_metadata(store.layout().profile(name).join("current")).is_ok()
        || !numbers(store, name)?.is_empty()
    {
        return Ok(());
    }
    let known = list(store, &Silent)?
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
#[must_use]
pub fn folder_of(store: &Store, name: &ProfileName, number: u64) -> PathBuf {
    store
        .layout()
        .profile(name)
        .join("generations")
        .join(number.to_string())
}

/// What the links of a generation folder show, by the links themselves.
pub(super) fn links(folder: &Path) -> Result<BTreeMap<String, Place>, Error> {
    let mut links = BTreeMap::new();
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        // Dropped by somebody since it was listed.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(links),
        // Its mode comes before its first link: one that another account began has none yet.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied && is_begun(folder) => {
            return Ok(links);
        }
        Err(error) => return Err(Error::io("list", folder, error)),
    };
    // Read from the folder: each of a hundred links would be looked up from the root again.
    let top = match fs_err::File::open(folder) {
        Ok(top) => top,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(links),
        Err(error) => return Err(Error::io("open", folder, error)),
    };
    for entry in entries {
        let entry = entry.map_err(|source| Error::io("list", folder, source))?;
        let name = entry.file_name();
        let target = match rustix::fs::readlinkat(&top, &name, Vec::new()) {
            Ok(target) => PathBuf::from(OsString::from_vec(target.into_bytes())),
            // No link, or dropped by somebody since it was listed. What cannot be read may be a root, so it is an error.
            Err(Errno::INVAL | Errno::NOENT) => continue,
            Err(error) => return Err(Error::io("read", entry.path(), error)),
        };
        if let (Some(place), Some(link)) = (Place::of_link(&target), name.to_str()) {
            links.insert(link.to_owned(), place);
        }
    }
    Ok(links)
}

/// Whether a generation's folder still has the dot name that it is made under.
fn is_begun(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default();
    name.as_encoded_bytes().starts_with(b".")
}

/// The folders of all profiles; one under a dot name is being made, perhaps by an account that lets nobody look yet.
pub(super) fn list_names(store: &Store) -> Result<Vec<PathBuf>, Error> {
    let folder = store.layout().profiles();
    let mut all = Vec::new();
    for entry in fs_err::read_dir(&folder).map_err(|source| Error::io("list", &folder, source))? {
        let entry = entry.map_err(|source| Error::io("list", &folder, source))?;
        let is_named = !entry.file_name().as_encoded_bytes().starts_with(b".");
        if is_named && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            all.push(entry.path());
        }
    }
    Ok(all)
}
