//! Bearer tokens: who may see the registry's credentials, and what comes back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::challenge::Challenge;
use super::credentials::{Login, Means};
use super::error::Error;
use super::http::{Answer, Ask, Form, Url, Web, hides};
use super::secret::Secret;

/// Longest answer of a token server.
const LIMIT: u64 = 64 << 10;
/// How long a token is good when its server does not say, by docker's specification.
const LIFETIME: Duration = Duration::from_secs(60);
/// Registries whose token server has another name.
const BUILT_IN: &[(&str, &str)] = &[("docker.io", "auth.docker.io")];

/// `issued_at` is left out: the clock that it is from is not this machine's.
#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    /// Whatever is no number of seconds counts as not said: it is no reason to do without the token.
    #[serde(default)]
    expires_in: serde_json::Value,
}

/// What a token is for.
pub(super) struct TokenRequest<'q> {
    /// The registry as it is called in references.
    pub(super) registry: &'q str,
    /// The URL that answered with the challenge.
    pub(super) url: &'q Url,
    /// What shall be pulled; empty when only the login is to be tried.
    pub(super) repository: &'q str,
    /// The user's login at the registry.
    pub(super) login: &'q Login,
    /// Registry -> token servers that the user trusts with its login.
    pub(super) token_realms: &'q BTreeMap<String, Vec<String>>,
}

/// An `Authorization`, and what to tell the user if it does not help.
#[derive(Debug, Clone)]
pub(super) struct Granted {
    pub(super) authorization: Secret,
    pub(super) advice: String,
    /// Whether somebody was shown the login for it.
    pub(super) showed_login: bool,
    /// When it runs out, by the clock that nobody sets.
    pub(super) until: Option<Instant>,
}

