//! A repository in a registry: manifests and blobs by HTTP, with whatever login it asks for.
//!
//! HTTPS, always; a registry on this machine or one marked insecure is tried with HTTPS first and spoken to in plain
//! HTTP only when its port does not speak TLS. What worked is remembered for the run, and so is an `Authorization`,
//! for the repository that it was given for: threads that want one at the same time wait for the first, and one that has
//! run out is renewed before it is used. Whatever comes is checked by who asked: headers are never believed.

mod login;
mod look;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use crate::model::digest::OciDigest;
use crate::progress::Event;

use super::Fetcher;
use super::challenge::{self, Challenge};
use super::credentials::{Credentials, Login, Means};
use super::error::Error;
use super::http::{API_HOSTS, Answer, Ask, Failure, Url, hides};
use super::media_type::MANIFESTS;
use super::range::Rest;
use super::retry::patiently;
use super::secret::Secret;
use super::token::{Granted, TokenRequest, advised, no_login};
use super::verify::{Expected, Verifier};

pub use self::login::{LoggedIn, Welcome};
pub use self::look::Seen;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Https,
    Http,
}

/// One request, below the repository.
struct Request<'q> {
    path: &'q str,
    what: &'q str,
    accept: &'q [&'q str],
    rest: Option<&'q Rest>,
}

/// What one run has learnt of the registries that it spoke to.
#[derive(Default)]
pub(super) struct Sessions {
    credentials: OnceLock<Credentials>,
    schemes: Mutex<BTreeMap<String, Scheme>>,
    slots: Mutex<BTreeMap<(String, String), Slot>>,
}

/// What one repository accepts, once that is known. Whoever finds out holds the lock; requests do not.
type Slot = Arc<Mutex<Option<Kept>>>;

struct Kept {
    granted: Granted,
    /// What it was the answer to, so that it can be renewed without being refused first.
    demand: Demand,
}

/// A registry's wish for an `Authorization`.
struct Demand {
    url: Url,
    challenges: Vec<Challenge>,
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    // These maps are whole after each insert, whoever panicked later.
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One repository; with an empty name, the registry itself.
#[derive(Clone)]
pub(super) struct Registry<'f> {
    fetcher: &'f Fetcher<'f>,
    host: String,
    repository: String,
}

impl<'f> Registry<'f> {
    pub(super) fn new(fetcher: &'f Fetcher<'_>, host: &str, repository: &str) -> Self {
        Self {
            fetcher,
            host: host.to_owned(),
            repository: repository.to_owned(),
        }
    }

    pub(super) fn name(&self, digest: &OciDigest) -> String {
        format!("oci://{}/{}@{digest}", self.host, self.repository)
    }

    /// What a tag stands for now, with the digest of its bytes.
    pub(super) fn tagged(&self, tag: &str) -> Result<(Vec<u8>, OciDigest), Error> {
        let what = format!("oci://{}/{}:{tag}", self.host, self.repository);
        let (hint, bytes) = patiently(self.fetcher, &what, || {
            let answer = self.get(&format!("manifests/{tag}"), &what, &MANIFESTS, None)?;
            let hint = answer.header("docker-content-digest");
            Ok((hint, self.read(answer)?))
        })?;
        let seen = Verifier::check(&what, Expected::default(), &bytes)?;
        let hint = hint
            .first()
            .filter(|hint| hint.starts_with("sha256:") && **hint != seen.digest.to_string());
        if let Some(hint) = hint {
            let text = format!(
                "{what}: the registry's header names {hint}, but its bytes are {}, which counts",
                seen.digest
            );
            self.fetcher.observer.event(Event::Note { text: &text });
        }
        Ok((bytes, seen.digest))
    }

    /// The bytes of a manifest; the caller checks them.
    pub(super) fn manifest(&self, digest: &OciDigest) -> Result<Vec<u8>, Error> {
        let what = self.name(digest);
        patiently(self.fetcher, &what, || {
            self.read(self.get(&format!("manifests/{digest}"), &what, &MANIFESTS, None)?)
        })
    }

    /// The bytes of a config; the caller checks them.
    pub(super) fn config(&self, digest: &OciDigest) -> Result<Vec<u8>, Error> {
        let what = self.name(digest);
        patiently(self.fetcher, &what, || {
            self.read(self.get(&format!("blobs/{digest}"), &what, &[], None)?)
        })
    }

    fn read(&self, answer: Answer) -> Result<Vec<u8>, Error> {
        let limit = self.fetcher.settings.max_manifest;
        let read = self.fetcher.web.read(answer, limit);
        read.map_err(|error| error.limited_by(super::Settings::MAX_MANIFEST))
    }

    /// The answer that brings a blob, or the rest of one.
    pub(super) fn blob(&self, digest: &OciDigest, rest: Option<&Rest>) -> Result<Answer, Error> {
        self.get(&format!("blobs/{digest}"), &self.name(digest), &[], rest)
    }

    /// The host, as it is called in references.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// A request with the login that the registry asks for.
    fn get(
        &self,
        path: &str,
        what: &str,
        accept: &[&str],
        rest: Option<&Rest>,
    ) -> Result<Answer, Error> {
        let request = Request {
            path,
            what,
            accept,
            rest,
        };
        let slot = self.slot();
        let known = self.known(&slot)?;
        let authorization = known.as_ref().map(|known| &known.authorization);
        let (url, answer) = self.send(&request, authorization)?;
        if !answer.is_unauthorized() {
            let advice = known.as_ref().map(|known| known.advice.as_str());
            return answer.success_for(rest).map_err(|error| match advice {
                Some(advice) => advised(error, advice),
                None => error,
            });
        }
        // Also the way of a token that was good earlier in this run.
        let challenges = challenge::parse(&answer.header("www-authenticate"));
        let granted = self.another(&slot, known, Demand { url, challenges })?;
        let (_, answer) = self.send(&request, Some(&granted.authorization))?;
        if answer.is_unauthorized() {
            let mut kept = held(&slot);
            if is_kept(kept.as_ref(), &granted) {
                *kept = None;
            }
        }
        answer
            .success_for(rest)
            .map_err(|error| advised(error, &granted.advice))
    }

