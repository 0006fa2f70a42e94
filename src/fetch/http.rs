//! HTTP as the rest of this room sees it; the only file that names reqwest.
//!
//! One request is one `GET`, or the `POST` of a form, whose redirects are not followed. Redirects of a `GET` are followed here, by hand: at most ten, each hop must be permitted
//! (HTTPS, or plain HTTP to loopback and hosts marked insecure), from HTTPS never back to HTTP except within
//! loopback, and the first hop to another origin loses the `Authorization` for good. Bodies are handed over as
//! the server sent them: nothing is decompressed, whatever `Content-Encoding` says.
//!
//! A host that has failed as often as one request may be tried is not asked any more in this run.

mod clients;
mod failure;
mod hosts;
mod proxy;
mod url;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, LOCATION,
    RANGE, TRANSFER_ENCODING,
};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::error::Error;
use super::pace::Pace;
use super::range::{ContentRange, Rest};
use super::runtime::Runtime;
use super::secret::Secret;
use super::settings::Settings;

use self::clients::Clients;
use self::hosts::Hosts;

pub(super) use self::failure::Failure;
pub(super) use self::proxy::proxy_of;
pub(super) use self::url::{API_HOSTS, Url};

const MAX_REDIRECTS: usize = 10;

/// One `GET`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'q> {
    /// Where to.
    pub(super) url: &'q Url,
    /// What errors call it.
    pub(super) what: &'q str,
    /// Media types that are welcome.
    pub(super) accept: &'q [&'q str],
    /// Goes to the origin of `url` and nowhere else.
    pub(super) authorization: Option<&'q Secret>,
    /// Where the body shall begin, if not at its start.
    pub(super) rest: Option<&'q Rest>,
}

/// One `POST` of a form that holds secrets.
#[derive(Clone, Copy)]
pub(super) struct Form<'q> {
    /// Where to; HTTPS, or this machine.
    pub(super) url: &'q Url,
    /// What errors call it.
    pub(super) what: &'q str,
    /// Names and values, as they are.
    pub(super) fields: &'q [(&'q str, &'q str)],
}

/// Where the body of an answer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begins {
    /// At its start.
    AtStart,
    /// Where it was asked to.
    There,
}

/// The head of a response; its body is still to come.
#[derive(Debug)]
pub(super) struct Answer {
    response: reqwest::Response,
    what: String,
    pace: Pace,
    /// Where it comes from, when a redirect led to another origin.
    elsewhere: Option<String>,
}

impl Answer {
    /// Whether who was asked wants a login. What a redirect led to gets none, whatever it wants.
    pub(super) fn is_unauthorized(&self) -> bool {
        self.elsewhere.is_none() && self.response.status() == reqwest::StatusCode::UNAUTHORIZED
    }

    /// All values of a header that are text.
    pub(super) fn header(&self, name: &str) -> Vec<String> {
        let values = self.response.headers().get_all(name);
        values
            .iter()
            .filter_map(|value| Some(value.to_str().ok()?.to_owned()))
            .collect()
    }

    /// This answer if it is a 200, the error that its status means otherwise.
    pub(super) fn success(self) -> Result<Self, Error> {
        if self.response.status() == reqwest::StatusCode::OK {
            return Ok(self);
        }
        let error = failure::of_response(&self.response, &self.what);
        Err(match self.elsewhere {
            Some(host) => error.with_more(&format!("that was {host}, where it redirects to")),
            None => error,
        })
    }

    /// The same for a request that may have been for the rest of something: whatever speaks of ranges is an answer too.
    pub(super) fn success_for(self, rest: Option<&Rest>) -> Result<Self, Error> {
        match self.response.status().as_u16() {
            206 | 416 if rest.is_some() => Ok(self),
            _ => self.success(),
        }
    }

    /// Where the body begins, when it was asked to begin at `from`; `None` where it is of no use.
    pub(super) fn begins(&self, from: u64, size: Option<u64>) -> Option<Begins> {
        match self.response.status().as_u16() {
            200 => Some(Begins::AtStart),
            206 => {
                let header = self.response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
                let continues = ContentRange::parse(header)?.continues(from, size);
                continues.then_some(Begins::There)
            }
            _ => None,
        }
    }

