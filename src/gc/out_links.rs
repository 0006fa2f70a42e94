//! Out-links that are gone.
//!
//! A record goes only when its link is absent, or shows something outside its profile, and the nearest folder above
//! the link that exists is the recorded one, on the device of the link's own folder: a volume that is not mounted
//! keeps its roots.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Error;
use crate::model::name::ProfileName;
use crate::model::root::OutLinkRoot;
use crate::profile::{self, Locked};
use crate::progress::{Event, Observer};
use crate::store::{Store, read_record};

/// What a record's link shows.
enum Shown {
    /// A generation of its profile.
    Generation(PathBuf),
    /// Nothing of ours, and its folder is there to say so.
    Nothing,
    /// Not to be told: a folder above is not the recorded one.
    Unknown,
}

/// Removes the records of links that are gone, and their own profiles' generations that no link shows.
pub(super) fn expire(store: &Store, observer: &dyn Observer) -> Result<(), Error> {
    let folder = store.layout().roots();
    let list = |source| Error::Io {
        doing: "list",
        path: folder.clone(),
        source,
    };
    for entry in fs_err::read_dir(&folder).map_err(list)? {
        let path = entry.map_err(list)?.path();
        let is_record = path
            .extension()
            .is_some_and(|extension| extension == "json")
            && path
                .file_name()
                .is_some_and(|name| !name.as_encoded_bytes().starts_with(b"."));
        if !is_record {
            continue;
        }
        // A record that cannot be read stops the collection: what it holds is not known.
        if let Some(root) = read_record::<OutLinkRoot>(&path)? {
            expire_one(store, &path, &root, observer)?;
        }
    }
    Ok(())
}

fn expire_one(
    store: &Store,
    record: &Path,
    root: &OutLinkRoot,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let Ok(name) = ProfileName::from_folder(&root.profile) else {
        return Ok(());
    };
    let lock_path = store.layout().profile(&name).join("lock");
    let there = fs_err::symlink_metadata(&lock_path).is_ok();
    // A busy profile holds all of its generations, and its link may be about to move.
    if there && crate::store::LockFile::try_exclusive(&lock_path, store.file_mode())?.is_none() {
        return Ok(());
    }
    match shown(store, root, &name) {
        Shown::Unknown => {
            let text = format!(
                "kept the root {}: the folder above it is not the one it was made in",
                root.link
            );
            observer.event(Event::Note { text: &text });
            Ok(())
        }
        Shown::Generation(generation) if name.is_out_link() => {
            drop_others(store, &name, &generation, observer)
        }
        Shown::Generation(_) => Ok(()),
        Shown::Nothing => {
            if name.is_out_link() && there {
                Locked::wait(store, &name, observer)?.delete()?;
            }
            fs_err::remove_file(record).map_err(|source| Error::Io {
                doing: "remove",
                path: record.to_owned(),
                source,
            })
        }
    }
}

fn shown(store: &Store, root: &OutLinkRoot, name: &ProfileName) -> Shown {
    let link = Path::new(&root.link);
    if let Ok(target) = fs_err::read_link(link)
        && target.starts_with(store.layout().profile(name))
    {
        return Shown::Generation(target);
    }
    let nearest = root.folders.iter().find_map(|folder| {
        fs_err::metadata(&folder.path)
            .ok()
            .map(|meta| (folder, meta))
    });
    match (nearest, root.folders.first()) {
        (Some((recorded, meta)), Some(own))
            if (meta.dev(), meta.ino()) == (recorded.device, recorded.inode)
                && meta.dev() == own.device =>
        {
            Shown::Nothing
        }
        _ => Shown::Unknown,
    }
}

/// In a link's own profile only what the link shows and the live generation are kept.
fn drop_others(
    store: &Store,
    name: &ProfileName,
    shown: &Path,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let numbers = profile::generations(store, name)?;
    if numbers.len() < 2 {
        return Ok(());
    }
    let locked = Locked::wait(store, name, observer)?;
    for number in numbers {
        if shown
            .file_name()
            .is_none_or(|shown| *shown != *number.to_string())
        {
            locked.drop_generation(number)?;
        }
    }
    Ok(())
}
