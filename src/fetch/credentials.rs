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
mod login;

use std::path::PathBuf;
use std::sync::OnceLock;

use crate::progress::Observer;

use self::file::LoginFile;
use self::helper::Helpers;
use super::error::Error;
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

#[cfg(test)]
mod tests;
