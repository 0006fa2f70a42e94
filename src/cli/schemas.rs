//! JSON Schemas of everything that pyro reads and writes, made from the types: `pyro schema`.
//!
//! A new type is one line in [`entries`]. Documents of `--json` get the key `schema` here, as the printer adds it
//! there, and allow the error document in their place.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, json_schema};
use serde_json::{Map, Value, json};

use super::json::{self, Document};
use super::settings::config_file::ConfigFile;
use crate::model::generation::Generation;
use crate::model::manifest::ManifestFile;
use crate::model::realisation::Realisation;
use crate::model::root::Root;

/// One schema that can be asked for.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its name on the command line and before `.schema.json`.
    pub name: &'static str,
    make: Make,
}

#[derive(Clone, Copy)]
enum Make {
    File(fn() -> Schema),
    Answer(&'static str, fn() -> Schema),
    /// Of a command that answers nothing: another program takes its place.
    Failure(&'static str),
}

impl Entry {
    /// The schema.
    #[must_use]
    pub fn schema(&self) -> Schema {
        match self.make {
            Make::File(make) => make(),
            Make::Answer(name, make) => answer(name, make()),
            Make::Failure(name) => {
                marked(of::<json::error::ErrorDocument>(), &document_id(name)).into()
            }
        }
    }
}

/// All of them: files first, then documents by command.
///
/// ```
/// assert!(pyro::cli::schemas::entries().iter().any(|entry| entry.name == "manifest"));
/// ```
#[must_use]
pub fn entries() -> Vec<Entry> {
    let mut entries = vec![
        Entry {
            name: "declaration",
            make: Make::File(crate::declare::schema),
        },
        Entry {
            name: "lock",
            make: Make::File(crate::lock::schema),
        },
        file::<ManifestFile<'static>>("manifest"),
        file::<Realisation>("realisation"),
        file::<Generation>("generation"),
        file::<crate::store::FullCheck>("full-check"),
        file::<crate::store::LastChecks>("last-checks"),
        file::<Root>("root"),
        file::<ConfigFile>("config"),
    ];
    let mut documents = documents();
    documents.sort_by_key(|entry| entry.name);
    entries.append(&mut documents);
    entries
}

fn documents() -> Vec<Entry> {
    use json::{completions, config, declaration, env, error, gc, lock, login, path};
    use json::{profile, realize, run, schema, store, verify};
    vec![
        document::<completions::Completions>("pyro.completions"),
        document::<completions::Man>("pyro.man"),
        document::<config::Config>("pyro.config"),
        document::<json::doctor::Doctor>("pyro.doctor"),
        document::<schema::SchemaAnswer>("pyro.schema"),
        document::<completions::CliDocs>("pyro.cli-docs"),
        document::<declaration::Init>("pyro.init"),
        document::<declaration::Add>("pyro.add"),
        document::<declaration::Remove>("pyro.remove"),
        document::<env::EnvList>("pyro.env-list"),
        document::<env::EnvInspect>("pyro.env-inspect"),
        document::<env::EnvPull>("pyro.env-pull"),
        document::<env::EnvPrune>("pyro.env-prune"),
        document::<gc::Gc>("pyro.gc"),
        document::<gc::GcRootsList>("pyro.gc-roots-list"),
        document::<gc::GcRootsAdd>("pyro.gc-roots-add"),
        document::<gc::GcRootsRemove>("pyro.gc-roots-remove"),
        document::<gc::Why>("pyro.why"),
        document::<gc::Du>("pyro.du"),
        document::<lock::Lock>("pyro.lock"),
        document::<login::Login>("pyro.login"),
        document::<login::Logout>("pyro.logout"),
        document::<path::PathAnswer>("pyro.path"),
        document::<profile::ProfileList>("pyro.profile-list"),
        document::<profile::ProfileHistory>("pyro.profile-history"),
        document::<profile::ProfileSwitch>("pyro.profile-switch"),
        document::<profile::ProfileRollback>("pyro.profile-rollback"),
        document::<profile::ProfileDiff>("pyro.profile-diff"),
        document::<profile::ProfileDelete>("pyro.profile-delete"),
        document::<realize::Realize>("pyro.realize"),
        document::<run::Run>("pyro.run"),
        document::<store::StoreInfo>("pyro.store-info"),
        document::<store::StoreDelete>("pyro.store-delete"),
        document::<verify::Verify>("pyro.verify"),
        Entry {
            name: "pyro.hold",
            make: Make::Failure("hold"),
        },
        Entry {
            name: "pyro.error",
            make: Make::Answer("error", of::<error::ErrorDocument>),
        },
    ]
}

/// The text of a schema, the same on every machine.
#[must_use]
pub fn text(schema: &Schema) -> String {
    // It is JSON already; only the order of its keys is better through the serializer.
    let text = serde_json::to_string_pretty(schema)
        .unwrap_or_else(|_never| format!("{:#}", schema.as_value()));
    text + "\n"
}

/// The value of `schema` in the documents of a command.
#[must_use]
pub fn document_id(name: &str) -> String {
    format!("pyro.{name}/1")
}

fn file<T: JsonSchema>(name: &'static str) -> Entry {
    Entry {
        name,
        make: Make::File(of::<T>),
    }
}

fn document<D: Document>(name: &'static str) -> Entry {
    Entry {
        name,
        make: Make::Answer(D::NAME, of_document::<D>),
    }
}

fn of<T: JsonSchema>() -> Schema {
    generate::<T>()
}

fn of_document<D: Document>() -> Schema {
    generate::<D>()
}

/// Schemas describe what is written, so a key that is always written is required.
fn generate<T: JsonSchema + ?Sized>() -> Schema {
    SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<T>()
}

/// Adds the key `schema`, and the error document as the other possibility.
fn answer(name: &str, success: Schema) -> Schema {
    let id = document_id(name);
    let mut success = marked(success, &id);
    if name == "error" {
        return success.into();
    }
    let mut failed = marked(of::<json::error::ErrorDocument>(), &id);
    let mut definitions = Map::new();
    for part in [&mut success, &mut failed] {
        part.remove("$schema");
        part.remove("title");
        if let Some(Value::Object(own)) = part.remove("$defs") {
            definitions.extend(own);
        }
    }
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("pyro.{name}"),
        "description": "the answer, or what went wrong",
        "anyOf": [success, failed],
        "$defs": definitions,
    })
}

