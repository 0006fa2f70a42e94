//! Reads typed values out of a TOML tree that remembers where each one stands.
//!
//! Every function notes what is wrong and returns nothing, so that the reading goes on to the next value.

use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::ledger::Ledger;
use super::nearest::nearest;
use crate::model::escape::Escaped;

pub(super) type Key<'i> = Spanned<DeString<'i>>;
pub(super) type Value<'i> = Spanned<DeValue<'i>>;

/// One table and where to point when something is missing from it.
pub(super) struct Fields<'t, 'i> {
    table: &'t DeTable<'i>,
    span: Range<usize>,
    /// Keys that were probably meant by mistyped ones, so that they are not called missing as well.
    mistyped: Vec<String>,
}

impl<'t, 'i> Fields<'t, 'i> {
    /// Opens `table` and notes every key that is not in `known`.
    pub(super) fn open(
        table: &'t DeTable<'i>,
        span: Range<usize>,
        known: &[&str],
        ledger: &mut Ledger,
    ) -> Self {
        let mut mistyped = Vec::new();
        for key in table.keys() {
            if !known.contains(&key.get_ref().as_ref()) {
                let hint = match nearest(key.get_ref(), known.iter().copied()) {
                    Some(near) => {
                        mistyped.push(near.to_owned());
                        format!("did you mean `{near}`?")
                    }
                    None => format!("the keys here are {}", quoted(known)),
                };
                let message = format!("unknown key `{}`", escaped(key.get_ref()));
                ledger.note_with_hint(key.span(), message, hint);
            }
        }
        Self {
            table,
            span,
            mistyped,
        }
    }

    /// Where the table stands.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The value of `key`.
    pub(super) fn get(&self, key: &str) -> Option<&'t Value<'i>> {
        self.table.get(key)
    }

    /// Where `key` stands.
    pub(super) fn key_span(&self, key: &str) -> Option<Range<usize>> {
        self.table.get_key_value(key).map(|(key, _)| key.span())
    }

    /// The value of `key`, whose absence is a mistake; `hint` says what to write.
    pub(super) fn require(
        &self,
        key: &str,
        hint: &str,
        ledger: &mut Ledger,
    ) -> Option<&'t Value<'i>> {
        let value = self.table.get(key);
        if value.is_none() && !self.mistyped.iter().any(|meant| meant == key) {
            ledger.note_with_hint(self.span(), format!("missing key `{key}`"), hint);
        }
        value
    }
}

/// A text.
pub(super) fn text<'t>(value: &'t Value<'_>, ledger: &mut Ledger) -> Option<&'t str> {
    let text = value.get_ref().as_str();
    if text.is_none() {
        wrong_type(value, "a string", ledger);
    }
    text
}

/// A text that is one of ours: a name, a digest, a platform.
pub(super) fn parsed<T>(value: &Value<'_>, ledger: &mut Ledger) -> Option<T>
where
    T: FromStr,
    T::Err: Display,
{
    match text(value, ledger)?.parse() {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            ledger.note(value.span(), error.to_string());
            None
        }
    }
}

/// A key that is one of ours.
pub(super) fn parsed_key<T>(key: &Key<'_>, ledger: &mut Ledger) -> Option<T>
where
    T: FromStr,
    T::Err: Display,
{
    match key.get_ref().parse() {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            ledger.note(key.span(), error.to_string());
            None
        }
    }
}

/// The elements of a list.
pub(super) fn list<'t, 'i>(
    value: &'t Value<'i>,
    ledger: &mut Ledger,
) -> Option<impl Iterator<Item = &'t Value<'i>> + use<'t, 'i>> {
    let list = value.get_ref().as_array();
    if list.is_none() {
        wrong_type(value, "a list", ledger);
    }
    list.map(|list| list.iter())
}

/// A list whose every element `read` can read, with at least one in it.
pub(super) fn filled_list<'t, 'i, T>(
    value: &'t Value<'i>,
    ledger: &mut Ledger,
    mut read: impl FnMut(&'t Value<'i>, &mut Ledger) -> Option<T>,
) -> Option<Vec<T>> {
    let elements: Vec<_> = list(value, ledger)?.collect();
    if elements.is_empty() {
        ledger.note(value.span(), "this list is empty");
        return None;
    }
    let read: Vec<_> = elements
        .into_iter()
        .map(|element| read(element, ledger))
        .collect();
    read.into_iter().collect()
}

/// A table.
pub(super) fn table<'t, 'i>(value: &'t Value<'i>, ledger: &mut Ledger) -> Option<&'t DeTable<'i>> {
    let table = value.get_ref().as_table();
    if table.is_none() {
        wrong_type(value, "a table", ledger);
    }
    table
}

/// An integer from 0 to 4294967295.
pub(super) fn count(value: &Value<'_>, ledger: &mut Ledger) -> Option<u32> {
    let Some(integer) = value.get_ref().as_integer() else {
        wrong_type(value, "an integer", ledger);
        return None;
    };
    let count = u32::from_str_radix(integer.as_str(), integer.radix()).ok();
    if count.is_none() {
        let message = format!("expected 0 to {}, found `{integer}`", u32::MAX);
        ledger.note(value.span(), message);
    }
    count
}

/// Notes that `value` should have been `expected`.
pub(super) fn wrong_type(value: &Value<'_>, expected: &str, ledger: &mut Ledger) {
    let message = format!("expected {expected}, found {}", kind(value));
    ledger.note(value.span(), message);
}

/// What `value` is, with its article.
pub(super) fn kind(value: &Value<'_>) -> &'static str {
    match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Somebody else's text, fit for a message: printable and not too long.
pub(super) fn escaped(text: &str) -> String {
    let short: String = text.chars().take(100).collect();
    Escaped(short.as_bytes()).to_string()
}

/// Words in backticks, with commas.
pub(super) fn quoted(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}
