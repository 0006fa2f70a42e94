//! HTTP as the rest of this room sees it; the only file that names reqwest.
//!
//! One request is one `GET`. Redirects are followed here, by hand: at most ten, each hop must be permitted
//! (HTTPS, or plain HTTP to loopback and hosts marked insecure), from HTTPS never back to HTTP except within
//! loopback, and the first hop to another origin loses the `Authorization` for good. Bodies are handed over as
//! the server sent them: nothing is decompressed, whatever `Content-Encoding` says.
//!
//! Clients are built at the first use, so that a run without network touches no certificate file, and a run with
//! `--offline` cannot get one. There are two: loopback is never reached through a proxy.

mod failure;
mod url;

use std::future::Future;
use std::sync::{Arc, Once, OnceLock};
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, LOCATION};

use super::error::Error;
use super::runtime::Runtime;
use super::secret::Secret;
use super::settings::{Network, Settings};

pub(super) use self::failure::Failure;
pub(super) use self::url::Url;

const MAX_REDIRECTS: usize = 10;
/// A handshake with a port of this machine; one that takes longer is no TLS server.
const LOOPBACK_CONNECT: Duration = Duration::from_secs(3);

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
}

/// The head of a response; its body is still to come.
#[derive(Debug)]
pub(super) struct Answer {
    response: reqwest::Response,
    what: String,
}

impl Answer {
    pub(super) fn is_unauthorized(&self) -> bool {
        self.response.status() == reqwest::StatusCode::UNAUTHORIZED
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
            Ok(self)
        } else {
            Err(failure::of_status(self.response.status(), &self.what))
        }
    }

    /// The length that the server announces.
    pub(super) fn announced(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next bytes of the body, as they come.
    pub(super) async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match self.response.chunk().await {
            Ok(chunk) => Ok(chunk.map(Vec::from)),
            Err(error) => Err(Error::temporary(
                &self.what,
                format!("the transfer broke off: {}", failure::reason(&error)),
            )),
        }
    }
}

/// The two clients and the runtime under them.
#[derive(Debug)]
pub(super) struct Web {
    settings: Arc<Settings>,
    runtime: Runtime,
    outside: OnceLock<reqwest::Client>,
    loopback: OnceLock<reqwest::Client>,
}

impl Web {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            runtime: Runtime::default(),
            outside: OnceLock::new(),
            loopback: OnceLock::new(),
        }
    }

    /// Sends a request and follows redirects; any status is an answer.
    pub(super) fn get(&self, ask: &Ask<'_>) -> Result<Answer, Failure> {
        self.client(ask.url, ask.what)?;
        self.runtime.block_on(self.follow(ask))?
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
    pub(super) fn spawn<F>(&self, transfer: F) -> Result<(), Error>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.runtime.spawn(transfer)
    }

    /// Whether plain HTTP to this host is allowed.
    pub(super) fn permits_plain(&self, url: &Url) -> bool {
        url.is_loopback() || self.settings.insecure_hosts.contains(&url.authority())
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
                let what = ask.what.to_owned();
                return Ok(Answer { response, what });
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
        let mut request = self
            .client(url, ask.what)?
            .get(url.as_reqwest().clone())
            .header(ACCEPT_ENCODING, "identity");
        if !ask.accept.is_empty() {
            request = request.header(ACCEPT, ask.accept.join(", "));
        }
        if let Some(secret) = authorization.filter(|_| url.is_https() || url.is_loopback()) {
            request = request.header(AUTHORIZATION, sensitive(secret, ask.what)?);
        }
        let sent = request.send().await;
        sent.map_err(|error| failure::of_request(&error, url, ask.what))
    }

    fn client(&self, url: &Url, what: &str) -> Result<&reqwest::Client, Error> {
        if self.settings.network == Network::Forbidden {
            return Err(Error::Offline { what: what.into() });
        }
        let (cell, reach) = if url.is_loopback() {
            (&self.loopback, Reach::Loopback)
        } else {
            (&self.outside, Reach::Outside)
        };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let built = build(&self.settings, reach, Roots::System)
            // A machine without CA certificates still has its own ports and hosts without TLS;
            // against no root at all every certificate fails, with an error that says so.
            .or_else(|_| build(&self.settings, reach, Roots::None))
            .map_err(|error| Error::denied(what, failure::reason(&error)))?;
        Ok(cell.get_or_init(|| built))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Loopback,
    Outside,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Roots {
    System,
    None,
}

fn build(settings: &Settings, reach: Reach, roots: Roots) -> reqwest::Result<reqwest::Client> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // An error means that somebody else in this process was first, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
    let mut builder = reqwest::Client::builder()
        .user_agent(&settings.user_agent)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .read_timeout(settings.read_timeout);
    builder = match reach {
        Reach::Outside => builder.connect_timeout(settings.connect_timeout),
        Reach::Loopback => builder
            .no_proxy()
            .connect_timeout(settings.connect_timeout.min(LOOPBACK_CONNECT)),
    };
    if roots == Roots::None {
        builder = builder.tls_certs_only([]);
    }
    builder.build()
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
