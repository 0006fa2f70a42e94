//! Settings from environment variables; each error names its variable.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;

use super::SettingsError;
use crate::cli::surroundings::Surroundings;
use crate::model::escape::Escaped;

fn wrong(name: &'static str, value: &str, expected: impl Display) -> SettingsError {
    SettingsError::Variable {
        name,
        value: Escaped(value.as_bytes()).to_string(),
        expected: expected.to_string(),
    }
}

fn text<'a>(
    around: &'a Surroundings,
    name: &'static str,
) -> Result<Option<&'a str>, SettingsError> {
    let Some(value) = around.variable(name) else {
        return Ok(None);
    };
    match value.to_str() {
        Some(text) => Ok(Some(text)),
        None => Err(wrong(name, &value.to_string_lossy(), "expected UTF-8")),
    }
}

/// Yes or no.
///
/// # Errors
/// When it is neither.
pub fn switch(around: &Surroundings, name: &'static str) -> Result<Option<bool>, SettingsError> {
    match text(around, name)? {
        None => Ok(None),
        Some("1" | "true" | "yes" | "on") => Ok(Some(true)),
        Some("0" | "false" | "no" | "off") => Ok(Some(false)),
        Some(other) => Err(wrong(name, other, "expected 1, true, 0 or false")),
    }
}

/// One of a few words.
///
/// # Errors
/// When it is none of them.
pub fn choice<T: ValueEnum>(
    around: &Surroundings,
    name: &'static str,
) -> Result<Option<T>, SettingsError> {
    let Some(value) = text(around, name)? else {
        return Ok(None);
    };
    T::from_str(value, false)
        .map(Some)
        .map_err(|_none_of_them| {
            let words: Vec<String> = T::value_variants()
                .iter()
                .filter_map(|variant| Some(variant.to_possible_value()?.get_name().to_owned()))
                .collect();
            let (last, rest) = words
                .split_last()
                .map_or((String::new(), &[][..]), |(last, rest)| {
                    (last.clone(), rest)
                });
            wrong(
                name,
                value,
                format!("expected {} or {last}", rest.join(", ")),
            )
        })
}

/// Anything that is read from text and says itself what is wrong with it.
///
/// # Errors
/// When the text is not of that type.
pub fn parsed<T: FromStr<Err: Display>>(
    around: &Surroundings,
    name: &'static str,
) -> Result<Option<T>, SettingsError> {
    let Some(value) = text(around, name)? else {
        return Ok(None);
    };
    value
        .parse()
        .map(Some)
        .map_err(|error| wrong(name, value, error))
}

/// A path; a relative one counts from the current folder.
///
/// # Errors
/// When it is relative and there is no current folder.
pub fn path(around: &Surroundings, name: &'static str) -> Result<Option<PathBuf>, SettingsError> {
    around
        .variable(name)
        .map(|value| super::absolute(Path::new(value), around))
        .transpose()
}

/// A path that must be absolute, as the XDG and HOME variables must be.
///
/// # Errors
/// When it is relative.
pub fn absolute_path(
    around: &Surroundings,
    name: &'static str,
) -> Result<Option<PathBuf>, SettingsError> {
    match around.variable(name).map(Path::new) {
        None => Ok(None),
        Some(path) if path.is_absolute() => Ok(Some(path.to_owned())),
        Some(path) => Err(wrong(
            name,
            &path.to_string_lossy(),
            "expected an absolute path",
        )),
    }
}
