//! The text of a lock as data: the types that are read, and whose JSON Schema is the lock's.

use std::collections::BTreeSet;
use std::ops::Range;

use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

use super::Lock;
use super::block::{Block, Location, LockedSource, input_of};
use crate::declare::Ledger;
use crate::model::digest::{DeclarationHash, InputHash, OciDigest, Sha256, StoreHash};
use crate::model::name::EnvName;
use crate::model::pin::{Pin, PinnedLayer};
use crate::model::platform::Platform;

/// The newest schema of locks that this program reads.
const SCHEMA: u64 = 1;

/// Pins of every source of a declaration, written by `pyro lock`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "pyro lock (envs.lock)")]
struct LockText {
    /// Always 1.
    #[schemars(extend("const" = 1))]
    #[expect(dead_code, reason = "checked before all else")]
    schema: u32,
    /// One block an environment and platform, sorted by both.
    #[serde(default)]
    #[schemars(with = "Vec<BlockText>")]
    environment: Vec<Spanned<BlockText>>,
}

/// One environment on one platform.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Block")]
struct BlockText {
    /// The environment.
    #[schemars(extend("maxLength" = 80))]
    name: EnvName,
    /// The platform.
    platform: Platform,
    /// BLAKE3 of what the declaration says about the result; another one makes the block stale.
    declaration: DeclarationHash,
    /// The sources in declared order.
    #[schemars(with = "Vec<SourceText>", length(min = 1))]
    source: Vec<Spanned<SourceText>>,
}

/// One source: where it is as declared, its pin unless it could not be reached, its output once known.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Source", extend(
    "oneOf" = [
        { "required": ["local"] },
        { "required": ["archive"] },
        { "required": ["oci"] }
    ],
    "dependentRequired" = {
        "sha256": ["archive", "size"],
        "size": ["archive", "sha256"],
        "digest": ["oci", "layers"],
        "layers": ["oci", "digest"],
        "input": ["output"],
        "output": ["input"]
    },
    "dependentSchemas" = {
        "output": { "anyOf": [
            { "required": ["local"] }, { "required": ["sha256"] }, { "required": ["digest"] }
        ] }
    }
))]
pub(super) struct SourceText {
    /// The folder as declared.
    pub(super) local: Option<String>,
    /// The archive as declared.
    pub(super) archive: Option<Locations>,
    /// The image or artifact as declared.
    pub(super) oci: Option<String>,
    /// SHA-256 of the archive.
    pub(super) sha256: Option<Sha256>,
    /// Size of the archive in bytes.
    pub(super) size: Option<u64>,
    /// Digest of the platform's manifest.
    pub(super) digest: Option<OciDigest>,
    /// The image's layers, base first.
    pub(super) layers: Option<Vec<LayerText>>,
    /// BLAKE3 of the manifest of the store path that comes out.
    pub(super) output: Option<StoreHash>,
    /// BLAKE3 of the block's declaration digest, a line feed, the digest that names the bytes (nothing for a local
    /// folder) and a line feed: an output beside another one is not believed.
    pub(super) input: Option<InputHash>,
}

/// A location, or the mirrors of one archive.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a string or a list of strings")]
pub(super) enum Locations {
    One(String),
    Mirrors(#[schemars(length(min = 1))] Vec<String>),
}

/// One layer.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Layer")]
pub(super) struct LayerText {
    /// Digest of its bytes as the registry serves them.
    pub(super) digest: OciDigest,
    /// Their number.
    pub(super) size: u64,
}

/// The JSON Schema of a lock read as data.
///
/// ```
/// let schema = pyro::lock::schema();
/// assert_eq!(schema.get("title").and_then(|t| t.as_str()), Some("pyro lock (envs.lock)"));
/// ```
#[must_use]
pub fn schema() -> Schema {
    crate::declare::toml_schema::<LockText>()
}

/// Reads a text without conflict markers.
pub(super) fn read(text: &str, ledger: &mut Ledger) -> Option<Lock> {
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        ledger.note_syntax(&errors, text);
        return None;
    }
    schema_is_known(document.get_ref(), ledger)?;
    let found = match LockText::deserialize(Deserializer::from(document)) {
        Ok(found) => found,
        Err(error) => {
            ledger.note_syntax(&[error], text);
            return None;
        }
    };
    let mut builder = Lock::builder();
    let mut seen = BTreeSet::new();
    for block in found.environment {
        let span = block.span();
        let BlockText {
            name,
            platform,
            declaration,
            source,
        } = block.into_inner();
        let block = Block::new(declaration, sources(source, declaration, &span, ledger)?);
        if !seen.insert((name.clone(), platform.clone())) {
            ledger.note(span, format!("`{name}` is locked twice for {platform}"));
            return None;
        }
        builder = builder.block(name, platform, block);
    }
    Some(builder.build())
}

