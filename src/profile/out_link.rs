//! Out-links: links outside the store that show a generation and keep it.
//!
//! The record `roots/<id>.json` is synced before the link is first made and never rewritten. It names the link,
//! not a generation; a collector reads the link itself.
//!
//! A new link is made under a dot name beside the old one and renamed over it. That name is always the same for one
//! link and one profile, so whoever has the profile's lock knows where a killed writer may have left it.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::locked::{Locked, Tried, replace_link};
use crate::model::digest::FileHash;
use crate::model::name::ProfileName;
use crate::model::root::{FolderAbove, OutLinkRoot, Root};
use crate::store::{Store, read_record};

/// The place of an out-link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutLink {
    path: PathBuf,
    text: String,
}

impl OutLink {
    /// An out-link at `path`, which must be absolute; the folder above it must be there.
    ///
    /// # Errors
    /// When its path is not text, its folder cannot be resolved, or something else stands there.
    pub fn new(path: &Path) -> Result<Self, Error> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        let name = path.file_name().ok_or_else(|| Error::OutLinkName {
            path: path.to_owned(),
        })?;
        let folder = fs_err::canonicalize(folder).map_err(|source| match source.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Error::OutLinkFolder {
                path: path.to_owned(),
                source,
            },
            _ => Error::io("find the folder of", path, source),
        })?;
        let path = folder.join(name);
        let Some(text) = path.to_str().map(str::to_owned) else {
            return Err(Error::OutLinkName { path });
        };
        let link = Self { path, text };
        link.shown()?;
        Ok(link)
    }

    /// What the link shows now, a generation of some store; `None` where nothing stands.
    fn shown(&self) -> Result<Option<PathBuf>, Error> {
        let taken = || Error::OutLinkTaken {
            path: self.path.clone(),
        };
        match fs_err::symlink_metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("look at", &self.path, error)),
            Ok(meta) if !meta.is_symlink() => Err(taken()),
            Ok(_) => {
                let target = fs_err::read_link(&self.path)
                    .map_err(|source| Error::io("read", &self.path, source))?;
                if is_generation(&target) {
                    Ok(Some(target))
                } else {
                    Err(taken())
                }
            }
        }
    }

    /// Where the link stands, with every folder above it resolved.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The link's id: BLAKE3 of its absolute path.
    #[must_use]
    pub fn id(&self) -> FileHash {
        FileHash::of(self.text.as_bytes())
    }

    /// The profile that belongs to the link alone.
    #[must_use]
    pub fn own_profile(&self) -> ProfileName {
        ProfileName::of_out_link(&self.id())
    }

    /// Points the link at a generation of `profile`, which is locked.
    pub(super) fn point(
        &self,
        store: &Store,
        profile: &ProfileName,
        generation: &Path,
    ) -> Result<(), Error> {
        if self.shown()?.as_deref() == Some(generation) {
            let folder = self.path.parent().unwrap_or(Path::new("/"));
            return Ok(store.sync_names(folder)?);
        }
        self.record(store, profile)?;
        let folder = store.layout().profile(profile);
        remove_unfinished(&self.path, &folder)?;
        replace_link(
            store,
            &self.path,
            &unfinished(&self.path, &folder),
            generation,
        )?;
        if *profile != self.own_profile() {
            self.drop_own_profile(store)?;
        }
        Ok(())
    }

    /// Removes the link's own profile, which the link showed before it moved to another one.
    ///
    /// Its lock is only tried, since another profile's is held; one that is busy is left to the collector.
    fn drop_own_profile(&self, store: &Store) -> Result<(), Error> {
        match Locked::try_existing(store, &self.own_profile())? {
            Tried::Locked(locked) => locked.delete(),
            Tried::Busy | Tried::Missing => Ok(()),
        }
    }

    fn record(&self, store: &Store, profile: &ProfileName) -> Result<(), Error> {
        let path = store.layout().root_record(self.id());
        let known: Option<Root> = read_record(&path).unwrap_or_default();
        if let Some(Root::OutLink(known)) = known
            && known.profile == profile.as_str()
        {
            // Whoever wrote it may not have come to the sync yet.
            return Ok(store.sync_names(&store.layout().roots())?);
        }
        let root = Root::OutLink(OutLinkRoot {
            schema: 1,
            link: self.text.clone(),
            profile: profile.to_string(),
            folders: folders_above(&self.path)?,
        });
        store.make_folder(&store.layout().roots())?;
        Ok(store.write_record(&path, &root)?)
    }
}

/// Where the new link stands until it is renamed over `link`; `profile` is the folder of the profile that it shows.
fn unfinished(link: &Path, profile: &Path) -> PathBuf {
    let name = link.file_name().unwrap_or_default().to_string_lossy();
    let both = [link, profile].map(|path| path.as_os_str().as_encoded_bytes());
    let id = FileHash::of(&both.join(&0)).to_string();
    link.with_file_name(format!(".{name}-{}", &id[..16]))
}

/// Removes what a killed writer left beside `link`, under the lock of the profile whose folder is `profile`.
///
/// # Errors
/// When the system refuses.
pub fn remove_unfinished(link: &Path, profile: &Path) -> Result<(), Error> {
    let unfinished = unfinished(link, profile);
    match fs_err::read_link(&unfinished) {
        Ok(target) if target.starts_with(profile) => fs_err::remove_file(&unfinished)
            .map_err(|source| Error::io("remove", unfinished, source)),
        _ => Ok(()),
    }
}

/// Each folder above `path`, nearest first, as it is now.
///
/// # Errors
/// When one cannot be looked at, or its path is not text.
pub fn folders_above(path: &Path) -> Result<Vec<FolderAbove>, Error> {
    let look = |folder: &Path| {
        let meta = fs_err::metadata(folder).map_err(|e| Error::io("look at", folder, e))?;
        let text = folder.to_str().ok_or_else(|| Error::OutLinkName {
            path: path.to_owned(),
        })?;
        Ok(FolderAbove {
            path: text.to_owned(),
            device: meta.dev(),
            inode: meta.ino(),
        })
    };
    path.ancestors().skip(1).map(look).collect()
}

/// Whether a link's target is `…/profiles/<profile>/generations/<number>`, of this store or another.
fn is_generation(target: &Path) -> bool {
    let mut above = target.ancestors().map(|path| {
        path.file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
    });
    let mut next = || above.next().unwrap_or_default();
    target.is_absolute()
        && next().parse::<u64>().is_ok()
        && next() == "generations"
        && ProfileName::from_folder(next()).is_ok()
        && next() == "profiles"
}