    /// What the server calls this version of the content, if equal names mean equal bytes.
    pub(super) fn strong_tag(&self) -> Option<String> {
        let tag = self.response.headers().get(ETAG)?.to_str().ok()?;
        tag.starts_with('"').then(|| tag.to_owned())
    }

    /// Whether the body says where it ends; else it ends with the connection.
    pub(super) fn is_delimited(&self) -> bool {
        self.response.version() > reqwest::Version::HTTP_11
            || self.response.content_length().is_some()
            || self.response.headers().contains_key(TRANSFER_ENCODING)
    }

    /// The length that the server announces.
    pub(super) fn announced(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next bytes of the body, as they come.
    pub(super) async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let begun = Instant::now();
        let chunk = match timeout(self.pace.left(), self.response.chunk()).await {
            Ok(Ok(chunk)) => chunk,
            Ok(Err(error)) => {
                let why = format!("the transfer broke off: {}", failure::reason(&error));
                return Err(Error::passing(&self.what, why));
            }
            Err(_elapsed) => return Err(Error::passing(&self.what, self.pace.stalled())),
        };
        let bytes = chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        self.pace.came(bytes, begun.elapsed());
        Ok(chunk.map(Vec::from))
    }
}

/// The clients and the runtime under them.
#[derive(Debug)]
pub(super) struct Web {
    settings: Arc<Settings>,
    runtime: Runtime,
    clients: Clients,
    hosts: Hosts,
}

