//! Sealing: a staging tree becomes what its manifest says, exactly, and durable, before anybody can see it.
//!
//! 1. An old install record at the top of layout `files` is left out; any other `environment.json` there is refused.
//! 2. The tree becomes a manifest; artifact files lose their exec bit; the manifest is written.
//! 3. A second walk lists every folder and looks at every entry: the manifest must describe just what is there.
//!    On its way up it makes each folder 0555 with time 1.
//! 4. Files and folders are synced: each by itself where they are few, else by `syncfs` through the descriptor that was
//!    opened before the first byte was written. A first one runs while the walk lasts and leaves little to the second.
//!    Any error of either ends the realization.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::Read;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::thread::ScopedJoinHandle;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir};

use super::error::{Doing, Error};
use super::file_writer::{self, SEALED_TIME};
use super::folders::{self, Folders};
use super::folding::not_made;
use super::staging::{Executable, Staging};
use super::uninterrupted;
use crate::model::escape::Escaped;
use crate::model::manifest::{Entry, EntryKind, MANIFEST_NAME, Manifest};
use crate::model::path::EntryPath;
use crate::model::recipe::{Layout, Recipe};
use crate::model::store_path::StorePathName;

/// Bytes of names that are listed at once.
const LISTED: usize = 8192;
/// Largest install record of the ancestor that is looked at.
const RECORD_MAX: u64 = 1 << 20;

/// How many entries a tree has at least for its sync to begin beside the second walk: that of a smaller one is over before
/// the sync has done much.
const BEGUN_EARLY: usize = 256;

/// A sealed tree, still under its staging name.
#[derive(Debug)]
#[must_use = "dropping it removes the tree"]
pub struct Staged<'s> {
    pub(super) staging: Staging<'s>,
    pub(super) manifest: Manifest,
    pub(super) name: StorePathName,
}

impl Staged<'_> {
    /// The name that it will be published under.
    #[must_use]
    pub fn name(&self) -> &StorePathName {
        &self.name
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What was left out or put right on the way, one sentence each.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.staging.notes
    }
}

