//! What a command is about: which declaration, which environments.
//!
//! In `pyro realize [FILE] [ENV...]` the first word is FILE if it ends in `.toml` or is an existing file. Without
//! FILE it is `envs.toml` here or in the nearest folder above that has one.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::failure::{Failure, Kind, usage};
use super::settings::{Settings, absolute};
use super::surroundings::Surroundings;
use crate::model::escape::Escaped;
use crate::model::name::EnvName;

/// The declaration's name where none is given.
pub const DECLARATION: &str = "envs.toml";

/// The words of a command, told apart.
///
/// ```
/// use pyro::cli::target::Words;
/// let words = Words::split(&["ci.toml".into(), "debian:12".into()])?;
/// assert_eq!(words.file.as_deref(), Some("ci.toml".as_ref()));
/// assert_eq!(words.environments[0].as_str(), "debian:12");
/// # Ok::<(), pyro::cli::failure::Failure>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The declaration, where the first word is one.
    pub file: Option<PathBuf>,
    /// The environments; none means all.
    pub environments: Vec<EnvName>,
}

impl Words {
    /// Tells FILE and ENV apart.
    ///
    /// # Errors
    /// A usage error when a word can be neither.
    pub fn split(words: &[OsString]) -> Result<Self, Failure> {
        let (file, rest) = match words.split_first() {
            Some((first, rest)) if is_file(Path::new(first)) => (Some(PathBuf::from(first)), rest),
            _ => (None, words),
        };
        let environments = rest.iter().map(environment).collect::<Result<_, _>>()?;
        Ok(Self { file, environments })
    }
}

fn is_file(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "toml")
        || path.is_file()
}

fn environment(word: &OsString) -> Result<EnvName, Failure> {
    let text = word.to_str().unwrap_or_default();
    text.parse().map_err(|error| {
        let shown = Escaped(word.as_encoded_bytes());
        let failure = Failure {
            causes: vec![format!("{error}")],
            ..usage::mistake(format!(
                "`{shown}` is neither a declaration nor an environment"
            ))
        };
        failure.hint("a declaration is an existing file or ends in .toml, and comes first")
    })
}

/// The declaration that the settings name, else the nearest `envs.toml`; `None` where there is none.
///
/// # Errors
/// When the current folder cannot be named, or the system fails to answer whether there is one.
pub fn find_declaration(
    settings: &Settings,
    around: &Surroundings,
) -> Result<Option<PathBuf>, Failure> {
    if let Some(file) = &settings.file.value {
        return Ok(Some(file.clone()));
    }
    let here = absolute(Path::new(DECLARATION), around)?;
    for folder in here.parent().into_iter().flat_map(Path::ancestors) {
        let file = folder.join(DECLARATION);
        match fs_err::metadata(&file) {
            Ok(meta) if meta.is_file() => return Ok(Some(file)),
            Ok(_) => {}
            // Above a folder that nobody may look into there is none for this account.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied
                ) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// As [`find_declaration`], where a command cannot do without.
///
/// # Errors
/// When there is none (78), or as for [`find_declaration`].
pub fn declaration(settings: &Settings, around: &Surroundings) -> Result<PathBuf, Failure> {
    find_declaration(settings, around)?.ok_or_else(|| {
        Failure::new(
            Kind::Configuration,
            format!("no {DECLARATION} here or in a parent folder"),
        )
        .hint("`pyro init` writes one, or name another file")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::settings::Flags;

    fn settings(around: &Surroundings) -> Settings {
        Settings::resolve(Flags::default(), around).unwrap()
    }

    #[test]
    fn the_first_word_may_be_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let plain = dir.path().join("declaration");
        fs_err::write(&plain, "").unwrap();
        let words = Words::split(&[plain.clone().into(), "a".into()]).unwrap();
        assert_eq!((words.file, words.environments.len()), (Some(plain), 1));
        let words = Words::split(&["a".into(), "b".into()]).unwrap();
        assert_eq!((words.file, words.environments.len()), (None, 2));
        let failure = Words::split(&["a".into(), "b.TOML".into()]).unwrap_err();
        assert_eq!(failure.exit_code(), 2);
    }

    #[test]
    fn the_nearest_declaration_above_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b");
        fs_err::create_dir_all(&deep).unwrap();
        let around = Surroundings::bare(&deep).with("PYRO_STORE", "/s");
        assert_eq!(
            declaration(&settings(&around), &around)
                .unwrap_err()
                .exit_code(),
            78
        );
        let file = dir.path().join("a/envs.toml");
        fs_err::write(&file, "").unwrap();
        assert_eq!(declaration(&settings(&around), &around).unwrap(), file);
        let named = around.with("PYRO_FILE", "other.toml");
        assert_eq!(
            declaration(&settings(&named), &named).unwrap(),
            deep.join("other.toml")
        );
    }
}
