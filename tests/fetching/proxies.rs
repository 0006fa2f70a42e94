//! Through a real proxy, tinyproxy: to hosts whose names only the proxy knows, and never to this machine.

use std::io::{self, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;

use crate::shelf::{Play, Shelf};
use crate::support::http::{Request, Server};
use crate::support::images::layer::{Compression, LayerBuilder};
use crate::support::images::layout::{HOST as PLATFORM, Layout};
use crate::support::images::push::Push;
use crate::support::registry::{Access, Registry, Transport};
use crate::support::scene::{Scene, envs_toml};

/// A name that nothing resolves.
const HOST: &str = "registry.tests";

/// tinyproxy, which leaves what is asked of [`HOST`] to another proxy that knows it.
struct TinyProxy {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl TinyProxy {
    fn start(next: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        loop {
            // It cannot say which port it got; where another was quicker, it ends, and the next is tried.
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = free.local_addr().unwrap();
            let config = format!(
                "Port {}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nLogLevel Error\n\
                 Upstream http {next} \"{HOST}\"\nConnectPort 443\n",
                address.port()
            );
            let file = folder.path().join("tinyproxy.conf");
            fs_err::write(&file, config).unwrap();
            drop(free);
            let mut child = Command::new("tinyproxy")
                .args(["-d", "-c"])
                .arg(&file)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("tinyproxy is installed (`make setup` does that)");
            while child.try_wait().unwrap().is_none() {
                if TcpStream::connect(address).is_ok() {
                    return Self {
                        child,
                        address,
                        _folder: folder,
                    };
                }
                std::thread::yield_now();
            }
        }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for TinyProxy {
    fn drop(&mut self) {
        let _it_may_be_gone = self.child.kill();
        let _status = self.child.wait();
    }
}

type Asked = Arc<Mutex<Vec<Request>>>;

/// A proxy that takes everything that is asked of [`HOST`] to one server, and keeps what was asked.
fn knowing(server: SocketAddr) -> (Server, Asked) {
    let asked = Asked::default();
    let kept = Arc::clone(&asked);
    let proxy = Server::start(move |request, stream| {
        kept.lock().unwrap().push(request.clone());
        if request.method == "CONNECT" {
            assert_eq!(request.target, format!("{HOST}:443"));
            stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
            return join(stream, &TcpStream::connect(server)?);
        }
        let mut plain = request.clone();
        let path = request.target.strip_prefix(&format!("http://{HOST}"));
        plain.target = path.unwrap().to_owned();
        plain
            .send(server)?
            .write(&request.method, usize::MAX, stream)
    });
    (proxy, asked)
}

/// Copies in both directions until either side has ended.
fn join(one: &TcpStream, other: &TcpStream) -> io::Result<()> {
    let copy = |mut from: TcpStream, mut to: TcpStream| {
        let _either_side_may_go = io::copy(&mut from, &mut to);
        let _it_may_be_gone = to.shutdown(Shutdown::Both);
    };
    let (one_again, other_again) = (one.try_clone()?, other.try_clone()?);
    let there = std::thread::spawn(move || copy(one_again, other_again));
    copy(other.try_clone()?, one.try_clone()?);
    let _it_panicked = there.join();
    Ok(())
}

#[test]
fn plain_http_and_its_ranges_go_through_a_proxy() {
    let shelf = Shelf::of(300_000, &[Play::Well]);
    let (next, asked) = knowing(shelf.address());
    let proxy = TinyProxy::start(next.address());
    let scene = Scene::declaring(&envs_toml(
        "",
        &[("archive", &format!("http://{HOST}/thing.tar"))],
    ));
    scene.configure(&format!("[registry.\"{HOST}\"]\ninsecure = true\n"));

    let mut command = scene.command(&[], &["realize"]);
    let ended = command.env("HTTP_PROXY", proxy.url()).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert!(!asked.lock().unwrap().is_empty());
    assert!(
        asked
            .lock()
            .unwrap()
            .iter()
            .all(|request| request.method == "GET")
    );
    scene.assert_sound();

    // Who is named there is asked directly, and has no address.
    let before = asked.lock().unwrap().len();
    let scene = Scene::declaring(&envs_toml(
        "",
        &[("archive", &format!("http://{HOST}/thing.tar"))],
    ));
    scene.configure(&format!("[registry.\"{HOST}\"]\ninsecure = true\n"));
    let mut command = scene.command(&[], &["realize"]);
    command.env("HTTP_PROXY", proxy.url()).env("NO_PROXY", HOST);
    let ended = command.output().unwrap();
    assert_eq!(ended.status.code(), Some(75), "{ended:?}");
    assert_eq!(asked.lock().unwrap().len(), before);
}

#[test]
fn tls_goes_through_a_proxy_and_this_machine_does_not() {
    let registry = Registry::start_over(Transport::Https, &Access::Open);
    let temp = tempfile::tempdir().unwrap();
    let layout = Layout::create(temp.path());
    let mut layer = LayerBuilder::new();
    layer.file(b"text", 0o644, b"through a proxy");
    layout.tag(&[(
        "1",
        &layout.image(PLATFORM, &[layer.finish(Compression::Gzip)]),
    )]);
    Push::default().copy(&layout, "1", &registry, "some");
    let (next, asked) = knowing(registry.address());
    let proxy = TinyProxy::start(next.address());
    let authority = registry.authority();

    let scene = Scene::declaring(&envs_toml("", &[("oci", &format!("{HOST}/some:1"))]));
    scene.configure(&format!("[registry.\"{HOST}\"]\nca = {authority:?}\n"));
    let mut command = scene.command(&[], &["realize"]);
    let ended = command.env("HTTPS_PROXY", proxy.url()).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert!(!asked.lock().unwrap().is_empty());
    scene.assert_sound();
    let mut command = scene.command(&[], &["doctor", HOST, "--json"]);
    let secret = proxy.url().replace("http://", "http://user:hunter2@");
    let ended = command.env("HTTPS_PROXY", secret).output().unwrap();
    let shown = String::from_utf8(ended.stdout).unwrap();
    let document: Value = serde_json::from_str(&shown).unwrap();
    let place = &document["registry"]["places"][0];
    assert_eq!(place["proxy"], proxy.url());
    assert_eq!(place["answer"], "open");
    assert!(!shown.contains("hunter2"), "{shown}");

    let connects = asked.lock().unwrap().len();
    let own = registry.address();
    let scene = Scene::declaring(&envs_toml("", &[("oci", &registry.reference("some", "1"))]));
    scene.configure(&format!("[registry.\"{own}\"]\nca = {authority:?}\n"));
    let mut command = scene.command(&[], &["realize"]);
    command
        .env("HTTPS_PROXY", proxy.url())
        .env("ALL_PROXY", proxy.url());
    let ended = command.output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(
        asked.lock().unwrap().len(),
        connects,
        "this machine was asked through the proxy"
    );
}
