//! Tokens: one for what many threads want, and identity tokens for those who have no password.

use serde_json::json;

use crate::support::http::Request;
use crate::support::registry::{Access, Login};
use crate::support::token_issuer::TokenIssuer;
use crate::user::{User, filled, reference};

fn trusting(user: &User, registry: &str, issuer: &TokenIssuer) {
    user.scene.configure(&format!(
        "[registry.\"{registry}\"]\ntoken-realms = [\"{}\"]\n",
        issuer.authority()
    ));
}

#[test]
fn threads_that_want_the_same_token_ask_for_it_once() {
    let issuer = TokenIssuer::start(&Login::ALICE);
    let registry = filled(&Access::Token(&issuer), &["private/one", "private/two"]);
    let one = reference(&registry, "private/one");
    let two = reference(&registry, "private/two");
    let user = User::of(&one);
    let environment = |n: usize, place: &str| {
        format!(
            "[environments.e{n}]\nversion = \"1.0.0\"\n[[environments.e{n}.sources]]\noci = \"{place}\"\n"
        )
    };
    let all: String = (0..8)
        .map(|n| environment(n, if n % 2 == 0 { &one } else { &two }))
        .collect();
    user.scene.declare(&format!("schema = 1\n{all}"));
    let host = registry.address().to_string();
    trusting(&user, &host, &issuer);
    user.configure(&json!({"auths": {host: {"auth": Login::ALICE.base64()}}}));
    issuer.take_seen();
    user.run(&["realize", "--jobs", "4", "-vvv"], "").code(0);
    let mut scopes: Vec<_> = issuer
        .take_seen()
        .into_iter()
        .map(|seen| seen.target)
        .collect();
    scopes.sort();
    assert_eq!(scopes.len(), 2, "{scopes:?}");
    assert!(
        scopes[0].contains("one") && scopes[1].contains("two"),
        "{scopes:?}"
    );
}

fn is_form(request: &Request) -> bool {
    request.method == "POST" && request.header("authorization").is_none()
}

#[test]
fn an_identity_token_is_posted_to_a_realm_that_may_see_it() {
    let issuer = TokenIssuer::start(&Login::ALICE);
    let registry = filled(&Access::Token(&issuer), &["private/some"]);
    let user = User::of(&reference(&registry, "private/some"));
    let host = registry.address().to_string();
    user.configure(&json!({"auths": {host.as_str(): {"auth": "MDAwOg==", "identitytoken": TokenIssuer::IDENTITY}}}));
    issuer.take_seen();
    let said = user.realize().code(77);
    assert!(said.stderr.contains("token-realms"), "{said}");
    assert!(!issuer.take_seen().iter().any(is_form));

    trusting(&user, &host, &issuer);
    user.realize().code(0);
    let seen = issuer.take_seen();
    assert!(seen.len() == 1 && is_form(&seen[0]), "{seen:?}");
    let body = String::from_utf8(seen[0].body.clone()).unwrap();
    for field in [
        "grant_type=refresh_token",
        "client_id=pyro",
        "service=registry.tests",
        "scope=repository%3Aprivate%2Fsome%3Apull",
    ] {
        assert!(
            body.split('&').any(|pair| pair == field),
            "{field} in {body}"
        );
    }
    assert!(!seen[0].target.contains('?'), "{}", seen[0].target);
}

#[test]
fn a_helper_may_give_an_identity_token() {
    let issuer = TokenIssuer::start(&Login::ALICE);
    let registry = filled(&Access::Token(&issuer), &["private/some"]);
    let user = User::of(&reference(&registry, "private/some"));
    let host = registry.address().to_string();
    trusting(&user, &host, &issuer);
    let answer = json!({"ServerURL": host, "Username": "<token>", "Secret": TokenIssuer::IDENTITY});
    user.helper("idp", &format!("echo '{answer}'"));
    user.configure(&json!({"credsStore": "idp"}));
    user.realize().code(0);
    user.scene.assert_sound();
    let answer = json!({"ServerURL": host, "Username": "<token>", "Secret": "worthless"});
    let other = User::of(&reference(&registry, "private/some"));
    trusting(&other, &host, &issuer);
    other.helper("idp", &format!("echo '{answer}'"));
    other.configure(&json!({"credsStore": "idp"}));
    let said = other.realize().code(77);
    assert!(said.stderr.contains("credential helper idp"), "{said}");
}
