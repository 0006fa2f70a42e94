//! `pyro doctor HOST`: what would be asked, with what, and what it answers.

use serde_json::{Value, json};

use crate::access::assert_keeps_secrets;
use crate::support::registry::{Access, Login, Registry, Transport};
use crate::support::scene::Scene;
use crate::support::token_issuer::TokenIssuer;

/// The places of a registry, and the exit code.
#[track_caller]
fn places(scene: &Scene, host: &str, code: i32) -> Vec<Value> {
    let ended = scene.run(&["doctor", host, "--json", "-vvv"]).code(code);
    assert_keeps_secrets(&ended);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document["registry"]["usable"], code == 0);
    let places = document["registry"]["places"].as_array().unwrap().clone();
    let untimed = |mut place: Value| {
        let took = place.as_object_mut().unwrap().remove("duration_ms");
        assert!(took.unwrap().is_u64());
        place
    };
    places.into_iter().map(untimed).collect()
}

#[test]
fn it_tells_the_order_and_of_each_place_login_certificates_proxy_and_answer() {
    let registry = Registry::start_over(Transport::Https, &Access::Password(&Login::ALICE));
    let mirror = Registry::start(&Access::Open);
    let host = registry.address().to_string();
    let scene = Scene::new();
    scene.log_in(&host, &Login::ALICE);
    scene.configure(&format!(
        "[registry.\"{host}\"]\nmirrors = [\"{}/hub\"]\nca = {:?}\n",
        mirror.address(),
        registry.authority()
    ));
    let expected = [
        json!({"name": format!("{}/hub", mirror.address()), "role": "mirror", "login": "anonymous", "ca": null,
            "url": format!("http://{}/v2/", mirror.address()), "proxy": null, "answer": "open", "problem": null}),
        json!({"name": host, "role": "registry", "login": "[TEMP]/docker/config.json", "ca": registry.authority(),
            "url": format!("https://{host}/v2/"), "proxy": null, "answer": "login", "problem": null}),
    ];
    assert_eq!(places(&scene, &host, 0), expected);

    let ended = scene.run(&["doctor", &host]).code(0);
    let (_, shown) = ended.stdout.split_once("registry  ").unwrap();
    let names = [
        (host.as_str(), "HOST"),
        (&mirror.address().to_string(), "MIRROR"),
        (&registry.authority().display().to_string(), "CA"),
    ];
    let shown = names.iter().fold(shown.to_owned(), |text, (name, word)| {
        text.replace(name, word)
    });
    let untimed = |line: &str| match line.split_once(", in ") {
        Some((answer, took)) => {
            let took = took.strip_suffix(" ms").unwrap();
            assert!(took.parse::<u64>().is_ok(), "{line}");
            format!("{answer}, in N ms\n")
        }
        None => format!("{line}\n"),
    };
    let shown: String = shown.lines().map(untimed).collect();
    insta::assert_snapshot!(shown, @r"
    HOST
    asked 1  MIRROR/hub, mirror
      url  http://MIRROR/v2/
      login  anonymous
      proxy  none
      answers  to everybody, in N ms
    asked 2  HOST, the registry itself
      url  https://HOST/v2/
      login  [TEMP]/docker/config.json
      ca  the system's, and CA
      proxy  none
      answers  with this login, in N ms
    ");
}

#[test]
fn what_keeps_a_registry_from_being_used_decides_the_exit_code() {
    let mut registry = Registry::start(&Access::Password(&Login::ALICE));
    let host = registry.address().to_string();
    let scene = Scene::new();
    let place = places(&scene, &host, 77).remove(0);
    assert_eq!(place["answer"], Value::Null);
    assert_eq!(place["problem"]["kind"], "denied");
    scene.log_in(&host, &Login::WRONG);
    let place = places(&scene, &host, 77).remove(0);
    let message = place["problem"]["message"].as_str().unwrap();
    let is_told = message.contains("the login from") && message.contains("was refused");
    assert!(is_told, "{message}");
    // A mirror that answers is enough.
    let mirror = Registry::start(&Access::Open);
    let mirrors = format!("mirrors = [\"{}\"]", mirror.address());
    scene.configure(&format!("[registry.\"{host}\"]\n{mirrors}\n"));
    let all = places(&scene, &host, 0);
    assert_eq!(
        (&all[0]["answer"], &all[1]["answer"]),
        (&json!("open"), &Value::Null)
    );
    scene.configure(&format!(
        "[registry.\"{host}\"]\n{mirrors}\nfallback = false\n"
    ));
    assert_eq!(places(&scene, &host, 0).len(), 1);
    registry.stop();
    scene.configure("");
    let place = places(&scene, &host, 75).remove(0);
    assert_eq!(place["url"], Value::Null);
    assert_eq!(place["problem"]["kind"], "temporary");
}

#[test]
fn a_token_server_that_may_not_see_the_login_is_named_with_the_key_to_set() {
    let issuer = TokenIssuer::start(&Login::ALICE);
    let registry = Registry::start(&Access::Token(&issuer));
    let host = registry.address().to_string();
    let scene = Scene::new();
    assert_eq!(places(&scene, &host, 0)[0]["answer"], "token");
    scene.log_in(&host, &Login::ALICE);
    let place = places(&scene, &host, 77).remove(0);
    let message = place["problem"]["message"].as_str().unwrap();
    assert!(message.contains("token-realms"), "{message}");
    let realms = format!("token-realms = [\"{}\"]", issuer.authority());
    scene.configure(&format!("[registry.\"{host}\"]\n{realms}\n"));
    assert_eq!(places(&scene, &host, 0)[0]["answer"], "login");
}

#[test]
fn offline_says_so_and_a_name_that_is_none_is_a_mistake() {
    let scene = Scene::new();
    scene.run(&["doctor", "https://registry.example/"]).code(2);
    let registry = Registry::start(&Access::Open);
    let host = registry.address().to_string();
    let mut command = scene.command(&[], &["doctor", &host]);
    let ended = command.env("PYRO_OFFLINE", "1").output().unwrap();
    assert_eq!(ended.status.code(), Some(79), "{ended:?}");
}
