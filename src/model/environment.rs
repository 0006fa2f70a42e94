//! One environment as declared.

use std::collections::BTreeMap;

use serde::Serialize;

use super::canonical;
use super::digest::{DeclarationHash, Sha256};
use super::name::{EnvName, Role, Version};
use super::path::EntryPath;
use super::platform::Platform;
use super::recipe::{Layout, Recipe};
use super::source::Source;

/// What a declaration says about one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its name.
    pub name: EnvName,
    /// Its version.
    pub version: Version,
    /// The platforms it is declared for; `None` when the declaration names none.
    pub platforms: Option<Vec<Platform>>,
    /// Where the content stands.
    pub layout: Layout,
    /// Role of each artifact and its path in the source's tree.
    pub artifacts: BTreeMap<Role, EntryPath>,
    /// A line for people.
    pub description: Option<String>,
    /// What is in it, for people.
    pub packages: Vec<String>,
    /// The distribution that it was made from, for people.
    pub distribution: Option<String>,
    /// That distribution's version, for people.
    pub distribution_version: Option<String>,
    /// Where its bytes come from, in the order they are tried; never empty.
    pub sources: Vec<Source>,
}

#[derive(Serialize)]
struct DeclarationInput<'a> {
    artifacts: BTreeMap<&'a str, &'a str>,
    layout: Layout,
    name: &'a EnvName,
    sources: Vec<SourceInput>,
    version: &'a Version,
}

#[derive(Serialize)]
struct SourceInput {
    kind: &'static str,
    location: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Sha256>,
    #[serde(rename = "strip-components")]
    strip_components: u32,
}

impl Environment {
    /// The digest that a lock block remembers: everything that changes the result, nothing that only people read.
    #[must_use]
    pub fn declaration_hash(&self) -> DeclarationHash {
        let sources = self
            .sources
            .iter()
            .map(|source| {
                let (kind, location) = source.location();
                let (sha256, strip_components) = match source {
                    Source::Archive(archive) => (archive.sha256, archive.strip_components),
                    _ => (None, 0),
                };
                SourceInput {
                    kind,
                    location,
                    sha256,
                    strip_components,
                }
            })
            .collect();
        DeclarationHash::of(&canonical::to_vec(&DeclarationInput {
            artifacts: self.artifact_texts(),
            layout: self.layout,
            name: &self.name,
            sources,
            version: &self.version,
        }))
    }

    /// The declared artifacts as text, which declared paths always are.
    #[must_use]
    pub fn artifact_texts(&self) -> BTreeMap<&str, &str> {
        self.artifacts
            .iter()
            .map(|(role, path)| (role.as_str(), path.as_str().unwrap_or_default()))
            .collect()
    }

    /// What the manifest of this environment will say besides its entries.
    #[must_use]
    pub fn recipe(&self, platform: &Platform) -> Recipe {
        Recipe {
            name: self.name.clone(),
            version: self.version.clone(),
            platform: platform.clone(),
            layout: self.layout,
            artifacts: self.artifacts.clone(),
        }
    }

    /// Whether the declaration allows `platform`; one that names none allows all.
    #[must_use]
    pub fn offers(&self, platform: &Platform) -> bool {
        self.platforms
            .as_ref()
            .is_none_or(|platforms| platforms.contains(platform))
    }
}
