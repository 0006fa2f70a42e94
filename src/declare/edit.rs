//! Edits of a declaration's text that leave all else as it was: what `pyro init`, `add` and `remove` write.
//!
//! [`add`] puts a new block at the end. [`remove`] takes whole lines away: the environment's own, the comments among
//! them and those that stand directly above its first line. Both read their result again before they give it back.

mod removal;

use std::path::Path;

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

use super::document::{self, Declaration};
use super::mistake::Mistakes;
use super::nearest::nearest;
use crate::model::name::{EnvName, Version};
use crate::model::source::Source;

/// An environment to add.
///
/// ```
/// use pyro::declare::edit::{NewEnvironment, add, starter};
/// use pyro::model::source::Source;
/// let tools = NewEnvironment {
///     name: "tools".parse()?,
///     version: "1.0.0".parse()?,
///     source: Source::Oci("ghcr.io/example/tools:1.0.0".parse()?),
/// };
/// let text = add(starter(), "envs.toml".as_ref(), &tools)?;
/// assert!(text.starts_with(starter()) && text.contains("[environments.tools]"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEnvironment {
    /// Its name.
    pub name: EnvName,
    /// Its version.
    pub version: Version,
    /// Its only source so far.
    pub source: Source,
}

/// Why a declaration was not edited.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The text had mistakes before.
    #[error(transparent)]
    Invalid(Mistakes),
    /// The edited text would have mistakes, such as a location that no source can have; places are those of that text.
    #[error("`{name}` cannot be declared like this")]
    Refused {
        /// The environment.
        name: EnvName,
        /// What is wrong with it.
        #[source]
        mistakes: Mistakes,
    },
    /// The name is declared, or one that would share its file name.
    #[error("`{name}` is declared already{}", shares(.name, .other))]
    Exists {
        /// The name to add.
        name: EnvName,
        /// The declared one; the same, or one of the same file name.
        other: EnvName,
    },
    /// Nothing to remove.
    #[error("`{name}` is not declared; {}", known_names(.known))]
    Unknown {
        /// The name to remove.
        name: EnvName,
        /// The names that are declared.
        known: Vec<EnvName>,
        /// The one that was probably meant.
        nearest: Option<EnvName>,
    },
    /// The text is written in a way that this program cannot take apart.
    #[error("`{name}` is written in a way that cannot be edited safely, edit the text by hand")]
    Shape {
        /// The environment.
        name: EnvName,
    },
}

fn shares(name: &EnvName, other: &EnvName) -> String {
    if name == other {
        String::new()
    } else {
        format!(" as `{other}`, which has the same file name")
    }
}

fn known_names(known: &[EnvName]) -> String {
    if known.is_empty() {
        return "nothing is".to_owned();
    }
    let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    format!("declared are {}", names.join(", "))
}

/// The text that `pyro init` writes: a declaration of nothing, with an example to uncomment.
#[must_use]
pub fn starter() -> &'static str {
    include_str!("edit/starter.toml")
}

/// The text with one more environment at its end.
///
/// # Errors
/// When the text has mistakes, has the name already, or the new environment would be a mistake.
pub fn add(text: &str, file: &Path, new: &NewEnvironment) -> Result<String, EditError> {
    let before = document::parse(text, file).map_err(EditError::Invalid)?;
    let stem = new.name.file_stem();
    if let Some(other) = before.environments().keys().find(|n| n.file_stem() == stem) {
        return Err(EditError::Exists {
            name: new.name.clone(),
            other: other.clone(),
        });
    }
    let shape = || EditError::Shape {
        name: new.name.clone(),
    };
    let edited = if is_inline(text).ok_or_else(shape)? {
        added_inline(text, new).ok_or_else(shape)?
    } else {
        appended(text, &block(new))
    };
    let after = document::parse(&edited, file).map_err(|mistakes| EditError::Refused {
        name: new.name.clone(),
        mistakes,
    })?;
    let kept = before
        .environments()
        .iter()
        .all(|(name, environment)| after.get(name) == Some(environment));
    let one_more = after.environments().len() == before.environments().len() + 1;
    if kept && one_more {
        Ok(edited)
    } else {
        Err(shape())
    }
}

