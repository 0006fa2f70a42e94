//! Root records, and what stands where they point.
//!
//! A record goes only when what it names is absent, or is a link that shows something outside the store (of an
//! out-link: outside its profile), and the nearest folder above it that exists is the recorded one, on the device of
//! its own folder: a volume that is not mounted keeps its roots.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Error;
use crate::lock::{Lock, LockedSource};
use crate::model::digest::{FileHash, StoreHash};
use crate::model::name::ProfileName;
use crate::model::pin::Pin;
use crate::model::root::{FolderAbove, LinkRoot, LockRoot, OutLinkRoot, Root};
use crate::model::store_path::StorePathName;
use crate::store::{Store, read_record};

/// Every root record that there is, with its file.
#[derive(Debug, Clone, Default)]
pub struct Records(pub Vec<(PathBuf, Root)>);

/// What a record keeps now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shows {
    /// A generation of its profile, by the folder that the link names.
    Generation(PathBuf),
    /// A store path.
    Path(StorePathName),
    /// The outputs of a lock; `read` tells whether from the lock itself or from the record.
    Outputs {
        /// The digests of the store paths.
        outputs: BTreeSet<StoreHash>,
        /// Why the lock itself could not be read, if so.
        unread: Option<String>,
    },
    /// Nothing of ours, and its folder is there to say so.
    Nothing,
    /// Not to be told: it is out of reach, or a folder above is not the recorded one.
    Unknown,
}

/// What the out-links of a profile need of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing: there is none.
    Nothing,
    /// These generations, and the profile.
    Shown(BTreeSet<u64>),
    /// All of it: one cannot be looked at.
    Unknown,
}

impl Records {
    /// Reads all of them.
    ///
    /// # Errors
    /// When one cannot be read: what it holds is not known, so nothing may be collected.
    pub fn read(store: &Store) -> Result<Self, Error> {
        let mut all = Vec::new();
        for path in files(store)? {
            // Removed since it was listed is none.
            all.extend(read_record::<Root>(&path)?.map(|root| (path, root)));
        }
        all.sort_by(|(_, a), (_, b)| (a.kind(), a.subject()).cmp(&(b.kind(), b.subject())));
        Ok(Self(all))
    }

    /// What out-links need of `profile`.
    pub(super) fn need_of(&self, store: &Store, profile: &ProfileName) -> Need {
        let folder = store.layout().profile(profile);
        let mut shown = BTreeSet::new();
        let mut is_needed = false;
        for root in self.out_links() {
            match shows_out_link(store, root) {
                Shows::Generation(target) if target.starts_with(&folder) => {
                    is_needed = true;
                    let number = target.file_name().and_then(|name| name.to_str());
                    shown.extend(number.and_then(|number| number.parse::<u64>().ok()));
                }
                Shows::Unknown if root.profile == profile.as_str() => return Need::Unknown,
                // The record is new, and its link not there yet.
                Shows::Generation(_) if root.profile == profile.as_str() => is_needed = true,
                _ => {}
            }
        }
        if is_needed {
            Need::Shown(shown)
        } else {
            Need::Nothing
        }
    }

    fn out_links(&self) -> impl Iterator<Item = &OutLinkRoot> {
        self.0.iter().filter_map(|(_, root)| match root {
            Root::OutLink(root) => Some(root),
            _ => None,
        })
    }
}