    fn slot(&self) -> Slot {
        let key = (self.host.clone(), self.repository.clone());
        Arc::clone(held(&self.fetcher.sessions.slots).entry(key).or_default())
    }

    /// What is known to be accepted; renewed if it has run out.
    fn known(&self, slot: &Slot) -> Result<Option<Granted>, Error> {
        let mut kept = held(slot);
        if let Some(kept) = kept.as_mut()
            && kept.granted.has_run_out(Instant::now())
        {
            kept.granted = self.authorize(&kept.demand)?;
        }
        Ok(kept.as_ref().map(|kept| kept.granted.clone()))
    }

    /// Another than the one that was refused: what somebody else got meanwhile, or a new one.
    fn another(
        &self,
        slot: &Slot,
        refused: Option<Granted>,
        demand: Demand,
    ) -> Result<Granted, Error> {
        let mut kept = held(slot);
        if let Some(current) = kept.as_ref() {
            let is_refused = refused.is_some_and(|refused| is_kept(kept.as_ref(), &refused));
            if !is_refused {
                return Ok(current.granted.clone());
            }
        }
        let granted = self.authorize(&demand)?;
        *kept = Some(Kept {
            granted: granted.clone(),
            demand,
        });
        Ok(granted)
    }

    fn authorize(&self, demand: &Demand) -> Result<Granted, Error> {
        let observer = self.fetcher.observer;
        let login = self
            .credentials()
            .login(&self.host, &self.repository, observer)?;
        self.authorize_as(&login, demand)
    }

    /// What a login is worth: a token where one is wanted, which is better, or else the password itself.
    fn authorize_as(&self, login: &Login, demand: &Demand) -> Result<Granted, Error> {
        let url = &demand.url;
        let offered = |scheme: &str| demand.challenges.iter().find(|c| c.scheme == scheme);
        if let Some(bearer) = offered("bearer") {
            let request = TokenRequest {
                registry: &self.host,
                url,
                repository: &self.repository,
                login,
                token_realms: &self.fetcher.settings.token_realms,
            };
            return request.send(&self.fetcher.web, bearer);
        }
        let denied = |why: String| Err(Error::denied(self.host.as_str(), why));
        if offered("basic").is_none() {
            let schemes: Vec<_> = demand.challenges.iter().map(|c| &*c.scheme).collect();
            return denied(format!(
                "it wants a login of a kind that is not known here ({}); Basic and Bearer are",
                schemes.join(", ")
            ));
        }
        let source = &login.source;
        match &login.means {
            Means::Password(_) if !hides(url) => denied(format!(
                "it wants a login over plain http, where everybody could read it; that from {source} was not sent"
            )),
            Means::Password(authorization) => Ok(Granted {
                authorization: authorization.clone(),
                advice: format!("the login from {source} was refused"),
                showed_login: true,
                until: None,
            }),
            Means::IdentityToken(_) => denied(format!(
                "it wants a password, and the login from {source} is an identity token, which is for token servers"
            )),
            Means::Nothing => denied(format!("it wants a login; {}", no_login(&self.host))),
        }
    }

    fn credentials(&self) -> &'f Credentials {
        let cell = &self.fetcher.sessions.credentials;
        cell.get_or_init(|| Credentials::new(&self.fetcher.settings))
    }

    /// A request in the scheme that the registry speaks.
    fn send(
        &self,
        request: &Request<'_>,
        authorization: Option<&Secret>,
    ) -> Result<(Url, Answer), Error> {
        let schemes = &self.fetcher.sessions.schemes;
        let known = held(schemes).get(&self.host).copied();
        let attempt = |scheme| {
            let url = self.url(scheme, request.path)?;
            let ask = Ask {
                url: &url,
                what: request.what,
                accept: request.accept,
                authorization,
                rest: request.rest,
            };
            let answer = self.fetcher.web.get(&ask)?;
            Ok::<_, Failure>((url, answer))
        };
        let (scheme, sent) = match attempt(known.unwrap_or(Scheme::Https)) {
            // What spoke TLS before only failed to do so once.
            Err(Failure::NoTls(error)) => {
                if known.is_some()
                    || !self
                        .fetcher
                        .web
                        .permits_plain(&self.url(Scheme::Http, request.path)?)
                {
                    return Err(error);
                }
                (Scheme::Http, attempt(Scheme::Http)?)
            }
            sent => (known.unwrap_or(Scheme::Https), sent?),
        };
        held(schemes).insert(self.host.clone(), scheme);
        Ok(sent)
    }

    fn url(&self, scheme: Scheme, path: &str) -> Result<Url, Error> {
        let host = API_HOSTS
            .iter()
            .find(|(registry, _)| *registry == self.host)
            .map_or(self.host.as_str(), |(_, api)| api);
        let scheme = match scheme {
            Scheme::Https => "https",
            Scheme::Http => "http",
        };
        let below = match self.repository.as_str() {
            "" => String::new(),
            repository => format!("{repository}/{path}"),
        };
        Url::parse(&format!("{scheme}://{host}/v2/{below}"))
            .ok_or_else(|| Error::unsupported(self.host.as_str(), "it is not the name of a host"))
    }
}

fn is_kept(kept: Option<&Kept>, granted: &Granted) -> bool {
    kept.is_some_and(|kept| kept.granted.authorization == granted.authorization)
}

#[cfg(test)]
mod tests;
