//! Opening a store, or making one of a folder that can become one.

use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{Access, Mode, OFlags, RenameFlags, renameat_with};
use serde::{Deserialize, Serialize};

use super::crew::Crew;
use super::durable;
use super::error::{Doing, Error};
use super::file_system::FileSystem;
use super::layout::{FIRST_NAMES, Layout, own_names};
use super::lock_file::{LockFile, Patience};
use super::lower::Lower;
use super::rights::{Deed, require};
use super::{fresh, probe, record_file, uninterrupted};
use crate::model::digest::LowerId;
use crate::model::place::Home;
use crate::progress::Observer;

/// The layout that this pyro reads and writes.
const LAYOUT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Marker {
    layout: u32,
}

/// An open store, used by one account.
#[derive(Debug)]
pub struct Store {
    layout: Layout,
    /// `store/`, for renames within it and for its sync.
    folder: OwnedFd,
    file_system: FileSystem,
    uid: u32,
    folder_mode: u32,
    file_mode: u32,
    patience: Patience,
    /// Held while nothing that is made is synced.
    unsynced: Option<LockFile>,
    /// Hired when something is read first.
    crew: OnceLock<Crew>,
    /// When the first lease was taken, in seconds since the epoch by the clock of the file system.
    first_use: OnceLock<i64>,
    /// Itself, but for a lower store.
    home: Home,
    /// Where this account remembers its full checks: in this store, or, of a lower one, in the one above it.
    records: Layout,
    lower: Option<Lower>,
}

impl Store {
    /// Opens the store at `root`, an absolute path, and makes it where nothing speaks against it.
    ///
    /// # Errors
    /// When the folder has a layout that this pyro does not know, holds something else under a name of ours, stands on a
    /// file system whose locks or renames do not work, or cannot be read or made.
    pub fn open(root: &Path, patience: Patience) -> Result<Self, Error> {
        let layout = Layout::new(root.to_owned());
        if has_marker(&layout)? {
            // Whoever made it may not have come to the sync yet, and without its marker a store is refused.
            durable::sync_folder(layout.root())?;
        } else {
            create(&layout)?;
        }
        let store = Self::open_existing(layout, patience)?;
        probe::require_fit(store.file_system, &store.layout.leases(), root)?;
        store.file_system.spread(&store.folder);
        Ok(store)
    }

    /// An error if no store could be made at `root`, which is none: nothing is made.
    ///
    /// # Errors
    /// When the folder holds something else under a name of ours, or this account may not make it.
    pub fn require_possible(root: &Path) -> Result<(), Error> {
        let layout = Layout::new(root.to_owned());
        require_free(&layout)?;
        require(nearest_folder(root), Deed::Write)
    }

    /// Opens the store at `root` if there is one.
    ///
    /// # Errors
    /// As for [`Store::open`]; a folder that is no store, or none at all, is `None`.
    pub fn open_if_there(root: &Path, patience: Patience) -> Result<Option<Self>, Error> {
        let layout = Layout::new(root.to_owned());
        if has_marker(&layout)? {
            Self::open_existing(layout, patience).map(Some)
        } else {
            Ok(None)
        }
    }

    pub(super) fn open_existing(layout: Layout, patience: Patience) -> Result<Self, Error> {
        let folder = open_folder(layout.store())?;
        let file_system = FileSystem::of(&folder, layout.store())?;
        let (folder_mode, file_mode) = modes(layout.root())?;
        let uid = rustix::process::geteuid().as_raw();
        Ok(Self {
            records: layout.clone(),
            layout,
            folder,
            file_system,
            uid,
            folder_mode,
            file_mode,
            patience,
            unsynced: None,
            crew: OnceLock::new(),
            first_use: OnceLock::new(),
            home: Home::Own,
            lower: None,
        })
    }

    /// The store at `layout`, which is only read, as the one that `id` names beneath this one.
    pub(super) fn open_lower(&self, layout: Layout, id: LowerId) -> Result<Self, Error> {
        Ok(Self {
            folder: open_folder(layout.store())?,
            layout,
            home: Home::Lower(id),
            records: self.layout.clone(),
            lower: None,
            crew: OnceLock::new(),
            first_use: OnceLock::new(),
            unsynced: None,
            ..*self
        })
    }

    /// This store with a lock that tells others that nothing is synced.
    pub(super) fn marked_unsynced(self, lock: LockFile) -> Self {
        Self {
            unsynced: Some(lock),
            ..self
        }
    }

