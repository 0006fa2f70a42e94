//! A registry with a few images that share a layer, behind a proxy that sees who downloads what at the same time.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use crate::support::http::Server;
use crate::support::images::layer::{Compression, LayerBuilder};
use crate::support::images::layout::{HOST, Layout};
use crate::support::images::push::Push;
use crate::support::registry::{Access, Registry};

/// The images `some:0` to `some:5`.
pub const IMAGES: usize = 6;

pub struct Shop {
    _registry: Registry,
    server: Server,
    busy: Arc<Mutex<HashMap<String, Downloads>>>,
}

/// Of one layer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Downloads {
    pub now: usize,
    pub at_once: usize,
    pub in_all: usize,
}

impl Shop {
    pub fn open() -> Self {
        let registry = Registry::start(&Access::Open);
        let temp = tempfile::tempdir().unwrap();
        let layout = Layout::create(temp.path());
        for number in 0..IMAGES {
            let layers = [layer("shared"), layer(&number.to_string())];
            let image = layout.image(HOST, &layers);
            let tag = number.to_string();
            layout.tag(&[(&tag, &image)]);
            Push::default().copy(&layout, &tag, &registry, "some");
        }
        let busy: Arc<Mutex<HashMap<String, Downloads>>> = Arc::default();
        let seen = Arc::clone(&busy);
        let address = registry.address();
        let server = Server::start(move |request, stream| {
            let answer = request.send(address)?;
            let is_blob = request.method == "GET" && request.target.contains("/blobs/");
            // Configs are documents of some hundred bytes, which everybody reads into memory.
            if !is_blob || answer.body.len() < 10_000 {
                return answer.write(&request.method, usize::MAX, stream);
            }
            let mut all = seen.lock().unwrap();
            let one = all.entry(request.target.clone()).or_default();
            one.now += 1;
            one.in_all += 1;
            one.at_once = one.at_once.max(one.now);
            drop(all);
            // It counts as done before its last byte: with that the client may let another begin.
            let (last, most) = answer.body.split_last().unwrap();
            let written = answer.write("GET", most.len(), stream);
            seen.lock().unwrap().get_mut(&request.target).unwrap().now -= 1;
            written?;
            stream.write_all(&[*last])
        });
        Self {
            _registry: registry,
            server,
            busy,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What was downloaded, by the request's target.
    pub fn downloads(&self) -> HashMap<String, Downloads> {
        self.busy.lock().unwrap().clone()
    }

    /// A declaration of the images with these numbers, in a profile.
    pub fn declaration(&self, profile: &str, numbers: &[usize]) -> String {
        let mut text = format!("schema = 1\nprofile = \"{profile}\"\n");
        for number in numbers {
            text += &format!(
                "[environments.e{number}]\nversion = \"1\"\n[[environments.e{number}.sources]]\n\
                 oci = \"{}/some:{number}\"\n",
                self.address()
            );
        }
        text
    }
}

/// A layer of a few files of noise, each of which begins with the seed.
fn layer(seed: &str) -> crate::support::images::layer::Layer {
    let mut layer = LayerBuilder::new();
    for file in 0..6 {
        let mut noise = vec![0; 20_000];
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{seed} {file}").as_bytes());
        hasher.finalize_xof().fill(&mut noise);
        layer.file(format!("{seed}/file{file}").as_bytes(), 0o644, &noise);
    }
    layer.finish(Compression::Gzip)
}
