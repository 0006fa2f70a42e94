//! Reads a lock in just the form that [`super::text`] gives it, which nearly every lock has, at a small part of the
//! cost of TOML: a command with nothing to do mostly reads the lock.
//!
//! Nothing is decided here. Whatever has another form, mistakes included, is `None` and is read as TOML, so that a
//! text means the same and a mistake is told in the same words.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::block::{Block, LockedSource};
use super::wire::{self, LayerText, Locations, SourceText};
use super::{Lock, text};
use crate::model::digest::DeclarationHash;
use crate::model::name::EnvName;
use crate::model::platform::Platform;

/// More digits may be more than a TOML integer holds.
const DIGITS: usize = 18;

/// The lock that `text` is, if it has the form in which one is written.
pub(super) fn read(text: &str) -> Option<Lock> {
    let mut rest = Rest(text);
    rest.word(text::HEADER)?;
    let mut builder = Lock::builder();
    let mut seen = BTreeSet::new();
    while !rest.0.is_empty() {
        let (name, platform, block) = block(&mut rest)?;
        if !seen.insert((name.clone(), platform.clone())) {
            return None;
        }
        builder = builder.block(name, platform, block);
    }
    Some(builder.build())
}

fn block(rest: &mut Rest<'_>) -> Option<(EnvName, Platform, Block)> {
    rest.word(text::BLOCK)?;
    let name = rest.parsed("name")?;
    let platform = rest.parsed("platform")?;
    let declaration = rest.parsed("declaration")?;
    let mut sources = vec![source(rest, declaration)?];
    while rest.0.starts_with(text::SOURCE) {
        sources.push(source(rest, declaration)?);
    }
    Some((name, platform, Block::new(declaration, sources)))
}

fn source(rest: &mut Rest<'_>, declaration: DeclarationHash) -> Option<LockedSource> {
    rest.word(text::SOURCE)?;
    let mut source = SourceText::default();
    if let Some(path) = rest.string("local") {
        source.local = Some(path.to_owned());
    } else if let Some(reference) = rest.string("oci") {
        source.oci = Some(reference.to_owned());
        source.digest = rest.parsed("digest");
    } else if let Some(one) = rest.string("archive") {
        source.archive = Some(Locations::One(one.to_owned()));
        source.sha256 = rest.parsed("sha256");
    } else {
        source.archive = Some(Locations::Mirrors(rest.list("archive", mirror)?));
        source.sha256 = rest.parsed("sha256");
    }
    if let Some(output) = rest.parsed("output") {
        source.output = Some(output);
        source.input = Some(rest.parsed("input")?);
    }
    if source.sha256.is_some() {
        source.size = Some(rest.size()?);
    }
    if source.digest.is_some() {
        source.layers = Some(rest.list("layers", layer)?);
    }
    wire::source(source, declaration).ok()
}

fn mirror(rest: &mut Rest<'_>) -> Option<String> {
    rest.quoted().map(str::to_owned)
}

fn layer(rest: &mut Rest<'_>) -> Option<LayerText> {
    let [before, between, after] = text::LAYER;
    rest.word(before)?;
    let digest = rest.quoted()?.parse().ok()?;
    rest.word(between)?;
    let size = rest.integer()?;
    rest.word(after)?;
    Some(LayerText { digest, size })
}

/// What is not read yet. A method that gives nothing has read nothing, or what makes the text be read as TOML.
struct Rest<'t>(&'t str);

impl<'t> Rest<'t> {
    fn word(&mut self, word: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(word)?;
        Some(())
    }

    /// The key and what comes before its value.
    fn key(&mut self, key: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(key)?.strip_prefix(" = ")?;
        Some(())
    }

    /// The line of `key`, whose value is a string.
    fn string(&mut self, key: &str) -> Option<&'t str> {
        let mut line = Rest(self.0);
        line.key(key)?;
        let value = line.quoted()?;
        line.word("\n")?;
        *self = line;
        Some(value)
    }

    /// The line of `key`, whose value is a string that says a `T`.
    fn parsed<T: FromStr>(&mut self, key: &str) -> Option<T> {
        let mut line = Rest(self.0);
        let value = line.string(key)?.parse().ok()?;
        *self = line;
        Some(value)
    }

    /// The line of a size.
    fn size(&mut self) -> Option<u64> {
        self.key("size")?;
        let size = self.integer()?;
        self.word("\n")?;
        Some(size)
    }

    /// The lines of `key`, whose value is a list.
    fn list<T>(&mut self, key: &str, element: fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.key(key)?;
        self.word("[")?;
        let mut list = Vec::new();
        while self.word("\n    ").is_some() {
            list.push(element(self)?);
            self.word(",")?;
        }
        if !list.is_empty() {
            self.word("\n")?;
        }
        self.word("]\n")?;
        Some(list)
    }

    /// A string in which nothing is escaped.
    fn quoted(&mut self) -> Option<&'t str> {
        let text = self.0.strip_prefix('"')?;
        let end = text.bytes().position(|byte| !is_plain(byte))?;
        self.0 = text[end..].strip_prefix('"')?;
        Some(&text[..end])
    }

    fn integer(&mut self) -> Option<u64> {
        let length = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at(length);
        if length > DIGITS || (length > 1 && digits.starts_with('0')) {
            return None;
        }
        self.0 = rest;
        digits.parse().ok()
    }
}

/// Whether a byte stands for itself in a string of TOML.
fn is_plain(byte: u8) -> bool {
    !matches!(byte, b'"' | b'\\' | 0x7f | 0..0x20)
}
