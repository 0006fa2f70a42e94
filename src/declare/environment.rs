//! Reads one `[environments."NAME"]`.

use std::collections::BTreeMap;

use super::ledger::Ledger;
use super::reader::{self, Fields, Key, Value};
use super::source;
use crate::model::environment::Environment;
use crate::model::name::{EnvName, Role};
use crate::model::path::EntryPath;
use crate::model::platform::Platform;
use crate::model::recipe::Layout;
use crate::model::source::Source;

/// The keys of an environment.
pub(super) const KEYS: &[&str] = &[
    "version",
    "platform",
    "platforms",
    "layout",
    "artifacts",
    "description",
    "packages",
    "distribution",
    "distribution-version",
    "sources",
];

/// A generation holds this file beside the links of its environments.
const TAKEN: &str = "generation.json";

/// Reads the environment that `key` names; nothing when something in it is wrong.
pub(super) fn read(key: &Key<'_>, value: &Value<'_>, ledger: &mut Ledger) -> Option<Environment> {
    let name = name(key, ledger);
    let table = reader::table(value, ledger)?;
    let fields = Fields::open(table, key.span(), KEYS, ledger);
    let version = fields
        .require("version", "write `version = \"1.0.0\"`, say", ledger)
        .and_then(|value| reader::parsed(value, ledger));
    let platforms = platforms(&fields, ledger);
    let layout = optional(&fields, "layout", ledger, reader::parsed);
    let artifacts = optional(&fields, "artifacts", ledger, artifacts);
    let description = optional(&fields, "description", ledger, owned_text);
    let packages = optional(&fields, "packages", ledger, packages);
    let distribution = optional(&fields, "distribution", ledger, owned_text);
    let distribution_version = optional(&fields, "distribution-version", ledger, owned_text);
    let sources = sources(&fields, ledger);
    Some(Environment {
        name: name?,
        version: version?,
        platforms: platforms?,
        layout: layout?.unwrap_or(Layout::Files),
        artifacts: artifacts?.unwrap_or_default(),
        description: description?,
        packages: packages?.unwrap_or_default(),
        distribution: distribution?,
        distribution_version: distribution_version?,
        sources: sources?,
    })
}

fn name(key: &Key<'_>, ledger: &mut Ledger) -> Option<EnvName> {
    let name: EnvName = reader::parsed_key(key, ledger)?;
    if name.file_stem() == TAKEN {
        let message =
            format!("an environment cannot be named `{TAKEN}`, which is a file of pyro's");
        ledger.note(key.span(), message);
        return None;
    }
    Some(name)
}

/// `Some(None)` when the key is absent, `None` when its value is wrong.
#[expect(clippy::option_option, reason = "absent and wrong are told apart")]
fn optional<'t, 'i, T>(
    fields: &Fields<'t, 'i>,
    key: &str,
    ledger: &mut Ledger,
    read: impl FnOnce(&'t Value<'i>, &mut Ledger) -> Option<T>,
) -> Option<Option<T>> {
    match fields.get(key) {
        None => Some(None),
        Some(value) => read(value, ledger).map(Some),
    }
}

fn owned_text(value: &Value<'_>, ledger: &mut Ledger) -> Option<String> {
    reader::text(value, ledger).map(str::to_owned)
}

fn packages(value: &Value<'_>, ledger: &mut Ledger) -> Option<Vec<String>> {
    let read: Vec<_> = reader::list(value, ledger)?
        .map(|element| owned_text(element, ledger))
        .collect();
    read.into_iter().collect()
}

/// The one platform, the list of them, or none declared.
#[expect(clippy::option_option, reason = "absent and wrong are told apart")]
fn platforms(fields: &Fields<'_, '_>, ledger: &mut Ledger) -> Option<Option<Vec<Platform>>> {
    let one = optional(fields, "platform", ledger, reader::parsed::<Platform>);
    let several = optional(fields, "platforms", ledger, |value, ledger| {
        let mut seen = Vec::new();
        reader::filled_list(value, ledger, |element, ledger| {
            let platform: Platform = reader::parsed(element, ledger)?;
            if seen.contains(&platform) {
                ledger.note(element.span(), format!("`{platform}` is listed twice"));
                return None;
            }
            seen.push(platform.clone());
            Some(platform)
        })
    });
    if let (Some(_), Some(span)) = (fields.get("platform"), fields.key_span("platforms")) {
        let hint = "keep `platforms` and put the other one into its list";
        ledger.note_with_hint(span, "found both `platform` and `platforms`", hint);
        return None;
    }
    Some(several?.or(one?.map(|one| vec![one])))
}

fn artifacts(value: &Value<'_>, ledger: &mut Ledger) -> Option<BTreeMap<Role, EntryPath>> {
    let read: Vec<_> = reader::table(value, ledger)?
        .iter()
        .map(|(key, value)| {
            let role = reader::parsed_key(key, ledger);
            let path = artifact_path(value, ledger);
            Some((role?, path?))
        })
        .collect();
    read.into_iter().collect()
}

fn artifact_path(value: &Value<'_>, ledger: &mut Ledger) -> Option<EntryPath> {
    let text = reader::text(value, ledger)?;
    match EntryPath::new(text.as_bytes()) {
        Ok(path) => Some(path),
        Err(error) => {
            let message = format!("an artifact's path cannot have {}", error.fault);
            let hint = "write it relative to the source's top folder, such as `boot/vmlinux`";
            ledger.note_with_hint(value.span(), message, hint);
            None
        }
    }
}

fn sources(fields: &Fields<'_, '_>, ledger: &mut Ledger) -> Option<Vec<Source>> {
    let hint = "write [[environments.\"NAME\".sources]] and below it `local`, `archive` or `oci`";
    let value = fields.require("sources", hint, ledger)?;
    if value.get_ref().is_table() {
        let message = "expected a list of tables, found a table";
        ledger.note_with_hint(
            value.span(),
            message,
            "write [[…sources]] in double brackets",
        );
        return None;
    }
    let mut seen = Vec::new();
    reader::filled_list(value, ledger, |element, ledger| {
        let source = source::read(element, ledger)?;
        // A lock finds the pin of a source by its location.
        let location = source.location();
        if seen.contains(&location) {
            ledger.note(element.span(), "this source is declared twice");
            return None;
        }
        seen.push(location);
        Some(source)
    })
}
