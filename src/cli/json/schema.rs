//! `schema`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Document;

/// `pyro schema`: the names, or one schema, or the files that were written.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SchemaAnswer {
    /// The schemas that this answer is about.
    pub names: Vec<String>,
    /// The schema, when one was asked for; else absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json_schema: Option<schemars::Schema>,
    /// The files that `--all` wrote; else absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<Vec<String>>,
}

impl Document for SchemaAnswer {
    const NAME: &'static str = "schema";
}
