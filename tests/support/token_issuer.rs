//! A token server as `docker-registry` wants it: it signs (RS256, by openssl) what a client may do with a repository.
//!
//! It grants what its one user asks for, and to everybody else pulling from repositories below `public/`; who comes
//! with a wrong password is refused. An identity token in a form is as good as the password. It keeps each request, so that a test can see who showed credentials.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::{Request, Response, Server};
use super::registry::Login;

/// A running token server.
pub struct TokenIssuer {
    server: Server,
    seen: Arc<Mutex<Vec<Request>>>,
    keys: Arc<Keys>,
}

impl TokenIssuer {
    /// What tokens are for.
    pub const SERVICE: &'static str = "registry.tests";
    /// What its user may show in place of a password, in a form.
    pub const IDENTITY: &'static str = "identity-of-alice";
    /// Who signs them.
    pub const NAME: &'static str = "issuer.tests";

    /// Starts one with one user.
    pub fn start(user: &Login) -> Self {
        let keys = Arc::new(Keys::make());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (signer, kept, login) = (Arc::clone(&keys), Arc::clone(&seen), user.base64());
        let server = Server::start(move |request, stream| {
            kept.lock().unwrap().push(request.clone());
            let answer = answer(request, &login, &signer);
            answer.write(&request.method, usize::MAX, stream)
        });
        Self { server, seen, keys }
    }

    /// Where tokens are to be had.
    pub fn realm(&self) -> String {
        format!("http://{}/token", self.server.address())
    }

    /// Its host and port, as a configuration names it.
    pub fn authority(&self) -> String {
        self.server.address().to_string()
    }

    /// What the registry trusts.
    pub fn certificate(&self) -> PathBuf {
        self.keys.folder.path().join("certificate.pem")
    }

    /// Every request so far; forgets them.
    pub fn take_seen(&self) -> Vec<Request> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

fn answer(request: &Request, login: &str, keys: &Keys) -> Response {
    let form = String::from_utf8_lossy(&request.body);
    let query = match request.target.split_once('?') {
        Some((_, query)) => query,
        None => &form,
    };
    let identity = format!("refresh_token={}", TokenIssuer::IDENTITY);
    let known = match request.header("authorization") {
        None if request.method == "POST" => {
            if !query.split('&').any(|pair| pair == identity) {
                return Response::new(400, "application/json", r#"{"error":"invalid_grant"}"#);
            }
            true
        }
        None => false,
        Some(shown) if shown.strip_prefix("Basic ") == Some(login) => true,
        Some(_) => return Response::new(401, "text/plain", "who are you?"),
    };
    let scopes = query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("scope="));
    let access: Vec<Value> = scopes
        .filter_map(|scope| granted(&decoded(scope), known))
        .collect();
    let token = keys.token(&json!(access));
    Response::new(
        200,
        "application/json",
        json!({"token": token, "access_token": token}).to_string(),
    )
}

/// `repository:NAME:ACTION,ACTION` as a claim, cut down to what is allowed.
fn granted(scope: &str, known: bool) -> Option<Value> {
    let rest = scope.strip_prefix("repository:")?;
    let (name, actions) = rest.rsplit_once(':')?;
    let allowed = |action: &&str| known || (name.starts_with("public/") && *action == "pull");
    let actions: Vec<&str> = actions.split(',').filter(allowed).collect();
    Some(json!({"type": "repository", "name": name, "actions": actions}))
}

/// Undoes the percent encoding of a query.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let pair = after
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        let byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        rest = match (*first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                &after[2..]
            }
            (b'+', _) => {
                bytes.push(b' ');
                after
            }
            (byte, _) => {
                bytes.push(byte);
                after
            }
        };
    }
    String::from_utf8(bytes).unwrap()
}

/// A key and a certificate of its own making.
struct Keys {
    folder: TempDir,
}

impl Keys {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "36500",
            ])
            .args([
                "-subj",
                "/CN=issuer.tests",
                "-keyout",
                "key.pem",
                "-out",
                "certificate.pem",
            ])
            .current_dir(folder.path())
            .output()
            .expect("openssl is installed");
        assert!(made.status.success(), "openssl: {made:?}");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A signed JSON web token that grants `access` for a quarter of an hour.
    fn token(&self, access: &Value) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let pem = fs_err::read_to_string(self.path("certificate.pem")).unwrap();
        let der: String = pem.lines().filter(|line| !line.starts_with("--")).collect();
        STANDARD.decode(&der).expect("a certificate in base64");
        let head = json!({"typ": "JWT", "alg": "RS256", "x5c": [der]});
        let claims = json!({
            "iss": TokenIssuer::NAME, "sub": "somebody", "aud": TokenIssuer::SERVICE,
            "iat": now - 60, "nbf": now - 60, "exp": now + 900, "jti": "1", "access": access,
        });
        let text = format!("{}.{}", encoded(&head), encoded(&claims));
        let signature = sign(&self.path("key.pem"), text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn sign(key: &Path, text: &[u8]) -> Vec<u8> {
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-sign"])
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(text).unwrap();
    let signed = openssl.wait_with_output().unwrap();
    assert!(signed.status.success(), "openssl: {signed:?}");
    signed.stdout
}
