//! Looking for what keeps pyro from working here: the store, its file system, this account's rights, the lower store.
//!
//! Nothing is made but what a probe makes and removes in the folder of locks. What is found wrong is no error of the
//! look; each [`Problem`] says whether it keeps the store from being used.

use std::path::{Path, PathBuf};

use crate::store::{
    Abilities, Account, Deed, Error as StoreError, FileSystem, Lower, Patience, Store, Trust,
    require,
};

/// Something that is wrong, or should be known.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The store cannot be opened, or could not be made.
    #[error(transparent)]
    Store(StoreError),
    /// The lower store cannot be used.
    #[error(transparent)]
    Lower(StoreError),
    /// This account is refused something that it needs.
    #[error("this account may not {} the store's folders", .deed)]
    Refused {
        /// What: `read` or `write to`.
        deed: &'static str,
        /// What the system says of the first of them.
        #[source]
        source: StoreError,
    },
    /// The file system does not do what a store needs.
    #[error("no store can be kept on {file_system}: {lacks}")]
    Unfit {
        /// Its type.
        file_system: FileSystem,
        /// What is missing.
        lacks: &'static str,
    },
    /// There is no room.
    #[error("no {what} is free: {}", path.display())]
    Full {
        /// `byte` or `inode`.
        what: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// Only a remark: what the file system's type makes doubtful.
    #[error("{0}")]
    Doubtful(String),
    /// Only a remark: two folders cannot be exchanged.
    #[error(
        "{0} cannot exchange two folders: a repair takes a damaged path away before the good one is there"
    )]
    NoExchange(FileSystem),
    /// Only a remark: the lower store is not there.
    #[error("the lower store is not there, nothing of it is installed: {}", .0.display())]
    LowerAway(PathBuf),
    /// Only a remark: a store of a group has folders that are not the group's.
    #[error("the store is shared by group {group}, but this folder is not: {}", path.display())]
    Closed {
        /// The group.
        group: u32,
        /// The folder.
        path: PathBuf,
    },
}

impl Problem {
    /// Whether it keeps the store from being used.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        !matches!(
            self,
            Self::Doubtful(_) | Self::NoExchange(_) | Self::LowerAway(_) | Self::Closed { .. }
        )
    }
}

/// What a look found.
#[derive(Debug)]
pub struct Diagnosis {
    /// Whether there is a store that can be opened.
    pub exists: bool,
    /// What it stands on, or would stand on.
    pub file_system: Option<FileSystem>,
    /// What that can, where it was tried.
    pub abilities: Option<Abilities>,
    /// Bytes that this account may still write.
    pub free_bytes: Option<u64>,
    /// Inodes that this account may still make; none where the file system does not count them.
    pub free_inodes: Option<u64>,
    /// Who looked.
    pub account: Account,
    /// Whether this account may read the store.
    pub may_read: bool,
    /// Whether it may write to it, or make it.
    pub may_write: bool,
    /// The group that shares the store, if one does.
    pub group: Option<u32>,
    /// The lower store, where one is named, and whether it is there.
    pub lower: Option<(PathBuf, bool)>,
    /// What is wrong, the worst first.
    pub problems: Vec<Problem>,
}

/// Looks at the store at `root` and, where one is named, the one beneath it.
#[must_use]
pub fn diagnose(root: &Path, lower: Option<&Path>) -> Diagnosis {
    let mut found = Diagnosis {
        exists: false,
        file_system: None,
        abilities: None,
        free_bytes: None,
        free_inodes: None,
        account: Account::of_process(),
        may_read: false,
        may_write: false,
        group: None,
        lower: None,
        problems: Vec::new(),
    };
    let mut at = root.ancestors();
    let at = at.find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
    found.file_system = FileSystem::at(at).ok();
    match Store::open_if_there(root, Patience::default()) {
        Ok(Some(store)) => {
            found.look_into(&store);
            found.look_beneath(store, lower);
        }
        Ok(None) => {
            found.may_read = require(at, Deed::Read).is_ok();
            match Store::require_possible(root) {
                Ok(()) => found.may_write = true,
                Err(error) => found.problems.push(Problem::Store(error)),
            }
            found.lower = lower.map(|lower| (lower.to_owned(), lower.is_dir()));
        }
        Err(error) => found.problems.push(Problem::Store(error)),
    }
    found.count_room(at);
    let doubt = found.file_system.and_then(|kind| kind.warning());
    found.problems.extend(doubt.map(Problem::Doubtful));
    found.problems.sort_by_key(|problem| !problem.is_fatal());
    found
}

impl Diagnosis {
    fn look_into(&mut self, store: &Store) {
        self.exists = true;
        let file_system = store.file_system();
        self.file_system = Some(file_system);
        let refused = store.refusals();
        self.may_read =
            store.layout().store().is_dir() && require(store.layout().store(), Deed::Read).is_ok();
        self.may_write = refused.is_empty();
        if let Some(source) = refused.into_iter().next() {
            let deed = if self.may_read { "write to" } else { "read" };
            self.problems.push(Problem::Refused { deed, source });
        }
        match store.group() {
            Ok(None) => {}
            Ok(Some((group, closed))) => {
                self.group = Some(group);
                let closed = closed.into_iter();
                self.problems
                    .extend(closed.map(|path| Problem::Closed { group, path }));
            }
            Err(error) => self.problems.push(Problem::Store(error)),
        }
        if !self.may_write {
            return;
        }
        match store.probe() {
            Ok(abilities) => {
                self.abilities = Some(abilities);
                if let Some(lacks) = abilities.lacks() {
                    self.problems.push(Problem::Unfit { file_system, lacks });
                } else if !abilities.exchange {
                    self.problems.push(Problem::NoExchange(file_system));
                }
            }
            // That there is no room is told by itself.
            Err(error) if error.is_full() => {}
            Err(error) => self.problems.push(Problem::Store(error)),
        }
    }

    fn look_beneath(&mut self, store: Store, lower: Option<&Path>) {
        let Some(lower) = lower else { return };
        match store.above(lower) {
            Ok(store) => {
                let there = store.lower().is_some_and(Lower::is_there);
                let root = store.lower().map_or(lower, Lower::root).to_owned();
                if !there {
                    self.problems.push(Problem::LowerAway(root.clone()));
                }
                self.lower = Some((root, there));
            }
            Err(error) => {
                self.lower = Some((lower.to_owned(), true));
                self.problems.push(Problem::Lower(error));
            }
        }
    }

    fn count_room(&mut self, at: &Path) {
        let Ok(room) = rustix::fs::statvfs(at) else {
            return;
        };
        self.free_bytes = Some(room.f_bavail.saturating_mul(room.f_frsize));
        self.free_inodes = (room.f_files > 0).then_some(room.f_favail);
        for (what, free) in [("byte", self.free_bytes), ("inode", self.free_inodes)] {
            if free == Some(0) {
                let path = at.to_owned();
                self.problems.push(Problem::Full { what, path });
            }
        }
    }

    /// How far the type of the file system can be relied on.
    #[must_use]
    pub fn trust(&self) -> Option<Trust> {
        self.file_system.map(|kind| kind.trust())
    }

    /// Whether the store can be used.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !self.problems.iter().any(Problem::is_fatal)
    }
}
