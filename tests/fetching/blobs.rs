//! Blobs of a real registry on a bad way: tokens that end in the middle, storage that is elsewhere, answers that are none.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use crate::shelf::noise;
use crate::support::http::{Request, Response, Server};
use crate::support::images::layer::{Compression, LayerBuilder};
use crate::support::images::layout::{HOST, Layout};
use crate::support::images::push::Push;
use crate::support::proxy::{Delivery, Proxy};
use crate::support::registry::{Access, Login, Registry};
use crate::support::scene::{Scene, envs_toml};
use crate::support::token_issuer::TokenIssuer;

const SIZE: usize = 500_000;
const CUT: usize = 200_000;

/// A registry with `some:1`, an image of one layer.
fn filled(access: &Access<'_>) -> Registry {
    let registry = Registry::start(access);
    let temp = tempfile::tempdir().unwrap();
    let layout = Layout::create(temp.path());
    let mut layer = LayerBuilder::new();
    layer.file(b"noise", 0o644, &noise("blob", SIZE));
    layout.tag(&[("1", &layout.image(HOST, &[layer.finish(Compression::None)]))]);
    let login = (!matches!(access, Access::Open)).then_some(&Login::ALICE);
    let push = Push {
        login,
        ..Push::default()
    };
    push.copy(&layout, "1", &registry, "some");
    registry
}

fn scene(proxy: SocketAddr) -> Scene {
    Scene::declaring(&envs_toml("", &[("oci", &format!("{proxy}/some:1"))]))
}

fn is_layer(request: &Request, answer: &Response) -> bool {
    request.target.contains("/blobs/") && answer.body.len() > 10_000
}

/// What was asked of the layer: `Range` and status of each request.
type Asked = Arc<Mutex<Vec<(Option<String>, u16)>>>;

fn noted(asked: &Asked, request: &Request, status: u16) {
    let range = request.header("range").map(str::to_owned);
    asked.lock().unwrap().push((range, status));
}

#[test]
fn a_token_that_ends_in_the_middle_is_renewed_once_and_the_blob_goes_on() {
    let issuer = TokenIssuer::start(&Login::ALICE);
    let registry = filled(&Access::Token(&issuer));
    let (asked, challenge) = (Asked::default(), Mutex::new(None));
    let kept = Arc::clone(&asked);
    let proxy = Proxy::start(registry.address(), move |request, answer| {
        if let Some(header) = answer.header("www-authenticate") {
            challenge.lock().unwrap().get_or_insert(header.to_owned());
        }
        if !is_layer(request, answer) {
            return Delivery::Whole;
        }
        let count = kept.lock().unwrap().len();
        if count == 1 {
            *answer = Response::new(401, "text/plain", "it is over");
            let challenge = challenge.lock().unwrap().clone().unwrap();
            answer
                .headers
                .push(("www-authenticate".to_owned(), challenge));
        }
        noted(&kept, request, answer.status);
        match count {
            0 => Delivery::Cut { after: CUT },
            _ => Delivery::Whole,
        }
    });
    let scene = scene(proxy.address());
    let front = proxy.address();
    scene.log_in(&front.to_string(), &Login::ALICE);
    let realms = format!("token-realms = [\"{}\"]", issuer.authority());
    scene.configure(&format!("[registry.\"{front}\"]\n{realms}\n"));
    scene.run(&["lock"]).code(0);
    issuer.take_seen();
    scene.realize();
    let range = Some(format!("bytes={CUT}-"));
    let expected = [(None, 200), (range.clone(), 401), (range, 206)];
    assert_eq!(*asked.lock().unwrap(), expected);
    assert_eq!(issuer.take_seen().len(), 2);
    scene.assert_sound();
}

/// A registry that keeps its blobs elsewhere; `rule` is for what it sends from there.
fn elsewhere<R>(registry: SocketAddr, rule: R) -> (Proxy, Proxy)
where
    R: Fn(&Request, &mut Response) -> Delivery + Send + Sync + 'static,
{
    let storage = Proxy::start(registry, rule);
    let place = storage.address();
    let front = Proxy::start(registry, move |request, answer| {
        if is_layer(request, answer) {
            *answer = Response::new(307, "text/plain", "");
            let target = format!("http://{place}{}", request.target);
            answer.headers.push(("location".to_owned(), target));
        }
        Delivery::Whole
    });
    (front, storage)
}

