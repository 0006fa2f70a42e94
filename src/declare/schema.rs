//! The JSON Schema of declarations, for editors; derived from types in the shape of the text.
//!
//! The reader walks the text itself, for its places and hints. Tests hold both to the same keys and verdicts. What
//! the schema cannot say: that a reference can be read, that two names may not map to one file name, and that two
//! sources may not be at one place.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use crate::model::digest::Sha256;
use crate::model::name::{EnvName, ProfileName, Role, Version};
use crate::model::platform::Platform;
use crate::model::recipe::Layout;

/// Environments of a project and where their bytes come from.
#[derive(JsonSchema)]
#[schemars(title = "pyro declaration (envs.toml)", deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct DeclarationText {
    /// Always 1.
    #[schemars(extend("const" = 1))]
    schema: u32,
    /// The profile that `pyro realize` moves; without it one is named after the folder and the file's path.
    #[schemars(extend("pattern" = "^[a-z0-9]", "maxLength" = 80))]
    profile: Option<ProfileName>,
    /// The environments by name.
    #[schemars(extend(
        "propertyNames" = { "maxLength": 80, "not": { "const": "generation.json" } }
    ))]
    environments: Option<BTreeMap<EnvName, EnvironmentText>>,
}

/// One environment.
#[derive(JsonSchema)]
#[schemars(
    rename = "Environment",
    rename_all = "kebab-case",
    deny_unknown_fields,
    extend("not" = { "required": ["platform", "platforms"] })
)]
#[expect(dead_code, reason = "only its shape is used")]
struct EnvironmentText {
    /// Free text that people compare.
    version: Version,
    /// The one platform that it is for.
    platform: Option<Platform>,
    /// The platforms that it is for; without any: linux/amd64 and linux/arm64, where a source offers them.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    platforms: Option<Vec<Platform>>,
    /// Where the content stands below the store path; `files` without it.
    layout: Option<Layout>,
    /// What is what in the tree: role and path below the source's top folder.
    artifacts: Option<BTreeMap<Role, ArtifactPath>>,
    /// A line for people.
    description: Option<String>,
    /// What is in it, for people.
    packages: Option<Vec<String>>,
    /// The distribution that it was made from, for people.
    distribution: Option<String>,
    /// That distribution's version, for people.
    distribution_version: Option<String>,
    /// Where its bytes come from; tried in order.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    sources: Vec<SourceText>,
}

/// A relative path without empty, `.` and `..` components.
#[derive(JsonSchema)]
#[schemars(transparent)]
#[expect(dead_code, reason = "only its shape is used")]
struct ArtifactPath(
    #[schemars(regex(
        pattern = r"^(?!\.{1,2}(/|$))[^/\x00]{1,255}(/(?!\.{1,2}(/|$))[^/\x00]{1,255})*$"
    ))]
    String,
);

/// One source: exactly one of `local`, `archive` and `oci`.
#[derive(JsonSchema)]
#[schemars(
    rename = "Source",
    rename_all = "kebab-case",
    deny_unknown_fields,
    extend(
        "oneOf" = [{ "required": ["local"] }, { "required": ["archive"] }, { "required": ["oci"] }],
        "dependentRequired" = { "sha256": ["archive"], "strip-components": ["archive"] }
    )
)]
#[expect(dead_code, reason = "only its shape is used")]
struct SourceText {
    /// A folder, relative to this file or absolute.
    #[schemars(regex(pattern = r"^(?![^\x00]*://)[^\x00]+$"))]
    local: Option<String>,
    /// A tar archive: `https://…`, `http://…`, `file://…` or a path; or a list of mirrors of the same bytes.
    archive: Option<Locations>,
    /// `HOST/REPOSITORY[:TAG][@DIGEST]`, or `oci-layout:FOLDER[:TAG]`.
    #[schemars(length(min = 1))]
    oci: Option<String>,
    /// The SHA-256 that the archive must have.
    sha256: Option<Sha256>,
    /// How many leading components the archive's names lose.
    #[schemars(range(max = 4_294_967_295_u32))]
    strip_components: Option<u32>,
}

/// A location, or several of the same bytes.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
enum Locations {
    One(ArchiveLocation),
    Mirrors(#[schemars(length(min = 1))] Vec<ArchiveLocation>),
}

/// Where an archive is.
#[derive(JsonSchema)]
#[schemars(transparent)]
#[expect(dead_code, reason = "only its shape is used")]
struct ArchiveLocation(
    #[schemars(regex(
        pattern = r"^(https?://[^/?#@:\s][^/?#@\s]*([/?#]\S*)?|file://(localhost)?/[^\x00]*|(?![^\x00]*://)[^\x00]+)$"
    ))]
    String,
);

/// The JSON Schema of a declaration read as data.
///
/// ```
/// let schema = pyro::declare::schema();
/// assert_eq!(schema.get("title").and_then(|t| t.as_str()), Some("pyro declaration (envs.toml)"));
/// ```
#[must_use]
pub fn schema() -> Schema {
    toml_schema::<DeclarationText>()
}

/// The JSON Schema of a type that is written in TOML, where nothing is ever null.
pub(crate) fn toml_schema<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12()
        .with_transform(RecursiveTransform(without_null))
        .into_generator()
        .into_root_schema_for::<T>()
}

/// An absent key is an absent key: takes the null out of what may be absent.
fn without_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            for (key, value) in only {
                schema.insert(key, value);
            }
        }
    }
}
