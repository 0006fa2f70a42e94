//! Settings: flag, then variable, then the user's file, then the machine's file, then a default.
//!
//! A flag and its variable have one name: `--lock-timeout` and `PYRO_LOCK_TIMEOUT`. Flags that say how pyro works
//! are settings; flags that ask for one deed (`--refresh`, `--dry-run`, `--yes`, `--out-link`) have no variable.
//! The user's file is `$PYRO_CONFIG`, which must exist then, else `$XDG_CONFIG_HOME/pyro/config.toml`.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

pub mod config_file;
pub mod engines;
pub mod error;
pub mod files;
pub mod gc;
pub mod http;
pub mod limits;
pub mod logins;
pub mod origin;
pub mod run;
pub mod variable;

use super::args::{CheckChoice, DurabilityChoice};
use super::quantity::Timespan;
use super::surroundings::Surroundings;
use crate::model::name::ProfileName;
use crate::model::platform::Platform;
use crate::run::engine::Places;
use engines::EngineSettings;
pub use error::SettingsError;
use files::{Files, base_dir};
use gc::{GcFlags, GcSettings};
use http::HttpSettings;
use limits::LimitSettings;
use origin::{Origin, Sourced};
use run::{RunFlags, RunSettings};

/// How long a lock is waited for when nobody says.
const LOCK_TIMEOUT: Timespan = Timespan::minutes(10);

/// What the flags of one command say; a command fills in those that it has.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--store`.
    pub store: Option<PathBuf>,
    /// `--lower`.
    pub lower: Option<PathBuf>,
    /// `--lock-timeout`.
    pub lock_timeout: Option<Timespan>,
    /// `--durability`.
    pub durability: Option<DurabilityChoice>,
    /// `--file`, or the declaration as a word of its own.
    pub file: Option<PathBuf>,
    /// `--profile`.
    pub profile: Option<ProfileName>,
    /// `--platform`.
    pub platform: Option<Platform>,
    /// `--jobs`.
    pub jobs: Option<NonZeroUsize>,
    /// `--check`.
    pub check: Option<CheckChoice>,
    /// `--locked` or `--frozen`.
    pub lock_mode: Option<LockMode>,
    /// `--offline`.
    pub offline: bool,
    /// The limits of `pyro gc`.
    pub gc: GcFlags,
    /// What `pyro run` does.
    pub run: RunFlags,
}

/// How far the lock is obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LockMode {
    /// What is missing is pinned, changed blocks are written.
    #[default]
    Update,
    /// Stale is an error; nothing is written.
    Locked,
    /// The lock is taken as it is; nothing is compared or written.
    Frozen,
}

/// Whether the network may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// Where something is missing.
    #[default]
    Allowed,
    /// Never.
    Offline,
}

/// What is set for one registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// Whether plain HTTP may be spoken.
    pub insecure: Sourced<bool>,
    /// Hosts that may be given its credentials for a token.
    pub token_realms: Sourced<Vec<String>>,
    /// Hosts that are asked first.
    pub mirrors: Sourced<Vec<String>>,
    /// Whether it is asked itself for what no mirror has.
    pub fallback: Sourced<bool>,
    /// A file with certificates that are trusted for it.
    pub ca: Sourced<Option<PathBuf>>,
}

/// Every setting with its origin.
///
/// ```
/// use pyro::cli::settings::{Flags, Settings};
/// use pyro::cli::surroundings::Surroundings;
/// let around = Surroundings::bare("/tmp").with("PYRO_STORE", "s");
/// let settings = Settings::resolve(Flags::default(), &around)?;
/// assert_eq!(settings.store.value.to_str(), Some("/tmp/s"));
/// assert_eq!(settings.store.origin.to_string(), "PYRO_STORE");
/// # Ok::<(), pyro::cli::settings::SettingsError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Settings {
    /// The store's folder, absolute.
    pub store: Sourced<PathBuf>,
    /// The folder of the store beneath it, absolute, where one is named.
    pub lower: Sourced<Option<PathBuf>>,
    /// How long a lock is waited for.
    pub lock_timeout: Sourced<Timespan>,
    /// Whether what is made is on the disk before it shows.
    pub durability: Sourced<DurabilityChoice>,
    /// The declaration, where one is named.
    pub file: Sourced<Option<PathBuf>>,
    /// The profile, where one is named.
    pub profile: Sourced<Option<ProfileName>>,
    /// The platform that is realized and shown.
    pub platform: Sourced<Platform>,
    /// How many environments are worked on at once.
    pub jobs: Sourced<NonZeroUsize>,
    /// How thoroughly paths in the store are looked at.
    pub check: Sourced<CheckChoice>,
    /// How far the lock is obeyed.
    pub lock_mode: Sourced<LockMode>,
    /// Whether the network may be used.
    pub network: Sourced<Network>,
    /// Where the built-in catalog's local folders are.
    pub bundle_dir: Sourced<Option<PathBuf>>,
    /// Files with registry logins in the order of asking; none of them need exist.
    pub login_files: Sourced<Vec<PathBuf>>,
    /// Where credential helpers are looked for: the folders of PATH.
    pub search_path: Vec<PathBuf>,
    /// What runs machines, and where.
    pub engines: EngineSettings,
    /// What collections are limited to.
    pub gc: GcSettings,
    /// How the network is waited for.
    pub http: HttpSettings,
    /// What sources are limited to.
    pub limits: LimitSettings,
    /// What machines are like.
    pub run: RunSettings,
    /// Registries that something is set for, by host.
    pub registries: BTreeMap<String, Registry>,
    /// The configuration files that were looked for, the stronger first, and whether they exist.
    pub config_files: Vec<(PathBuf, bool)>,
}

