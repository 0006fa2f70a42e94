//! The store, the way to the outside and the observer that a command's verb works with, made from the settings.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::OnceLock;

use jiff::Timestamp;

use super::args::{CheckChoice, DurabilityChoice};
use super::failure::Failure;
use super::session::Session;
use super::settings::{Network, Settings};
use crate::fetch::{self, Fetcher};
use crate::progress::{Event, Observer};
use crate::store::{Depth, Patience, Store};
use crate::verb::{Context, Error};

/// An open store and who is told; verbs run on it.
pub struct Workbench<'s> {
    store: Store,
    observer: Box<dyn Observer>,
    settings: &'s Settings,
}

impl<'s> Workbench<'s> {
    /// Opens the store, and makes it where there is none; `verb` is the word in phase lines.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub fn open(
        session: &Session,
        settings: &'s Settings,
        verb: &'static str,
    ) -> Result<Self, Failure> {
        let store = Store::open(&settings.store.value, patience(settings))?;
        let mut bench = Self::over(store, session, settings, verb)?;
        if settings.durability.value == DurabilityChoice::Fast {
            let text = "durability is fast, so nothing is synced: after a power loss or a crash of this machine, delete \
                        the store, which may be damaged where no quick check sees it";
            bench.store = bench.store.without_sync(bench.observer.as_ref())?;
            bench.observer.event(Event::Note { text });
        }
        Ok(bench)
    }

    /// Opens the store if there is one.
    ///
    /// # Errors
    /// When there is one that cannot be used.
    pub fn open_if_there(
        session: &Session,
        settings: &'s Settings,
        verb: &'static str,
    ) -> Result<Option<Self>, Failure> {
        let store = Store::open_if_there(&settings.store.value, patience(settings))?;
        let bench = |store| Self::over(store, session, settings, verb);
        store.map(bench).transpose()
    }

    /// The same with the store that the settings put beneath it.
    fn over(
        store: Store,
        session: &Session,
        settings: &'s Settings,
        verb: &'static str,
    ) -> Result<Self, Failure> {
        let store = match &settings.lower.value {
            None => store,
            Some(lower) => store.above(lower)?,
        };
        let observer = session.report().observer(verb);
        if let Some(text) = store.file_system().warning() {
            observer.event(Event::Note { text: &text });
        }
        if let Some(away) = store.lower().filter(|lower| !lower.is_there()) {
            let text = format!(
                "the lower store {} is not there: nothing of it is installed",
                away.root().display()
            );
            observer.event(Event::Note { text: &text });
        }
        Ok(Self {
            store,
            observer,
            settings,
        })
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Who is told.
    #[must_use]
    pub fn observer(&self) -> &dyn Observer {
        self.observer.as_ref()
    }

    /// Runs a verb.
    ///
    /// # Errors
    /// What the verb says.
    pub fn run<T>(
        &self,
        depth: Depth,
        verb: impl FnOnce(&Context<'_>) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        let downloads = self.store.layout().downloads(self.store.uid());
        let fetcher = Fetcher::new(fetch_settings(self.settings), downloads, self.observer());
        let context = Context {
            store: &self.store,
            fetcher: &fetcher,
            observer: self.observer(),
            now: Timestamp::now(),
            host: crate::model::platform::Platform::host(),
            depth,
            bundle: bundle(self.settings),
            jobs: self.settings.jobs.value.get(),
            limits: self.settings.limits.of_source(),
            records: OnceLock::new(),
        };
        Ok(verb(&context)?)
    }
}

/// The way to the outside without a store: for what is about registries only, and downloads nothing.
#[must_use]
pub fn outside<'o>(settings: &Settings, observer: &'o dyn Observer) -> Fetcher<'o> {
    Fetcher::new(fetch_settings(settings), PathBuf::new(), observer)
}

/// How closely paths are looked at, by the settings.
#[must_use]
pub fn depth(settings: &Settings) -> Depth {
    match settings.check.value {
        CheckChoice::Quick => Depth::Quick,
        CheckChoice::Full => Depth::Full,
    }
}

/// Where the catalog's local folders stand.
#[must_use]
pub fn bundle(settings: &Settings) -> PathBuf {
    settings
        .bundle_dir
        .value
        .clone()
        .unwrap_or_else(|| PathBuf::from("/"))
}

fn patience(settings: &Settings) -> Patience {
    Patience {
        limit: settings.lock_timeout.value.duration(),
    }
}

fn fetch_settings(settings: &Settings) -> fetch::Settings {
    let insecure: BTreeSet<String> = settings
        .registries
        .iter()
        .filter(|(_, registry)| registry.insecure.value)
        .map(|(host, _)| host.clone())
        .collect();
    let realms: BTreeMap<String, Vec<String>> = settings
        .registries
        .iter()
        .map(|(host, registry)| (host.clone(), registry.token_realms.value.clone()))
        .collect();
    let mirrors = settings.registries.iter().map(|(host, registry)| {
        let mirrors = fetch::Mirrors {
            hosts: registry.mirrors.value.clone(),
            fallback: registry.fallback.value,
        };
        (host.clone(), mirrors)
    });
    let authorities = settings.registries.iter();
    let authorities =
        authorities.filter_map(|(host, registry)| Some((host.clone(), registry.ca.value.clone()?)));
    fetch::Settings {
        mirrors: mirrors.collect(),
        authorities: authorities.collect(),
        network: match settings.network.value {
            Network::Allowed => fetch::Network::Allowed,
            Network::Offline => fetch::Network::Forbidden,
        },
        insecure_hosts: insecure,
        token_realms: realms,
        max_manifest: settings.limits.max_manifest.value.bytes(),
        login_files: settings.login_files.value.clone(),
        search_path: settings.search_path.clone(),
        helper_timeout: settings.http.helper_timeout(),
        lock_timeout: settings.lock_timeout.value.duration(),
        jobs: settings.jobs.value.get(),
        connect_timeout: settings.http.connect_timeout(),
        idle_timeout: settings.http.idle_timeout(),
        min_rate: settings.http.min_rate.value.bytes(),
        retries: settings.http.retries.value,
        ..fetch::Settings::default()
    }
}
