//! What a failed request means: statuses and transport errors become the classes of this room's errors.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, RETRY_AFTER};

use super::super::error::{Again, Error};
use super::url::Url;

/// Why there is no answer.
#[derive(Debug)]
pub(in crate::fetch) enum Failure {
    /// The port does not speak TLS: somebody may want to try plain HTTP.
    NoTls(Error),
    /// Everything else.
    Failed(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let (Failure::NoTls(error) | Failure::Failed(error)) = failure;
        error
    }
}

/// The error that an answer other than 200 stands for.
pub(super) fn of_response(response: &reqwest::Response, what: &str) -> Error {
    let header = |name| response.headers().get(name)?.to_str().ok();
    let error = of_status(response.status(), what);
    match (error, header(RETRY_AFTER)) {
        (
            Error::Temporary {
                what,
                why,
                again: Again::Soon,
                host,
            },
            Some(after),
        ) => Error::Temporary {
            what,
            why,
            host,
            again: wait(after, header(DATE)).map_or(Again::Soon, Again::After),
        },
        (error, _) => error,
    }
}

/// A `Retry-After`, in either of its forms: seconds, or a moment, which is counted from the server's own `Date`.
fn wait(after: &str, date: Option<&str>) -> Option<Duration> {
    let after = after.trim();
    if !after.is_empty() && after.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(after.parse().unwrap_or(u64::MAX)));
    }
    let moment = |text: &str| DateTimeParser::new().parse_timestamp(text.trim()).ok();
    let wait = moment(after)?.duration_since(moment(date?)?);
    Some(wait.try_into().unwrap_or_default())
}

fn of_status(status: reqwest::StatusCode, what: &str) -> Error {
    let why = format!("the server answered {status}");
    match status.as_u16() {
        404 | 410 => Error::absent(what, why),
        408 | 425 | 429 | 500..=599 => Error::passing(what, why),
        100..=399 => Error::temporary(what, format!("{why} where 200 was expected")),
        _ => Error::denied(what, why),
    }
}

/// What kept a request from being answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    NoTls,
    Certificate,
    /// The handshake ended without a word: perhaps no TLS.
    Silence,
    /// Nobody listens there.
    Refused,
    Other,
}

/// Sorts a transport error.
pub(super) fn of_request(error: &reqwest::Error, url: &Url, what: &str) -> Failure {
    let why = format!("{}: {}", url.authority(), reason(error));
    let trouble = match trouble(error) {
        trouble if url.is_https() => trouble,
        Trouble::Refused => Trouble::Refused,
        _ => Trouble::Other,
    };
    match trouble {
        Trouble::NoTls => Failure::NoTls(Error::temporary(
            what,
            format!("{} does not speak TLS: {}", url.authority(), reason(error)),
        )),
        Trouble::Silence if url.is_loopback() => Failure::NoTls(Error::passing(what, why)),
        Trouble::Refused => Failure::Failed(Error::temporary(what, why)),
        Trouble::Certificate => Failure::Failed(Error::denied(
            what,
            format!(
                "{0}: the server's certificate is not trusted: {1}; certificates are read from SSL_CERT_FILE or \
                 the distribution's ca-certificates, and those for one host from the file that `ca = \"…\"` \
                 under [registry.\"{0}\"] in the configuration names",
                url.authority(),
                reason(error)
            ),
        )),
        Trouble::Silence | Trouble::Other => Failure::Failed(Error::passing(what, why)),
    }
}

fn trouble(error: &reqwest::Error) -> Trouble {
    for link in links(error) {
        if let Some(tls) = link.downcast_ref::<rustls::Error>() {
            return match tls {
                rustls::Error::InvalidMessage(_) => Trouble::NoTls,
                rustls::Error::InvalidCertificate(_)
                | rustls::Error::InvalidCertRevocationList(_)
                | rustls::Error::NoCertificatesPresented
                | rustls::Error::UnsupportedNameType => Trouble::Certificate,
                _ => Trouble::Other,
            };
        }
        let kind = link.downcast_ref::<io::Error>().map(io::Error::kind);
        match kind {
            Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
                if error.is_connect() =>
            {
                return Trouble::Silence;
            }
            Some(io::ErrorKind::ConnectionRefused) => return Trouble::Refused,
            _ => {}
        }
    }
    if error.is_connect() && error.is_timeout() {
        return Trouble::Silence;
    }
    Trouble::Other
}

/// The chain of causes; an `io::Error` hides the error that it carries from `source()`, so this looks inside.
fn links(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |&link| {
        match link
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner as _),
            None => link.source(),
        }
    })
}

/// The causes as text, without the URL (it may hold a signature) and without repetitions.
pub(super) fn reason(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    if error.is_timeout() {
        texts.push("timed out".to_owned());
    }
    for link in links(error) {
        let text = link.to_string();
        let told = texts.iter().any(|earlier| earlier.contains(&text));
        if !told && !link.is::<reqwest::Error>() && !text.starts_with("client error") {
            texts.push(text);
        }
    }
    if texts.is_empty() {
        texts.push("the request failed".to_owned());
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_retry_after_are_read() {
        let seconds = |after, date| wait(after, date).map(|wait| wait.as_secs());
        assert_eq!(seconds("120", None), Some(120));
        assert_eq!(seconds("99999999999999999999", None), Some(u64::MAX));
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(seconds("Sun, 06 Nov 1994 08:50:00 GMT", date), Some(23));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:00:00 GMT", date), Some(0));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:50:00 GMT", None), None);
        for bad in ["", "-1", "soon", "1.5"] {
            assert_eq!(seconds(bad, date), None, "{bad}");
        }
    }

    #[test]
    fn each_status_has_its_class() {
        let class = |code| of_status(reqwest::StatusCode::from_u16(code).unwrap(), "x");
        for code in [401, 403, 400, 451] {
            assert!(matches!(class(code), Error::Denied { .. }), "{code}");
        }
        for code in [404, 410] {
            assert!(matches!(class(code), Error::Absent { .. }), "{code}");
        }
        for code in [408, 425, 429, 500, 503, 204, 206] {
            assert!(matches!(class(code), Error::Temporary { .. }), "{code}");
        }
    }
}
