//! Mirrors: what they have comes from them, what they lack from the registry, and each sees its own login only.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::shelf::noise;
use crate::support::http::{Request, Response, Server};
use crate::support::images::layer::{Compression, LayerBuilder};
use crate::support::images::layout::{HOST, Layout};
use crate::support::images::push::Push;
use crate::support::proxy::{Delivery, Proxy};
use crate::support::registry::{Access, Login, Registry, Transport};
use crate::support::scene::{Scene, envs_toml};

const SIZE: usize = 300_000;

/// Fills a registry with `some:1`, an image of two layers.
fn fill(registry: &Registry, access: &Access<'_>) {
    let temp = tempfile::tempdir().unwrap();
    let layout = Layout::create(temp.path());
    let layers = ["a", "b"].map(|name| {
        let mut layer = LayerBuilder::new();
        layer.file(name.as_bytes(), 0o644, &noise(name, SIZE));
        layer.finish(Compression::Gzip)
    });
    layout.tag(&[("1", &layout.image(HOST, &layers))]);
    let login = (!matches!(access, Access::Open)).then_some(&Login::ALICE);
    let push = Push {
        login,
        ..Push::default()
    };
    push.copy(&layout, "1", registry, "some");
}

fn filled() -> Registry {
    let registry = Registry::start(&Access::Open);
    fill(&registry, &Access::Open);
    registry
}

/// A registry with one image, seen through a proxy that only counts.
struct Pair {
    registry: Registry,
    own: Proxy,
}

impl Pair {
    fn new() -> Self {
        let registry = filled();
        let own = Proxy::start(registry.address(), |_, _| Delivery::Whole);
        Self { registry, own }
    }

    /// A scene whose only source is the registry, with these mirrors.
    fn scene(&self, mirrors: &[String], more: &str) -> Scene {
        let own = self.own.address();
        let scene = Scene::declaring(&envs_toml("", &[("oci", &format!("{own}/some:1"))]));
        let mirrors: Vec<String> = mirrors.iter().map(|mirror| format!("{mirror:?}")).collect();
        scene.configure(&format!(
            "[registry.\"{own}\"]\nmirrors = [{}]\n{more}\n",
            mirrors.join(", ")
        ));
        scene
    }

    /// A mirror with the same content, whose answers this rule may change.
    fn mirror<R>(&self, rule: R) -> Proxy
    where
        R: Fn(&Request, &mut Response) -> Delivery + Send + Sync + 'static,
    {
        Proxy::start(self.registry.address(), rule)
    }
}

/// A port that nobody serves.
fn dead() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn is_layer(request: &Request, answer: &Response) -> bool {
    request.target.contains("/blobs/") && answer.body.len() > 10_000
}

#[test]
fn what_a_mirror_has_comes_from_it_under_the_registrys_name() {
    let pair = Pair::new();
    let mirror = pair.mirror(|_, _| Delivery::Whole);
    let scene = pair.scene(&[mirror.address().to_string()], "");
    let realized = scene.realize();
    let own = pair.own.address().to_string();
    assert!(realized.source.contains(&own), "{}", realized.source);
    assert!(!mirror.seen().is_empty());
    assert_eq!(pair.own.seen().len(), 0);
    scene.assert_sound();
}

#[test]
fn repositories_may_stand_below_others_on_a_mirror() {
    let pair = Pair::new();
    let address = pair.registry.address();
    let mirror = Server::start(move |request, stream| {
        let mut asked = request.clone();
        asked.target = request.target.replace("/v2/hub/proxied/some/", "/v2/some/");
        assert_ne!(asked.target, request.target);
        asked
            .send(address)?
            .write(&request.method, usize::MAX, stream)
    });
    let scene = pair.scene(
        &[format!("{}/hub/proxied", mirror.address())],
        "fallback = false",
    );
    scene.realize();
    assert_eq!(pair.own.seen().len(), 0);
}

#[test]
fn what_a_mirror_lacks_or_refuses_comes_from_the_next() {
    let pair = Pair::new();
    for status in [404, 403, 503] {
        let mirror = pair.mirror(move |_, answer| {
            *answer = Response::new(status, "text/plain", "no");
            Delivery::Whole
        });
        let mirrors = [dead().to_string(), mirror.address().to_string()];
        let scene = pair.scene(&mirrors, "");
        let ended = scene.run(&["realize"]).code(0);
        for mirror in &mirrors {
            assert!(
                ended
                    .stderr
                    .contains(&format!("mirror {mirror} is passed over")),
                "{ended}"
            );
        }
        scene.assert_sound();

        let scene = pair.scene(&mirrors, "fallback = false");
        let code = match status {
            404 => 69,
            403 => 77,
            _ => 75,
        };
        let before = pair.own.seen().len();
        let error = scene.error(&["realize"], code);
        assert!(error.contains(&status.to_string()), "{error}");
        assert_eq!(pair.own.seen().len(), before);
    }
}

