//! Writes the text of a lock: a fixed order of keys, one value a line, nothing that two branches both change.

use std::fmt::Write as _;

use super::Lock;
use super::block::{Block, Location, LockedSource, input_of};
use crate::model::digest::DeclarationHash;
use crate::model::name::EnvName;
use crate::model::pin::{Pin, PinnedLayer};
use crate::model::platform::Platform;

/// How a lock begins.
pub(super) const HEADER: &str = "\
# Written by pyro: pins every source of envs.toml. Commit it. `pyro lock --upgrade` moves the pins.
schema = 1
";

/// How a block begins.
pub(super) const BLOCK: &str = "\n[[environment]]\n";

/// How a source begins.
pub(super) const SOURCE: &str = "\n[[environment.source]]\n";

/// What stands before a layer's digest, between it and the size, and after that.
pub(super) const LAYER: [&str; 3] = ["{ digest = ", ", size = ", " }"];

/// The text of `lock`.
pub(super) fn of(lock: &Lock) -> String {
    let mut text = HEADER.to_owned();
    for (name, platform, block) in lock.blocks() {
        text.push_str(&block_text(name, platform, block));
    }
    text
}

/// One block with the empty line before it.
pub(super) fn block_text(name: &EnvName, platform: &Platform, block: &Block) -> String {
    let mut text = BLOCK.to_owned();
    line(&mut text, "name", &quoted(name.as_str()));
    line(&mut text, "platform", &quoted(platform.as_str()));
    line(
        &mut text,
        "declaration",
        &quoted(&block.declaration().to_string()),
    );
    for source in block.sources() {
        text.push_str(SOURCE);
        write_source(&mut text, source, block.declaration());
    }
    text
}

fn write_source(text: &mut String, source: &LockedSource, declaration: DeclarationHash) {
    match source.location() {
        Location::Local(path) => line(text, "local", &quoted(path)),
        Location::Archive(locations) => line(text, "archive", &one_or_several(locations)),
        Location::Oci(reference) => line(text, "oci", &quoted(reference)),
    }
    // An output stands directly below what names the bytes, and beside the digest of what made it: where one branch
    // moves a pin or changes the declaration and another adds the output of before, either git sees a conflict or
    // the reader sees that the two do not belong together.
    let output = |text: &mut String, pin: &Pin| {
        if let Some(output) = pin.output() {
            line(text, "output", &quoted(&output.to_string()));
            line(
                text,
                "input",
                &quoted(&input_of(declaration, pin).to_string()),
            );
        }
    };
    match source.pin() {
        None => {}
        Some(pin @ Pin::Local { .. }) => output(text, pin),
        Some(pin @ Pin::Archive { sha256, size, .. }) => {
            line(text, "sha256", &quoted(&sha256.to_string()));
            output(text, pin);
            line(text, "size", &size.to_string());
        }
        Some(pin @ Pin::Oci { digest, layers, .. }) => {
            line(text, "digest", &quoted(&digest.to_string()));
            output(text, pin);
            line(text, "layers", &layer_list(layers));
        }
    }
}

fn line(text: &mut String, key: &str, value: &str) {
    text.push_str(key);
    text.push_str(" = ");
    text.push_str(value);
    text.push('\n');
}

fn one_or_several(locations: &[String]) -> String {
    match locations {
        [one] => quoted(one),
        several => list(several.iter().map(|location| quoted(location))),
    }
}

fn layer_list(layers: &[PinnedLayer]) -> String {
    list(layers.iter().map(|PinnedLayer { digest, size }| {
        let digest = quoted(&digest.to_string());
        let [before, between, after] = LAYER;
        format!("{before}{digest}{between}{size}{after}")
    }))
}

/// A list with one element a line.
fn list(elements: impl Iterator<Item = String>) -> String {
    let mut text = "[".to_owned();
    for element in elements {
        text.push_str("\n    ");
        text.push_str(&element);
        text.push(',');
    }
    if text.ends_with(',') {
        text.push('\n');
    }
    text.push(']');
    text
}

/// A basic string of TOML, on one line whatever is in it.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
