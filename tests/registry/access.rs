//! Who may pull: everybody, who has the password, who has a token; and who gets to see a password.

use std::sync::{Arc, Mutex};

use crate::support::Ended;
use crate::support::http::{Request, Response, Server};
use crate::support::images::layer::{Compression, LayerBuilder};
use crate::support::images::layout::{HOST, Layout, for_platform};
use crate::support::images::push::Push;
use crate::support::proxy::{Delivery, Proxy};
use crate::support::registry::{Access, Login, Registry, Transport};
use crate::support::scene::{Scene, envs_toml};
use crate::support::token_issuer::TokenIssuer;

/// A registry with an index of one small image in `repository`.
fn filled(access: &Access<'_>, repository: &str) -> Registry {
    let registry = Registry::start(access);
    fill(&registry, access, repository);
    registry
}

fn fill(registry: &Registry, access: &Access<'_>, repository: &str) {
    let temp = tempfile::tempdir().unwrap();
    let mut layer = LayerBuilder::new();
    layer.file(b"hello", 0o644, b"hello\n");
    let layout = Layout::create(temp.path());
    let image = layout.image(HOST, &[layer.finish(Compression::Gzip)]);
    let index = layout.index(&[(image, for_platform(HOST))]);
    layout.tag(&[("1", &index)]);
    let login = (!matches!(access, Access::Open)).then_some(&Login::ALICE);
    let push = Push {
        login,
        whole_index: true,
        ..Push::default()
    };
    push.copy(&layout, "1", registry, repository);
}

fn scene(reference: &str) -> Scene {
    Scene::declaring(&envs_toml("", &[("oci", reference)]))
}

/// Neither password nor what a header makes of it may be in any output.
#[track_caller]
pub fn assert_keeps_secrets(ended: &Ended) {
    for login in [Login::ALICE, Login::WRONG] {
        for secret in [login.password, &login.base64()] {
            let shown = ended.stdout.contains(secret) || ended.stderr.contains(secret);
            assert!(!shown, "it shows {secret}: {ended}");
        }
    }
}

fn showed_login(requests: &[Request]) -> bool {
    let basic = |request: &Request| {
        request
            .header("authorization")
            .is_some_and(|it| it.starts_with("Basic "))
    };
    requests.iter().any(basic)
}

#[test]
fn a_password_opens_a_registry_that_has_one() {
    let registry = filled(&Access::Password(&Login::ALICE), "some/where");
    let scene = scene(&registry.reference("some/where", "1"));

    let ended = scene.run(&["realize"]).code(77);
    assert!(
        ended.stderr.contains("hint:") && ended.stderr.contains("login"),
        "{ended}"
    );

    scene.log_in(&registry.address().to_string(), &Login::WRONG);
    let ended = scene.run(&["realize", "-vvv"]).code(77);
    assert!(ended.stderr.contains("refused"), "{ended}");
    assert_keeps_secrets(&ended);
    assert_eq!(scene.store_names(), [""; 0]);

    scene.log_in(&registry.address().to_string(), &Login::ALICE);
    assert_keeps_secrets(&scene.run(&["realize", "-vvv"]).code(0));
    assert_eq!(scene.store_names().len(), 1);
    assert!(!scene.lock().contains("alice"));
}

#[test]
fn a_login_for_another_port_is_not_shown() {
    let registry = filled(&Access::Open, "some/where");
    let proxy = Proxy::start(registry.address(), |_, _| Delivery::Whole);
    let scene = scene(&format!("{}/some/where:1", proxy.address()));
    scene.log_in(&registry.address().to_string(), &Login::ALICE);
    scene.realize();
    assert!(
        proxy
            .seen()
            .iter()
            .all(|seen| seen.header("authorization").is_none())
    );
}

#[test]
fn a_public_repository_behind_a_token_server_needs_no_login() {
    let issuer = TokenIssuer::start(&Login::ALICE);
    let registry = filled(&Access::Token(&issuer), "public/some");
    issuer.take_seen();
    let scene = scene(&registry.reference("public/some", "1"));
    scene.realize();
    let seen = issuer.take_seen();
    assert!(!seen.is_empty() && !showed_login(&seen));
}

#[test]
fn a_login_reaches_a_token_server_only_where_it_is_listed() {
    let issuer = TokenIssuer::start(&Login::ALICE);
    let registry = filled(&Access::Token(&issuer), "private/some");
    let proxy = Proxy::start(registry.address(), |_, _| Delivery::Whole);
    let name = proxy.address().to_string();
    let scene = scene(&format!("{name}/private/some:1"));
    issuer.take_seen();

    scene.log_in(&name, &Login::ALICE);
    let error = scene.error(&["realize"], 77);
    assert!(
        error.contains("token-realms") && error.contains(&issuer.authority()),
        "{error}"
    );
    assert!(!showed_login(&issuer.take_seen()));

    scene.configure(&format!(
        "[registry.\"{name}\"]\ntoken-realms = [\"{}\"]\n",
        issuer.authority()
    ));
    scene.log_in(&name, &Login::WRONG);
    let ended = scene.run(&["realize", "-vvv"]).code(77);
    assert_keeps_secrets(&ended);

    scene.log_in(&name, &Login::ALICE);
    issuer.take_seen();
    let ended = scene.run(&["realize", "-vvv"]).code(0);
    assert_keeps_secrets(&ended);
    assert!(showed_login(&issuer.take_seen()));
    // The registry asked for a token, so a token is what it got.
    assert!(!showed_login(&proxy.seen()));
    scene.assert_sound();
}

#[test]
fn no_login_follows_a_redirect_to_another_origin() {
    let registry = filled(&Access::Password(&Login::ALICE), "some/where");
    // Stands for the storage that a big registry hands its blobs to.
    let (layer, asked) = (
        Arc::new(Mutex::new(Response::default())),
        Arc::new(Mutex::new(Vec::new())),
    );
    let (held, seen) = (Arc::clone(&layer), Arc::clone(&asked));
    let storage = Server::start(move |request, stream| {
        seen.lock().unwrap().push(request.clone());
        held.lock()
            .unwrap()
            .write(&request.method, usize::MAX, stream)
    });
    let elsewhere = format!("http://{}/layer", storage.address());
    let proxy = Proxy::start(registry.address(), move |_, answer| {
        let gzip = answer.body.starts_with(&[0x1f, 0x8b]);
        if answer.status == 200 && gzip {
            layer.lock().unwrap().clone_from(answer);
            *answer = Response::new(307, "text/plain", "");
            answer
                .headers
                .push(("location".to_owned(), elsewhere.clone()));
        }
        Delivery::Whole
    });
    let name = proxy.address().to_string();
    let scene = scene(&format!("{name}/some/where:1"));
    scene.log_in(&name, &Login::ALICE);
    scene.realize();
    assert!(showed_login(&proxy.seen()));
    let asked = asked.lock().unwrap();
    let shown: Vec<_> = asked
        .iter()
        .map(|request| request.header("authorization"))
        .collect();
    assert_eq!(shown, [None]);
}

#[test]
fn a_registry_with_a_certificate_is_spoken_to_in_https_only() {
    let access = Access::Password(&Login::ALICE);
    let registry = Registry::start_over(Transport::Https, &access);
    fill(&registry, &access, "some/where");
    let mut scene = scene(&registry.reference("some/where", "1"));
    scene.log_in(&registry.address().to_string(), &Login::ALICE);
    let error = scene.error(&["realize"], 77);
    assert!(
        error.contains("certificate") && error.contains("SSL_CERT_FILE"),
        "{error}"
    );
    scene.trust(&registry.authority());
    scene.realize();
}
