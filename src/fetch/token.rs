//! Bearer tokens: who may see the registry's credentials, and what comes back.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::challenge::Challenge;
use super::error::Error;
use super::http::{Ask, Url, Web};
use super::secret::Secret;

/// Longest answer of a token server.
const LIMIT: u64 = 64 << 10;
/// Registries whose token server has another name.
const BUILT_IN: &[(&str, &str)] = &[("docker.io", "auth.docker.io")];

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
}

/// What a token is for.
pub(super) struct TokenRequest<'q> {
    /// The registry as it is called in references.
    pub(super) registry: &'q str,
    /// The URL that answered with the challenge.
    pub(super) url: &'q Url,
    pub(super) repository: &'q str,
    /// The user's login at the registry, if any.
    pub(super) login: Option<&'q Secret>,
    /// Registry -> token servers that the user trusts with its login.
    pub(super) token_realms: &'q BTreeMap<String, Vec<String>>,
}

/// An `Authorization`, and what to tell the user if it does not help.
pub(super) struct Granted {
    pub(super) authorization: Secret,
    pub(super) advice: Option<String>,
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
        let (login, advice) = self.login_for(&realm);
        let scope = format!("repository:{}:pull", self.repository);
        let mut pairs = vec![("scope", scope.as_str())];
        if let Some(service) = challenge.parameters.get("service") {
            pairs.push(("service", service));
        }
        let shown = realm.to_string();
        let url = realm.with_query(&pairs);
        let ask = Ask {
            url: &url,
            what: &shown,
            accept: &["application/json"],
            authorization: login,
            rest: None,
        };
        let answered = web.get(&ask).map_err(Error::from)?.success();
        let answer = answered.map_err(|error| advised(error, advice.as_deref()))?;
        let body = web.read(answer, LIMIT)?;
        Ok(Granted {
            authorization: token(&shown, &body)?,
            advice,
        })
    }

    /// The login if the realm may see it; else what to tell the user.
    fn login_for(&self, realm: &Url) -> (Option<&Secret>, Option<String>) {
        let Some(login) = self.login else {
            let advice = format!(
                "no login for {} is known; `docker login {0}` or `skopeo login {0}` writes one",
                self.registry
            );
            return (None, Some(advice));
        };
        let authority = realm.authority();
        let listed = self.token_realms.get(self.registry);
        let trusted = realm.origin() == self.url.origin()
            || BUILT_IN.contains(&(self.registry, &authority)) && realm.is_https()
            || listed.is_some_and(|realms| realms.contains(&authority));
        if trusted {
            return (Some(login), None);
        }
        let advice = format!(
            "the login was not sent to the token server {authority}, which is not the registry; if it \
             may see it, set `token-realms = [\"{authority}\"]` under [registry.\"{}\"] in the configuration",
            self.registry
        );
        (None, Some(advice))
    }
}

/// Adds advice to an error that a login could have prevented.
pub(super) fn advised(error: Error, advice: Option<&str>) -> Error {
    match (error, advice) {
        (Error::Denied { what, why }, Some(advice)) => Error::Denied {
            what,
            why: format!("{why}; {advice}"),
        },
        (error, _) => error,
    }
}

fn token(what: &str, body: &[u8]) -> Result<Secret, Error> {
    let answer: Option<TokenAnswer> = serde_json::from_slice(body).ok();
    let token = answer.and_then(|answer| answer.token.or(answer.access_token));
    match token.filter(|token| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic())) {
        Some(token) => Ok(Secret::new(format!("Bearer {token}"))),
        None => Err(Error::temporary(
            what,
            "the token server answered without a token",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sees_login(registry: &str, url: &str, realm: &str, listed: &[&str]) -> bool {
        let login = Secret::new("Basic x");
        let realms = listed.iter().map(ToString::to_string).collect();
        let request = TokenRequest {
            registry,
            url: &Url::parse(url).unwrap(),
            repository: "a",
            login: Some(&login),
            token_realms: &BTreeMap::from([(registry.to_owned(), realms)]),
        };
        let (login, advice) = request.login_for(&Url::parse(realm).unwrap());
        assert_eq!(login.is_none(), advice.is_some());
        login.is_some()
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
        assert_eq!(
            token("r", br#"{"access_token":"t"}"#).unwrap().expose(),
            "Bearer t"
        );
    }
}