#[test]
fn what_a_storage_elsewhere_breaks_off_is_taken_up_there_and_it_sees_no_login() {
    let access = Access::Password(&Login::ALICE);
    let registry = filled(&access);
    let asked = Asked::default();
    let kept = Arc::clone(&asked);
    // It asks for no login itself: what is sent along is what the registry wants.
    let own = registry.address();
    let storage = Server::start(move |request, stream| {
        assert_eq!(request.header("authorization"), None);
        let basic = format!("Basic {}", Login::ALICE.base64());
        let answer = request.clone().with("authorization", &basic).send(own)?;
        noted(&kept, request, answer.status);
        let first = kept.lock().unwrap().len() == 1;
        let bytes = if first { CUT } else { usize::MAX };
        answer.write(&request.method, bytes, stream)
    });
    let place = storage.address();
    let front = Proxy::start(own, move |request, answer| {
        if is_layer(request, answer) {
            *answer = Response::new(307, "text/plain", "");
            let target = format!("http://{place}{}?signature=hunter2", request.target);
            answer.headers.push(("location".to_owned(), target));
        }
        Delivery::Whole
    });
    let scene = scene(front.address());
    scene.log_in(&front.address().to_string(), &Login::ALICE);
    let ended = scene.run(&["realize", "-vvv"]).code(0);
    assert!(!ended.stderr.contains("hunter2"), "{ended}");
    let expected = [(None, 200), (Some(format!("bytes={CUT}-")), 206)];
    assert_eq!(*asked.lock().unwrap(), expected);
    scene.assert_sound();
}

#[test]
fn a_storage_elsewhere_that_wants_a_login_is_told_of_and_gets_none() {
    let registry = filled(&Access::Open);
    let (front, storage) = elsewhere(registry.address(), |_, answer| {
        *answer = Response::new(401, "text/plain", "who are you");
        let challenge = "Basic realm=\"storage\"".to_owned();
        answer
            .headers
            .push(("www-authenticate".to_owned(), challenge));
        Delivery::Whole
    });
    let scene = scene(front.address());
    scene.log_in(&front.address().to_string(), &Login::ALICE);
    let error = scene.error(&["realize"], 77);
    let place = storage.address().to_string();
    assert!(error.contains(&place) && error.contains("401"), "{error}");
    let seen = storage.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].header("authorization"), None);
    assert_eq!(scene.store_names(), [""; 0]);
}

#[test]
fn what_was_read_to_pin_an_image_is_not_asked_for_again_to_fetch_it() {
    let registry = filled(&Access::Open);
    let front = Proxy::start(registry.address(), |_, _| Delivery::Whole);
    let scene = scene(front.address());
    scene.quick_json(&["realize"]);
    let asked: Vec<String> = front.seen().into_iter().map(|seen| seen.target).collect();
    // Its manifest by the tag, its config, its layer.
    assert!(asked[0].ends_with("/manifests/1"), "{asked:?}");
    assert!(
        asked[1..].iter().all(|one| one.contains("/blobs/")),
        "{asked:?}"
    );
    assert_eq!(asked.len(), 3, "{asked:?}");
}

#[test]
fn redirects_in_a_circle_end_it() {
    let registry = filled(&Access::Open);
    let front = Proxy::start(registry.address(), |request, answer| {
        if is_layer(request, answer) {
            *answer = Response::new(307, "text/plain", "");
            let back = ("location".to_owned(), request.target.clone());
            answer.headers.push(back);
        }
        Delivery::Whole
    });
    let scene = scene(front.address());
    let error = scene.error(&["realize"], 77);
    assert!(error.contains("redirects"), "{error}");
    let blobs = front.seen();
    let rounds = blobs.iter().filter(|seen| seen.target.contains("/blobs/"));
    // The config, and eleven times the layer.
    assert!(rounds.count() <= 13);
    assert_eq!(scene.store_names(), [""; 0]);
}

#[test]
fn a_manifest_over_the_limit_is_refused_with_the_key_that_raises_it() {
    let registry = filled(&Access::Open);
    let big = Proxy::start(registry.address(), |request, answer| {
        if request.target.contains("/manifests/") {
            answer.headers.retain(|(name, _)| name != "content-length");
            // White space at the end of a document is none of its content.
            answer.body.resize((4 << 20) + 1, b' ');
        }
        Delivery::Whole
    });
    let scene = scene(big.address());
    let error = scene.error(&["realize"], 65);
    let is_told = error.contains("max-manifest") && error.contains("4194304");
    assert!(is_told, "{error}");
    assert_eq!(scene.store_names(), [""; 0]);
}

#[test]
fn a_blob_under_an_encoding_that_it_does_not_have_is_what_its_digest_says() {
    let registry = filled(&Access::Open);
    let front = Proxy::start(registry.address(), |request, answer| {
        if is_layer(request, answer) {
            let encoding = ("content-encoding".to_owned(), "gzip".to_owned());
            answer.headers.push(encoding);
        }
        Delivery::Whole
    });
    let scene = scene(front.address());
    scene.realize();
    scene.assert_sound();
}
