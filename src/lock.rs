//! Locks: `envs.lock` remembers, for each environment and platform, what its sources were found to be.
//!
//! Pure: text in, [`Lock`] out, and back byte for byte. One block an environment and platform, sorted, with nothing
//! in it that is about the whole file, so that changes to different environments merge in git; where git leaves
//! conflict markers all the same, reading takes both sides.
//!
//! ```text
//! schema = 1
//!
//! [[environment]]                     a block: environment, platform, digest of its declaration
//! name = "debian:12"
//! ...
//! [[environment.source]]              each declared source, its pin and, once known, its output
//! oci = "docker.io/example/debian-12:1.0.0"
//! ...
//! ```

mod block;
mod conflict;
mod merge;
mod plain;
mod staleness;
mod text;
mod wire;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use block::{Block, LockedSource, PinMismatch};
pub use merge::Parsed;
pub use staleness::{Report, Stale, Why};
pub use wire::schema;

use crate::declare::Mistakes;
use crate::model::name::EnvName;
use crate::model::pin::Pin;
use crate::model::platform::Platform;
use crate::model::source::Source;

/// Why a text is not a lock.
///
/// ```
/// use pyro::lock::Lock;
/// let error = Lock::parse("schema = 2\n", "envs.lock".as_ref(), &|_, _| None).unwrap_err();
/// assert_eq!(error.to_string(), "schema: found 2, this pyro reads up to 1: envs.lock:1:10");
/// assert_eq!(error.mistakes().first().line(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct LockError(Mistakes);

impl LockError {
    /// What is wrong and where it stands.
    #[must_use]
    pub fn mistakes(&self) -> &Mistakes {
        &self.0
    }
}

/// The blocks of a lock, one an environment and platform, sorted by both.
///
/// ```
/// use pyro::lock::{Block, Lock, LockedSource};
/// use pyro::model::{digest::DeclarationHash, source::Source};
/// let source = LockedSource::new(&Source::Oci("debian:12".parse()?), None)?;
/// let block = Block::new(DeclarationHash::of(b"{}"), vec![source]);
/// let lock = Lock::builder().block("debian:12".parse()?, "linux/amd64".parse()?, block).build();
/// let parsed = Lock::parse(&lock.to_text(), "envs.lock".as_ref(), &|_, _| None)?;
/// assert_eq!(parsed.lock, lock);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lock {
    blocks: BTreeMap<(EnvName, Platform), Block>,
}

impl Lock {
    /// Builds one from nothing.
    pub fn builder() -> LockBuilder {
        LockBuilder::default()
    }

    /// Builds one from this.
    pub fn into_builder(self) -> LockBuilder {
        LockBuilder { lock: self }
    }

    /// The block of an environment on a platform.
    #[must_use]
    pub fn get(&self, name: &EnvName, platform: &Platform) -> Option<&Block> {
        self.blocks.get(&(name.clone(), platform.clone()))
    }

    /// All blocks, sorted by name and then platform.
    pub fn blocks(&self) -> impl Iterator<Item = (&EnvName, &Platform, &Block)> {
        self.blocks
            .iter()
            .map(|((name, platform), block)| (name, platform, block))
    }

    /// The pin of a source, whatever the rest of the declaration says now.
    ///
    /// A source is known by its kind and its location as declared, all mirrors of an archive included.
    #[must_use]
    pub fn pin_of(&self, name: &EnvName, platform: &Platform, source: &Source) -> Option<&Pin> {
        self.get(name, platform)?.pin_of(source)
    }

    /// The text of the lock: the same bytes for the same blocks, always.
    #[must_use]
    pub fn to_text(&self) -> String {
        text::of(self)
    }
}

/// Puts a [`Lock`] together.
///
/// ```
/// use pyro::lock::{Lock, LockBuilder};
/// let builder: LockBuilder = Lock::default().into_builder();
/// assert_eq!(builder.build().blocks().count(), 0);
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct LockBuilder {
    lock: Lock,
}

impl LockBuilder {
    /// Puts a block in, in place of the one that is there.
    pub fn block(mut self, name: EnvName, platform: Platform, block: Block) -> Self {
        self.lock.blocks.insert((name, platform), block);
        self
    }

    /// Takes a block out, where it is there.
    pub fn without(mut self, name: &EnvName, platform: &Platform) -> Self {
        self.lock.blocks.remove(&(name.clone(), platform.clone()));
        self
    }

    /// The lock.
    #[must_use]
    pub fn build(self) -> Lock {
        self.lock
    }
}

/// The lock beside a declaration: `envs.toml` has `envs.lock`, another name gets `.lock` at its end.
///
/// ```
/// use pyro::lock::lock_path;
/// assert_eq!(lock_path("ci/envs.toml".as_ref()), std::path::Path::new("ci/envs.lock"));
/// assert_eq!(lock_path("ci/envs".as_ref()), std::path::Path::new("ci/envs.lock"));
/// assert_eq!(lock_path("envs.txt".as_ref()), std::path::Path::new("envs.txt.lock"));
/// ```
#[must_use]
pub fn lock_path(declaration: &Path) -> PathBuf {
    if declaration.extension().is_some_and(|end| end == "toml") {
        return declaration.with_extension("lock");
    }
    let mut name = declaration.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests;
