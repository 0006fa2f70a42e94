//! `pyro login` and `pyro logout`, and that skopeo reads what pyro writes and the other way round.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::registry::{Access, Login, Registry};
use crate::support::token_issuer::TokenIssuer;
use crate::user::{User, assert_keeps_secrets, filled, reference};

fn guarded() -> (Registry, String) {
    let registry = filled(&Access::Password(&Login::ALICE), &["some/where"]);
    let host = registry.address().to_string();
    (registry, host)
}

fn login(host: &str) -> Vec<&str> {
    let mut words = vec!["login", host, "--username", "alice"];
    words.extend(["--password-stdin", "-vvv", "--json"]);
    words
}

fn line(login: &Login) -> String {
    format!("{}\n", login.password)
}

fn mode(path: &Path) -> u32 {
    fs_err::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn skopeo(words: &[&str], input: &str) -> bool {
    let home = tempfile::tempdir().unwrap();
    let mut child = Command::new("skopeo")
        .args(words)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait().unwrap().success()
}

#[test]
fn a_login_is_tried_stored_used_and_removed() {
    let (registry, host) = guarded();
    let user = User::of(&reference(&registry, "some/where"));
    fs_err::remove_dir(user.scene.path("docker")).unwrap();

    let said = user.run(&login(&host), &line(&Login::WRONG)).code(77);
    assert!(said.stdout.contains("refused"), "{said}");
    assert!(!user.config().exists());

    let said = user.run(&login(&host), &line(&Login::ALICE)).code(0);
    let expected = json!({"schema": "pyro.login/1", "registry": host, "username": "alice",
        "stored_in": user.config(), "verified": true});
    assert_eq!(said.json(), expected);
    assert_eq!(mode(&user.config()), 0o600);
    assert_eq!(mode(&user.scene.path("docker")), 0o700);
    user.realize().code(0);

    let config = user.config();
    let config = config.to_str().unwrap();
    let image = format!("docker://{}", reference(&registry, "some/where"));
    let inspect = [
        "inspect",
        "--raw",
        "--tls-verify=false",
        "--authfile",
        config,
        &image,
    ];
    assert!(skopeo(&inspect, ""));

    let said = user.run(&["logout", &host, "--json"], "").code(0);
    let expected = json!({"schema": "pyro.logout/1", "registry": host, "removed_from": [config]});
    assert_eq!(said.json(), expected);
    assert!(!skopeo(&inspect, ""));
    let said = user.run(&["logout", &host], "").code(0);
    assert!(said.stdout.contains("no login"), "{said}");
}

#[test]
fn what_skopeo_wrote_is_read_and_a_named_file_is_the_only_one() {
    let (registry, host) = guarded();
    let user = User::of(&reference(&registry, "some/where"));
    user.configure(&json!({"auths": {host.as_str(): {"auth": Login::WRONG.base64()}}}));
    let file = user.scene.path("auth.json");
    let authfile = file.to_str().unwrap();
    let words = [
        "login",
        "--tls-verify=false",
        "--authfile",
        authfile,
        "--username",
        "alice",
    ];
    let words = [&words[..], &["--password-stdin", &host]].concat();
    assert!(skopeo(&words, Login::ALICE.password));
    let said = user.realize().code(77);
    assert!(
        said.stderr.contains(user.config().to_str().unwrap()),
        "{said}"
    );
    let user = user.with("REGISTRY_AUTH_FILE", authfile);
    user.realize().code(0);
}

#[test]
fn podmans_file_comes_before_dockers_and_gets_the_login_if_it_is_there() {
    let (registry, host) = guarded();
    let user = User::of(&reference(&registry, "some/where"));
    let folder = user.scene.path("run/containers");
    fs_err::create_dir_all(&folder).unwrap();
    let file = folder.join("auth.json");
    fs_err::write(&file, r#"{"auths":{"r.example":{"auth":"dTpw"}},"more":1}"#).unwrap();
    user.configure(&json!({"auths": {host.as_str(): {"auth": Login::WRONG.base64()}}}));
    let user = user.with("XDG_RUNTIME_DIR", user_path(&folder));
    let said = user.run(&login(&host), &line(&Login::ALICE)).code(0);
    assert_eq!(said.json()["stored_in"], json!(file));
    let kept: serde_json::Value = serde_json::from_slice(&fs_err::read(&file).unwrap()).unwrap();
    assert_eq!(kept["more"], 1);
    assert_eq!(kept["auths"]["r.example"], json!({"auth": "dTpw"}));
    user.realize().code(0);
    // Both go: the other one would come to light.
    let said = user.run(&["logout", &host, "--json"], "").code(0);
    assert_eq!(said.json()["removed_from"], json!([file, user.config()]));
}

fn user_path(folder: &Path) -> String {
    folder.parent().unwrap().to_str().unwrap().to_owned()
}

/// Keeps what it is given in a file, and looks at what everybody can see of it and of who started it.
const KEEPER: &str = r#"kept="$0.kept"
cat /proc/$PPID/cmdline /proc/$$/cmdline | tr '\0' ' ' >>"$0.seen"
case $1 in
store) cat >"$kept" ;;
get) cat >/dev/null; test -e "$kept" && cat "$kept" || { echo 'credentials not found in native keychain'; exit 1; } ;;
erase) cat >/dev/null; rm "$kept" ;;
esac"#;

