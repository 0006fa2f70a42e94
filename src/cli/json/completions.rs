//! `completions`, `man`, `cli-docs`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Document;

/// `pyro completions SHELL`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Completions {
    /// The shell.
    pub shell: String,
    /// What the shell is to read.
    pub script: String,
}

impl Document for Completions {
    const NAME: &'static str = "completions";
}

/// `pyro man DIR`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Man {
    /// The files that were written.
    pub written: Vec<String>,
}

impl Document for Man {
    const NAME: &'static str = "man";
}

/// `pyro cli-docs`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CliDocs {
    /// The manual of the command line.
    pub markdown: String,
}

impl Document for CliDocs {
    const NAME: &'static str = "cli-docs";
}
