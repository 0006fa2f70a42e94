//! Debian's `docker-registry` on a free loopback port, with a storage folder of its own, until dropped.
//!
//! It listens on port 0 and says in its log which port it got; that line is also the sign that it is ready.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::http::{Request, Response};
use super::token_issuer::TokenIssuer;

const PATIENCE: Duration = Duration::from_secs(60);

/// A user and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub user: &'static str,
    pub password: &'static str,
}

impl Login {
    pub const ALICE: Self = Self {
        user: "alice",
        password: "correct-horse-battery",
    };
    pub const WRONG: Self = Self {
        user: "alice",
        password: "wrong-donkey-charger",
    };

    /// What follows `Basic ` in an `Authorization` header.
    pub fn base64(&self) -> String {
        use base64::Engine as _;
        let text = format!("{}:{}", self.user, self.password);
        base64::engine::general_purpose::STANDARD.encode(text)
    }
}

/// Who may use a registry.
pub enum Access<'a> {
    /// Everybody.
    Open,
    /// Who knows the password.
    Password(&'a Login),
    /// Who has a token from this issuer.
    Token(&'a TokenIssuer),
}

impl Transport {
    /// What the `http` section of a configuration has for it; certificates go to `folder`.
    fn settings(self, folder: &Path) -> String {
        if self == Self::Http {
            return String::new();
        }
        let authority = "req -x509 -newkey rsa:2048 -nodes -days 36500 -subj /CN=authority.tests \
                         -keyout authority.key -out authority.pem";
        let server = "req -newkey rsa:2048 -nodes -subj /CN=registry.tests -keyout server.key -out server.csr";
        let signed = "x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial \
                      -days 36500 -extfile server.ext -out server.pem";
        fs_err::write(
            folder.join("server.ext"),
            "subjectAltName = IP:127.0.0.1, DNS:registry.tests\n",
        )
        .unwrap();
        for words in [authority, server, signed] {
            let mut openssl = Command::new("openssl");
            openssl.args(words.split_whitespace()).current_dir(folder);
            let made = openssl.output().expect("openssl is installed");
            assert!(made.status.success(), "{words}: {made:?}");
        }
        let (certificate, key) = (folder.join("server.pem"), folder.join("server.key"));
        format!(
            ", tls: {{certificate: '{}', key: '{}'}}",
            certificate.display(),
            key.display()
        )
    }
}

impl Access<'_> {
    /// The `auth` section of its configuration; files that it needs go to `folder`.
    fn section(&self, folder: &TempDir) -> String {
        match self {
            Self::Open => String::new(),
            Self::Password(login) => {
                let made = Command::new("htpasswd")
                    .args(["-Bbn", login.user, login.password])
                    .output()
                    .expect("htpasswd is installed");
                assert!(made.status.success(), "htpasswd: {made:?}");
                let file = folder.path().join("htpasswd");
                fs_err::write(&file, made.stdout).unwrap();
                format!(
                    "auth: {{htpasswd: {{realm: tests, path: '{}'}}}}\n",
                    file.display()
                )
            }
            Self::Token(issuer) => format!(
                "auth: {{token: {{realm: '{}', service: '{}', issuer: '{}', rootcertbundle: '{}'}}}}\n",
                issuer.realm(),
                TokenIssuer::SERVICE,
                TokenIssuer::NAME,
                issuer.certificate().display(),
            ),
        }
    }
}

/// How a registry is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Http,
    /// With a certificate of an authority that nobody knows; see [`Registry::authority`].
    Https,
}

/// A running registry.
pub struct Registry {
    address: SocketAddr,
    child: Child,
    log: Arc<Mutex<String>>,
    folder: TempDir,
}

impl Registry {
    /// Starts one that speaks plain HTTP and waits until it listens.
    pub fn start(access: &Access<'_>) -> Self {
        Self::start_over(Transport::Http, access)
    }