#[test]
fn a_helper_that_the_file_names_stores_and_erases() {
    let (registry, host) = guarded();
    let user = User::of(&reference(&registry, "some/where"));
    user.helper("keeper", KEEPER);
    user.configure(
        &json!({"credsStore": "keeper", "auths": {host.as_str(): {"auth": Login::WRONG.base64()}}}),
    );
    let said = user.run(&login(&host), &line(&Login::ALICE)).code(0);
    assert_eq!(said.json()["stored_in"], "credential helper keeper");
    assert_eq!(
        user.configured(),
        json!({"credsStore": "keeper", "auths": {}})
    );
    user.realize().code(0);
    let said = user.run(&["logout", &host, "--json"], "").code(0);
    assert_eq!(
        said.json()["removed_from"],
        json!(["credential helper keeper"])
    );
    let said = user.run(&["logout", &host, "--json"], "").code(0);
    assert_eq!(said.json()["removed_from"], json!([]));
    let seen = user.scene.path("bin/docker-credential-keeper.seen");
    let seen = fs_err::read_to_string(seen).unwrap();
    assert!(seen.contains("--password-stdin"), "{seen}");
    assert_keeps_secrets(&seen);
}

#[test]
fn a_login_is_not_stored_where_its_token_server_may_not_see_it() {
    let issuer = TokenIssuer::start(&Login::ALICE);
    let registry = filled(&Access::Token(&issuer), &["private/some"]);
    let host = registry.address().to_string();
    let user = User::of(&reference(&registry, "private/some"));
    let said = user.run(&login(&host), &line(&Login::ALICE)).code(77);
    assert!(said.stdout.contains("token-realms"), "{said}");
    assert!(!user.config().exists());
    let realms = format!(
        "[registry.\"{host}\"]\ntoken-realms = [\"{}\"]\n",
        issuer.authority()
    );
    user.scene.configure(&realms);
    user.run(&login(&host), &line(&Login::WRONG)).code(77);
    user.run(&login(&host), &line(&Login::ALICE)).code(0);
    user.realize().code(0);
}

#[test]
fn a_registry_that_asks_for_no_login_cannot_try_one() {
    let registry = filled(&Access::Open, &["some/where"]);
    let host = registry.address().to_string();
    let user = User::of(&reference(&registry, "some/where"));
    let said = user.run(&login(&host), &line(&Login::ALICE)).code(0);
    assert_eq!(said.json()["verified"], false);
    assert!(said.stderr.contains("asks for no login"), "{said}");
}

#[test]
fn without_a_terminal_the_words_must_say_enough() {
    let user = User::of("r.example/a:1");
    let input = line(&Login::ALICE);
    let said = user.run(&["login", "r.example", "--username", "alice"], &input);
    assert!(
        said.code == 2 && said.stderr.contains("--password-stdin"),
        "{said}"
    );
    let said = user.run(&["login", "r.example", "--password-stdin"], &input);
    assert!(
        said.code == 2 && said.stderr.contains("--username"),
        "{said}"
    );
    for host in ["https://r.example", "r.example/team", "registry"] {
        user.run(&["logout", host], "").code(2);
    }
    user.run(&login("r.example"), "\n").code(2);
    user.run(
        &[&login("r.example")[..], &["--username", "a:b"]].concat(),
        &input,
    )
    .code(2);
}

/// Starts pyro on a terminal of its own, types what it asks for, and prints what came.
const TYPIST: &str = r"
import os, pty, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen = b''
def until(text):
    global seen
    while text not in seen:
        seen += os.read(terminal, 4096)
until(b'user at ')
os.write(terminal, b'alice\n')
until(b'password at ')
os.write(terminal, b'x' + '\u00e9'.encode() + b'\x7f\x7fcorrect-horse-battery' + os.environ['END'].encode())
try:
    while True:
        more = os.read(terminal, 4096)
        if not more:
            break
        seen += more
except OSError:
    pass
if not termios.tcgetattr(terminal)[3] & termios.ECHO:
    seen += b'it is mute'
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";

#[test]
fn a_person_is_asked_and_the_password_is_not_shown() {
    let (registry, host) = guarded();
    let user = User::of(&reference(&registry, "some/where"));
    let python = ["/usr/bin/python3", "-c", TYPIST];
    let python = python.map(std::ffi::OsStr::new);
    let typed = |end: &str| {
        let mut command = user.scene.command(&python, &["login", &host]);
        let typed = command.env("END", end).output().unwrap();
        let seen = String::from_utf8(typed.stdout).unwrap();
        assert!(
            seen.contains("alice") && !seen.contains("it is mute"),
            "{seen}"
        );
        assert_keeps_secrets(&seen);
        (typed.status.code(), seen)
    };
    let (code, seen) = typed("\u{3}");
    assert!(code == Some(2) && seen.contains("interrupted"), "{seen}");
    let (code, seen) = typed("\n");
    assert!(code == Some(0) && seen.contains("is stored in"), "{seen}");
    user.realize().code(0);
}
