//! Out-links that are gone.
//!
//! A record goes only when its link is absent, or shows something outside its profile, and the nearest folder above
//! the link that exists is the recorded one, on the device of the link's own folder: a volume that is not mounted
//! keeps its roots.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Error;
use crate::model::digest::FileHash;
use crate::model::name::ProfileName;
use crate::model::root::OutLinkRoot;
use crate::profile::{self, Locked, Tried};
use crate::progress::{Event, Observer};
use crate::store::{Store, read_record};

/// Whether a link's own profile is still named by its record, or shown by its link.
pub(super) fn is_rooted(store: &Store, own: &ProfileName) -> Result<bool, crate::store::Error> {
    let id = own.as_str().trim_start_matches('@');
    let record = store.layout().roots().join(format!("{id}.json"));
    let root = read_record::<OutLinkRoot>(&record)?;
    Ok(root.is_some_and(|root| {
        root.profile == own.as_str()
            || fs_err::read_link(&root.link)
                .is_ok_and(|target| target.starts_with(store.layout().profile(own)))
    }))
}

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
    let locked = match Locked::try_existing(store, &name)? {
        // A busy profile holds all of its generations, and its link may be about to move.
        Tried::Busy => return Ok(()),
        Tried::Missing => None,
        Tried::Locked(locked) => Some(locked),
    };
    // Under the lock nobody moves the link to this profile; another one may have got it meanwhile.
    if read_record::<OutLinkRoot>(record)?.as_ref() != Some(root) {
        return Ok(());
    }
    if locked.is_some() {
        profile::remove_unfinished(Path::new(&root.link), &store.layout().profile(&name))?;
    }
    match (shown(store, root, &name), locked) {
        (Shown::Unknown, _) => {
            let text = format!(
                "kept the root {}: it cannot be read, or the folder above it is not the one it was made in",
                root.link
            );
            observer.event(Event::Note { text: &text });
            Ok(())
        }
        (Shown::Generation(generation), Some(locked)) if name.is_out_link() => {
            let number = generation.file_name().and_then(|name| name.to_str());
            Ok(locked.drop_all_but(number.and_then(|number| number.parse().ok()))?)
        }
        (Shown::Generation(_), _) => Ok(()),
        (Shown::Nothing, locked) => {
            // Before the lock goes: whoever takes it next writes the record anew.
            fs_err::remove_file(record).map_err(|source| Error::Io {
                doing: "remove",
                path: record.to_owned(),
                source,
            })?;
            match locked.filter(|_| name.is_out_link()) {
                Some(locked) => Ok(locked.delete()?),
                None => Ok(()),
            }
        }
    }
}

fn shown(store: &Store, root: &OutLinkRoot, name: &ProfileName) -> Shown {
    let link = Path::new(&root.link);
    // Between the new record and the new link the link still shows the profile of its own.
    let own = ProfileName::of_out_link(&FileHash::of(root.link.as_bytes()));
    match fs_err::read_link(link) {
        Ok(target)
            if [name, &own]
                .iter()
                .any(|name| target.starts_with(store.layout().profile(name))) =>
        {
            return Shown::Generation(target);
        }
        // Another link, or something that is no link.
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::InvalidInput || is_absent(&error) => {}
        Err(_unreadable) => return Shown::Unknown,
    }
    let mut nearest = None;
    for folder in &root.folders {
        match fs_err::metadata(&folder.path) {
            Ok(meta) => {
                nearest = Some((folder, meta));
                break;
            }
            Err(error) if is_absent(&error) => {}
            Err(_unreadable) => return Shown::Unknown,
        }
    }
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

/// Whether an error says that nothing stands there, and not that nobody may look.
fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