impl Settings {
    /// Resolves all of them.
    ///
    /// # Errors
    /// When a variable or a file says something that is not known, or there is no place for the store.
    pub fn resolve(flags: Flags, around: &Surroundings) -> Result<Self, SettingsError> {
        let files = Files::read(around)?;
        Ok(Self {
            store: store(flags.store, &files, around)?,
            lower: lower(flags.lower, &files, around)?,
            lock_timeout: Sourced::first(
                [
                    (flags.lock_timeout, Origin::Flag("--lock-timeout")),
                    of_variable(
                        variable::parsed(around, "PYRO_LOCK_TIMEOUT")?,
                        "PYRO_LOCK_TIMEOUT",
                    ),
                ]
                .into_iter()
                .chain(files.each(|file| file.store.lock_timeout)),
                || LOCK_TIMEOUT,
            ),
            durability: durability(flags.durability, &files, around)?,
            file: optional([
                (absolute_flag(flags.file, around)?, Origin::Flag("--file")),
                of_variable(variable::path(around, "PYRO_FILE")?, "PYRO_FILE"),
            ]),
            profile: optional([
                (flags.profile, Origin::Flag("--profile")),
                of_variable(variable::parsed(around, "PYRO_PROFILE")?, "PYRO_PROFILE"),
            ]),
            platform: Sourced::first(
                [
                    (flags.platform, Origin::Flag("--platform")),
                    of_variable(variable::parsed(around, "PYRO_PLATFORM")?, "PYRO_PLATFORM"),
                ],
                Platform::host,
            ),
            jobs: Sourced::first(
                [
                    (flags.jobs, Origin::Flag("--jobs")),
                    of_variable(variable::parsed(around, "PYRO_JOBS")?, "PYRO_JOBS"),
                ],
                default_jobs,
            ),
            check: Sourced::first(
                [
                    (flags.check, Origin::Flag("--check")),
                    of_variable(variable::choice(around, "PYRO_CHECK")?, "PYRO_CHECK"),
                ],
                CheckChoice::default,
            ),
            lock_mode: lock_mode(flags.lock_mode, around)?,
            network: network(flags.offline, around)?,
            bundle_dir: bundle_dir(around)?,
            login_files: logins::files(around)?,
            search_path: logins::search_path(around),
            engines: EngineSettings::resolve(around)?,
            gc: GcSettings::resolve(flags.gc, &files, around)?,
            http: HttpSettings::resolve(&files, around)?,
            limits: LimitSettings::resolve(&files, around)?,
            run: RunSettings::resolve(flags.run, &files, around)?,
            registries: files.registries(),
            config_files: files.looked_for(),
        })
    }

    /// Where engines are looked for, and where they keep what they need while they run.
    #[must_use]
    pub fn places(&self) -> Places {
        Places {
            search_path: self.search_path.clone(),
            firecracker: self.engines.firecracker.value.clone(),
            runtime: self.engines.runtime.clone(),
        }
    }
}

fn of_variable<T>(value: Option<T>, name: &'static str) -> (Option<T>, Origin) {
    (value, Origin::Variable(name))
}

fn optional<T>(candidates: [(Option<T>, Origin); 2]) -> Sourced<Option<T>> {
    Sourced::first(
        candidates.map(|(value, origin)| (value.map(Some), origin)),
        || None,
    )
}

