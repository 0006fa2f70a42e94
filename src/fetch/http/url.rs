//! A URL for HTTP: without credentials in it, and without its query when shown after a redirect.

use std::fmt;
use std::net::IpAddr;

use super::super::secret::Secret;

/// Registries whose API has another host.
pub(in crate::fetch) const API_HOSTS: &[(&str, &str)] = &[("docker.io", "registry-1.docker.io")];

/// An `http` or `https` URL; what stood before the `@` is kept apart.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::fetch) struct Url {
    inner: reqwest::Url,
    login: Option<Secret>,
    shown: String,
}

impl Url {
    /// Parses a declared URL; `None` when it is none, or of another scheme.
    pub(in crate::fetch) fn parse(text: &str) -> Option<Self> {
        let url = reqwest::Url::parse(text).ok()?;
        Self::of(url, |url| url.as_str().to_owned())
    }

    /// Resolves a redirect: its query may hold a signature, so it is not shown.
    pub(super) fn join(&self, location: &str) -> Option<Self> {
        let mut joined = self.inner.join(location).ok()?;
        // A redirect is no place to learn credentials from.
        joined.set_username("").ok()?;
        joined.set_password(None).ok()?;
        Self::of(joined, |url| {
            let mut bare = url.clone();
            bare.set_query(None);
            bare.to_string()
        })
    }

    fn of(mut url: reqwest::Url, show: impl Fn(&reqwest::Url) -> String) -> Option<Self> {
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return None;
        }
        let login = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => Some(Secret::basic(
                &decoded(user),
                &Secret::new(decoded(password.unwrap_or_default())),
            )),
        };
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
        url.set_fragment(None);
        let shown = show(&url);
        Some(Self {
            inner: url,
            login,
            shown,
        })
    }

    /// The `Authorization` that stood in the URL.
    pub(in crate::fetch) fn login(&self) -> Option<&Secret> {
        self.login.as_ref()
    }

    pub(in crate::fetch) fn is_https(&self) -> bool {
        self.inner.scheme() == "https"
    }

    /// Scheme, host and port.
    pub(in crate::fetch) fn origin(&self) -> (&str, &str, Option<u16>) {
        (
            self.inner.scheme(),
            self.inner.host_str().unwrap_or_default(),
            self.inner.port_or_known_default(),
        )
    }

    /// Host and, where it is not the scheme's own, port.
    pub(in crate::fetch) fn authority(&self) -> String {
        let host = self.inner.host_str().unwrap_or_default();
        match self.inner.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// What the host may be called in the configuration: with its port, without where that is the scheme's own, and as
    /// the registry whose API it has.
    pub(in crate::fetch) fn names(&self) -> Vec<String> {
        let host = self.inner.host_str().unwrap_or_default();
        let port = self.inner.port_or_known_default();
        let full = port.map(|port| format!("{host}:{port}"));
        let mut names = vec![self.authority()];
        names.extend(full.filter(|full| *full != names[0]));
        let registries = API_HOSTS.iter().filter(|(_, api)| *api == host);
        names.extend(registries.map(|(name, _)| (*name).to_owned()));
        names
    }

    /// Whether the host is this machine.
    pub(in crate::fetch) fn is_loopback(&self) -> bool {
        let host = self.inner.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// The same URL with these pairs at the end of its query.
    pub(in crate::fetch) fn with_query(mut self, pairs: &[(&str, &str)]) -> Self {
        self.inner.query_pairs_mut().extend_pairs(pairs);
        self
    }

    /// Names and values as the body of a form.
    pub(super) fn encoded(fields: &[(&str, &str)]) -> String {
        let mut url = reqwest::Url::parse("http://x/").ok();
        if let Some(url) = &mut url {
            url.query_pairs_mut().extend_pairs(fields);
        }
        let query = url.as_ref().and_then(reqwest::Url::query);
        query.unwrap_or_default().to_owned()
    }

    pub(super) fn as_reqwest(&self) -> &reqwest::Url {
        &self.inner
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

/// A user or password as written in a URL, with its percent escapes undone.
fn decoded(text: &str) -> String {
    // The query's own decoder, kept from reading `+` and `&` as what they mean there.
    let pair = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    let mut url = reqwest::Url::parse("http://x/").ok();
    if let Some(url) = &mut url {
        url.set_query(Some(&pair));
    }
    url.and_then(|url| Some(url.query_pairs().next()?.1.into_owned()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_kept_but_never_shown() {
        let url = Url::parse("https://us%40er:p+%26w@example.org:8443/a?b=c#d").unwrap();
        assert_eq!(url.to_string(), "https://example.org:8443/a?b=c");
        assert_eq!(format!("{url:?}"), "Url(https://example.org:8443/a?b=c)");
        let expected = Secret::basic("us@er", &Secret::new("p+&w"));
        assert_eq!(url.login(), Some(&expected));
        assert_eq!(url.authority(), "example.org:8443");
    }

    #[test]
    fn a_redirects_query_is_sent_but_not_shown() {
        let url = Url::parse("https://example.org/a").unwrap();
        let next = url.join("//u:p@cdn.example/x?signature=s").unwrap();
        assert_eq!(next.to_string(), "https://cdn.example/x");
        assert_eq!(next.as_reqwest().query(), Some("signature=s"));
        assert_eq!(next.login(), None);
        assert!(url.join("ftp://example.org/").is_none());
    }

    #[test]
    fn a_form_is_encoded_as_browsers_do() {
        let fields = [("scope", "repository:a/b:pull"), ("t", "+&= é")];
        assert_eq!(
            Url::encoded(&fields),
            "scope=repository%3Aa%2Fb%3Apull&t=%2B%26%3D+%C3%A9"
        );
    }

    #[test]
    fn a_host_is_called_as_users_call_it() {
        let names = |text| Url::parse(text).unwrap().names();
        assert_eq!(
            names("https://r.example/v2/"),
            ["r.example", "r.example:443"]
        );
        assert_eq!(names("http://r.example:5000/"), ["r.example:5000"]);
        let hub = names("https://registry-1.docker.io/v2/");
        assert!(hub.contains(&"docker.io".to_owned()), "{hub:?}");
    }

    #[test]
    fn only_this_machine_is_loopback() {
        let loopback = |text| Url::parse(text).unwrap().is_loopback();
        assert!(loopback("http://localhost:1/") && loopback("http://127.9.0.1/"));
        assert!(loopback("http://[::1]:5000/"));
        assert!(!loopback("http://localhost.example/") && !loopback("http://10.0.0.1/"));
    }
}
