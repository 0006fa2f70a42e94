//! A repository in a registry: manifests and blobs by HTTP, with whatever login it asks for.
//!
//! HTTPS, always; a registry on this machine or one marked insecure is tried with HTTPS first and spoken to in plain
//! HTTP only when its port does not speak TLS. What worked is remembered for the run, and so is an `Authorization`,
//! for the repository that it was given for. Whatever comes is checked by who asked: headers are never believed.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::model::digest::OciDigest;
use crate::progress::Event;

use super::Fetcher;
use super::challenge;
use super::credentials::Credentials;
use super::error::Error;
use super::http::{Answer, Ask, Failure, Url};
use super::media_type::MANIFESTS;
use super::range::Rest;
use super::retry::patiently;
use super::secret::Secret;
use super::token::{Granted, TokenRequest, advised};
use super::verify::{Expected, Verifier};

/// Registries whose API has another host.
const API_HOSTS: &[(&str, &str)] = &[("docker.io", "registry-1.docker.io")];

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
    authorizations: Mutex<BTreeMap<(String, String), Secret>>,
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    // These maps are whole after each insert, whoever panicked later.
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One repository.
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
        let key = (self.host.clone(), self.repository.clone());
        let authorizations = &self.fetcher.sessions.authorizations;
        let known = held(authorizations).get(&key).cloned();
        let request = Request {
            path,
            what,
            accept,
            rest,
        };
        let (url, answer) = self.send(&request, known.as_ref())?;
        if !answer.is_unauthorized() {
            return answer.success_for(rest);
        }
        // Also the way of a token that was good earlier in this run.
        let granted = self.authorize(&url, &answer)?;
        let (_, answer) = self.send(&request, Some(&granted.authorization))?;
        let answer = answer
            .success_for(rest)
            .map_err(|error| advised(error, granted.advice.as_deref()))?;
        held(authorizations).insert(key, granted.authorization);
        Ok(answer)
    }

    fn authorize(&self, url: &Url, answer: &Answer) -> Result<Granted, Error> {
        let login = self.credentials()?.basic(&self.host, &self.repository)?;
        let challenges = challenge::parse(&answer.header("www-authenticate"));
        let offered = |scheme: &str| challenges.iter().find(|offer| offer.scheme == scheme);
        if let Some(bearer) = offered("bearer") {
            let request = TokenRequest {
                registry: &self.host,
                url,
                repository: &self.repository,
                login: login.as_ref(),
                token_realms: &self.fetcher.settings.token_realms,
            };
            return request.send(&self.fetcher.web, bearer);
        }
        let denied = |why: String| Err(Error::denied(self.host.as_str(), why));
        match (offered("basic"), login) {
            (Some(_), Some(_)) if !url.is_https() && !url.is_loopback() => {
                denied("it wants a login over plain http, where everybody could read it".to_owned())
            }
            (Some(_), Some(authorization)) => Ok(Granted {
                authorization,
                advice: Some("the login that is stored for it was refused".to_owned()),
            }),
            (Some(_), None) => denied(format!(
                "it wants a login and none is known; `docker login {0}` or `skopeo login {0}` writes one",
                self.host
            )),
            (None, _) => {
                let schemes: Vec<_> = challenges.iter().map(|c| c.scheme.as_str()).collect();
                denied(format!(
                    "it wants a login of a kind that is not known here ({}); Basic and Bearer are",
                    schemes.join(", ")
                ))
            }
        }
    }

    fn credentials(&self) -> Result<&'f Credentials, Error> {
        let cell = &self.fetcher.sessions.credentials;
        if let Some(read) = cell.get() {
            return Ok(read);
        }
        let read = Credentials::read(self.fetcher.settings.docker_config.as_deref())?;
        Ok(cell.get_or_init(|| read))
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
            Err(Failure::NoTls(error)) => {
                if !self
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
        Url::parse(&format!("{scheme}://{host}/v2/{}/{path}", self.repository))
            .ok_or_else(|| Error::unsupported(self.host.as_str(), "it is not the name of a host"))
    }
}

#[cfg(test)]
mod tests;