    /// Starts one and waits until it listens.
    pub fn start_over(transport: Transport, access: &Access<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.yml");
        let text = format!(
            "version: 0.1\n\
             log: {{level: info, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: '{}'}}, delete: {{enabled: true}}}}\n\
             http: {{addr: '127.0.0.1:0', secret: tests{}}}\n{}",
            folder.path().join("data").display(),
            transport.settings(folder.path()),
            access.section(&folder),
        );
        fs_err::write(&config, text).unwrap();
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker-registry is installed (`make setup` does that)");
        let log = Arc::new(Mutex::new(String::new()));
        let (say, listening) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let lines = Arc::clone(&log);
        std::thread::spawn(move || keep(stderr, &lines, &say));
        let address = wait(&mut child, &listening)
            .unwrap_or_else(|| panic!("docker-registry does not listen:\n{}", log.lock().unwrap()));
        Self {
            address,
            child,
            log,
            folder,
        }
    }

    /// Where it listens; also its name in references.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate of the authority that vouches for it, with [`Transport::Https`].
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// `127.0.0.1:PORT/REPOSITORY:TAG`, or with `@` in place of `:` for a digest.
    pub fn reference(&self, repository: &str, which: &str) -> String {
        let between = if which.contains(':') { '@' } else { ':' };
        format!("{}/{repository}{between}{which}", self.address)
    }

    /// The manifest that a tag or digest shows, whatever its type.
    pub fn manifest(&self, repository: &str, which: &str) -> Response {
        let answer = Request::new("GET", &format!("/v2/{repository}/manifests/{which}"))
            .with("accept", "application/vnd.oci.image.manifest.v1+json")
            .with("accept", "application/vnd.oci.image.index.v1+json")
            .with(
                "accept",
                "application/vnd.docker.distribution.manifest.v2+json",
            )
            .with(
                "accept",
                "application/vnd.docker.distribution.manifest.list.v2+json",
            )
            .send(self.address)
            .unwrap();
        assert_eq!(answer.status, 200, "{repository} {which}:\n{}", self.log());
        answer
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Takes it down; from now on nothing listens there.
    pub fn stop(&mut self) {
        let _it_may_be_gone = self.child.kill();
        let _status = self.child.wait();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            eprintln!(
                "log of the registry {} ({}):\n{}",
                self.address,
                self.folder.path().display(),
                self.log()
            );
        }
    }
}

/// Keeps the log, and says where the registry listens.
fn keep(stderr: impl BufRead, log: &Mutex<String>, say: &Sender<SocketAddr>) {
    for line in stderr.lines().map_while(Result::ok) {
        let after = line.split_once("listening on ").map(|(_, after)| after);
        let word = after.and_then(|after| after.split(['"', ' ', ',']).next());
        if let Some(address) = word.and_then(|word| word.parse().ok()) {
            let _nobody_waits = say.send(address);
        }
        let mut log = log.lock().unwrap();
        log.push_str(&shortened(&line));
        log.push('\n');
    }
}

/// Of a line about a request, what a reader wants to know; every other line as it is.
fn shortened(line: &str) -> String {
    let value = |name: &str| {
        let (_, after) = line.split_once(&format!(" {name}="))?;
        let value = after.trim_start_matches('"').split([' ', '"', '?']).next();
        value.map(str::to_owned)
    };
    let names = [
        "http.request.method",
        "http.request.uri",
        "http.response.status",
    ];
    let [method, uri, status] = names.map(value);
    match (method, uri, status) {
        (Some(method), Some(uri), Some(status)) => format!("{method} {uri}: {status}"),
        _ => line.to_owned(),
    }
}

/// `None` when it ended or said nothing in time.
fn wait(child: &mut Child, listening: &mpsc::Receiver<SocketAddr>) -> Option<SocketAddr> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match listening.recv_timeout(Duration::from_millis(200)) {
            Ok(address) => return Some(address),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {
                if Instant::now() > deadline || child.try_wait().unwrap().is_some() {
                    return None;
                }
            }
        }
    }
}
