//! Which blocks of a lock no longer belong to their declaration.

use super::Lock;
use crate::declare::Declaration;
use crate::model::environment::Environment;
use crate::model::name::EnvName;
use crate::model::platform::Platform;

/// How a lock stands to a declaration.
///
/// ```
/// use pyro::lock::{Lock, Why};
/// let text = "schema = 1\n[environments.a]\nversion = '1'\nsources = [{ local = 'a' }]\n";
/// let declaration = pyro::declare::parse(text, "envs.toml".as_ref())?;
/// let report = Lock::default().check(&declaration, &["linux/amd64".parse()?]);
/// assert_eq!(report.stale[0].why, Why::Missing);
/// assert!(!report.is_current());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The blocks that `--locked` refuses, sorted by name and platform.
    pub stale: Vec<Stale>,
    /// The blocks of what is no longer declared; not stale, and dropped when the lock is next written.
    pub undeclared: Vec<(EnvName, Platform)>,
}

impl Report {
    /// Whether nothing is stale.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.stale.is_empty()
    }
}

/// A block that is not what the declaration asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// The environment.
    pub name: EnvName,
    /// The platform.
    pub platform: Platform,
    /// What is wrong with it.
    pub why: Why,
}

/// Why a block is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// There is none.
    Missing,
    /// The declaration says something else than it did when the block was written.
    Changed,
}

impl Lock {
    /// Compares this lock with `declaration`.
    ///
    /// An environment that declares platforms needs a block for each. One that declares none needs a block for at
    /// least one of `wanted`: the platform to realize, or, where all is compared, [`Platform::usual`]; every block it
    /// has is compared.
    #[must_use]
    pub fn check(&self, declaration: &Declaration, wanted: &[Platform]) -> Report {
        let mut report = Report::default();
        for (name, platform, block) in self.blocks() {
            match declaration.get(name) {
                Some(environment) if environment.offers(platform) => {
                    if environment.declaration_hash() != block.declaration() {
                        report.note(name, platform, Why::Changed);
                    }
                }
                _ => report.undeclared.push((name.clone(), platform.clone())),
            }
        }
        for (name, environment) in declaration.environments() {
            for platform in self.missing(environment, wanted) {
                report.note(name, platform, Why::Missing);
            }
        }
        report
            .stale
            .sort_by(|a, b| (&a.name, &a.platform).cmp(&(&b.name, &b.platform)));
        report
    }

    fn missing<'a>(
        &self,
        environment: &'a Environment,
        wanted: &'a [Platform],
    ) -> Vec<&'a Platform> {
        let is_missing = |platform: &&Platform| self.get(&environment.name, platform).is_none();
        match &environment.platforms {
            Some(platforms) => platforms.iter().filter(is_missing).collect(),
            None if wanted.iter().all(|platform| is_missing(&platform)) => {
                wanted.first().into_iter().collect()
            }
            None => Vec::new(),
        }
    }
}

impl Report {
    fn note(&mut self, name: &EnvName, platform: &Platform, why: Why) {
        self.stale.push(Stale {
            name: name.clone(),
            platform: platform.clone(),
            why,
        });
    }
}