#[test]
fn wrong_bytes_of_a_mirror_end_it() {
    let pair = Pair::new();
    let mirror = pair.mirror(|request, answer| {
        if is_layer(request, answer) {
            answer.body[1000] ^= 1;
        }
        Delivery::Whole
    });
    let scene = pair.scene(&[mirror.address().to_string()], "");
    let error = scene.error(&["realize"], 65);
    assert!(error.contains("sha256:"), "{error}");
    assert_eq!(scene.store_names(), [""; 0]);
}

#[test]
fn the_registry_sends_the_rest_of_what_a_mirror_began() {
    let pair = Pair::new();
    // It breaks once, and is gone for good then.
    let broken = Arc::new(Mutex::new(false));
    let mirror = pair.mirror(move |request, answer| {
        let mut broken = broken.lock().unwrap();
        if *broken {
            *answer = Response::new(404, "text/plain", "gone");
        } else if is_layer(request, answer) {
            *broken = true;
            return Delivery::Cut { after: 100_000 };
        }
        Delivery::Whole
    });
    let scene = pair.scene(&[mirror.address().to_string()], "");
    scene.run(&["realize", "--jobs", "1"]).code(0);
    let ranges = pair
        .own
        .seen()
        .iter()
        .filter_map(|seen| seen.header("range").map(str::to_owned))
        .collect::<Vec<_>>();
    assert_eq!(ranges, ["bytes=100000-"]);
    scene.assert_sound();
}

#[test]
fn a_mirror_that_always_breaks_off_costs_one_attempt() {
    let pair = Pair::new();
    let mirror = pair.mirror(|request, answer| {
        if is_layer(request, answer) {
            Delivery::Cut { after: 1 }
        } else {
            Delivery::Whole
        }
    });
    let scene = pair.scene(&[mirror.address().to_string()], "");
    scene.run(&["realize", "--jobs", "1"]).code(0);
    let rest = pair.own.seen();
    assert_eq!(rest.len(), 2, "{rest:?}");
    for layer in rest {
        assert_eq!(layer.header("range"), Some("bytes=1-"));
        let asked = mirror.seen();
        let asked = asked.iter().filter(|seen| seen.target == layer.target);
        assert_eq!(asked.count(), 1);
    }
    scene.assert_sound();
}

#[test]
fn a_mirror_never_sees_the_registrys_login() {
    let access = Access::Password(&Login::ALICE);
    let registry = Registry::start(&access);
    fill(&registry, &access);
    let mirror = Proxy::start(registry.address(), |_, _| Delivery::Whole);
    let own = registry.address();
    let scene = Scene::declaring(&envs_toml("", &[("oci", &format!("{own}/some:1"))]));
    scene.configure(&format!(
        "[registry.\"{own}\"]\nmirrors = [\"{}\"]\n",
        mirror.address()
    ));
    scene.log_in(&own.to_string(), &Login::ALICE);
    scene.realize();
    let seen = mirror.seen();
    assert!(!seen.is_empty());
    assert!(
        seen.iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[test]
fn a_host_that_never_answers_is_not_asked_for_each_layer() {
    let pair = Pair::new();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let mirror = Server::start(move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let scene = pair.scene(&[mirror.address().to_string()], "");
    let ended = scene.run(&["realize"]).code(0);
    assert!(
        ended.stderr.contains("failed before in this run"),
        "{ended}"
    );
    // One request and its one retry; a manifest, a config and two layers are asked for.
    assert_eq!(connections.load(Ordering::SeqCst), 2, "{ended}");
}

#[test]
fn a_private_authority_is_trusted_for_its_host_alone() {
    let registry = Registry::start_over(Transport::Https, &Access::Open);
    let authority = registry.authority();
    fill(&registry, &Access::Open);
    let reference = registry.reference("some", "1");
    let own = registry.address();

    let scene = Scene::declaring(&envs_toml("", &[("oci", &reference)]));
    let error = scene.error(&["realize"], 77);
    assert!(error.contains("ca ="), "{error}");
    scene.configure(&format!(
        "[registry.\"other.example\"]\nca = {authority:?}\n"
    ));
    scene.error(&["realize"], 77);
    scene.configure(&format!("[registry.\"{own}\"]\nca = {authority:?}\n"));
    scene.realize();
    scene.assert_sound();

    let scene = Scene::declaring(&envs_toml("", &[("oci", &reference)]));
    scene.configure(&format!(
        "[registry.\"{own}\"]\nca = \"/nonexistent.pem\"\n"
    ));
    let error = scene.error(&["realize"], 78);
    assert!(error.contains("/nonexistent.pem"), "{error}");
    let text = scene.path("text.pem");
    fs_err::write(&text, "no certificate").unwrap();
    scene.configure(&format!("[registry.\"{own}\"]\nca = {text:?}\n"));
    let error = scene.error(&["realize"], 78);
    assert!(
        error.contains("text.pem") && error.contains("PEM"),
        "{error}"
    );
}
