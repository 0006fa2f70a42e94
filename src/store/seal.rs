//! Sealing: a staging tree becomes what its manifest says, exactly, and durable, before anybody can see it.
//!
//! 1. An old install record at the top of layout `files` is left out; any other `environment.json` there is refused.
//! 2. The tree becomes a manifest; artifact files lose their exec bit; the manifest is written.
//! 3. A second walk lists every folder and looks at every entry: the manifest must describe just what is there.
//!    On its way up it makes each folder 0555 with time 1.
//! 4. Files and folders are synced: each by itself where they are few, else by one `syncfs` through the descriptor
//!    that was opened before the first byte was written. Any error ends the realization.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

use super::error::{Doing, Error};
use super::file_writer::{self, SEALED_TIME};
use super::folders::Folders;
use super::folding::not_made;
use super::staging::{Executable, Staging};
use super::uninterrupted;
use crate::model::manifest::{Entry, EntryKind, MANIFEST_NAME, Manifest};
use crate::model::path::EntryPath;
use crate::model::recipe::{Layout, Recipe};
use crate::model::store_path::StorePathName;

/// Largest install record of the ancestor that is looked at.
const RECORD_MAX: u64 = 1 << 20;

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
        self.leave_out_install_record()?;
        let manifest = std::mem::take(&mut self.tree).into_manifest(recipe)?;
        self.unset_artifact_bits(&manifest)?;
        let bytes = manifest.to_bytes();
        self.write_manifest(&bytes)?;
        let name = manifest.store_path_name(&bytes);
        self.second_walk(&manifest)?;
        self.sync(&manifest)?;
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
                self.break_link(&path)?;
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
    fn break_link(&mut self, path: &EntryPath) -> Result<(), Error> {
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
            this.file_from(path, Executable::No, &from).map(|_size| ())
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
    fn second_walk(&mut self, manifest: &Manifest) -> Result<(), Error> {
        let changed = |what: String| Error::Changed {
            what,
            path: self.path(),
        };
        let top = self
            .top
            .as_fd()
            .try_clone_to_owned()
            .doing("open", self.path())?;
        let mut folders = Folders::new(top);
        let staging = self.path();
        let mut names: HashMap<&[u8], HashSet<&[u8]>> = HashMap::new();
        names
            .entry(b"")
            .or_default()
            .insert(MANIFEST_NAME.as_bytes());
        for Entry { path, kind } in manifest.entries() {
            let end = path.as_bytes().len() - path.name().len();
            names
                .entry(&path.as_bytes()[..end.saturating_sub(1)])
                .or_default()
                .insert(path.name());
            if *kind == EntryKind::Directory {
                names.entry(path.as_bytes()).or_default();
            }
            let place = staging.join(path.as_os_str());
            let parent = folders
                .parent_of(path)
                .doing("open the folder of", &place)?;
            let meta = rustix::fs::statat(parent.as_fd(), path.name(), AtFlags::SYMLINK_NOFOLLOW)
                .doing("look at", &place)?;
            let differs = match kind {
                EntryKind::Symlink { target }
                    if meta.st_size.cast_unsigned() == target.as_bytes().len() as u64 =>
                {
                    let found = rustix::fs::readlinkat(parent.as_fd(), path.name(), Vec::new());
                    (found.doing("read", &place)?.as_bytes() != target.as_bytes())
                        .then_some("points elsewhere")
                }
                _ => None,
            };
            if let Some(what) = difference(kind, &meta).or(differs) {
                return Err(changed(format!("`{path}` {what}")));
            }
        }
        // Children sort after their folder, so backwards each folder comes after all that is in it.
        let all = manifest
            .entries()
            .iter()
            .rev()
            .filter(|entry| entry.kind == EntryKind::Directory);
        for path in all.map(|entry| entry.path.as_bytes()).chain([&b""[..]]) {
            let place = staging.join(std::ffi::OsStr::from_bytes(path));
            let fd = folders.folder(path).doing("open", &place)?;
            let expected = names.get(path).map_or(0, HashSet::len);
            let mut found = 0;
            for entry in Dir::read_from(fd.as_fd()).doing("list", &place)? {
                let entry = entry.doing("list", &place)?;
                let name = entry.file_name().to_bytes();
                if name == b"." || name == b".." {
                    continue;
                }
                found += 1;
                if !names.get(path).is_some_and(|names| names.contains(name)) {
                    return Err(changed(format!(
                        "`{}` is not ours",
                        crate::model::escape::Escaped(name)
                    )));
                }
            }
            if found != expected {
                return Err(changed(format!(
                    "`{}` has {found} entries instead of {expected}",
                    crate::model::escape::Escaped(path)
                )));
            }
            uninterrupted::fchmod(fd.as_fd(), Mode::from_raw_mode(0o555))
                .doing("set the mode of", &place)?;
            rustix::fs::futimens(fd.as_fd(), &SEALED_TIME).doing("set the time of", &place)?;
        }
        Ok(())
    }

    fn sync(&mut self, manifest: &Manifest) -> Result<(), Error> {
        let path = self.path();
        match self.few.take() {
            _ if self.store.is_unsynced() => Ok(()),
            Some(files) if manifest.entries().len() <= 2 * super::staging::FEW => {
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

/// How what is on disk differs from what was written, contents aside.
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