impl<'s> Staging<'s> {
    /// Seals the tree as `recipe` says.
    ///
    /// # Errors
    /// When an artifact is missing or ambiguous, the tree is not what was written, or the system cannot keep it.
    pub fn seal(mut self, recipe: &Recipe) -> Result<Staged<'s>, Error> {
        self.all_written()?;
        self.leave_out_install_record()?;
        let manifest = std::mem::take(&mut self.tree).into_manifest(recipe)?;
        self.unset_artifact_bits(&manifest)?;
        // A name that was taken from a file with several is a copy, written as all files are.
        self.all_written()?;
        let bytes = manifest.to_bytes();
        self.write_manifest(&bytes)?;
        let name = manifest.store_path_name(&bytes);
        self.walk_and_sync(&manifest)?;
        Ok(Staged {
            staging: self,
            manifest,
            name,
        })
    }

    /// The record that the ancestor left in the folders that it installed is no content.
    fn leave_out_install_record(&mut self) -> Result<(), Error> {
        let Ok(path) = EntryPath::new(MANIFEST_NAME.as_bytes()) else {
            return Ok(());
        };
        if self.layout != Layout::Files || self.tree.get(&path).is_none() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        if matches!(self.tree.get(&path), Some(EntryKind::File { .. })) {
            let file = self.open_file(&path)?;
            file.take(RECORD_MAX)
                .read_to_end(&mut bytes)
                .doing("read", self.path().join(MANIFEST_NAME))?;
        }
        let record: Option<serde_json::Map<String, serde_json::Value>> =
            serde_json::from_slice(&bytes).ok();
        let ours = record
            .is_some_and(|r| r.contains_key("catalog_version") && r.contains_key("installed_at"));
        if !ours {
            return Err(Error::OwnManifest);
        }
        self.remove(&path)?;
        self.note("left out `environment.json`, the install record of an earlier tool".to_owned());
        Ok(())
    }

    /// Artifact files are never executable, so that a tree and a plain blob give the same manifest.
    fn unset_artifact_bits(&mut self, manifest: &Manifest) -> Result<(), Error> {
        let prefix = usize::from(self.layout.prefix().is_some());
        let top = self.path();
        for path in manifest.artifacts().values() {
            let place = top.join(path.as_os_str());
            let Some(path) = path.strip(prefix) else {
                continue;
            };
            let parent = self
                .folders
                .parent_of(&path)
                .doing("open the folder of", &place)?;
            let meta = rustix::fs::statat(parent.as_fd(), path.name(), AtFlags::SYMLINK_NOFOLLOW)
                .doing("look at", &place)?;
            if FileType::from_raw_mode(meta.st_mode) != FileType::RegularFile
                || meta.st_mode & 0o111 == 0
            {
                continue;
            }
            if meta.st_nlink > 1 {
                // Its twin keeps the bit, so the two must part.
                self.break_link(&path, meta.st_size.cast_unsigned())?;
                continue;
            }
            rustix::fs::chmodat(
                parent.as_fd(),
                path.name(),
                file_writer::sealed_mode(false),
                AtFlags::empty(),
            )
            .doing("set the mode of", &place)?;
        }
        Ok(())
    }

    /// Replaces one name of a file by a copy that is not executable.
    fn break_link(&mut self, path: &EntryPath, size: u64) -> Result<(), Error> {
        self.placed(|this| {
            let from = this.open_file(path)?;
            let parent = this
                .folders
                .parent_of(path)
                .doing("open the folder of", path.as_os_str())?;
            rustix::fs::unlinkat(parent.as_fd(), path.name(), AtFlags::empty())
                .doing("remove", path.as_os_str())?;
            // The tree was taken for the manifest already; this entry goes into the empty one and is not looked at again.
            let above = path.parent();
            if let Some(above) = above {
                this.tree.insert(above, EntryKind::Directory)?;
            }
            this.file_from(path, Executable::No, &from, size)
                .map(|_size| ())
        })
    }

    fn write_manifest(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let path = self.path().join(MANIFEST_NAME);
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = uninterrupted::openat(&self.top, MANIFEST_NAME, flags, Mode::RUSR | Mode::WUSR);
        let fd = match (fd, EntryPath::new(MANIFEST_NAME.as_bytes())) {
            (Ok(fd), _) => fd,
            (Err(errno), Ok(name)) => {
                return Err(not_made(self.top.as_fd(), &name, errno).below(&self.path()));
            }
            (Err(errno), Err(_)) => return Err(Error::io("make", path, errno)),
        };
        let mut file = fs_err::File::from_parts(fd.into(), &path);
        std::io::Write::write_all(&mut file, bytes).doing("write", &path)?;
        uninterrupted::fchmod(&file, file_writer::sealed_mode(false))
            .doing("set the mode of", &path)?;
        rustix::fs::futimens(&file, &SEALED_TIME).doing("set the time of", &path)?;
        if let Some(files) = &mut self.few {
            files.push(file.into_parts().0.into());
        }
        Ok(())
    }

    /// Lists every folder, looks at every entry, seals the folders from the bottom up.
    fn second_walk(&self, manifest: &Manifest) -> Result<(), Error> {
        let staging = self.path();
        let changed = |what: String| Error::Changed {
            what,
            path: staging.clone(),
        };
        let children = Children::of(manifest);
        let top = folders::open_folder(self.top.as_fd(), b".").doing("open", &staging)?;
        let mut folders = Folders::new(top);
        // Children sort after their folder, so backwards each folder comes after all that is in it.
        let all = manifest
            .entries()
            .iter()
            .rev()
            .filter(|entry| entry.kind == EntryKind::Directory);
        for path in all.map(|entry| entry.path.as_bytes()).chain([&b""[..]]) {
            let place = staging.join(OsStr::from_bytes(path));
            let folder = folders.folder(path).doing("open", &place)?;
            let expected = children.of_folder(path);
            let mut seen = vec![false; expected.len()];
            let mut manifests = 0;
            let mut buffer = [MaybeUninit::uninit(); LISTED];
            let mut listing = RawDir::new(folder.as_fd(), &mut buffer);
            while let Some(entry) = listing.next() {
                let entry = entry.doing("list", &place)?;
                let name = entry.file_name().to_bytes();
                if name == b"." || name == b".." {
                    continue;
                }
                if path.is_empty() && name == MANIFEST_NAME.as_bytes() {
                    manifests += 1;
                    continue;
                }
                let Ok(at) = expected.binary_search_by_key(&name, |entry| entry.path.name()) else {
                    return Err(changed(format!("`{}` is not ours", Escaped(name))));
                };
                let Entry { path, kind } = expected[at];
                if std::mem::replace(&mut seen[at], true) {
                    return Err(changed(format!("`{path}` is listed twice")));
                }
                let differs = differs(folder.as_fd(), path, kind)
                    .doing("look at", place.join(OsStr::from_bytes(name)))?;
                if let Some(what) = differs {
                    return Err(changed(format!("`{path}` {what}")));
                }
            }
            if let Some(at) = seen.iter().position(|seen| !seen) {
                return Err(changed(format!("`{}` is missing", expected[at].path)));
            }
            if path.is_empty() && manifests != 1 {
                return Err(changed(format!(
                    "`{MANIFEST_NAME}` is listed {manifests} times"
                )));
            }
            uninterrupted::fchmod(folder.as_fd(), Mode::from_raw_mode(0o555))
                .doing("set the mode of", &place)?;
            rustix::fs::futimens(folder.as_fd(), &SEALED_TIME).doing("set the time of", &place)?;
        }
        Ok(())
    }

    /// Looks at all and syncs all; what is on its way to the disk while the look lasts need not be waited for after it.
    fn walk_and_sync(&mut self, manifest: &Manifest) -> Result<(), Error> {
        let few = self.few.take();
        let entries = manifest.entries().len();
        let few = few.filter(|_| entries <= 2 * super::staging::FEW);
        if entries < BEGUN_EARLY || self.store.is_unsynced() {
            self.second_walk(manifest)?;
            return self.sync(few, manifest);
        }
        std::thread::scope(|scope| {
            let sync = || uninterrupted::syncfs(&self.top);
            let thread = std::thread::Builder::new().name("pyro-sync".to_owned());
            // Where there is no thread, all is waited for after it.
            let begun = thread.spawn_scoped(scope, sync).ok();
            self.second_walk(manifest)?;
            match begun.map(ScopedJoinHandle::join) {
                None => Ok(()),
                Some(Ok(synced)) => synced.doing("sync", self.path()),
                Some(Err(panic)) => std::panic::resume_unwind(panic),
            }
        })?;
        self.sync(None, manifest)
    }

    fn sync(&self, few: Option<Vec<OwnedFd>>, manifest: &Manifest) -> Result<(), Error> {
        let path = self.path();
        match few {
            _ if self.store.is_unsynced() => Ok(()),
            Some(files) => {
                for file in &files {
                    uninterrupted::fsync(file).doing("sync a file of", &path)?;
                }
                let top = self.top.as_fd().try_clone_to_owned().doing("open", &path)?;
                let mut folders = Folders::new(top);
                let all = manifest
                    .entries()
                    .iter()
                    .filter(|entry| entry.kind == EntryKind::Directory);
                for name in all.map(|entry| entry.path.as_bytes()).chain([&b""[..]]) {
                    let fd = folders.folder(name).doing("open a folder of", &path)?;
                    uninterrupted::fsync(fd.as_fd()).doing("sync a folder of", &path)?;
                }
                Ok(())
            }
            // Opened before the first byte, so an error that was told to somebody else is told to us too.
            _ => uninterrupted::syncfs(&self.top).doing("sync", &path),
        }
    }
}

