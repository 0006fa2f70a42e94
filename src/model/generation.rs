//! The record of a generation: which environments a profile shows, who asked for it, what was live before.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::name::{NameError, ProfileName};
use super::store_path::StorePathName;

/// What made a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// `pyro realize`.
    Realize,
    /// `pyro profile switch`.
    Switch,
    /// `pyro profile rollback`.
    Rollback,
    /// `pyro env pull`.
    Pull,
    /// `pyro env prune`.
    Prune,
}

/// `generations/<n>/generation.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "pyro generation")]
pub struct Generation {
    /// Always 1.
    pub schema: u32,
    /// Its number, never used again in this profile.
    pub number: u64,
    /// The profile.
    #[schemars(with = "String")]
    pub profile: String,
    /// What made it.
    pub cause: Cause,
    /// When.
    #[schemars(with = "String")]
    pub created: Timestamp,
    /// Absolute path of the declaration; none for the catalog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declaration: Option<String>,
    /// What was live before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<u64>,
    /// The generation whose links this one shows again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restores: Option<u64>,
    /// Link name and store path of each environment.
    pub environments: BTreeMap<String, StorePathName>,
    /// In the profile `pulled`: link name and absolute path of its own declaration; none for the catalog's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub declarations: BTreeMap<String, String>,
}

/// A link's name in a generation: `<env>`, `<env>@linux-arm64` for another platform than the host's, or, in the
/// profile `pulled`, `<env>@<8 hex of its declaration's path>`.
///
/// ```
/// use pyro::model::generation::link_name;
/// let (host, other) = ("linux/amd64".parse()?, "linux/arm64".parse()?);
/// assert_eq!(link_name(&"debian:12".parse()?, &host, &host), "debian_12");
/// assert_eq!(link_name(&"debian:12".parse()?, &other, &host), "debian_12@linux-arm64");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn link_name(
    name: &super::name::EnvName,
    platform: &super::platform::Platform,
    host: &super::platform::Platform,
) -> String {
    if platform == host {
        name.file_stem()
    } else {
        format!("{}@{}", name.file_stem(), platform.file_stem())
    }
}

impl Generation {
    /// The profile's name, checked.
    ///
    /// # Errors
    /// When the record was written by hand with a name that no profile can have.
    pub fn profile_name(&self) -> Result<ProfileName, NameError> {
        ProfileName::from_folder(&self.profile)
    }
}
