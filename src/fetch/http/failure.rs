//! What a failed request means: statuses and transport errors become the classes of this room's errors.

use std::error::Error as StdError;
use std::io;

use super::super::error::Error;
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

/// The error that a status other than 200 stands for.
pub(super) fn of_status(status: reqwest::StatusCode, what: &str) -> Error {
    let why = format!("the server answered {status}");
    match status.as_u16() {
        404 | 410 => Error::absent(what, why),
        408 | 425 | 429 | 500..=599 => Error::temporary(what, why),
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
    Other,
}

/// Sorts a transport error.
pub(super) fn of_request(error: &reqwest::Error, url: &Url, what: &str) -> Failure {
    let temporary = || Error::temporary(what, format!("{}: {}", url.authority(), reason(error)));
    let trouble = if url.is_https() {
        trouble(error)
    } else {
        Trouble::Other
    };
    match trouble {
        Trouble::NoTls => Failure::NoTls(Error::temporary(
            what,
            format!("{} does not speak TLS: {}", url.authority(), reason(error)),
        )),
        Trouble::Silence if url.is_loopback() => Failure::NoTls(temporary()),
        Trouble::Certificate => Failure::Failed(Error::denied(
            what,
            format!(
                "{}: the server's certificate is not trusted: {}; system certificates are read \
                 from SSL_CERT_FILE or the distribution's ca-certificates",
                url.authority(),
                reason(error)
            ),
        )),
        Trouble::Silence | Trouble::Other => Failure::Failed(temporary()),
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
        let ended = link.downcast_ref::<io::Error>().is_some_and(|io| {
            let kind = io.kind();
            kind == io::ErrorKind::UnexpectedEof || kind == io::ErrorKind::ConnectionReset
        });
        if ended && error.is_connect() {
            return Trouble::Silence;
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
