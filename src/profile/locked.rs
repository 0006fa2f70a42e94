//! Moving a profile, under its lock.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{AtFlags, CWD, RenameFlags};

use super::error::Error;
use super::out_link::OutLink;
use super::places::{names, places_by};
use super::read::{
    current, current_number, folder_of, generation, generations, is_unreadable, links, require,
};
use super::sticky;
use crate::model::generation::{Cause, Generation};
use crate::model::name::ProfileName;
use crate::model::place::{Home, Place};
use crate::progress::Observer;
use crate::store::{LockFile, Store, random_id};

/// What a new generation shall show, and why.
#[derive(Debug, Clone)]
pub struct Change {
    /// What made it.
    pub cause: Cause,
    /// Absolute path of the declaration.
    pub declaration: Option<String>,
    /// The generation whose links are shown again.
    pub restores: Option<u64>,
    /// Link name of each environment, and where its store path stands.
    pub environments: BTreeMap<String, Place>,
    /// Link name and absolute path of its own declaration, in the profile `pulled`.
    pub declarations: BTreeMap<String, String>,
    /// The time to write down.
    pub now: Timestamp,
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The generation that is live now.
    pub number: u64,
    /// Its folder.
    pub folder: PathBuf,
    /// Whether it is a new one; equal links make none.
    pub changed: bool,
}

/// What trying for a profile's lock gave.
#[derive(Debug)]
pub enum Tried<'s> {
    /// Its lock.
    Locked(Locked<'s>),
    /// Somebody else holds it.
    Busy,
    /// There is no such profile.
    Missing,
}

/// A profile that nobody else can move now.
#[derive(Debug)]
#[must_use = "the profile's lock is let go when this is dropped"]
pub struct Locked<'s> {
    pub(super) store: &'s Store,
    pub(super) name: ProfileName,
    pub(super) lock: LockFile,
    known: Known,
}

/// What is live, once it was read; nobody else can change that while the lock is held.
#[derive(Debug, Default)]
struct Known {
    live: OnceCell<Option<Box<Generation>>>,
    links: OnceCell<BTreeMap<String, Place>>,
}