fn store(
    flag: Option<PathBuf>,
    files: &Files,
    around: &Surroundings,
) -> Result<Sourced<PathBuf>, SettingsError> {
    let candidates = [
        (absolute_flag(flag, around)?, Origin::Flag("--store")),
        of_variable(variable::path(around, "PYRO_STORE")?, "PYRO_STORE"),
        of_variable(
            variable::path(around, "PYRO_ENVIRONMENT_CACHE_DIR")?,
            "PYRO_ENVIRONMENT_CACHE_DIR",
        ),
    ];
    let said = candidates
        .into_iter()
        .chain(files.each(|file| file.store.path.clone()))
        .find_map(|(value, origin)| {
            Some(Sourced {
                value: value?,
                origin,
            })
        });
    match said {
        Some(store) => Ok(store),
        None => Ok(Sourced {
            value: base_dir(around, "XDG_DATA_HOME", ".local/share")?
                .ok_or(SettingsError::NoHome)?
                .join("pyro"),
            origin: Origin::Default,
        }),
    }
}

fn lower(
    flag: Option<PathBuf>,
    files: &Files,
    around: &Surroundings,
) -> Result<Sourced<Option<PathBuf>>, SettingsError> {
    let said = [
        (absolute_flag(flag, around)?, Origin::Flag("--lower")),
        of_variable(variable::path(around, "PYRO_LOWER")?, "PYRO_LOWER"),
    ];
    let said = said
        .into_iter()
        .chain(files.each(|file| file.store.lower.clone()))
        .map(|(value, origin)| (value.map(Some), origin));
    Ok(Sourced::first(said, || None))
}

fn durability(
    flag: Option<DurabilityChoice>,
    files: &Files,
    around: &Surroundings,
) -> Result<Sourced<DurabilityChoice>, SettingsError> {
    let said = [
        (flag, Origin::Flag("--durability")),
        of_variable(
            variable::choice(around, "PYRO_DURABILITY")?,
            "PYRO_DURABILITY",
        ),
    ];
    let said = said
        .into_iter()
        .chain(files.each(|file| file.store.durability));
    Ok(Sourced::first(said, DurabilityChoice::default))
}

fn bundle_dir(around: &Surroundings) -> Result<Sourced<Option<PathBuf>>, SettingsError> {
    let named = variable::path(around, "PYRO_RUNTIME_BUNDLE_DIR")?;
    Ok(Sourced::first(
        [of_variable(named.map(Some), "PYRO_RUNTIME_BUNDLE_DIR")],
        || around.current_dir().ok().map(Path::to_owned),
    ))
}

/// As many as there are processors, and some more where they are few: most wait for a server or the disk.
fn default_jobs() -> NonZeroUsize {
    const LEAST: NonZeroUsize = NonZeroUsize::new(6).unwrap();
    std::thread::available_parallelism().map_or(LEAST, |processors| processors.max(LEAST))
}

fn lock_mode(
    flag: Option<LockMode>,
    around: &Surroundings,
) -> Result<Sourced<LockMode>, SettingsError> {
    let set = |name| Ok(variable::switch(around, name)?.unwrap_or(false));
    let (locked, frozen) = (set("PYRO_LOCKED")?, set("PYRO_FROZEN")?);
    let (value, origin) = match (flag, locked, frozen) {
        (Some(LockMode::Frozen), ..) => (LockMode::Frozen, Origin::Flag("--frozen")),
        (Some(mode), ..) => (mode, Origin::Flag("--locked")),
        (None, true, true) => {
            return Err(SettingsError::Conflict {
                first: "PYRO_LOCKED",
                second: "PYRO_FROZEN",
            });
        }
        (None, true, false) => (LockMode::Locked, Origin::Variable("PYRO_LOCKED")),
        (None, false, true) => (LockMode::Frozen, Origin::Variable("PYRO_FROZEN")),
        (None, false, false) => (LockMode::Update, Origin::Default),
    };
    Ok(Sourced { value, origin })
}

fn network(flag: bool, around: &Surroundings) -> Result<Sourced<Network>, SettingsError> {
    let network = |offline| {
        if offline {
            Network::Offline
        } else {
            Network::Allowed
        }
    };
    Ok(Sourced::first(
        [
            (flag.then_some(Network::Offline), Origin::Flag("--offline")),
            of_variable(
                variable::switch(around, "PYRO_OFFLINE")?.map(network),
                "PYRO_OFFLINE",
            ),
        ],
        Network::default,
    ))
}

fn absolute_flag(
    path: Option<PathBuf>,
    around: &Surroundings,
) -> Result<Option<PathBuf>, SettingsError> {
    path.map(|path| absolute(&path, around)).transpose()
}

/// `path` as it counts from the current folder; links and `..` stay as they are.
///
/// # Errors
/// When it is relative and the current folder is gone.
pub fn absolute(path: &Path, around: &Surroundings) -> Result<PathBuf, SettingsError> {
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    match around.current_dir() {
        // Component by component, so that `./x` and `x//y` become one spelling.
        Ok(current) => Ok(current.join(path).components().collect()),
        Err(why) => Err(SettingsError::NoCurrentDir {
            path: path.to_owned(),
            why: why.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests;
