//! `doctor`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Document;
use super::config::File;

/// `pyro doctor`; the exit code is that of the first problem that keeps the store from being used.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Doctor {
    /// Whether the store can be used, or made.
    pub usable: bool,
    /// The store's root.
    pub store: String,
    /// Whether it is one already; it is made by the first realization.
    pub exists: bool,
    /// The version of its layout; null where it does not exist or cannot be read.
    pub layout: Option<u32>,
    /// The type of the file system that it stands on, or would stand on; null where the system does not tell.
    pub file_system: Option<String>,
    /// How far that type can be relied on; null where it is not known.
    pub trust: Option<TrustWord>,
    /// What the file system can; null where it was not tried: there is no store yet, or this account may not write.
    pub abilities: Option<Abilities>,
    /// Bytes that this account may still write.
    pub free_bytes: Option<u64>,
    /// Inodes that this account may still make; null where the file system does not count them.
    pub free_inodes: Option<u64>,
    /// Who looked, and what that account may do.
    pub account: AccountRights,
    /// The group that shares the store; null for a store of one account.
    pub group: Option<u32>,
    /// The lower store; null where none is named.
    pub lower: Option<File>,
    /// The configuration files that were looked for, the stronger first.
    pub files: Vec<File>,
    /// What can run commands here, the one that is taken first before the others.
    pub engines: Vec<EngineFound>,
    /// What is wrong, or should be known, the worst first.
    pub problems: Vec<Finding>,
    /// The registry that was named; null where none was.
    pub registry: Option<Registry>,
}

impl Document for Doctor {
    const NAME: &'static str = "doctor";
}

/// How far a type of file system can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TrustWord {
    /// Its locks and renames work.
    Known,
    /// They are tried whenever a store is opened to be written.
    Unknown,
    /// As unknown; and what works here says little about other machines.
    Remote,
}

/// What a file system can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an answer of its own"
)]
pub struct Abilities {
    /// A lock through one descriptor keeps another one out.
    pub flock: bool,
    /// A rename that shall not replace does not.
    pub rename_noreplace: bool,
    /// Two folders can be exchanged in one step.
    pub exchange: bool,
    /// A file can share the blocks of another.
    pub reflink: bool,
    /// What was never written takes no room.
    pub holes: bool,
}

/// An account and its rights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AccountRights {
    /// Its user id.
    pub uid: u32,
    /// Its groups, ascending.
    pub groups: Vec<u32>,
    /// Whether it may read the store.
    pub may_read: bool,
    /// Whether it may write to the store, or make it.
    pub may_write: bool,
}

/// Something that runs virtual machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EngineFound {
    /// How it does: `firecracker`, `qemu-kvm`, `qemu-tcg`, `namespace`.
    pub execution_mode: &'static str,
    /// Whether it can be used.
    pub usable: bool,
    /// Why not; null where it can be used.
    pub why: Option<String>,
    /// What to do about that, where something can be done.
    pub hint: Option<String>,
}

/// Something that is wrong, or should be known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// Whether it keeps the store from being used.
    pub fatal: bool,
    /// Its kind, as of an error.
    pub kind: &'static str,
    /// What it is.
    pub message: String,
    /// What caused it, each one's own cause below it.
    pub causes: Vec<String>,
    /// What to do.
    pub hint: Option<String>,
}

/// A registry, and what would be asked for what it has.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Registry {
    /// Its name in references.
    pub host: String,
    /// Whether any place answers as it should.
    pub usable: bool,
    /// Whether the registry itself is asked for what no mirror has.
    pub fallback: bool,
    /// Mirrors, then the registry itself, in the order in which they are asked.
    pub places: Vec<Place>,
}

/// One place that is asked.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Place {
    /// Host and port and, of a mirror, what stands before the names of repositories there.
    pub name: String,
    /// What it is.
    pub role: RoleWord,
    /// What was asked; null where nothing answered, so that it is not known whether it speaks TLS.
    pub url: Option<String>,
    /// Where its login comes from; never the login.
    pub login: String,
    /// The file of certificates that vouch for it besides the system's; null where none is set.
    pub ca: Option<String>,
    /// The proxy on the way, without its user and password; null where there is none.
    pub proxy: Option<String>,
    /// How it answered; null where it did not, or not well.
    pub answer: Option<WelcomeWord>,
    /// How long that took, in milliseconds: connection, handshake, token.
    pub duration_ms: u64,
    /// Why it cannot be used; null where it can.
    pub problem: Option<Finding>,
}

/// What a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RoleWord {
    /// A mirror.
    Mirror,
    /// The registry itself.
    Registry,
}

/// How a place answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WelcomeWord {
    /// To everybody.
    Open,
    /// By a token, which everybody gets.
    Token,
    /// By the login that there is.
    Login,
}