fn schema_is_known(table: &DeTable<'_>, ledger: &mut Ledger) -> Option<()> {
    let hint = "a lock is written by `pyro lock`; delete the file to have a new one";
    let Some(value) = table.get("schema") else {
        ledger.note_with_hint(0..0, "missing key `schema`", hint);
        return None;
    };
    let found = value
        .get_ref()
        .as_integer()
        .and_then(|integer| u64::from_str_radix(integer.as_str(), integer.radix()).ok());
    match found {
        Some(SCHEMA) => Some(()),
        Some(other) => {
            let message = format!("schema: found {other}, this pyro reads up to {SCHEMA}");
            ledger.note_with_hint(value.span(), message, "use the pyro that wrote this lock");
            None
        }
        None => {
            ledger.note_with_hint(value.span(), format!("expected `schema = {SCHEMA}`"), hint);
            None
        }
    }
}

fn sources(
    sources: Vec<Spanned<SourceText>>,
    declaration: DeclarationHash,
    block: &Range<usize>,
    ledger: &mut Ledger,
) -> Option<Vec<LockedSource>> {
    if sources.is_empty() {
        ledger.note(block.clone(), "a block needs a source");
        return None;
    }
    let read: Vec<_> = sources
        .into_iter()
        .map(|source| {
            let span = source.span();
            match self::source(source.into_inner(), declaration) {
                Ok(source) => Some(source),
                Err(message) => {
                    ledger.note(span, message);
                    None
                }
            }
        })
        .collect();
    read.into_iter().collect()
}

/// The location and the pin, where the keys that are there make one.
pub(super) fn source(
    text: SourceText,
    declaration: DeclarationHash,
) -> Result<LockedSource, String> {
    let location = match (text.local, text.archive, text.oci) {
        (Some(path), None, None) => Location::Local(path),
        (None, Some(Locations::One(one)), None) => Location::Archive(vec![one]),
        (None, Some(Locations::Mirrors(mirrors)), None) if !mirrors.is_empty() => {
            Location::Archive(mirrors)
        }
        (None, None, Some(reference)) => Location::Oci(reference),
        _ => return Err("a source needs exactly one of `local`, `archive`, `oci`".to_owned()),
    };
    if text.output.is_some() != text.input.is_some() {
        return Err("`output` and `input` stand together or not at all".to_owned());
    }
    let archive = text.sha256.zip(text.size);
    let half_archive = text.sha256.is_some() != text.size.is_some();
    let half_oci = text.digest.is_some() != text.layers.is_some();
    let oci = text.digest.zip(text.layers);
    let pin = match (archive, oci, text.output) {
        _ if half_archive => {
            return Err("`sha256` and `size` stand together or not at all".to_owned());
        }
        _ if half_oci => {
            return Err("`digest` and `layers` stand together or not at all".to_owned());
        }
        (None, None, None) => None,
        (None, None, Some(output)) => Some(Pin::Local { output }),
        (Some((sha256, size)), None, output) => Some(Pin::Archive {
            sha256,
            size,
            output,
        }),
        (None, Some((digest, layers)), output) => Some(Pin::Oci {
            digest,
            layers: layers
                .into_iter()
                .map(|LayerText { digest, size }| PinnedLayer { digest, size })
                .collect(),
            output,
        }),
        (Some(_), Some(_), _) => return Err("a source has one pin, found two".to_owned()),
    };
    // The kinds are compared before an output that does not belong here is dropped.
    let source = LockedSource::at(location, pin).map_err(|mismatch| mismatch.to_string())?;
    Ok(match (source.pin(), text.input) {
        (Some(pin), Some(input)) if input_of(declaration, pin) != input => source.forget_output(),
        _ => source,
    })
}
