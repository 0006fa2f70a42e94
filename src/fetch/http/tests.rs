use super::super::server::{Reply, Server};
use super::super::settings::Network;
use super::*;

fn web(network: Network) -> Web {
    Web::new(Arc::new(Settings {
        network,
        ..Settings::default()
    }))
}

fn get(web: &Web, url: &str, authorization: Option<&Secret>) -> Result<Vec<u8>, Error> {
    let ask = Ask {
        url: &Url::parse(url).unwrap(),
        what: url,
        accept: &["a/b", "c/d"],
        authorization,
        rest: None,
    };
    let answer = web.get(&ask).map_err(Error::from)?.success()?;
    web.read(answer, 1000)
}

#[test]
fn a_redirect_elsewhere_loses_the_authorization() {
    let other = Server::start(|_| Reply::ok(b"from the other"));
    let there = other.url("b?signature=s");
    let own = Server::start(move |request| match request.path.as_str() {
        "/a" => Reply::redirect("/here"),
        _ => Reply::redirect(&there),
    });
    let secret = Secret::new("Basic x");
    let body = get(&web(Network::Allowed), &own.url("a"), Some(&secret)).unwrap();
    assert_eq!(body, b"from the other");
    let seen: Vec<_> = own.requests();
    assert_eq!(seen[0].header("authorization"), Some("Basic x"));
    assert_eq!(seen[0].header("accept"), Some("a/b, c/d"));
    assert_eq!(seen[1].header("authorization"), Some("Basic x"));
    let elsewhere = &other.requests()[0];
    assert_eq!(elsewhere.path, "/b?signature=s");
    assert_eq!(elsewhere.header("authorization"), None);
    assert_eq!(elsewhere.header("referer"), None);
}

#[test]
fn the_authorization_does_not_come_back_with_a_second_redirect() {
    let (sender, receiver) = std::sync::mpsc::channel::<String>();
    let other = Server::start(move |_| Reply::redirect(&receiver.recv().unwrap()));
    let there = other.url("");
    let own = Server::start(move |request| match request.path.as_str() {
        "/a" => Reply::redirect(&there),
        _ => Reply::ok(b""),
    });
    sender.send(own.url("back")).unwrap();
    let secret = Secret::new("Basic x");
    get(&web(Network::Allowed), &own.url("a"), Some(&secret)).unwrap();
    assert_eq!(own.requests()[1].header("authorization"), None);
}

#[test]
fn redirects_end_after_ten() {
    let server = Server::start(|_| Reply::redirect("/again"));
    let error = get(&web(Network::Allowed), &server.url(""), None).unwrap_err();
    assert!(
        matches!(&error, Error::Denied { why, .. } if why.contains("10 redirects")),
        "{error}"
    );
    assert_eq!(server.requests().len(), 11);
}

#[test]
fn https_does_not_become_http_outside_this_machine() {
    let downgrade = |from, to| is_downgrade(&Url::parse(from).unwrap(), &Url::parse(to).unwrap());
    assert!(downgrade("https://a.example/", "http://a.example/"));
    assert!(downgrade("https://a.example/", "http://127.0.0.1/"));
    assert!(!downgrade("https://127.0.0.1/", "http://127.0.0.1/"));
    assert!(!downgrade("https://a.example/", "https://b.example/"));
}

#[test]
fn plain_http_elsewhere_is_denied_before_anything_is_sent() {
    let error = get(&web(Network::Allowed), "http://registry.invalid:81/a", None).unwrap_err();
    assert!(
        matches!(&error, Error::Denied { why, .. } if why.contains(r#"[registry."registry.invalid:81"]"#)),
        "{error}"
    );
}

#[test]
fn a_redirect_to_plain_http_elsewhere_is_denied() {
    let server = Server::start(|_| Reply::redirect("http://elsewhere.invalid/"));
    let error = get(&web(Network::Allowed), &server.url(""), None).unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error}");
}

#[test]
fn without_network_there_is_no_client() {
    let server = Server::start(|_| Reply::ok(b""));
    let error = get(&web(Network::Forbidden), &server.url(""), None).unwrap_err();
    assert!(matches!(error, Error::Offline { .. }), "{error}");
    assert!(server.requests().is_empty());
}

#[test]
fn a_port_that_nobody_serves_is_temporary() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = get(&web(Network::Allowed), &url, None).unwrap_err();
    assert!(
        matches!(&error, Error::Temporary { why, .. } if why.contains("refused")),
        "{error}"
    );
}

#[test]
fn a_small_body_is_not_read_beyond_its_limit() {
    let server = Server::start(|_| Reply::ok(&[0; 1001]));
    let error = get(&web(Network::Allowed), &server.url(""), None).unwrap_err();
    assert!(
        matches!(error, Error::TooLarge { limit: 1000, .. }),
        "{error}"
    );
}
