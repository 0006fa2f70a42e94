//! Collects what is wrong while a text is read, so that one run tells all of it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use super::mistake::{Excerpts, Mistake, Mistakes, Report};
use crate::model::escape::Escaped;

/// Collects mistakes while a text is read, so that one run tells all of them.
#[derive(Debug)]
pub(crate) struct Ledger {
    found: Vec<Found>,
    excerpts: Excerpts,
}

#[derive(Debug)]
struct Found {
    span: Range<usize>,
    message: String,
    hint: Option<String>,
}

impl Ledger {
    /// Nothing found yet.
    pub(crate) fn new() -> Self {
        Self {
            found: Vec::new(),
            excerpts: Excerpts::Quoted,
        }
    }

    /// Writes a mistake down; whatever `message` quotes of the text is escaped already.
    pub(crate) fn note(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.found.push(Found {
            span,
            message: message.into(),
            hint: None,
        });
    }

    /// Writes a mistake down with what to do about it.
    pub(crate) fn note_with_hint(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.found.push(Found {
            span,
            message: message.into(),
            hint: Some(hint.into()),
        });
    }

    /// Writes down what a TOML parser says, once for each line: what follows on a line follows from the first.
    pub(crate) fn note_syntax(&mut self, errors: &[toml::de::Error], text: &str) {
        let mut seen = BTreeSet::new();
        let mut errors: Vec<_> = errors
            .iter()
            .map(|error| (error.span().unwrap_or(0..0), error.message()))
            .collect();
        errors.sort_by_key(|(span, _)| span.start);
        for (span, message) in errors {
            let span = within(&span, text);
            if seen.insert(position(text, span.start).0) {
                let word = match message {
                    "duplicate key" => format!(" `{}`", Escaped(text[span.clone()].as_bytes())),
                    _ => String::new(),
                };
                let message = Escaped(message.replace('\n', "; ").as_bytes()).to_string();
                self.note(span, message + &word);
            }
        }
    }

    /// Keeps the text out of the report, since it holds a password.
    pub(crate) fn withhold_excerpts(&mut self) {
        self.excerpts = Excerpts::Withheld;
    }

    /// What was read, when nothing was wrong with it; whoever reads nothing has noted why.
    pub(crate) fn finish<T>(self, read: Option<T>, file: &Path, text: &str) -> Result<T, Mistakes> {
        match read {
            Some(read) if self.found.is_empty() => Ok(read),
            _ => Err(self.into_mistakes(file, text)),
        }
    }

    pub(super) fn into_mistakes(mut self, file: &Path, text: &str) -> Mistakes {
        self.found.sort_by_key(|found| found.span.start);
        let mut found = self.found.into_iter().map(|found| found.locate(text));
        let first = found
            .next()
            .unwrap_or_else(|| Found::nothing().locate(text));
        Report {
            file: file.to_owned(),
            text: text.to_owned(),
            excerpts: self.excerpts,
            first,
            rest: found.collect(),
        }
        .into()
    }
}

impl Found {
    fn nothing() -> Self {
        Self {
            span: 0..0,
            message: "this text cannot be read".to_owned(),
            hint: None,
        }
    }

    fn locate(self, text: &str) -> Mistake {
        let span = within(&self.span, text);
        let (line, column) = position(text, span.start);
        Mistake {
            message: self.message,
            hint: self.hint,
            span,
            line,
            column,
        }
    }
}

/// Line and character of a byte, from 1.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

/// `span` pulled into `text` and onto the boundaries of its characters.
fn within(span: &Range<usize>, text: &str) -> Range<usize> {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}
