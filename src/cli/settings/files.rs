//! Which configuration files there are, and what the strongest that has a key says about it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::config_file::{ConfigFile, RegistrySection};
use super::origin::{Origin, Sourced};
use super::{Registry, SettingsError, variable};
use crate::cli::surroundings::Surroundings;

/// The configuration files, the stronger first.
pub struct Files(Vec<(PathBuf, Option<ConfigFile>)>);

impl Files {
    /// Reads the user's and the machine's.
    ///
    /// # Errors
    /// When one is there and cannot be used, or the one that `PYRO_CONFIG` names is not there.
    pub fn read(around: &Surroundings) -> Result<Self, SettingsError> {
        let mut files = Vec::new();
        if let Some(path) = variable::path(around, "PYRO_CONFIG")? {
            let file = ConfigFile::read(&path)?;
            if file.is_none() {
                return Err(SettingsError::NoSuchFile(path));
            }
            files.push((path, file));
        } else if let Some(dir) = base_dir(around, "XDG_CONFIG_HOME", ".config")? {
            let path = dir.join("pyro/config.toml");
            let file = ConfigFile::read(&path)?;
            files.push((path, file));
        }
        let path = around.system_config().to_owned();
        let file = ConfigFile::read(&path)?;
        files.push((path, file));
        Ok(Self(files))
    }

    fn present(&self) -> impl Iterator<Item = (&Path, &ConfigFile)> {
        self.0
            .iter()
            .filter_map(|(path, file)| Some((path.as_path(), file.as_ref()?)))
    }

    /// What each file says about one setting.
    pub fn each<T>(&self, get: impl Fn(&ConfigFile) -> Option<T>) -> Vec<(Option<T>, Origin)> {
        self.present()
            .map(|(path, file)| (get(file), Origin::file(path)))
            .collect()
    }

    /// Registries that any file speaks of, each key from the strongest file that has it.
    #[must_use]
    pub fn registries(&self) -> BTreeMap<String, Registry> {
        let hosts: BTreeSet<&String> = self
            .present()
            .flat_map(|(_, file)| file.registry.keys())
            .collect();
        let registry = |host: &String| Registry {
            insecure: self.of_registry(host, |section| section.insecure),
            token_realms: self.of_registry(host, |section| section.token_realms.clone()),
            mirrors: self.of_registry(host, |section| section.mirrors.clone()),
            fallback: Sourced::first(
                self.each(|file| file.registry.get(host).and_then(|section| section.fallback)),
                || true,
            ),
            ca: self.of_registry(host, |section| section.ca.clone().map(Some)),
        };
        hosts
            .into_iter()
            .map(|host| (host.clone(), registry(host)))
            .collect()
    }

    fn of_registry<T: Default>(
        &self,
        host: &str,
        get: impl Fn(&RegistrySection) -> Option<T>,
    ) -> Sourced<T> {
        Sourced::first(
            self.each(|file| file.registry.get(host).and_then(&get)),
            T::default,
        )
    }

    /// The files that were looked for and whether they exist.
    #[must_use]
    pub fn looked_for(&self) -> Vec<(PathBuf, bool)> {
        self.0
            .iter()
            .map(|(path, file)| (path.clone(), file.is_some()))
            .collect()
    }
}

/// The folder that an XDG variable names, else its usual place below the home folder.
///
/// # Errors
/// When the variable holds a relative path.
pub fn base_dir(
    around: &Surroundings,
    name: &'static str,
    usual: &str,
) -> Result<Option<PathBuf>, SettingsError> {
    match variable::absolute_path(around, name)? {
        Some(dir) => Ok(Some(dir)),
        None => Ok(variable::absolute_path(around, "HOME")?.map(|home| home.join(usual))),
    }
}
