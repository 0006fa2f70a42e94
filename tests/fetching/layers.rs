//! Several layers and several environments: what two need comes once, and later layers come ahead.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};

use crate::shelf::noise;
use crate::support::http::Server;
use crate::support::images::layer::{Compression, LayerBuilder};
use crate::support::images::layout::{HOST, Layout};
use crate::support::images::push::Push;
use crate::support::registry::{Access, Registry};
use crate::support::scene::{Scene, remove_sealed};

const SIZE: usize = 200_000;

fn layer(name: &str) -> crate::support::images::layer::Layer {
    let mut layer = LayerBuilder::new();
    layer.file(name.as_bytes(), 0o644, &noise(name, SIZE));
    layer.finish(Compression::Gzip)
}

/// A registry with images of these layers, `some:0` and on.
fn registry(images: &[&[&str]]) -> Registry {
    let registry = Registry::start(&Access::Open);
    let temp = tempfile::tempdir().unwrap();
    let layout = Layout::create(temp.path());
    for (n, names) in images.iter().enumerate() {
        let layers: Vec<_> = names.iter().map(|name| layer(name)).collect();
        let tag = n.to_string();
        layout.tag(&[(&tag, &layout.image(HOST, &layers))]);
        Push::default().copy(&layout, &tag, &registry, "some");
    }
    registry
}

fn declaration(address: SocketAddr, images: usize) -> String {
    let environment = |n| {
        format!(
            "[environments.e{n}]\nversion = \"1\"\n[[environments.e{n}.sources]]\noci = \"{address}/some:{n}\"\n"
        )
    };
    let environments: String = (0..images).map(environment).collect();
    format!("schema = 1\n{environments}")
}

/// How often each layer was asked for.
type Asked = Arc<Mutex<BTreeMap<String, usize>>>;

fn counting(registry: SocketAddr) -> (Server, Asked) {
    let asked = Asked::default();
    let counted = Arc::clone(&asked);
    let server = Server::start(move |request, stream| {
        let answer = request.send(registry)?;
        if request.target.contains("/blobs/") && answer.body.len() > 10_000 {
            *counted
                .lock()
                .unwrap()
                .entry(request.target.clone())
                .or_default() += 1;
        }
        answer.write(&request.method, usize::MAX, stream)
    });
    (server, asked)
}

#[test]
fn a_layer_that_environments_share_comes_once() {
    let registry = registry(&[&["a", "b"], &["a", "c"], &["c", "a"], &["b", "c", "a"]]);
    for jobs in ["1", "2", "4"] {
        let (server, asked) = counting(registry.address());
        let scene = Scene::declaring(&declaration(server.address(), 4));
        for (run, words) in ["without a lock", "with a lock"].into_iter().zip([
            ["realize", "--jobs", jobs].as_slice(),
            ["realize", "--jobs", jobs, "--locked"].as_slice(),
        ]) {
            scene.run(words).code(0);
            let counts = std::mem::take(&mut *asked.lock().unwrap());
            assert_eq!(counts.len(), 3, "{run}, {jobs} jobs: {counts:?}");
            assert!(
                counts.values().all(|count| *count == 1),
                "{run}, {jobs} jobs: {counts:?}"
            );
            let spool = scene.store().join("downloads");
            let left = walkdir::WalkDir::new(&spool)
                .into_iter()
                .map(Result::unwrap);
            let left: Vec<_> = left.filter(|entry| entry.file_type().is_file()).collect();
            assert!(left.is_empty(), "{run}, {jobs} jobs: {left:?}");
            scene.assert_sound();
            remove_sealed(scene.store());
        }
    }
}

/// Lets an answer out only when so many have come, so that whoever asks for one after the other never gets any.
struct Meeting {
    come: Mutex<usize>,
    all: Condvar,
    size: usize,
}

impl Meeting {
    fn wait(&self) {
        let mut come = self.come.lock().unwrap();
        *come += 1;
        self.all.notify_all();
        while *come < self.size {
            come = self.all.wait(come).unwrap();
        }
    }
}

#[test]
fn layers_of_one_image_come_at_the_same_time() {
    let registry = registry(&[&["a", "b", "c"]]);
    let address = registry.address();
    let meeting = Meeting {
        come: Mutex::new(0),
        all: Condvar::new(),
        size: 3,
    };
    // The first answers in part, so that all three must be on their way before any ends.
    let server = Server::start(move |request, stream| {
        let answer = request.send(address)?;
        if request.target.contains("/blobs/") && answer.body.len() > 10_000 {
            answer.write(&request.method, 1000, stream)?;
            meeting.wait();
            return stream.write_all(&answer.body[1000..]);
        }
        answer.write(&request.method, usize::MAX, stream)
    });
    let scene = Scene::declaring(&declaration(server.address(), 1));
    scene.run(&["realize", "--jobs", "3"]).code(0);
    scene.assert_sound();
}

#[test]
fn a_layer_that_came_ahead_and_is_wrong_is_not_asked_for_again() {
    let registry = registry(&[&["a", "b"]]);
    let address = registry.address();
    let asked = Asked::default();
    let counted = Arc::clone(&asked);
    // Whichever comes second is the one that was asked for ahead.
    let server = Server::start(move |request, stream| {
        let mut answer = request.send(address)?;
        if request.target.contains("/blobs/") && answer.body.len() > 10_000 {
            let mut counted = counted.lock().unwrap();
            *counted.entry(request.target.clone()).or_default() += 1;
            if counted.len() == 2 {
                answer.body[100] ^= 1;
            }
        }
        answer.write(&request.method, usize::MAX, stream)
    });
    let scene = Scene::declaring(&declaration(server.address(), 1));
    scene.error(&["realize", "--jobs", "2"], 65);
    let counts = asked.lock().unwrap();
    assert_eq!(counts.len(), 2);
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    assert_eq!(scene.store_names(), [""; 0]);
}
