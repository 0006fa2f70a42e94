//! What would be asked for the repositories of a registry, in which order, with what, and what it answers.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::super::Fetcher;
use super::super::error::Error;
use super::super::mirrors::Repository;
use super::login::Welcome;
use super::{Registry, Scheme, held};

/// One place that would be asked.
///
/// ```
/// use pyro::fetch::{Fetcher, Network, Settings};
/// use pyro::progress::Silent;
///
/// let settings = Settings { network: Network::Forbidden, ..Settings::default() };
/// let fetcher = Fetcher::new(settings, "/srv/store/downloads/1000".into(), &Silent);
/// let places = fetcher.look_at("registry.example");
/// assert_eq!(places[0].name, "registry.example");
/// assert!(!places[0].is_mirror && places[0].answer.is_err());
/// ```
#[derive(Debug)]
pub struct Seen {
    /// Host, port and, of a mirror, what stands before the names of repositories there.
    pub name: String,
    /// Whether it is a mirror, and not the registry itself.
    pub is_mirror: bool,
    /// What was asked; `None` where nothing answered, so that it is not known whether it speaks TLS.
    pub url: Option<String>,
    /// Where its login comes from; never the login.
    pub login: String,
    /// The certificates that vouch for it besides the system's.
    pub authority: Option<PathBuf>,
    /// The proxy on the way, without a user and password that may belong to it.
    pub proxy: Option<String>,
    /// How long it took to answer: a connection, its handshake, and a token where one is wanted.
    pub took: Duration,
    /// How it answered, or why not.
    pub answer: Result<Welcome, Error>,
}

impl Fetcher<'_> {
    /// Asks each place that a registry's repositories can be had from: mirrors in their order, then the registry itself
    /// unless it may not be asked.
    #[must_use]
    pub fn look_at(&self, host: &str) -> Vec<Seen> {
        let places = Repository::new(self, host, "").into_places();
        let seen = places.iter().map(|place| place.seen(place.host() != host));
        seen.collect()
    }
}

impl Registry<'_> {
    fn seen(&self, is_mirror: bool) -> Seen {
        let observer = self.fetcher.observer;
        let found = self
            .credentials()
            .login(&self.host, &self.repository, observer);
        let source = match &found {
            Ok(login) => login.source.to_string(),
            Err(_) => "not known".to_owned(),
        };
        // The API itself is asked, and no repository, whose name nobody gave.
        let api = Registry::new(self.fetcher, &self.host, "");
        let began = Instant::now();
        let answer = found.and_then(|login| api.greeted(&login));
        let took = began.elapsed();
        let spoken = held(&self.fetcher.sessions.schemes)
            .get(&self.host)
            .copied();
        let url = api.url(spoken.unwrap_or(Scheme::Https), "").ok();
        let name = match self.repository.as_str() {
            "" => self.host.clone(),
            prefix => format!("{}/{prefix}", self.host),
        };
        Seen {
            name,
            is_mirror,
            login: source,
            authority: url
                .as_ref()
                .and_then(|url| self.fetcher.web.authority(url))
                .map(ToOwned::to_owned),
            proxy: url.as_ref().and_then(super::super::http::proxy_of),
            url: url.filter(|_| spoken.is_some()).map(|url| url.to_string()),
            took,
            answer,
        }
    }
}
