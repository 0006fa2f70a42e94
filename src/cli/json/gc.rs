//! `gc`, `gc roots`, `why`, `du`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Document;
use crate::model::name::ProfileName;

/// Something that holds a store path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Holder {
    /// A link in a generation of a profile.
    Generation {
        /// The profile.
        profile: String,
        /// The generation's number; a name that begins with a dot while it is being made.
        generation: String,
        /// The link.
        link: String,
        /// Whether the profile shows this generation now.
        current: bool,
        /// The declaration that it was made from; null for the built-in catalog, and where it cannot be read.
        declaration: Option<String>,
    },
    /// A root record of `pyro gc roots`.
    Root {
        /// `link`, `lock` or `path`.
        root: String,
        /// The link's or the lock's path, or the store path's name.
        subject: String,
    },
    /// A process.
    Process {
        /// Its id.
        pid: u32,
        /// Its command line; empty where the system does not tell.
        command: String,
    },
}

/// Something on the disk, and what it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Place {
    /// Where.
    pub path: String,
    /// How many bytes of the disk deleting it frees, after what stands before it here.
    pub bytes: u64,
}

/// A generation that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Generation {
    /// Its profile.
    pub profile: ProfileName,
    /// Its number.
    pub number: u64,
}

/// A root record that goes, or is judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Root {
    /// Its id.
    pub id: String,
    /// `out-link`, `link`, `lock` or `path`.
    pub kind: String,
    /// The link's or the lock's path, or the store path's name.
    pub subject: String,
}

/// A root record and what it keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ListedRoot {
    /// The record.
    #[serde(flatten)]
    pub root: Root,
    /// Whether it keeps something now, keeps nothing any more, or cannot be judged.
    pub state: RootState,
    /// The digests of the store paths that it keeps; of an out-link, none: its generation does.
    pub paths: Vec<String>,
    /// The generation that an out-link shows.
    pub generation: Option<String>,
}

/// What a root record is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RootState {
    /// It keeps something.
    Holds,
    /// What it names is gone: the next collection removes it.
    Gone,
    /// What it names is out of reach, and what it kept stays.
    Unclear,
}

/// A path that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Kept {
    /// Where.
    pub path: String,
    /// Why.
    pub why: KeptWhy,
    /// Who holds it.
    pub by: Vec<Holder>,
}

/// Why a path stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeptWhy {
    /// Generations or root records hold it.
    Held,
    /// A process uses it.
    Leased,
    /// Nothing holds it, and the limits let it stay.
    Limits,
}

/// Something that could not be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Refused {
    /// Where.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// `pyro gc`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Gc {
    /// Whether nothing was done: what is listed would go.
    pub dry_run: bool,
    /// How many bytes of the disk all of it frees.
    pub bytes: u64,
    /// Store paths, least recently used first.
    pub paths: Vec<Place>,
    /// Dead staging trees, trash that was there before, and downloads.
    pub junk: Vec<Place>,
    /// Generations.
    pub generations: Vec<Generation>,
    /// Profiles.
    pub profiles: Vec<ProfileName>,
    /// Root records.
    pub roots: Vec<Root>,
    /// Store paths that stay: all of them in a dry run, otherwise those that only a process holds.
    pub kept: Vec<Kept>,
    /// What this account could not, or in a dry run will not, remove since the system keeps it from doing so or from
    /// reading whether it may.
    pub refused: Vec<Refused>,
    /// Whether the limits on sizes are met then.
    pub limits_met: bool,
}

impl Document for Gc {
    const NAME: &'static str = "gc";
}

/// `pyro gc roots list`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct GcRootsList {
    /// The records, by kind and subject.
    pub roots: Vec<ListedRoot>,
}

impl Document for GcRootsList {
    const NAME: &'static str = "gc-roots-list";
}

/// `pyro gc roots add`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct GcRootsAdd(pub ListedRoot);

impl Document for GcRootsAdd {
    const NAME: &'static str = "gc-roots-add";
}

/// `pyro gc roots remove`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct GcRootsRemove(pub Root);

impl Document for GcRootsRemove {
    const NAME: &'static str = "gc-roots-remove";
}

/// Who holds one store path.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct WhyPath {
    /// Where.
    pub path: String,
    /// What it takes on the disk.
    pub bytes: u64,
    /// When it was last leased, RFC 3339, to the minute.
    pub last_used: String,
    /// Who holds it; nobody, and the next collection may remove it.
    pub by: Vec<Holder>,
}

/// `pyro why`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Why {
    /// The paths that were meant.
    pub paths: Vec<WhyPath>,
}

impl Document for Why {
    const NAME: &'static str = "why";
}

/// What one link of a profile takes, over all of its generations.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DuEnvironment {
    /// The link.
    pub link: String,
    /// Bytes that nothing else holds.
    pub exclusive_bytes: u64,
    /// Bytes that other links, profiles or roots hold too.
    pub shared_bytes: u64,
}

/// What one profile takes, over all of its generations.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DuProfile {
    /// The profile.
    pub profile: String,
    /// Bytes that nothing else holds.
    pub exclusive_bytes: u64,
    /// Bytes that other profiles or roots hold too.
    pub shared_bytes: u64,
    /// Its links.
    pub environments: Vec<DuEnvironment>,
}

/// `pyro du`.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Du {
    /// The profiles, by name.
    pub profiles: Vec<DuProfile>,
    /// Bytes that only root records hold.
    pub roots_exclusive_bytes: u64,
    /// Bytes that root records and profiles hold.
    pub roots_shared_bytes: u64,
    /// How many store paths there are.
    pub paths: u64,
    /// What they take on the disk.
    pub total_bytes: u64,
    /// Of these, what something holds.
    pub held_bytes: u64,
    /// Of these, what nothing holds.
    pub loose_bytes: u64,
    /// What staging trees take.
    pub staging_bytes: u64,
    /// What waits for deletion.
    pub trash_bytes: u64,
    /// What downloads take.
    pub download_bytes: u64,
}

impl Document for Du {
    const NAME: &'static str = "du";
}
