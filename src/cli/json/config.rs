//! `config`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Document;
use crate::cli::settings::origin::Origin;

/// `pyro config`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Config {
    /// Every setting, in the order of its name.
    pub settings: Vec<Setting>,
    /// The configuration files that were looked for, the stronger first.
    pub files: Vec<File>,
}

impl Document for Config {
    const NAME: &'static str = "config";
}

/// One setting.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Setting {
    /// Its name, such as `store.path`.
    pub name: String,
    /// Its value; null where nobody says anything.
    pub value: Option<Value>,
    /// Who decided it.
    pub origin: OriginKind,
    /// The flag, variable or file that it came from; null for a default.
    pub origin_name: Option<String>,
}

/// The value of a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Value {
    /// Yes or no.
    Switch(bool),
    /// A number.
    Number(u64),
    /// A text, also for durations and paths.
    Text(String),
    /// Several texts.
    List(Vec<String>),
}

/// Who decided a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OriginKind {
    /// A flag.
    Flag,
    /// An environment variable.
    Variable,
    /// A configuration file.
    File,
    /// Nobody.
    Default,
}

impl From<&Origin> for OriginKind {
    fn from(origin: &Origin) -> Self {
        match origin {
            Origin::Flag(_) => Self::Flag,
            Origin::Variable(_) => Self::Variable,
            Origin::File(_) => Self::File,
            Origin::Default => Self::Default,
        }
    }
}

/// A configuration file.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct File {
    /// Its path.
    pub path: String,
    /// Whether it is there.
    pub exists: bool,
}
