//! How far fetching may go: what the configuration and the flags say, as plain values.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// Whether the network may be used at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// Where it is needed.
    #[default]
    Allowed,
    /// Never: the client refuses to be built.
    Forbidden,
}

/// The mirrors of one registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirrors {
    /// Each a host, a port if it has one, and perhaps the beginning of all its repositories, in the order of asking.
    pub hosts: Vec<String>,
    /// Whether the registry itself is asked for what no mirror has.
    pub fallback: bool,
}

/// What the user's configuration says about fetching; a repository has no say in any of it.
///
/// ```
/// use pyro::fetch::{Network, Settings};
/// let settings = Settings { network: Network::Forbidden, ..Settings::default() };
/// assert_eq!(settings.max_manifest, 4 << 20);
/// ```
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether the network may be used.
    pub network: Network,
    /// Hosts (`host` or `host:port`, as in a reference) that may be spoken to without TLS.
    pub insecure_hosts: BTreeSet<String>,
    /// Registry -> token servers (`host` or `host:port`) that may see the registry's credentials.
    pub token_realms: BTreeMap<String, Vec<String>>,
    /// Registry -> where its content is asked for first.
    pub mirrors: BTreeMap<String, Mirrors>,
    /// Host -> a file with certificates that are trusted for it besides the system's.
    pub authorities: BTreeMap<String, PathBuf>,
    /// Files with registry logins as docker and podman write them, in the order of asking; a missing one has none.
    pub login_files: Vec<PathBuf>,
    /// Where the credential helpers that those files name are looked for.
    pub search_path: Vec<PathBuf>,
    /// How long a credential helper may take.
    pub helper_timeout: Duration,
    /// What servers see as the client's name.
    pub user_agent: String,
    /// Longest manifest, index or image config in bytes; see [`Settings::MAX_MANIFEST`].
    pub max_manifest: u64,
    /// How long a connection, TLS included, may take to stand.
    pub connect_timeout: Duration,
    /// How long a transfer may bring less than [`Settings::min_rate`] asks for before it counts as stalled; also how
    /// long a server may take to begin its answer.
    pub idle_timeout: Duration,
    /// The slowest transfer that is waited for, in bytes a second.
    pub min_rate: u64,
    /// How often in a row the same is asked again where that may help, without a byte in between.
    pub retries: u32,
    /// How many transfers may be on their way at once.
    pub jobs: usize,
    /// How long to wait for another process that downloads the same bytes.
    pub lock_timeout: Duration,
}

impl Settings {
    /// The key of `max_manifest` in the configuration.
    pub const MAX_MANIFEST: &'static str = "max-manifest";
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            network: Network::default(),
            insecure_hosts: BTreeSet::new(),
            token_realms: BTreeMap::new(),
            mirrors: BTreeMap::new(),
            authorities: BTreeMap::new(),
            login_files: Vec::new(),
            search_path: Vec::new(),
            helper_timeout: Duration::from_secs(30),
            user_agent: concat!("pyro/", env!("CARGO_PKG_VERSION")).to_owned(),
            max_manifest: 4 << 20,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            min_rate: 1 << 10,
            retries: 5,
            jobs: 1,
            lock_timeout: Duration::from_secs(600),
        }
    }
}
