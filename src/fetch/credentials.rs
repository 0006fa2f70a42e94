//! Registry logins: from the files that docker and podman write, and from the helpers that those name.
//!
//! ```text
//!  for each file: credHelpers["host"] ─> auths (the longest key that matches) ─> credsStore
//!                        └── helper ──┐            │                 ┌── helper ──┘
//!                                     └──────── Login ───────────────┘   else anonymous
//! ```
//!
//! 1. The files are asked in order, and one that is not there has no logins. They are read when they are needed.
//! 2. A helper is a program that gives a password; it runs under a limit of time and of output ([`child`]), once for each
//!    host and run. One that is missing or fails is told of once, and the next way is tried.
//! 3. A [`Login`] knows where it comes from, and only that is ever shown.

mod child;
mod file;
mod helper;
mod keep;
mod login;

use std::path::PathBuf;
use std::sync::OnceLock;

use crate::progress::Observer;

use self::file::LoginFile;
use self::helper::Helpers;
use self::keep::Draft;
use super::error::Error;
use super::secret::Secret;
use super::settings::Settings;

pub(super) use self::login::{Login, Means, Source};

/// All logins that one run may use.
pub(super) struct Credentials {
    files: Vec<Place>,
    helpers: Helpers,
}

/// A file that may be there, read once.
struct Place {
    path: PathBuf,
    read: OnceLock<LoginFile>,
}

impl Place {
    fn read(&self) -> Result<&LoginFile, Error> {
        if let Some(file) = self.read.get() {
            return Ok(file);
        }
        let file = LoginFile::read(&self.path)?;
        Ok(self.read.get_or_init(|| file))
    }
}

impl Credentials {
    /// Reads nothing yet.
    pub(super) fn new(settings: &Settings) -> Self {
        let place = |path: &PathBuf| Place {
            path: path.clone(),
            read: OnceLock::new(),
        };
        Self {
            files: settings.login_files.iter().map(place).collect(),
            helpers: Helpers::new(settings),
        }
    }

    /// The login for a repository of a registry; anonymous where none is known.
    pub(super) fn login(
        &self,
        registry: &str,
        repository: &str,
        observer: &dyn Observer,
    ) -> Result<Login, Error> {
        let found = self.find(registry, repository, observer)?;
        let login = found.unwrap_or_else(Login::anonymous);
        tracing::debug!(registry, repository, source = %login.source, "login");
        Ok(login)
    }

    fn find(
        &self,
        registry: &str,
        repository: &str,
        observer: &dyn Observer,
    ) -> Result<Option<Login>, Error> {
        for place in &self.files {
            let file = place.read()?;
            let of_helper = |name: &str| self.helpers.get(name, registry, &place.path, observer);
            let own = file.host_helper(registry);
            if let Some(login) = own.and_then(of_helper) {
                return Ok(Some(login));
            }
            if let Some(means) = file.means(registry, repository)? {
                let source = Source::File(place.path.clone());
                return Ok(Some(Login { source, means }));
            }
            // A host with a helper of its own, even the empty name, is not looked for in the general one.
            let usual = file.usual_helper().filter(|_| own.is_none());
            if let Some(login) = usual.and_then(of_helper) {
                return Ok(Some(login));
            }
        }
        Ok(None)
    }
}

impl Credentials {
    /// Keeps a login where it will be found first: in the first file that is there, else in the last of the list, or with
    /// the helper that this file names.
    pub(super) fn store(
        &self,
        registry: &str,
        user: &str,
        secret: &Secret,
    ) -> Result<Source, Error> {
        let there = self.files.iter().find(|place| place.path.exists());
        let Some(place) = there.or(self.files.last()) else {
            let why = "there is no file to store a login in; REGISTRY_AUTH_FILE names one";
            return Err(Error::denied(registry, why));
        };
        let file = LoginFile::read(&place.path)?;
        let mut draft = Draft::read(&place.path)?;
        let Some(name) = file.helper(registry) else {
            let is_token = matches!(Means::of(user, secret), Means::IdentityToken(_));
            draft.remove(registry);
            draft.insert(
                &helper::server(registry),
                keep::entry(user, secret, is_token),
            );
            draft.write()?;
            return Ok(Source::File(place.path.clone()));
        };
        let stored = self.helpers.store(name, registry, user, secret);
        stored.map_err(|trouble| helper_failed(registry, name, "store the login", &trouble))?;
        // One that stands in the file would be found before it.
        if draft.remove(registry) {
            draft.write()?;
        }
        Ok(Source::Helper(name.to_owned()))
    }

    /// Removes the login of a registry wherever there is one, and says where that was.
    pub(super) fn erase(
        &self,
        registry: &str,
        observer: &dyn Observer,
    ) -> Result<Vec<Source>, Error> {
        let mut removed = Vec::new();
        for place in &self.files {
            let file = place.read()?;
            let mut draft = Draft::read(&place.path)?;
            if draft.remove(registry) {
                draft.write()?;
                removed.push(Source::File(place.path.clone()));
            }
            // Helpers complain of what they do not know, so they are asked first; two files may name the same one.
            let Some(name) = file.helper(registry) else {
                continue;
            };
            let known = self.helpers.get(name, registry, &place.path, observer);
            if let Some(Login { source, .. }) =
                known.filter(|known| !removed.contains(&known.source))
            {
                let erased = self.helpers.erase(name, registry);
                erased.map_err(|trouble| helper_failed(registry, name, "forget it", &trouble))?;
                removed.push(source);
            }
        }
        Ok(removed)
    }
}

fn helper_failed(registry: &str, name: &str, what: &str, trouble: &helper::Trouble) -> Error {
    Error::denied(
        registry,
        format!("credential helper {name} does not {what}: {trouble}"),
    )
}

#[cfg(test)]
mod tests;
