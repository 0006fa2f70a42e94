//! A declaration on disk, with the lock beside it.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::context::{Context, base_of};
use super::error::Error;
use crate::declare::{self, Declaration};
use crate::lock::{self, Block, Lock, Parsed};
use crate::model::digest::FileHash;
use crate::model::environment::Environment;
use crate::model::name::{EnvName, ProfileName};
use crate::model::platform::Platform;
use crate::store::LockFile;

/// A declaration, or the built-in catalog.
#[derive(Debug, Clone)]
pub struct Project {
    /// The real path of the file; none for the catalog.
    file: Option<PathBuf>,
    base: PathBuf,
    declaration: Declaration,
    lock: Option<Lock>,
    /// Whether git's conflict markers were in it, and both sides were taken.
    unmerged: bool,
}

impl Project {
    /// Reads `file` and the lock beside it.
    ///
    /// # Errors
    /// When one of them cannot be read or has mistakes.
    pub fn load(file: &Path) -> Result<Self, Error> {
        let file = fs_err::canonicalize(file).map_err(|source| Error::io("find", file, source))?;
        let text =
            fs_err::read_to_string(&file).map_err(|source| Error::io("read", &file, source))?;
        let declaration = declare::parse(&text, &file)?;
        let lock_path = lock::lock_path(&file);
        let (lock, unmerged) = match fs_err::read_to_string(&lock_path) {
            Ok(text) => {
                let parsed = Self::read_lock(&text, &lock_path, &declaration)?;
                (Some(parsed.lock), parsed.merged)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => (None, false),
            Err(error) => return Err(Error::io("read", lock_path, error)),
        };
        let base = base_of(&file).to_owned();
        Ok(Self {
            file: Some(file),
            base,
            declaration,
            lock,
            unmerged,
        })
    }

    /// The built-in catalog, whose local folders stand below `bundle`.
    #[must_use]
    pub fn catalog(bundle: &Path) -> Self {
        Self {
            file: None,
            base: bundle.to_owned(),
            declaration: declare::catalog().clone(),
            lock: None,
            unmerged: false,
        }
    }

    fn read_lock(text: &str, path: &Path, declaration: &Declaration) -> Result<Parsed, Error> {
        let prefer =
            |name: &EnvName, _: &Platform| declaration.get(name).map(Environment::declaration_hash);
        Ok(Lock::parse(text, path, &prefer)?)
    }

    /// The file's real path; none for the catalog.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The folder that relative sources are relative to.
    #[must_use]
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// What is declared.
    #[must_use]
    pub fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    /// The lock, if there is one.
    #[must_use]
    pub fn lock(&self) -> Option<&Lock> {
        self.lock.as_ref()
    }

    /// Whether git's conflict markers are in the lock; [`Project::lock`] then has the blocks of both sides.
    #[must_use]
    pub fn is_unmerged(&self) -> bool {
        self.unmerged
    }

    /// Where the lock stands or would stand; none for the catalog.
    #[must_use]
    pub fn lock_path(&self) -> Option<PathBuf> {
        self.file.as_deref().map(lock::lock_path)
    }

    /// The environment `name`.
    ///
    /// # Errors
    /// When it is not declared; the message says what is.
    pub fn environment(&self, name: &str) -> Result<&Environment, Error> {
        let found = name
            .parse::<EnvName>()
            .ok()
            .and_then(|name| self.declaration.get(&name));
        found.ok_or_else(|| unknown(name, self.declaration.environments().keys()))
    }

    /// The profile that realizing this declaration moves.
    #[must_use]
    pub fn profile(&self) -> ProfileName {
        match (&self.file, self.declaration.profile()) {
            (_, Some(profile)) => profile.clone(),
            (None, None) => ProfileName::pulled(),
            (Some(file), None) => {
                let folder = self
                    .base
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned());
                ProfileName::automatic(
                    &folder.unwrap_or_default(),
                    &FileHash::of(file.as_os_str().as_encoded_bytes()),
                )
            }
        }
    }