fn marked(schema: Schema, id: &str) -> Map<String, Value> {
    let Value::Object(mut object) = schema.to_value() else {
        return Map::new();
    };
    let properties = object.entry("properties").or_insert_with(|| json!({}));
    if let Value::Object(properties) = properties {
        properties.insert("schema".into(), json!({"const": id}));
    }
    let required = object.entry("required").or_insert_with(|| json!([]));
    if let Value::Array(required) = required {
        required.insert(0, json!("schema"));
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_schema_is_one() {
        let mut names = std::collections::BTreeSet::new();
        for entry in entries() {
            assert!(
                names.insert(entry.name),
                "{} stands there twice",
                entry.name
            );
            let schema = entry.schema().to_value();
            jsonschema::validator_for(&schema)
                .unwrap_or_else(|error| panic!("{}: {error}", entry.name));
        }
    }

    #[test]
    fn an_answer_is_a_result_or_an_error_and_bears_its_name() {
        let entry = entries()
            .into_iter()
            .find(|entry| entry.name == "pyro.config")
            .unwrap();
        let validator = jsonschema::validator_for(&entry.schema().to_value()).unwrap();
        let good = json!({"schema": "pyro.config/1", "settings": [], "files": []});
        assert!(validator.is_valid(&good));
        let other = json!({"schema": "pyro.lock/1", "settings": [], "files": []});
        assert!(!validator.is_valid(&other));
        let failed = json!({"schema": "pyro.config/1", "error": {
            "kind": "usage", "message": "m", "causes": [], "hint": null, "exit_code": 2,
        }});
        assert!(validator.is_valid(&failed));
        assert!(!validator.is_valid(&json!({"schema": "pyro.config/1"})));
    }
}
