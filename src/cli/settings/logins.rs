//! Where registry logins are: the files that docker and podman keep them in, and the programs that those name.

use std::path::PathBuf;

use super::SettingsError;
use super::files::base_dir;
use super::origin::{Origin, Sourced};
use super::variable;
use crate::cli::surroundings::Surroundings;

/// The files in the order of asking; `$REGISTRY_AUTH_FILE` is the only one where it is set.
///
/// # Errors
/// When a variable holds a path that it may not.
pub fn files(around: &Surroundings) -> Result<Sourced<Vec<PathBuf>>, SettingsError> {
    if let Some(only) = variable::path(around, "REGISTRY_AUTH_FILE")? {
        return Ok(Sourced {
            value: vec![only],
            origin: Origin::Variable("REGISTRY_AUTH_FILE"),
        });
    }
    let runtime = variable::absolute_path(around, "XDG_RUNTIME_DIR")?;
    let config = base_dir(around, "XDG_CONFIG_HOME", ".config")?;
    let podman = [runtime, config].into_iter().flatten();
    let podman = podman.map(|folder| folder.join("containers/auth.json"));
    let home = variable::absolute_path(around, "HOME")?;
    let (docker, origin) = match variable::path(around, "DOCKER_CONFIG")? {
        Some(folder) => (Some(folder), Origin::Variable("DOCKER_CONFIG")),
        None => (home.map(|home| home.join(".docker")), Origin::Default),
    };
    let docker = docker.map(|folder| folder.join("config.json"));
    Ok(Sourced {
        value: podman.chain(docker).collect(),
        origin,
    })
}

/// The folders of PATH. What is relative in it is left out: a program that is given passwords is not looked for in
/// whatever folder this happens to be.
#[must_use]
pub fn search_path(around: &Surroundings) -> Vec<PathBuf> {
    let path = around.variable("PATH").unwrap_or_default();
    let folders = std::env::split_paths(path);
    folders.filter(|folder| folder.is_absolute()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(around: &Surroundings) -> Vec<String> {
        let files = files(around).unwrap().value;
        files.iter().map(|f| f.display().to_string()).collect()
    }

    #[test]
    fn podmans_files_come_before_dockers_unless_one_is_named() {
        let mut around = Surroundings::bare("/here");
        assert_eq!(shown(&around), [""; 0]);
        around = around.with("HOME", "/h");
        let usual = ["/h/.config/containers/auth.json", "/h/.docker/config.json"];
        assert_eq!(shown(&around), usual);
        around = around.with("XDG_RUNTIME_DIR", "/run/1");
        around = around
            .with("XDG_CONFIG_HOME", "/c")
            .with("DOCKER_CONFIG", "d");
        assert_eq!(
            shown(&around),
            [
                "/run/1/containers/auth.json",
                "/c/containers/auth.json",
                "/here/d/config.json"
            ]
        );
        around = around.with("REGISTRY_AUTH_FILE", "mine.json");
        assert_eq!(shown(&around), ["/here/mine.json"]);
    }

    #[test]
    fn only_absolute_folders_are_searched() {
        let around = Surroundings::bare("/here").with("PATH", "/a:.::b:/c/");
        let expected: [PathBuf; 2] = ["/a".into(), "/c/".into()];
        assert_eq!(search_path(&around), expected);
        assert_eq!(
            search_path(&Surroundings::bare("/here")),
            [""; 0].map(PathBuf::from)
        );
    }
}
