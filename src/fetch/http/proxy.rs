//! Which proxy a request goes through, as the client decides it: by `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and
//! `NO_PROXY`, and never for this machine.

use hyper_util::client::proxy::matcher::Matcher;

use super::Url;

/// The proxy for a URL as `scheme://host:port`, without the user and password that may belong to it.
pub(in crate::fetch) fn proxy_of(url: &Url) -> Option<String> {
    if url.is_loopback() {
        return None;
    }
    let uri = url.as_reqwest().as_str().parse().ok()?;
    let proxy = Matcher::from_system().intercept(&uri)?;
    let uri = proxy.uri();
    let scheme = uri.scheme_str().unwrap_or("http");
    let port = uri.port().map(|port| format!(":{port}"));
    let host = uri.host().unwrap_or_default();
    Some(format!("{scheme}://{host}{}", port.unwrap_or_default()))
}