    /// Whether nothing that is made here is synced.
    pub(super) fn is_unsynced(&self) -> bool {
        self.unsynced.is_some()
    }

    /// This store with another one beneath it, or none.
    pub(super) fn with_lower(self, lower: Option<Lower>) -> Self {
        Self { lower, ..self }
    }

    /// What stands beneath this store, if anything.
    #[must_use]
    pub fn lower(&self) -> Option<&Lower> {
        self.lower.as_ref()
    }

    /// Which store this is, for one that paths are shown from.
    pub(super) fn home(&self) -> Home {
        self.home
    }

    /// The paths of the store that this account's memory of its full checks is in.
    pub(super) fn records(&self) -> &Layout {
        &self.records
    }

    /// The paths of this store.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The account that uses it.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// What it stands on.
    #[must_use]
    pub fn file_system(&self) -> FileSystem {
        self.file_system
    }

    /// How long to wait for others.
    #[must_use]
    pub fn patience(&self) -> &Patience {
        &self.patience
    }

    /// The hands that read at once.
    pub fn crew(&self) -> &Crew {
        self.crew.get_or_init(Crew::of_processors)
    }

    /// Who is told about waits.
    #[must_use]
    pub fn wait<'a>(&'a self, observer: &'a dyn Observer) -> (&'a Patience, &'a dyn Observer) {
        (&self.patience, observer)
    }

    pub(super) fn first_use(&self) -> &OnceLock<i64> {
        &self.first_use
    }

    pub(super) fn folder(&self) -> &OwnedFd {
        &self.folder
    }

    /// The mode of lock files and records.
    #[must_use]
    pub fn file_mode(&self) -> u32 {
        self.file_mode
    }

    /// An error unless this account may add, rename and remove paths.
    ///
    /// # Errors
    /// When it may not, or the store is on a read-only file system.
    pub fn require_writable(&self) -> Result<(), Error> {
        for folder in [self.layout.store(), &self.layout.leases()] {
            rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK)
                .doing("write to", folder)?;
        }
        Ok(())
    }

    /// Makes a folder under the root, and those above it, with the store's own mode whatever the umask says.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn make_folder(&self, path: &Path) -> Result<(), Error> {
        make_folders(path, self.records.root(), self.folder_mode)
    }
}

fn open_folder(path: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    uninterrupted::open(path, flags, Mode::empty()).doing("open", path)
}

/// The modes of folders and files: those of a group where the root has the setgid bit, else of one account.
fn modes(root: &Path) -> Result<(u32, u32), Error> {
    let is_of_group = fs_err::metadata(root).doing("look at", root)?.mode() & 0o2000 != 0;
    Ok(if is_of_group {
        (0o2775, 0o664)
    } else {
        (0o755, 0o644)
    })
}

/// Makes `path` and the missing folders between it and `top` with `mode`; `top` itself must be there.
fn make_folders(path: &Path, top: &Path, mode: u32) -> Result<(), Error> {
    if path == top || fs_err::symlink_metadata(path).is_ok_and(|meta| meta.is_dir()) {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        make_folders(above, top, mode)?;
    }
    // Unfinished work is synced by its maker, once it is whole.
    if fresh::folder(path, mode)? && !fresh::is_dot_name(path) {
        durable::sync_parent(path)?;
    }
    Ok(())
}

/// Makes the folders above the root that are missing, as the umask says, each with its name synced: all below is
/// found again only through them. So is one that is there: its maker may have been killed before it came to that.
fn make_above(folder: &Path) -> Result<(), Error> {
    match fs_err::create_dir(folder) {
        Ok(()) => durable::sync_parent(folder),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let above = folder.parent().filter(|above| *above != Path::new(""));
            make_above(above.ok_or_else(|| Error::io("make", folder, error))?)?;
            fs_err::create_dir(folder).doing("make", folder)?;
            durable::sync_parent(folder)
        }
        Err(_there) if fs_err::metadata(folder).is_ok_and(|meta| meta.is_dir()) => {
            sync_name(folder)
        }
        Err(error) => Err(Error::io("make", folder, error)),
    }
}

