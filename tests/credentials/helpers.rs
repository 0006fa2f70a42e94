//! Credential helpers: good ones, and all the ways in which one can be of no use.

use std::thread;

use serde_json::json;

use crate::support::registry::{Access, Login, Registry};
use crate::user::{User, filled, reference};

const GOOD: &str = r#"read -r host
test "$1" = get || exit 9
echo 'a word on stderr' >&2
echo "{\"ServerURL\":\"$host\",\"Username\":\"alice\",\"Secret\":\"correct-horse-battery\"}""#;

fn guarded() -> Registry {
    filled(&Access::Password(&Login::ALICE), &["some/where"])
}

fn user(registry: &Registry) -> User {
    User::of(&reference(registry, "some/where"))
}

#[test]
fn a_helper_opens_the_registry_of_its_host() {
    let registry = guarded();
    let user = user(&registry);
    user.helper("good", GOOD);
    user.configure(&json!({"credHelpers": {registry.address().to_string(): "good"}}));
    let said = user.realize().code(0);
    assert!(said.stderr.contains("credential helper good"), "{said}");
    assert!(!said.stderr.contains("a word on stderr"), "{said}");
}

#[test]
fn the_general_store_is_asked_last() {
    let registry = guarded();
    let user = user(&registry);
    user.helper("good", GOOD);
    user.configure(&json!({"auths": {registry.address().to_string(): {}}, "credsStore": "good"}));
    user.realize().code(0);
    let user = self::user(&registry);
    user.helper("good", GOOD);
    let wrong = json!({"auth": Login::WRONG.base64()});
    user.configure(
        &json!({"auths": {registry.address().to_string(): wrong}, "credsStore": "good"}),
    );
    let said = user.realize().code(77);
    let file = user.config().display().to_string();
    assert!(
        said.stderr.contains(&file) && said.stderr.contains("refused"),
        "{said}"
    );
}

/// With a script that is of no use, pyro says so once, takes the next way, and is refused as nobody in particular.
#[track_caller]
fn is_told_of(script: Option<&str>, why: &str) {
    let registry = guarded();
    let user = user(&registry).with("PYRO_HTTP_HELPER_SECONDS", "60");
    if let Some(script) = script {
        user.helper("bad", script);
    }
    let host = registry.address().to_string();
    user.configure(&json!({"credHelpers": {host.as_str(): "bad"}}));
    let said = user.run(&["realize"], "").code(77);
    let told: Vec<_> = said
        .stderr
        .lines()
        .filter(|line| line.contains("credential helper bad"))
        .collect();
    assert!(told.len() == 1 && told[0].contains(why), "{said}");
    assert!(said.stderr.contains("anonymous"), "{said}");
    // The next way.
    user.configure(&json!({"credHelpers": {host.as_str(): "bad"}, "auths": {host.as_str(): {"auth": Login::ALICE.base64()}}}));
    user.realize().code(0);
}

#[test]
fn a_missing_one() {
    is_told_of(None, "PATH");
}

#[test]
fn one_that_fails() {
    is_told_of(Some("echo correct-horse-battery; exit 3"), "exit code 3");
}

#[test]
fn one_that_talks_garbage() {
    is_told_of(Some("echo correct-horse-battery"), "JSON");
}

#[test]
fn one_that_never_stops_talking() {
    is_told_of(
        Some("while :; do echo correct-horse-battery; done"),
        "64 KiB",
    );
}

#[test]
fn one_that_knows_nothing_is_no_trouble() {
    let registry = guarded();
    let user = user(&registry);
    user.helper(
        "empty",
        "echo 'credentials not found in native keychain'; exit 1",
    );
    user.configure(&json!({"credsStore": "empty"}));
    let said = user.run(&["realize"], "").code(77);
    assert!(!said.stderr.contains("credential helper"), "{said}");
    assert!(said.stderr.contains("pyro login"), "{said}");
}

#[test]
fn one_that_is_slow_is_ended_with_all_that_it_started() {
    let registry = guarded();
    let user = user(&registry).with("PYRO_HTTP_HELPER_SECONDS", "1");
    let pipe = user.scene.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    // Whoever still lives has the pipe open.
    user.helper(
        "slow",
        &format!("exec 7>'{}'\nsleep 86400 &\nsleep 86400", pipe.display()),
    );
    user.configure(&json!({"credHelpers": {registry.address().to_string(): "slow"}}));
    let gone = thread::spawn(move || fs_err::read(pipe).unwrap());
    let said = user.run(&["realize"], "").code(77);
    assert!(said.stderr.contains("within 1 s"), "{said}");
    assert_eq!(gone.join().unwrap(), b"");
}
