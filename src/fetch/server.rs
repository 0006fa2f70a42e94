//! A server for tests: on 127.0.0.1, port 0, with answers that may be wrong on purpose.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::model::digest::{OciDigest, Sha256};
use crate::progress::{Event, Observer};

pub(super) fn sha256(bytes: &[u8]) -> Sha256 {
    use sha2::Digest as _;
    Sha256::from_bytes(sha2::Sha256::digest(bytes).into())
}

pub(super) fn digest(bytes: &[u8]) -> OciDigest {
    sha256(bytes).into()
}

/// Keeps the events as text.
#[derive(Default)]
pub(super) struct Recorder(pub(super) Mutex<Vec<String>>);

impl Observer for Recorder {
    fn event(&self, event: Event<'_>) {
        self.0.lock().unwrap().push(format!("{event:?}"));
    }
}

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    pub(super) path: String,
    head: String,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// An answer, to the letter.
pub(super) struct Reply(Vec<u8>);

impl Reply {
    pub(super) fn of(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        Self::announcing(status, headers, body, body.len())
    }

    pub(super) fn ok(body: &[u8]) -> Self {
        Self::of(200, &[], body)
    }

    pub(super) fn redirect(to: &str) -> Self {
        Self::of(307, &[("location", to)], b"")
    }

    /// With a `Content-Length` that may not be that of the body.
    pub(super) fn announcing(
        status: u16,
        headers: &[(&str, &str)],
        body: &[u8],
        length: usize,
    ) -> Self {
        let mut text = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n");
        for (name, value) in headers {
            text.extend([name, ": ", value, "\r\n"]);
        }
        text += "connection: close\r\n\r\n";
        Self([text.as_bytes(), body].concat())
    }
}

/// What a port does when somebody begins a TLS handshake.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tls {
    /// Answers in HTTP that it did not understand.
    Unknown,
    /// Speaks it, and says that it will not.
    Refuses,
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
}

impl Server {
    pub(super) fn start(answer: impl Fn(&Request) -> Reply + Send + 'static) -> Self {
        Self::with_tls(Tls::Unknown, answer)
    }

    pub(super) fn with_tls(tls: Tls, answer: impl Fn(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (seen, stopped) = (Arc::clone(&requests), Arc::clone(&stop));
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                // A client that went away in the middle is part of some tests.
                let _ = serve(connection.unwrap(), tls, &seen, &answer);
            }
        });
        Self {
            address,
            requests,
            stop,
        }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    mut connection: TcpStream,
    tls: Tls,
    seen: &Mutex<Vec<Request>>,
    answer: &impl Fn(&Request) -> Reply,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut block = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = connection.read(&mut block)?;
        if count == 0 {
            return Ok(());
        }
        head.extend_from_slice(&block[..count]);
        if head[0] == 0x16 {
            let hello = Request {
                path: "TLS".into(),
                ..Request::default()
            };
            seen.lock().unwrap().push(hello);
            return match tls {
                Tls::Unknown => connection.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n"),
                Tls::Refuses => connection.write_all(&[0x15, 3, 3, 0, 2, 2, 40]),
            };
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let request = Request { path, head };
    let reply = answer(&request);
    seen.lock().unwrap().push(request);
    connection.write_all(&reply.0)
}

/// The content of a repository, to be served by a registry or written as an OCI layout.
#[derive(Clone, Default)]
pub(super) struct Content {
    pub(super) blobs: std::collections::BTreeMap<String, Vec<u8>>,
    /// The descriptor of what the tag `t` stands for.
    pub(super) root: serde_json::Value,
}

pub(super) const TAR: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

impl Content {
    /// Adds bytes and describes them.
    pub(super) fn put(&mut self, media_type: &str, bytes: &[u8]) -> serde_json::Value {
        let digest = digest(bytes).to_string();
        self.blobs.insert(digest.clone(), bytes.to_vec());
        serde_json::json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    /// Adds a manifest.
    pub(super) fn manifest(
        &mut self,
        config: &serde_json::Value,
        layers: &[serde_json::Value],
    ) -> serde_json::Value {
        let config = self.put(CONFIG, config.to_string().as_bytes());
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
        });
        self.put(MANIFEST, manifest.to_string().as_bytes())
    }

    /// Adds an index.
    pub(super) fn index(&mut self, manifests: &[serde_json::Value]) -> serde_json::Value {
        let index = serde_json::json!({"schemaVersion": 2, "manifests": manifests});
        self.put(INDEX, index.to_string().as_bytes())
    }

    /// Changes bytes without changing their name.
    pub(super) fn spoil(&mut self, descriptor: &serde_json::Value) {
        let digest = descriptor["digest"].as_str().unwrap();
        let bytes = self.blobs.get_mut(digest).unwrap();
        let last = bytes.len() - 1;
        bytes[last] = bytes[last].wrapping_add(1);
    }

    /// What a registry that calls it `team/tools` answers, with headers that always claim the right digest.
    pub(super) fn answer(&self, path: &str) -> Reply {
        let root = self.root["digest"].as_str().unwrap_or_default();
        let Some((_, name)) = path.rsplit_once('/') else {
            return Reply::of(404, &[], b"");
        };
        let name = if name == "t" { root } else { name };
        match self.blobs.get(name) {
            Some(bytes) if path.starts_with("/v2/team/tools/") => {
                Reply::of(200, &[("docker-content-digest", name)], bytes)
            }
            _ => Reply::of(404, &[], b""),
        }
    }

    /// Writes an OCI layout with the tag `t`.
    pub(super) fn write(&self, folder: &std::path::Path) {
        let blobs = folder.join("blobs/sha256");
        fs_err::create_dir_all(&blobs).unwrap();
        for (digest, bytes) in &self.blobs {
            fs_err::write(blobs.join(&digest["sha256:".len()..]), bytes).unwrap();
        }
        let mut root = self.root.clone();
        root["annotations"] = serde_json::json!({"org.opencontainers.image.ref.name": "t"});
        let index = serde_json::json!({"schemaVersion": 2, "manifests": [root]});
        fs_err::write(folder.join("index.json"), index.to_string()).unwrap();
        fs_err::write(
            folder.join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )
        .unwrap();
    }
}
