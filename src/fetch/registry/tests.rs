use serde_json::json;

use super::super::server::{Content, Recorder, Reply, Request, Server, TAR, Tls};
use super::super::{Image, Settings};
use super::*;

fn content() -> Content {
    let mut content = Content::default();
    let layer = content.put(TAR, b"layer");
    content.root = content.manifest(&json!({}), &[layer]);
    content
}

struct Client {
    top: tempfile::TempDir,
    recorder: Recorder,
    settings: Settings,
}

impl Client {
    fn new() -> Self {
        Self {
            top: tempfile::tempdir().unwrap(),
            recorder: Recorder::default(),
            settings: Settings {
                retries: 0,
                ..Settings::default()
            },
        }
    }

    /// With a login for the server.
    fn with_login(self, server: &Server) -> Self {
        self.with_entry(server, &json!({"auth": "dTpw"}))
    }

    fn with_entry(mut self, server: &Server, entry: &serde_json::Value) -> Self {
        let path = self.top.path().join("config.json");
        let config = json!({"auths": {server.address.to_string(): entry}});
        fs_err::write(&path, config.to_string()).unwrap();
        self.settings.login_files = vec![path];
        self
    }

    /// Resolves the image and reads its layer.
    fn pull(&self, server: &Server) -> Result<Image, Error> {
        let downloads = self.top.path().join("spool");
        let fetcher = Fetcher::new(self.settings.clone(), downloads, &self.recorder);
        let source = format!("{}/team/tools:t", server.address).parse().unwrap();
        let platform = "linux/amd64".parse().unwrap();
        let image = fetcher.image(&source, "/".as_ref(), &platform, None)?;
        let mut layers = fetcher.layers("e", &image)?;
        while let Some(layer) = layers.next()? {
            layer.finish()?;
        }
        drop(layers);
        Ok(image)
    }
}

/// Asks for `expected` as the `Authorization`, and with `challenge` for who has none.
fn guarded(content: &Content, request: &Request, expected: &str, challenge: &str) -> Reply {
    if request.header("authorization") == Some(expected) {
        content.answer(&request.path)
    } else {
        Reply::of(401, &[("www-authenticate", challenge)], b"{}")
    }
}

fn why(error: &Error) -> String {
    assert!(matches!(error, Error::Denied { .. }), "{error}");
    error.to_string()
}

#[test]
fn this_machine_is_tried_with_tls_first_and_then_spoken_to_in_plain_http() {
    let content = content();
    let server = Server::start(move |request| content.answer(&request.path));
    Client::new().pull(&server).unwrap();
    let paths: Vec<_> = server.requests().into_iter().map(|r| r.path).collect();
    assert_eq!(paths[0], "TLS");
    assert_eq!(paths[1], "/v2/team/tools/manifests/t");
    assert_eq!(paths.iter().filter(|path| *path == "TLS").count(), 1);
}

#[test]
fn a_port_that_speaks_tls_gets_no_plain_http() {
    let content = content();
    let server = Server::with_tls(Tls::Refuses, move |request| content.answer(&request.path));
    let error = Client::new().pull(&server).unwrap_err();
    assert!(matches!(error, Error::Temporary { .. }), "{error}");
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.path == "TLS")
    );
}