impl Granted {
    pub(super) fn has_run_out(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl TokenRequest<'_> {
    /// Asks the realm of a Bearer challenge for a token that may pull.
    pub(super) fn send(&self, web: &Web, challenge: &Challenge) -> Result<Granted, Error> {
        let what = self.registry;
        let realm = challenge.parameters.get("realm").map(String::as_str);
        let Some(realm) = realm.and_then(Url::parse) else {
            return Err(Error::denied(
                what,
                "it asks for a token without naming a token server (realm)",
            ));
        };
        if !realm.is_https() && !web.permits_plain(&realm) {
            let why = format!("its token server {realm} does not use https");
            return Err(Error::denied(what, why));
        }
        let (means, advice) = self.shown_to(&realm);
        let shown = realm.to_string();
        let service = challenge.parameters.get("service").map(String::as_str);
        // Counted from before the server gave it.
        let began = Instant::now();
        let answered = self.ask(web, &realm, service, means);
        let answer = answered.map_err(|error| advised(error, &advice))?;
        let body = web.read(answer, LIMIT)?;
        let (authorization, lifetime) = token(&shown, &body)?;
        Ok(Granted {
            authorization,
            advice,
            showed_login: *means != Means::Nothing,
            until: began.checked_add(lifetime),
        })
    }

    /// A `GET` with a password or nothing; a form with an identity token.
    fn ask(
        &self,
        web: &Web,
        realm: &Url,
        service: Option<&str>,
        means: &Means,
    ) -> Result<Answer, Error> {
        let shown = realm.to_string();
        let scope = format!("repository:{}:pull", self.repository);
        let mut pairs = Vec::new();
        if !self.repository.is_empty() {
            pairs.push(("scope", scope.as_str()));
        }
        pairs.extend(service.map(|service| ("service", service)));
        let authorization = match means {
            Means::IdentityToken(token) => {
                pairs.extend([
                    ("grant_type", "refresh_token"),
                    ("client_id", "pyro"),
                    ("refresh_token", token.expose()),
                ]);
                let form = Form {
                    url: realm,
                    what: &shown,
                    fields: &pairs,
                };
                return web.post(&form)?.success();
            }
            Means::Password(basic) => Some(basic),
            Means::Nothing => None,
        };
        let url = realm.clone().with_query(&pairs);
        let ask = Ask {
            url: &url,
            what: &shown,
            accept: &["application/json"],
            authorization,
            rest: None,
        };
        web.get(&ask).map_err(Error::from)?.success()
    }

    /// The login if the realm may see it; also what to tell the user where it does not help.
    fn shown_to(&self, realm: &Url) -> (&Means, String) {
        let source = &self.login.source;
        if self.login.means == Means::Nothing {
            return (&Means::Nothing, no_login(self.registry));
        }
        let authority = realm.authority();
        let listed = self.token_realms.get(self.registry);
        let trusted = realm.origin() == self.url.origin()
            || BUILT_IN.contains(&(self.registry, &authority)) && realm.is_https()
            || listed.is_some_and(|realms| realms.contains(&authority));
        if !trusted {
            let advice = format!(
                "the login from {source} was not sent to the token server {authority}, which is not the \
                 registry; if it may see it, set `token-realms = [\"{authority}\"]` under [registry.\"{}\"] in \
                 the configuration",
                self.registry
            );
            return (&Means::Nothing, advice);
        }
        if !hides(realm) {
            let advice = format!(
                "the login from {source} was not sent to the token server {authority} over plain http, where \
                 everybody could read it"
            );
            return (&Means::Nothing, advice);
        }
        let advice = format!("the login from {source} was used");
        (&self.login.means, advice)
    }
}

/// What to tell who has no login.
pub(super) fn no_login(registry: &str) -> String {
    format!(
        "no login for {registry} is known (anonymous); `pyro login {registry}` stores one, and so do docker, \
         podman and skopeo"
    )
}

/// Adds advice to an error that a login could have prevented.
pub(super) fn advised(error: Error, advice: &str) -> Error {
    match error {
        Error::Denied { what, why } => Error::Denied {
            what,
            why: format!("{why}; {advice}"),
        },
        error => error,
    }
}

/// The `Authorization` in what a token server answered, and for how long it is good.
fn token(what: &str, body: &[u8]) -> Result<(Secret, Duration), Error> {
    let answer: Option<TokenAnswer> = serde_json::from_slice(body).ok();
    // Servers that do not care say 0.
    let seconds = answer
        .as_ref()
        .and_then(|answer| answer.expires_in.as_u64());
    let seconds = seconds.filter(|seconds| *seconds > 0);
    let token = answer.and_then(|answer| answer.token.or(answer.access_token));
    match token.filter(|token| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic())) {
        Some(token) => Ok((
            Secret::new(format!("Bearer {token}")),
            seconds.map_or(LIFETIME, Duration::from_secs),
        )),
        None => Err(Error::temporary(
            what,
            "the token server answered without a token",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::credentials::Source;
    use super::*;

    fn sees_login(registry: &str, url: &str, realm: &str, listed: &[&str]) -> bool {
        let login = Login {
            source: Source::Helper("h".to_owned()),
            means: Means::Password(Secret::new("Basic x")),
        };
        let realms = listed.iter().map(ToString::to_string).collect();
        let request = TokenRequest {
            registry,
            url: &Url::parse(url).unwrap(),
            repository: "a",
            login: &login,
            token_realms: &BTreeMap::from([(registry.to_owned(), realms)]),
        };
        let (means, advice) = request.shown_to(&Url::parse(realm).unwrap());
        let shown = *means != Means::Nothing;
        assert_ne!(shown, advice.contains("not sent"), "{advice}");
        assert!(advice.contains("credential helper h"), "{advice}");
        shown
    }

    #[test]
    fn only_the_registry_and_listed_realms_see_the_login() {
        let own = "https://r.example/v2/";
        assert!(sees_login("r.example", own, "https://r.example/token", &[]));
        assert!(!sees_login("r.example", own, "http://r.example/token", &[]));
        assert!(!sees_login(
            "r.example",
            own,
            "https://r.example:444/token",
            &[]
        ));
        assert!(!sees_login(
            "r.example",
            own,
            "https://auth.example/token",
            &[]
        ));
        assert!(sees_login(
            "r.example",
            own,
            "https://auth.example/token",
            &["auth.example"]
        ));
        let hub = "https://registry-1.docker.io/v2/";
        assert!(sees_login(
            "docker.io",
            hub,
            "https://auth.docker.io/token",
            &[]
        ));
        assert!(!sees_login(
            "r.example",
            own,
            "https://auth.docker.io/token",
            &[]
        ));
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_none() {
        assert!(token("r", br#"{"token":"a\nb"}"#).is_err());
        assert!(token("r", br#"{"token":""}"#).is_err());
        assert!(token("r", b"[]").is_err());
        let (authorization, _) = token("r", br#"{"access_token":"t"}"#).unwrap();
        assert_eq!(authorization.expose(), "Bearer t");
    }

    #[test]
    fn a_token_is_good_for_as_long_as_its_server_says() {
        let seconds = |more: &str| {
            let body = format!(r#"{{"token":"t"{more}}}"#);
            token("r", body.as_bytes()).unwrap().1.as_secs()
        };
        assert_eq!(seconds(""), 60);
        for said in ["0", "null", "\"300\"", "-1"] {
            assert_eq!(seconds(&format!(r#","expires_in":{said}"#)), 60, "{said}");
        }
        assert_eq!(
            seconds(r#","expires_in":300,"issued_at":"1970-01-01T00:00:00Z""#),
            300
        );
        let now = Instant::now();
        let granted = |until| Granted {
            authorization: Secret::new("x"),
            advice: String::new(),
            showed_login: false,
            until,
        };
        assert!(!granted(None).has_run_out(now));
        assert!(granted(Some(now)).has_run_out(now));
        assert!(!granted(Some(now + LIFETIME)).has_run_out(now));
    }
}
