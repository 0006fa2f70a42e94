//! The input of a realisation: everything that decides the output, in one canonical JSON object.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::canonical;
use super::digest::{InputHash, OciDigest};
use super::environment::Environment;
use super::name::{EnvName, Role, Version};
use super::platform::Platform;
use super::recipe::Layout;

/// The generation of the rules by which bytes become a manifest; raised when unpacking or the manifest changes.
pub const RULES: u32 = 1;

/// What identifies the bytes of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PinInput {
    /// An archive, by the SHA-256 of its bytes.
    Archive(OciDigest),
    /// The real path of a local folder; whether it changed is told by the record beside it.
    Local(String),
    /// A platform manifest, by its digest.
    Oci(OciDigest),
}

/// The input object; members in sorted order, `rules` is always written.
///
/// ```
/// use pyro::model::input::{Input, PinInput};
/// let text = r#"{"artifacts":{},"layout":"files","name":"a","pin":{"local":"/srv/a"},"platform":"linux/amd64",
///     "rules":1,"strip-components":0,"version":"1"}"#;
/// let input: Input = serde_json::from_str(text)?;
/// assert_eq!(input.hash(), input.clone().hash());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Declared path of each artifact.
    pub artifacts: BTreeMap<Role, String>,
    /// Where the content stands.
    pub layout: Layout,
    /// The environment.
    pub name: EnvName,
    /// The bytes.
    pub pin: PinInput,
    /// The platform.
    pub platform: Platform,
    /// Generation of the rules.
    pub rules: u32,
    /// Leading components that names lose.
    #[serde(rename = "strip-components")]
    pub strip_components: u32,
    /// The environment's version.
    pub version: Version,
}

impl Input {
    /// The input of `environment` on `platform` from the bytes that `pin` names.
    #[must_use]
    pub fn new(
        environment: &Environment,
        platform: &Platform,
        pin: PinInput,
        strip_components: u32,
    ) -> Self {
        Self {
            artifacts: environment
                .artifacts
                .iter()
                .map(|(role, path)| (role.clone(), path.as_str().unwrap_or_default().to_owned()))
                .collect(),
            layout: environment.layout,
            name: environment.name.clone(),
            pin,
            platform: platform.clone(),
            rules: RULES,
            strip_components,
            version: environment.version.clone(),
        }
    }

    /// The digest that names the realisation record.
    #[must_use]
    pub fn hash(&self) -> InputHash {
        InputHash::of(&canonical::to_vec(self))
    }
}