#[test]
fn a_basic_challenge_gets_the_login_of_the_host() {
    let content = content();
    let server = Server::start(move |request| {
        guarded(&content, request, "Basic dTpw", r#"Basic realm="r""#)
    });
    Client::new().with_login(&server).pull(&server).unwrap();
    let error = Client::new().pull(&server).unwrap_err();
    assert!(why(&error).contains("pyro login"), "{error}");
    assert!(!error.to_string().contains("dTpw"));
}

#[test]
fn a_wrong_login_is_denied_after_one_attempt() {
    let content = content();
    let server = Server::start(move |request| {
        guarded(&content, request, "Basic other", r#"Basic realm="r""#)
    });
    let error = Client::new().with_login(&server).pull(&server).unwrap_err();
    assert!(why(&error).contains("refused"), "{error}");
    let sent = server.requests();
    assert_eq!(
        sent.iter()
            .filter(|r| r.header("authorization").is_some())
            .count(),
        1
    );
}

/// A registry that is its own token server.
fn with_own_realm(expected: Option<&'static str>) -> Server {
    let content = content();
    Server::start(move |request| {
        if request.path.starts_with("/token") {
            return if request.header("authorization") == expected {
                Reply::ok(br#"{"access_token":"good"}"#)
            } else {
                Reply::of(401, &[], b"")
            };
        }
        let realm = format!("http://{}/token", request.header("host").unwrap());
        let challenge = format!(r#"Negotiate, Bearer realm="{realm}",service="a b",scope="x""#);
        guarded(&content, request, "Bearer good", &challenge)
    })
}

#[test]
fn a_token_is_asked_for_once_with_the_scope_of_the_repository() {
    let server = with_own_realm(None);
    Client::new().pull(&server).unwrap();
    let paths = server.requests().into_iter().map(|request| request.path);
    let tokens: Vec<_> = paths.filter(|path| path.starts_with("/token")).collect();
    assert_eq!(
        tokens,
        ["/token?scope=repository%3Ateam%2Ftools%3Apull&service=a+b"]
    );
}

#[test]
fn the_registrys_own_realm_sees_the_login() {
    let server = with_own_realm(Some("Basic dTpw"));
    Client::new().with_login(&server).pull(&server).unwrap();
    let error = Client::new().pull(&server).unwrap_err();
    assert!(why(&error).contains("no login"), "{error}");
}

#[test]
fn another_realm_sees_the_login_only_when_it_is_listed() {
    let realm = Server::start(|request| match request.header("authorization") {
        Some("Basic dTpw") => Reply::ok(br#"{"token":"good"}"#),
        _ => Reply::ok(br#"{"token":"worthless"}"#),
    });
    let content = content();
    let challenge = format!(r#"Bearer realm="{}""#, realm.url("token"));
    let server =
        Server::start(move |request| guarded(&content, request, "Bearer good", &challenge));
    let mut client = Client::new().with_login(&server);
    let error = client.pull(&server).unwrap_err();
    let key = format!(r#"[registry."{}"]"#, server.address);
    assert!(
        why(&error).contains(&key) && why(&error).contains("token-realms"),
        "{error}"
    );
    assert!(
        realm
            .requests()
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
    let realms = vec![realm.address.to_string()];
    client
        .settings
        .token_realms
        .insert(server.address.to_string(), realms);
    client.pull(&server).unwrap();
}

#[test]
fn a_redirected_blob_is_fetched_without_the_token() {
    let content = content();
    let kept = content.clone();
    let elsewhere = Server::start(move |request| kept.answer(&request.path));
    let there = elsewhere.url("");
    let server = Server::start(move |request| {
        if request.path.contains("/blobs/") {
            return Reply::redirect(&format!("{}{}", there.trim_end_matches('/'), request.path));
        }
        guarded(&content, request, "Basic dTpw", "Basic realm=r")
    });
    Client::new().with_login(&server).pull(&server).unwrap();
    let seen = elsewhere.requests();
    assert_eq!(seen.len(), 2);
    assert!(
        seen.iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[test]
fn a_header_with_another_digest_is_mentioned_and_not_believed() {
    let content = content();
    let root = content.root["digest"].as_str().unwrap().to_owned();
    let claimed = format!("sha256:{}", "0".repeat(64));
    let server = Server::start(move |request| {
        if request.path.ends_with("/t") {
            let headers = [("docker-content-digest", claimed.as_str())];
            return Reply::of(200, &headers, &content.blobs[&root]);
        }
        content.answer(&request.path)
    });
    let client = Client::new();
    let image = client.pull(&server).unwrap();
    let told = client.recorder.0.lock().unwrap().join("\n");
    assert!(
        told.contains("header names sha256:000") && told.contains(&image.digest().to_string()),
        "{told}"
    );
}

#[test]
fn a_manifest_over_the_limit_is_refused() {
    let content = content();
    let server = Server::start(move |request| content.answer(&request.path));
    let mut client = Client::new();
    client.settings.max_manifest = 100;
    let error = client.pull(&server).unwrap_err();
    assert!(
        matches!(
            error,
            Error::TooLarge {
                limit: 100,
                key: Some(_),
                ..
            }
        ),
        "{error}"
    );
}

/// A registry that is its own token server: it numbers its tokens, and `accepts` says which one opens a path.
fn numbering(accepts: impl Fn(&str, &str) -> bool + Send + 'static) -> Server {
    let content = content();
    let given = std::sync::atomic::AtomicU32::new(0);
    Server::start(move |request| {
        if request.path.starts_with("/token") {
            let n = 1 + given.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            return Reply::ok(format!(r#"{{"token":"t{n}","expires_in":3600}}"#).as_bytes());
        }
        let shown = request.header("authorization").unwrap_or_default();
        if accepts(&request.path, shown) {
            return content.answer(&request.path);
        }
        let realm = format!("http://{}/token", request.header("host").unwrap());
        let challenge = format!(r#"Basic realm="r", Bearer realm="{realm}""#);
        Reply::of(401, &[("www-authenticate", &challenge)], b"{}")
    })
}

fn tokens(server: &Server) -> usize {
    let sent = server.requests().into_iter();
    sent.filter(|request| request.path.starts_with("/token"))
        .count()
}

#[test]
fn a_token_that_is_refused_in_the_middle_is_renewed_once() {
    let server = numbering(|path, shown| {
        shown == "Bearer t2" || shown == "Bearer t1" && path.contains("/manifests/")
    });
    Client::new().pull(&server).unwrap();
    assert_eq!(tokens(&server), 2);
    let server = numbering(|_, _| false);
    let error = Client::new().with_login(&server).pull(&server).unwrap_err();
    assert!(why(&error).contains("config.json was used"), "{error}");
    assert_eq!(tokens(&server), 1);
}

#[test]
fn a_token_that_has_run_out_is_renewed_before_it_is_used() {
    let server = numbering(|_, shown| shown.starts_with("Bearer"));
    let client = Client::new();
    let downloads = client.top.path().join("spool");
    let fetcher = Fetcher::new(client.settings.clone(), downloads, &client.recorder);
    let registry = Registry::new(&fetcher, &server.address.to_string(), "team/tools");
    registry.tagged("t").unwrap();
    registry.tagged("t").unwrap();
    assert_eq!(tokens(&server), 1);
    held(&registry.slot()).as_mut().unwrap().granted.until = Some(Instant::now());
    registry.tagged("t").unwrap();
    assert_eq!(tokens(&server), 2);
    let shown: Vec<_> = server
        .requests()
        .into_iter()
        .filter(|request| request.path.contains("/manifests/"))
        .map(|request| request.header("authorization").map(str::to_owned))
        .collect();
    let [t1, t2] = ["Bearer t1", "Bearer t2"].map(|token| Some(token.to_owned()));
    assert_eq!(shown, [None, t1.clone(), t1, t2]);
}

#[test]
fn threads_share_one_token() {
    let server = numbering(|_, shown| shown == "Bearer t1");
    let client = Client::new();
    let downloads = client.top.path().join("spool");
    let fetcher = Fetcher::new(client.settings.clone(), downloads, &client.recorder);
    let registry = Registry::new(&fetcher, &server.address.to_string(), "team/tools");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| registry.tagged("t").unwrap());
        }
    });
    assert_eq!(tokens(&server), 1);
}

#[test]
fn an_identity_token_does_not_follow_a_redirect() {
    let elsewhere = Server::start(|_| Reply::ok(br#"{"token":"t"}"#));
    let there = elsewhere.url("token");
    let server = Server::start(move |request| {
        if request.path.starts_with("/token") {
            return Reply::redirect(&there);
        }
        let realm = format!("http://{}/token", request.header("host").unwrap());
        let challenge = format!(r#"Bearer realm="{realm}""#);
        Reply::of(401, &[("www-authenticate", &challenge)], b"{}")
    });
    let client = Client::new().with_entry(&server, &json!({"identitytoken": "hunter2"}));
    let error = client.pull(&server).unwrap_err();
    assert!(why(&error).contains("redirect"), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert_eq!(elsewhere.requests().len(), 0);
}

#[test]
fn an_identity_token_is_no_password() {
    let server = Server::start(|_| Reply::of(401, &[("www-authenticate", "Basic realm=r")], b""));
    let client = Client::new().with_entry(&server, &json!({"identitytoken": "hunter2"}));
    let error = client.pull(&server).unwrap_err();
    assert!(why(&error).contains("identity token"), "{error}");
    let sent = server.requests();
    assert!(
        sent.iter()
            .all(|request| request.header("authorization").is_none())
    );
}