/// What stands in each folder, by name: the entries of a manifest are in the order of their paths.
struct Children<'m>(HashMap<&'m [u8], Vec<&'m Entry>>);

impl<'m> Children<'m> {
    fn of(manifest: &'m Manifest) -> Self {
        let mut all = HashMap::<&[u8], Vec<&Entry>>::new();
        for entry in manifest.entries() {
            all.entry(folder_of(entry)).or_default().push(entry);
        }
        Self(all)
    }

    fn of_folder(&self, folder: &[u8]) -> &[&'m Entry] {
        self.0.get(folder).map_or(&[], Vec::as_slice)
    }
}

/// The path of the folder that an entry stands in.
fn folder_of(entry: &Entry) -> &[u8] {
    let path = entry.path.as_bytes();
    let end = path.len() - entry.path.name().len();
    &path[..end.saturating_sub(1)]
}

/// How an entry on disk differs from what was written, contents aside.
fn differs(
    folder: BorrowedFd<'_>,
    path: &EntryPath,
    kind: &EntryKind,
) -> rustix::io::Result<Option<&'static str>> {
    let meta = rustix::fs::statat(folder, path.name(), AtFlags::SYMLINK_NOFOLLOW)?;
    if let Some(what) = difference(kind, &meta) {
        return Ok(Some(what));
    }
    let EntryKind::Symlink { target } = kind else {
        return Ok(None);
    };
    let found = rustix::fs::readlinkat(folder, path.name(), Vec::new())?;
    Ok((found.as_bytes() != target.as_bytes()).then_some("points elsewhere"))
}

/// How what a look at it shows differs from what was written.
fn difference(kind: &EntryKind, meta: &rustix::fs::Stat) -> Option<&'static str> {
    let found = FileType::from_raw_mode(meta.st_mode);
    match kind {
        EntryKind::Directory if found != FileType::Directory => Some("is no folder"),
        EntryKind::Symlink { .. } if found != FileType::Symlink => Some("is no symlink"),
        EntryKind::Symlink { target }
            if meta.st_size.cast_unsigned() != target.as_bytes().len() as u64 =>
        {
            Some("points elsewhere")
        }
        EntryKind::File { .. } if found != FileType::RegularFile => Some("is no ordinary file"),
        EntryKind::File { size, .. } if meta.st_size.cast_unsigned() != *size => {
            Some("has another size")
        }
        EntryKind::File { executable, .. }
            if Mode::from_raw_mode(meta.st_mode & 0o7777)
                != file_writer::sealed_mode(*executable) =>
        {
            Some("has another mode")
        }
        EntryKind::File { .. } | EntryKind::Symlink { .. } if meta.st_mtime != 1 => {
            Some("has another time")
        }
        _ => None,
    }
}