impl<'s> Locked<'s> {
    /// Waits for the lock of `name`; the profile need not exist yet.
    ///
    /// # Errors
    /// When the wait exceeds its limit or the system refuses.
    pub fn wait(
        store: &'s Store,
        name: &ProfileName,
        observer: &dyn Observer,
    ) -> Result<Self, Error> {
        let folder = store.layout().profile(name);
        let attempt = || {
            store.make_folder(&folder.join("generations"))?;
            LockFile::exclusive(
                &folder.join("lock"),
                store.file_mode(),
                store.patience(),
                observer,
            )
        };
        loop {
            match attempt() {
                Ok(lock) => {
                    return Ok(Self {
                        store,
                        name: name.clone(),
                        lock,
                        known: Known::default(),
                    });
                }
                // Somebody deleted the profile between two steps.
                Err(crate::store::Error::Io { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes the lock of an existing profile.
    ///
    /// # Errors
    /// When there is no such profile, or as for [`Locked::wait`].
    pub fn existing(
        store: &'s Store,
        name: &ProfileName,
        observer: &dyn Observer,
    ) -> Result<Self, Error> {
        require(store, name)?;
        Self::wait(store, name, observer)
    }

    /// Takes the lock of `name` if the profile is there and nobody holds it.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn try_existing(store: &'s Store, name: &ProfileName) -> Result<Tried<'s>, Error> {
        let path = store.layout().profile(name).join("lock");
        match LockFile::try_exclusive(&path, store.file_mode()) {
            Ok(Some(lock)) => Ok(Tried::Locked(Self {
                store,
                name: name.clone(),
                lock,
                known: Known::default(),
            })),
            Ok(None) => Ok(Tried::Busy),
            Err(crate::store::Error::Io { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                Ok(Tried::Missing)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &ProfileName {
        &self.name
    }

    /// The generation that is live; one whose record is damaged or gone shows nothing that could be kept.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn current(&self) -> Result<Option<&Generation>, Error> {
        if let Some(live) = self.known.live.get() {
            return Ok(live.as_deref());
        }
        let live = readable(current(self.store, &self.name))?.map(Box::new);
        Ok(self.known.live.get_or_init(|| live).as_deref())
    }

    /// The paths that the live generation shows, each where its link says that it stands; none where nothing is live.
    ///
    /// # Errors
    /// As for [`Locked::current`].
    pub fn places(&self) -> Result<BTreeMap<String, Place>, Error> {
        match self.current()? {
            Some(live) => Ok(places_by(live, self.links(live)?)),
            None => Ok(BTreeMap::new()),
        }
    }

    /// What the links of the live generation show.
    fn links(&self, live: &Generation) -> Result<&BTreeMap<String, Place>, Error> {
        if let Some(links) = self.known.links.get() {
            return Ok(links);
        }
        let links = links(&folder_of(self.store, &self.name, live.number))?;
        Ok(self.known.links.get_or_init(|| links))
    }

    /// Shows `change`, and moves `out_link` there if one is given; durable when it returns.
    ///
    /// # Errors
    /// When the system refuses; the profile is then as it was before, or already moved, and never in between.
    pub fn commit(
        &mut self,
        change: &Change,
        out_link: Option<&OutLink>,
    ) -> Result<Committed, Error> {
        // Whoever made the profile's folder may not have come to the sync yet.
        self.store.sync_names(&self.store.layout().profiles())?;
        let committed = match self.current()? {
            Some(live) if self.shows(live, &change.environments)? => {
                let number = live.number;
                let folder = folder_of(self.store, &self.name, number);
                // Whoever moved the link may not have come to the sync yet.
                self.sync(&folder)?;
                Committed {
                    number,
                    folder,
                    changed: false,
                }
            }
            _ => {
                self.known = Known::default();
                self.make(change, current_number(self.store, &self.name)?)?
            }
        };
        if let Some(link) = out_link {
            link.point(self.store, &self.name, &committed.folder)?;
        }
        Ok(committed)
    }

    /// Whether record and links of the live generation both show `environments`.
    fn shows(
        &self,
        live: &Generation,
        environments: &BTreeMap<String, Place>,
    ) -> Result<bool, Error> {
        Ok(live.environments == names(environments) && self.links(live)? == environments)
    }

    fn make(&self, change: &Change, previous: Option<u64>) -> Result<Committed, Error> {
        sticky::require_replaceable(&self.folder().join("current"))?;
        let number = generations(self.store, &self.name)?
            .last()
            .map_or(1, |last| last + 1);
        let record = Generation {
            schema: 1,
            number,
            profile: self.name.to_string(),
            cause: change.cause,
            created: change.now,
            declaration: change.declaration.clone(),
            previous,
            restores: change.restores,
            environments: names(&change.environments),
            declarations: change.declarations.clone(),
        };
        let all = self.folder().join("generations");
        let temporary = all.join(format!(".g-{}", random_id()?));
        let folder = all.join(number.to_string());
        let written = self
            .write(&temporary, &record, &change.environments)
            .and_then(|()| {
                rustix::fs::renameat_with(CWD, &temporary, CWD, &folder, RenameFlags::NOREPLACE)
                    .map_err(|source| Error::io("rename into place", &folder, source))
            });
        if let Err(error) = written {
            let _ = fs_err::remove_dir_all(&temporary);
            return Err(error);
        }
        self.store.sync_names(&all)?;
        self.point(number)?;
        Ok(Committed {
            number,
            folder,
            changed: true,
        })
    }

    fn write(
        &self,
        folder: &Path,
        record: &Generation,
        environments: &BTreeMap<String, Place>,
    ) -> Result<(), Error> {
        self.store.make_folder(folder)?;
        for (link, place) in environments {
            if let Home::Lower(id) = place.home {
                self.store.link_lower(id)?;
            }
            let link = folder.join(link);
            fs_err::os::unix::fs::symlink(place.link_target(), &link)
                .map_err(|source| Error::io("make", &link, source))?;
        }
        self.store
            .write_record(&folder.join("generation.json"), record)?;
        Ok(self.store.sync_names(folder)?)
    }

    /// Moves `current` by one rename.
    fn point(&self, number: u64) -> Result<(), Error> {
        let temporary = self.folder().join(format!(".current-{}", random_id()?));
        let target = Path::new("generations").join(number.to_string());
        replace_link(
            self.store,
            &self.folder().join("current"),
            &temporary,
            &target,
        )
    }

    fn sync(&self, generation: &Path) -> Result<(), Error> {
        self.store.sync_names(generation)?;
        self.store.sync_names(&self.folder().join("generations"))?;
        Ok(self.store.sync_names(&self.folder())?)
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.store.layout().profile(&self.name)
    }

    /// The generation that a switch to `number`, or a rollback, would show again.
    ///
    /// A rollback goes to what was live before the current one; after a rollback, further back. A switch counts as a
    /// step of its own.
    ///
    /// # Errors
    /// When there is none.
    pub fn target(&self, number: Option<u64>) -> Result<Generation, Error> {
        if let Some(number) = number {
            return generation(self.store, &self.name, number);
        }
        let mut previous = self.before_live()?;
        while let Some(number) = previous {
            match readable(generation(self.store, &self.name, number).map(Some))? {
                Some(generation) => return Ok(generation),
                None => previous = below(number),
            }
        }
        Err(Error::NoEarlier {
            profile: self.name.to_string(),
        })
    }

    /// The number of what was live before the current generation.
    fn before_live(&self) -> Result<Option<u64>, Error> {
        let Some(mut shown) = self.current()?.cloned() else {
            return Ok(current_number(self.store, &self.name)?.and_then(below));
        };
        // What a rollback made stands for what it restores, so that going back twice goes two steps.
        while let (Cause::Rollback, Some(restored)) = (shown.cause, shown.restores) {
            if restored >= shown.number {
                break;
            }
            match readable(generation(self.store, &self.name, restored).map(Some))? {
                Some(generation) => shown = generation,
                None => return Ok(below(restored)),
            }
        }
        Ok(shown.previous)
    }

    /// Whether it shows nothing and has no generation, as when its first one was never made.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn is_empty(&self) -> Result<bool, Error> {
        let current = fs_err::symlink_metadata(self.folder().join("current"));
        Ok(
            current.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
                && generations(self.store, &self.name)?.is_empty(),
        )
    }
}

/// A record that is damaged or gone is none.
fn readable(read: Result<Option<Generation>, Error>) -> Result<Option<Generation>, Error> {
    match read {
        Err(error) if is_unreadable(&error) => Ok(None),
        other => other,
    }
}

fn below(number: u64) -> Option<u64> {
    number.checked_sub(1).filter(|number| *number > 0)
}

/// Makes or replaces a symlink by one rename of `temporary`, and syncs its folder.
pub(super) fn replace_link(
    store: &Store,
    link: &Path,
    temporary: &Path,
    target: &Path,
) -> Result<(), Error> {
    fs_err::os::unix::fs::symlink(target, temporary)
        .map_err(|source| Error::io("make", temporary, source))?;
    if let Err(source) = fs_err::rename(temporary, link) {
        let _ = rustix::fs::unlinkat(CWD, temporary, AtFlags::empty());
        return Err(Error::io("replace", link, source));
    }
    Ok(store.sync_names(link.parent().unwrap_or(Path::new("/")))?)
}
