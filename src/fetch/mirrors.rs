//! A repository and its mirrors: each is asked in turn, the registry itself last, or not at all.
//!
//! A mirror that does not have something, cannot be reached or says no is passed over with a note. Whatever it sends is
//! checked against the digest like the registry's own; what a tag stands for is believed of the first that answers, as the
//! user who configured it wants. What one began and did not end, the next goes on with. Each host gets its own login, and what errors and records call the thing is the name in the
//! registry, wherever it came from.

use crate::model::digest::OciDigest;
use crate::progress::Event;

use super::Fetcher;
use super::download::{Wanted, download, download_ahead};
use super::error::Error;
use super::fetched::Fetched;
use super::registry::Registry;
use super::spool::SpoolName;
use super::transfer::Ask;
use super::turns::Turns;
use super::verify::Expected;

/// The places that have one repository, in the order in which they are asked.
#[derive(Clone)]
pub(super) struct Repository<'f> {
    fetcher: &'f Fetcher<'f>,
    /// What it is called, whoever is asked.
    name: String,
    places: Vec<Registry<'f>>,
}

impl<'f> Repository<'f> {
    /// With an empty name, the registry itself, and of mirrors all that they have of it.
    pub(super) fn new(fetcher: &'f Fetcher<'_>, host: &str, repository: &str) -> Self {
        let own = Registry::new(fetcher, host, repository);
        let mut places = Vec::new();
        if let Some(mirrors) = fetcher.settings.mirrors.get(host) {
            let mirror = |address: &String| {
                let (mirror, prefix) = address.split_once('/').unwrap_or((address, ""));
                let repository = match (prefix, repository) {
                    ("", only) | (only, "") => only.to_owned(),
                    _ => format!("{prefix}/{repository}"),
                };
                Registry::new(fetcher, mirror, &repository)
            };
            places.extend(mirrors.hosts.iter().map(mirror));
            if !mirrors.fallback && !places.is_empty() {
                let name = format!("oci://{host}/{repository}");
                return Self {
                    fetcher,
                    name,
                    places,
                };
            }
        }
        places.push(own);
        Self {
            fetcher,
            name: format!("oci://{host}/{repository}"),
            places,
        }
    }

    pub(super) fn into_places(self) -> Vec<Registry<'f>> {
        self.places
    }

    pub(super) fn name(&self, digest: &OciDigest) -> String {
        format!("{}@{digest}", self.name)
    }

    /// Asks one after the other.
    fn first<T>(&self, ask: impl Fn(&Registry<'f>) -> Result<T, Error>) -> Result<T, Error> {
        self.next(&Turns::default(), ask)
    }

    /// The same, beginning with whose turn it is.
    fn next<T>(
        &self,
        turns: &Turns,
        ask: impl Fn(&Registry<'f>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let passed = |place: &Registry<'f>, error: &Error| {
            let is_own = self.name.starts_with(&format!("oci://{}/", place.host()));
            let word = if is_own { "registry" } else { "mirror" };
            let text = format!("{word} {} is passed over: {error}", place.host());
            self.fetcher.observer.event(Event::Note { text: &text });
        };
        turns.first(&self.places, ask, passed)
    }

    /// What a tag stands for now, with the digest of its bytes.
    pub(super) fn tagged(&self, tag: &str) -> Result<(Vec<u8>, OciDigest), Error> {
        self.first(|place| place.tagged(tag))
    }

    /// The bytes of a manifest; the caller checks them.
    pub(super) fn manifest(&self, digest: &OciDigest) -> Result<Vec<u8>, Error> {
        self.first(|place| place.manifest(digest))
    }

    /// The bytes of a config; the caller checks them.
    pub(super) fn config(&self, digest: &OciDigest) -> Result<Vec<u8>, Error> {
        self.first(|place| place.config(digest))
    }

    /// Opens a layer.
    pub(super) fn layer(
        &self,
        environment: &str,
        digest: OciDigest,
        size: u64,
        source: String,
    ) -> Result<Fetched<'f>, Error> {
        let what = self.name(&digest);
        let wanted = wanted(environment, &what, digest, size, source);
        download(self.fetcher, wanted, self.ask_for(digest))
    }

    /// Lets a layer come that will be opened later; `None` where that would mean to wait, or nothing need come.
    pub(super) fn layer_ahead(
        &self,
        environment: &str,
        digest: OciDigest,
        size: u64,
        source: String,
    ) -> Result<Option<Fetched<'f>>, Error> {
        let what = self.name(&digest);
        let wanted = wanted(environment, &what, digest, size, source);
        download_ahead(self.fetcher, wanted, self.ask_for(digest))
    }

    fn ask_for(&self, digest: OciDigest) -> Ask<'f> {
        let (repository, turns) = (self.clone(), Turns::default());
        Box::new(move |rest| repository.next(&turns, |place| place.blob(&digest, rest)))
    }
}

fn wanted<'w>(
    environment: &'w str,
    what: &'w str,
    digest: OciDigest,
    size: u64,
    source: String,
) -> Wanted<'w> {
    Wanted {
        environment,
        what,
        source,
        spool: SpoolName::of(&digest),
        expected: Expected::exactly(digest, size),
    }
}