/// The files of root records, finished ones only.
pub(super) fn files(store: &Store) -> Result<Vec<PathBuf>, Error> {
    let folder = store.layout().roots();
    let list = |source| Error::Io {
        doing: "list",
        path: folder.clone(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs_err::read_dir(&folder).map_err(list)? {
        let path = entry.map_err(list)?.path();
        let is_record = path.extension().is_some_and(|end| end == "json")
            && path
                .file_name()
                .is_some_and(|name| !name.as_encoded_bytes().starts_with(b"."));
        if is_record {
            files.push(path);
        }
    }
    Ok(files)
}

/// What `root` keeps now.
#[must_use]
pub fn shows(store: &Store, root: &Root) -> Shows {
    match root {
        Root::OutLink(root) => shows_out_link(store, root),
        Root::Link(link) => shows_link(store, link),
        Root::Lock(lock) => shows_lock(lock),
        Root::Path(root) => Shows::Path(root.path.clone()),
    }
}

fn shows_out_link(store: &Store, root: &OutLinkRoot) -> Shows {
    let Ok(name) = ProfileName::from_folder(&root.profile) else {
        return Shows::Unknown;
    };
    // Between the new record and the new link the link still shows the profile of its own.
    let own = ProfileName::of_out_link(&FileHash::of(root.link.as_bytes()));
    match fs_err::read_link(&root.link) {
        Ok(target)
            if [&name, &own]
                .iter()
                .any(|name| target.starts_with(store.layout().profile(name))) =>
        {
            Shows::Generation(target)
        }
        Err(error) if !is_absent(&error) && error.kind() != ErrorKind::InvalidInput => {
            Shows::Unknown
        }
        // Another link, something that is no link, or nothing.
        _ => absent(&root.folders),
    }
}

fn shows_link(store: &Store, root: &LinkRoot) -> Shows {
    match follow(store, Path::new(&root.link)) {
        Ok(Leads::To(path)) => Shows::Path(path),
        // Something on its way in the store is missing or damaged: not for a collector to judge.
        Ok(Leads::Astray) => Shows::Unknown,
        Ok(Leads::Elsewhere) => absent(&root.folders),
        Err(error) if is_absent(&error) => absent(&root.folders),
        Err(_out_of_reach) => Shows::Unknown,
    }
}

fn shows_lock(root: &LockRoot) -> Shows {
    let path = Path::new(&root.lock);
    let unread = match fs_err::read_to_string(path) {
        Ok(text) => match Lock::parse(&text, path, &|_, _| None) {
            Ok(parsed) => {
                let outputs = outputs(&parsed.lock);
                let unread = None;
                return Shows::Outputs { outputs, unread };
            }
            Err(error) => error.to_string(),
        },
        Err(error)
            if error.kind() == ErrorKind::NotFound && absent(&root.folders) == Shows::Nothing =>
        {
            return Shows::Nothing;
        }
        Err(error) => error.to_string(),
    };
    Shows::Outputs {
        outputs: root.outputs.clone(),
        unread: Some(unread),
    }
}

/// Every output that a lock names.
#[must_use]
pub fn outputs(lock: &Lock) -> BTreeSet<StoreHash> {
    lock.blocks()
        .flat_map(|(_, _, block)| block.sources())
        .filter_map(LockedSource::pin)
        .filter_map(Pin::output)
        .collect()
}

/// The store path that a link leads into, through whatever links there are between.
#[must_use]
pub fn link_target(store: &Store, link: &Path) -> Option<StorePathName> {
    match follow(store, link) {
        Ok(Leads::To(path)) => Some(path),
        _ => None,
    }
}

/// Where a link leads.
enum Leads {
    /// To this store path, or into it.
    To(StorePathName),
    /// Below the store's root, and to no path.
    Astray,
    /// Out of the store; or there is no link.
    Elsewhere,
}

/// Follows a link; an error says that it is absent, or that it cannot be followed now.
fn follow(store: &Store, link: &Path) -> std::io::Result<Leads> {
    let into = |target: &Path, folder: &Path| {
        let rest = target.strip_prefix(folder).ok()?;
        rest.iter().next()?.to_str()?.parse().ok()
    };
    if !fs_err::symlink_metadata(link)?.is_symlink() {
        return Ok(Leads::Elsewhere);
    }
    let folder = store.layout().store();
    let real = fs_err::canonicalize(folder)?;
    let target = fs_err::read_link(link)?;
    let path = match fs_err::canonicalize(link) {
        Ok(target) => into(&target, &real),
        // What it shows is damaged or gone; the link itself still names it.
        Err(error) if is_absent(&error) => into(&target, folder).or_else(|| into(&target, &real)),
        Err(error) => return Err(error),
    };
    Ok(match path {
        Some(path) => Leads::To(path),
        None if target.starts_with(store.layout().root()) => Leads::Astray,
        None => Leads::Elsewhere,
    })
}

/// Whether an error says that nothing is there, and not that nobody may or can look.
fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Whether something that is not to be found is gone, or only out of reach.
fn absent(folders: &[FolderAbove]) -> Shows {
    for folder in folders {
        match fs_err::metadata(&folder.path) {
            Ok(meta) => {
                let is_recorded = (meta.dev(), meta.ino()) == (folder.device, folder.inode)
                    && folders.first().is_some_and(|own| own.device == meta.dev());
                return if is_recorded {
                    Shows::Nothing
                } else {
                    Shows::Unknown
                };
            }
            Err(error) if is_absent(&error) => {}
            Err(_out_of_reach) => return Shows::Unknown,
        }
    }
    Shows::Unknown
}