    /// What tells this declaration's entries in the profile `pulled` from others' of the same name.
    #[must_use]
    pub fn pulled_suffix(&self) -> String {
        match &self.file {
            None => "catalog".to_owned(),
            Some(file) => {
                FileHash::of(file.as_os_str().as_encoded_bytes()).to_string()[..8].to_owned()
            }
        }
    }

    /// Applies `edits` to the lock as it stands on disk now, under a lock on the declaration: another run that
    /// learned something about other environments meanwhile keeps it. Tells whether the file was written.
    ///
    /// # Errors
    /// When the lock cannot be read or written; the old one is then still whole.
    pub(super) fn edit_lock(&mut self, cx: &Context<'_>, edits: LockEdits) -> Result<bool, Error> {
        let (Some(path), Some(file)) = (self.lock_path(), self.file.clone()) else {
            return Ok(false);
        };
        let guard = LockFile::exclusive(&file, 0o644, cx.store.patience(), cx.observer)?;
        let known = match fs_err::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(Error::io("read", path, error)),
        };
        let before = match &known {
            Some(text) => Self::read_lock(text, &path, &self.declaration)?.lock,
            None => Lock::default(),
        };
        let mut builder = before.into_builder();
        for (name, platform) in &edits.dropped {
            builder = builder.without(name, platform);
        }
        for (name, platform, block) in edits.blocks {
            builder = builder.block(name, platform, block);
        }
        let lock = builder.build();
        let text = lock.to_text();
        self.lock = Some(lock);
        self.unmerged = false;
        let written = known.as_deref() != Some(text.as_str());
        if written {
            remove_unfinished(&path);
            replace(&path, &text)?;
        }
        drop(guard);
        Ok(written)
    }
}

/// What a run learned about the lock.
#[derive(Debug, Clone, Default)]
pub(super) struct LockEdits {
    /// Blocks of what is no longer declared.
    pub(super) dropped: Vec<(EnvName, Platform)>,
    /// Blocks that are new or differ from what was read at the start.
    pub(super) blocks: Vec<(EnvName, Platform, Block)>,
}

/// Replaces a text file of the user's by one rename, through a link if it is one.
///
/// # Errors
/// When the system refuses; the old file is then still whole.
pub fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let path = fs_err::canonicalize(path).unwrap_or_else(|_absent| path.to_owned());
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let temporary = path.with_file_name(format!(".{name}.{}", crate::store::random_id()?));
    let write = || -> io::Result<()> {
        let mut file = fs_err::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)?;
        file.write_all(text.as_bytes())?;
        if let Ok(meta) = fs_err::metadata(&path) {
            file.set_permissions(meta.permissions())?;
        }
        file.sync_all()?;
        fs_err::rename(&temporary, &path)?;
        fs_err::File::open(base_of(&path))?.sync_all()
    };
    write().map_err(|source| {
        let _ = fs_err::remove_file(&temporary);
        Error::io("write", &path, source)
    })
}

/// Removes what killed writers of `path` left beside it, under the lock that all of them had; what stays harms nobody.
fn remove_unfinished(path: &Path) {
    let path = fs_err::canonicalize(path).unwrap_or_else(|_absent| path.to_owned());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{name}.");
    for entry in fs_err::read_dir(base_of(&path))
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| name.strip_prefix(&prefix));
        if id.is_some_and(crate::store::is_random_id) {
            let _ = fs_err::remove_file(entry.path());
        }
    }
}

/// The error for a name that nobody declares.
pub(super) fn unknown<'n>(name: &str, known: impl Iterator<Item = &'n EnvName>) -> Error {
    let known: Vec<String> = known.map(ToString::to_string).collect();
    let nearest = declare::nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
    Error::UnknownEnvironment {
        name: name.to_owned(),
        known,
        nearest,
    }
}