impl Web {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self {
            clients: Clients::new(Arc::clone(&settings)),
            settings,
            runtime: Runtime::default(),
            hosts: Hosts::default(),
        }
    }

    /// Sends a request and follows redirects; any status is an answer.
    pub(super) fn get(&self, ask: &Ask<'_>) -> Result<Answer, Failure> {
        self.clients.of(ask.url, ask.what)?;
        self.runtime.block_on(self.follow(ask))?
    }

    /// Sends a form; a redirect is denied, since it would take the form elsewhere, and every other status is an answer.
    pub(super) fn post(&self, form: &Form<'_>) -> Result<Answer, Error> {
        let Form { url, what, fields } = *form;
        if !hides(url) {
            let why = "credentials are not sent over plain http, where everybody could read them";
            return Err(Error::denied(what, why));
        }
        let request = self
            .clients
            .of(url, what)?
            .post(url.as_reqwest().clone())
            .header(ACCEPT_ENCODING, "identity")
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Url::encoded(fields));
        let sent = self.runtime.block_on(self.answered(request, url, what))?;
        let response = sent.map_err(Error::from)?;
        if response.status().is_redirection() {
            let why = "it answers a POST with a redirect, which is not followed";
            return Err(Error::denied(what, why));
        }
        Ok(self.answer(response, what, None))
    }

    fn answer(&self, response: reqwest::Response, what: &str, elsewhere: Option<String>) -> Answer {
        Answer {
            response,
            elsewhere,
            what: what.to_owned(),
            pace: Pace::new(self.settings.idle_timeout, self.settings.min_rate),
        }
    }

    /// Reads a whole body of at most `limit` bytes.
    pub(super) fn read(&self, mut answer: Answer, limit: u64) -> Result<Vec<u8>, Error> {
        self.runtime.block_on(async move {
            let mut body = Vec::new();
            while let Some(chunk) = answer.chunk().await? {
                if (body.len() + chunk.len()) as u64 > limit {
                    return Err(Error::TooLarge {
                        what: answer.what,
                        limit,
                        key: None,
                    });
                }
                body.extend_from_slice(&chunk);
            }
            Ok(body)
        })?
    }

    /// Lets a transfer run beside the caller.
    pub(super) fn spawn<F>(&self, transfer: F) -> Result<AbortHandle, Error>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.runtime.spawn(transfer)
    }

    /// Whether plain HTTP to this host is allowed.
    pub(super) fn permits_plain(&self, url: &Url) -> bool {
        let is_insecure = |host: &String| self.settings.insecure_hosts.contains(host);
        url.is_loopback() || url.names().iter().any(is_insecure)
    }

    /// The certificates that vouch for this host besides the system's.
    pub(super) fn authority(&self, url: &Url) -> Option<&Path> {
        self.clients.authority(url)
    }

    /// A host that gave no answer, however often it was asked, is not asked again.
    pub(super) fn give_up(&self, error: &Error) {
        if let Error::Temporary {
            why,
            host: Some(host),
            ..
        } = error
        {
            self.hosts.give_up(host, why);
        }
    }

    async fn follow(&self, ask: &Ask<'_>) -> Result<Answer, Failure> {
        let mut url = ask.url.clone();
        let mut authorization = ask.authorization;
        for hop in 0..=MAX_REDIRECTS {
            let response = match self.send(&url, authorization, ask).await {
                Err(Failure::NoTls(error)) if hop > 0 => return Err(error.into()),
                other => other?,
            };
            let Some(next) = target(&url, &response, ask.what)? else {
                let elsewhere = (url.origin() != ask.url.origin()).then(|| url.authority());
                return Ok(self.answer(response, ask.what, elsewhere));
            };
            if is_downgrade(&url, &next) {
                let why = format!("it redirects from https to plain http at {next}");
                return Err(Error::denied(ask.what, why).into());
            }
            if next.origin() != url.origin() {
                authorization = None;
            }
            url = next;
        }
        let why = format!("more than {MAX_REDIRECTS} redirects");
        Err(Error::denied(ask.what, why).into())
    }

    async fn send(
        &self,
        url: &Url,
        authorization: Option<&Secret>,
        ask: &Ask<'_>,
    ) -> Result<reqwest::Response, Failure> {
        if !url.is_https() && !self.permits_plain(url) {
            let why = format!(
                "plain http is used for this machine only; use https, or set `insecure = true` \
                 under [registry.\"{}\"] in the configuration",
                url.authority()
            );
            return Err(Error::denied(ask.what, why).into());
        }
        let host = url.authority();
        self.hosts.check(&host, ask.what)?;
        let mut request = self
            .clients
            .of(url, ask.what)?
            .get(url.as_reqwest().clone())
            .header(ACCEPT_ENCODING, "identity");
        if !ask.accept.is_empty() {
            request = request.header(ACCEPT, ask.accept.join(", "));
        }
        if let Some(secret) = authorization.filter(|_| hides(url)) {
            request = request.header(AUTHORIZATION, sensitive(secret, ask.what)?);
        }
        if let Some(rest) = ask.rest {
            request = request.header(RANGE, format!("bytes={}-", rest.from));
            if let Some(tag) = &rest.tag {
                request = request.header(IF_RANGE, tag);
            }
        }
        self.answered(request, url, ask.what).await
    }

    /// The head of the answer, if it comes in time.
    async fn answered(
        &self,
        request: reqwest::RequestBuilder,
        url: &Url,
        what: &str,
    ) -> Result<reqwest::Response, Failure> {
        let patience = self.settings.connect_timeout + self.settings.idle_timeout;
        let host = url.authority();
        let failed = match timeout(patience, request.send()).await {
            Ok(Ok(answer)) => {
                self.hosts.answered(&host);
                return Ok(answer);
            }
            Ok(Err(error)) => failure::of_request(&error, url, what),
            Err(_elapsed) => {
                let why = format!("{host}: no answer within {} s", patience.as_secs_f64());
                Error::passing(what, why).into()
            }
        };
        Err(match failed {
            Failure::Failed(error) => {
                Failure::Failed(self.hosts.judged(&host, error.of_host(&host)))
            }
            probed @ Failure::NoTls(_) => probed,
        })
    }
}

/// Whether nobody else can read what goes there.
pub(super) fn hides(url: &Url) -> bool {
    url.is_https() || url.is_loopback()
}

/// From a connection that nobody can read to one that everybody can.
fn is_downgrade(from: &Url, to: &Url) -> bool {
    from.is_https() && !to.is_https() && !(from.is_loopback() && to.is_loopback())
}

fn sensitive(secret: &Secret, what: &str) -> Result<reqwest::header::HeaderValue, Error> {
    let header = reqwest::header::HeaderValue::from_str(secret.expose());
    let mut value = header.map_err(|_cause| {
        Error::denied(
            what,
            "the credentials hold a character that no header can carry",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Where a redirect leads; `None` for every other answer.
fn target(url: &Url, response: &reqwest::Response, what: &str) -> Result<Option<Url>, Error> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = response.headers().get(LOCATION);
    let next = location
        .and_then(|value| value.to_str().ok())
        .and_then(|text| url.join(text));
    next.map(Some)
        .ok_or_else(|| Error::temporary(what, "it redirects to nowhere"))
}

#[cfg(test)]
mod tests;