/// Whether the root says that it is a store of our layout.
pub(super) fn has_marker(layout: &Layout) -> Result<bool, Error> {
    let path = layout.marker();
    let bytes = match fs_err::read(&path) {
        Ok(bytes) => bytes,
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(false);
        }
        Err(error) => return Err(Error::io("read", &path, error)),
    };
    match serde_json::from_slice::<Marker>(&bytes) {
        Ok(Marker { layout: LAYOUT }) => Ok(true),
        Ok(Marker { layout }) => Err(Error::UnknownLayout {
            found: layout.to_string(),
            path,
        }),
        Err(_not_json) => Err(Error::UnknownLayout {
            found: "unreadable".to_owned(),
            path,
        }),
    }
}

/// Makes the folders of a store, then the marker: a store whose making was cut off is made to its end by the next.
///
/// Our folders without a marker mean either that or somebody else's data, so only empty ones are taken over.
fn create(layout: &Layout) -> Result<(), Error> {
    let root = layout.root();
    let is_new = make_root(root)?;
    let fit = require_free(layout)
        .and_then(|()| FileSystem::at(root))
        .and_then(|file_system| probe::require_fit(file_system, root, root));
    if fit.is_err() && is_new {
        let _ = fs_err::remove_dir(root);
    }
    fit?;
    let (folder_mode, file_mode) = modes(root)?;
    for name in FIRST_NAMES {
        make_folders(&root.join(name), root, folder_mode)?;
    }
    link_marker(layout, file_mode)
}

/// The nearest folder at or above `path` that is there.
pub(super) fn nearest_folder(path: &Path) -> &Path {
    let mut all = path.ancestors();
    all.find(|folder| folder.is_dir()).unwrap_or(Path::new("/"))
}

/// An error if a root without a marker has something under a name of ours.
fn require_free(layout: &Layout) -> Result<(), Error> {
    let root = layout.root();
    for name in own_names() {
        let path = root.join(name);
        match fs_err::read_dir(&path) {
            Ok(mut entries) => {
                // Another process may be making this very store: then its marker is there by now.
                if entries.next().is_some() && !has_marker(layout)? {
                    return Err(Error::Foreign {
                        name,
                        path: root.to_owned(),
                    });
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                return Err(Error::Foreign {
                    name,
                    path: root.to_owned(),
                });
            }
            Err(error) => return Err(Error::io("list", path, error)),
        }
    }
    Ok(())
}

/// Makes the root with the store's own mode whatever the umask says; what stands above it is made as the umask says.
/// Tells whether it is new.
fn make_root(root: &Path) -> Result<bool, Error> {
    if let Some(above) = root.parent() {
        make_above(above)?;
    }
    match rustix::fs::mkdir(root, Mode::from_raw_mode(0o755)) {
        Ok(()) => {
            // A folder of a group hands its group down by the setgid bit.
            let (mode, _) = modes(root)?;
            rustix::fs::chmod(root, Mode::from_raw_mode(mode)).doing("set the mode of", root)?;
            durable::sync_made(root).map(|()| true)
        }
        Err(rustix::io::Errno::EXIST) => sync_name(root).map(|()| false),
        Err(error) => Err(Error::io("make", root, error)),
    }
}

/// Syncs the name of a folder that was there. Who may not read the folder above it has not made it.
fn sync_name(folder: &Path) -> Result<(), Error> {
    match durable::sync_parent(folder) {
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::PermissionDenied => {
            Ok(())
        }
        synced => synced,
    }
}

/// Writes the marker under a dot name, syncs it and renames it into place, never over another.
fn link_marker(layout: &Layout, mode: u32) -> Result<(), Error> {
    let marker = layout.marker();
    let temporary: PathBuf = layout
        .root()
        .join(format!(".layout-{}", record_file::random_id()?));
    let written = record_file::write_new(&temporary, b"{\"layout\": 1}\n", mode)
        .and_then(|file| file.sync_all().doing("sync", &temporary));
    if let Err(error) = written {
        let _ = fs_err::remove_file(&temporary);
        return Err(error);
    }
    let cwd = rustix::fs::CWD;
    let named = renameat_with(cwd, &temporary, cwd, &marker, RenameFlags::NOREPLACE);
    match named {
        Ok(()) => {}
        Err(rustix::io::Errno::EXIST) => {
            fs_err::remove_file(&temporary).doing("remove", &temporary)?;
        }
        Err(error) => {
            let _ = fs_err::remove_file(&temporary);
            return Err(Error::io("make", &marker, error));
        }
    }
    durable::sync_parent(&marker)
}
