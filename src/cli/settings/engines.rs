//! What runs machines: its program, and where it keeps sockets while it runs.

use std::path::{Path, PathBuf};

use super::SettingsError;
use super::origin::{Origin, Sourced};
use super::variable;
use crate::cli::surroundings::Surroundings;

/// Settings of the engines of `pyro run`.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Firecracker's program, where one is named; else it is looked for on the search path.
    pub firecracker: Sourced<Option<PathBuf>>,
    /// Folders for the sockets of a machine that runs, the best first: of this account alone, and short-lived.
    pub runtime: Vec<PathBuf>,
}

impl EngineSettings {
    pub(super) fn resolve(around: &Surroundings) -> Result<Self, SettingsError> {
        let named = variable::path(around, "PYRO_FIRECRACKER")?;
        let origin = Origin::Variable("PYRO_FIRECRACKER");
        let session = variable::absolute_path(around, "XDG_RUNTIME_DIR")?;
        let session = session.map(|folder| folder.join("pyro"));
        // A relative one is nothing to rely on, and no reason to run nothing.
        let temporary = around.variable("TMPDIR").map(Path::new);
        let temporary = temporary.filter(|folder| folder.is_absolute());
        let own = format!("pyro-{}", rustix::process::geteuid().as_raw());
        let own = temporary.unwrap_or(Path::new("/tmp")).join(own);
        Ok(Self {
            firecracker: Sourced::first([(named.map(Some), origin)], || None),
            runtime: session.into_iter().chain([own]).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_folders_are_where_the_session_keeps_such_things_else_among_temporary_files() {
        let runtime = |around: &Surroundings| {
            let runtime = EngineSettings::resolve(around).unwrap().runtime;
            let shown = runtime.iter().map(|folder| folder.display().to_string());
            shown.collect::<Vec<_>>()
        };
        let own = format!("pyro-{}", rustix::process::geteuid().as_raw());
        let mut around = Surroundings::bare("/here").with("TMPDIR", "relative");
        assert_eq!(runtime(&around), [format!("/tmp/{own}")]);
        around = around
            .with("TMPDIR", "/t")
            .with("XDG_RUNTIME_DIR", "/run/1");
        assert_eq!(
            runtime(&around),
            ["/run/1/pyro".to_owned(), format!("/t/{own}")]
        );
    }

    #[test]
    fn firecracker_is_named_by_a_path_from_here() {
        let around = Surroundings::bare("/here");
        let named = |around: &Surroundings| EngineSettings::resolve(around).unwrap().firecracker;
        assert_eq!(named(&around).value, None);
        let named = named(&around.with("PYRO_FIRECRACKER", "fc/firecracker"));
        assert_eq!(named.value, Some("/here/fc/firecracker".into()));
        assert_eq!(named.origin.to_string(), "PYRO_FIRECRACKER");
    }
}