/// The text without one environment.
///
/// # Errors
/// When the text has mistakes or does not declare the name.
pub fn remove(text: &str, file: &Path, name: &EnvName) -> Result<String, EditError> {
    let before = document::parse(text, file).map_err(EditError::Invalid)?;
    if before.get(name).is_none() {
        return Err(unknown(&before, name));
    }
    let shape = || EditError::Shape { name: name.clone() };
    let edited = if is_inline(text).ok_or_else(shape)? {
        removed_inline(text, name)
    } else {
        removal::without(text, name)
    };
    let edited = edited.ok_or_else(shape)?;
    let after = document::parse(&edited, file).map_err(|_mistakes| shape())?;
    let expected = before
        .environments()
        .iter()
        .filter(|(other, _)| *other != name);
    if expected.eq(after.environments().iter()) {
        Ok(edited)
    } else {
        Err(shape())
    }
}

fn unknown(declaration: &Declaration, name: &EnvName) -> EditError {
    let known: Vec<EnvName> = declaration.environments().keys().cloned().collect();
    let meant = nearest(name.as_str(), known.iter().map(EnvName::as_str));
    EditError::Unknown {
        name: name.clone(),
        nearest: known
            .iter()
            .find(|known| Some(known.as_str()) == meant)
            .cloned(),
        known,
    }
}

/// Whether all environments stand in one value, `environments = { … }`, which no header can add to.
fn is_inline(text: &str) -> Option<bool> {
    let document = toml_edit::Document::parse(text).ok()?;
    Some(document.get("environments").is_some_and(Item::is_value))
}

fn added_inline(text: &str, new: &NewEnvironment) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let environments = document.get_mut("environments")?.as_inline_table_mut()?;
    let mut environment = InlineTable::new();
    environment.insert("version", new.version.as_str().into());
    let source = source_fields(&new.source)
        .into_iter()
        .collect::<InlineTable>();
    environment.insert("sources", Value::Array(Array::from_iter([source])));
    environments.insert(new.name.as_str(), environment.into());
    Some(document.to_string())
}

fn removed_inline(text: &str, name: &EnvName) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let environments = document.get_mut("environments")?.as_inline_table_mut()?;
    environments.remove(name.as_str())?;
    Some(document.to_string())
}

/// The new environment's own lines.
fn block(new: &NewEnvironment) -> String {
    let mut source = Table::new();
    for (key, value) in source_fields(&new.source) {
        source.insert(key, Item::Value(value));
    }
    let mut sources = ArrayOfTables::new();
    sources.push(source);
    let mut environment = Table::new();
    environment.insert("version", new.version.as_str().into());
    environment.insert("sources", Item::ArrayOfTables(sources));
    let mut environments = Table::new();
    environments.set_implicit(true);
    environments.insert(new.name.as_str(), Item::Table(environment));
    let mut document = DocumentMut::new();
    document.insert("environments", Item::Table(environments));
    document.to_string()
}

fn source_fields(source: &Source) -> Vec<(&'static str, Value)> {
    let (kind, locations) = source.location();
    let location = match locations.as_slice() {
        [one] => Value::from(one.as_str()),
        several => Value::Array(several.iter().map(String::as_str).collect()),
    };
    let mut fields = vec![(kind, location)];
    if let Source::Archive(archive) = source {
        if let Some(sha256) = archive.sha256 {
            fields.push(("sha256", sha256.to_string().into()));
        }
        if archive.strip_components > 0 {
            fields.push((
                "strip-components",
                i64::from(archive.strip_components).into(),
            ));
        }
    }
    fields
}

/// `text`, an empty line and `block`, with the line ends of `text`.
fn appended(text: &str, block: &str) -> String {
    let mut whole = text.to_owned();
    if !whole.is_empty() && !whole.ends_with('\n') {
        whole.push('\n');
    }
    let gap = if whole.is_empty() || whole.ends_with("\n\n") || whole.ends_with("\n\r\n") {
        ""
    } else {
        "\n"
    };
    let addition = format!("{gap}{}", block.trim_start());
    if text.contains("\r\n") {
        whole + &addition.replace('\n', "\r\n")
    } else {
        whole + &addition
    }
}

#[cfg(test)]
mod tests;
