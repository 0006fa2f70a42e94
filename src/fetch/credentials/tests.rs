use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::super::secret::Secret;
use super::super::server::Recorder;
use super::*;

struct World {
    top: tempfile::TempDir,
    recorder: Recorder,
}

impl World {
    fn new() -> Self {
        Self {
            top: tempfile::tempdir().unwrap(),
            recorder: Recorder::default(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.top.path().join(name)
    }

    /// A helper that counts how often it is asked.
    fn helper(&self, name: &str, script: &str) {
        let path = self.path(&format!("docker-credential-{name}"));
        let count = self.path(&format!("{name}.asked"));
        let text = format!(
            "#!/bin/sh\nread -r host\necho \"$1 $host\" >>'{}'\n{script}\n",
            count.display()
        );
        fs_err::write(&path, text).unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn asked(&self, name: &str) -> Vec<String> {
        let text = fs_err::read_to_string(self.path(&format!("{name}.asked")));
        text.unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// Files in the order of asking; one with no text is not there.
    fn credentials(&self, files: &[(&str, &str)]) -> Credentials {
        for (name, text) in files.iter().filter(|(_, text)| !text.is_empty()) {
            fs_err::write(self.path(name), text).unwrap();
        }
        Credentials::new(&Settings {
            login_files: files.iter().map(|(name, _)| self.path(name)).collect(),
            search_path: vec![self.top.path().to_owned()],
            helper_timeout: Duration::from_secs(600),
            ..Settings::default()
        })
    }

    fn ask(&self, credentials: &Credentials, registry: &str) -> Login {
        credentials.login(registry, "a/b", &self.recorder).unwrap()
    }

    fn told(&self) -> Vec<String> {
        self.recorder.0.lock().unwrap().clone()
    }
}

fn password(user: &str, password: &str) -> Means {
    Means::Password(Secret::basic(user, &Secret::new(password)))
}

const GOOD: &str = r#"echo '{"ServerURL":"x","Username":"h","Secret":"1"}'"#;

#[test]
fn the_first_file_that_has_a_login_wins() {
    let world = World::new();
    let logins = world.credentials(&[
        ("absent", ""),
        ("one", r#"{"auths":{"a.example":{"auth":"dTpw"}}}"#),
        (
            "two",
            r#"{"auths":{"a.example":{"auth":"dTp4"},"b.example":{"auth":"dTpw"}}}"#,
        ),
    ]);
    for (host, file) in [("a.example", "one"), ("b.example", "two")] {
        let login = world.ask(&logins, host);
        assert_eq!(login.means, password("u", "p"), "{host}");
        assert_eq!(
            login.source.to_string(),
            world.path(file).display().to_string()
        );
    }
    assert_eq!(world.ask(&logins, "c.example"), Login::anonymous());
}

#[test]
fn a_hosts_helper_then_the_file_then_the_usual_helper() {
    let world = World::new();
    world.helper("own", GOOD);
    world.helper(
        "usual",
        "echo 'credentials not found in native keychain'; exit 1",
    );
    let logins = world.credentials(&[(
        "c",
        r#"{"auths":{"a.example":{"auth":"dTpw"},"b.example":{"auth":"dTpw"}},
            "credHelpers":{"a.example":"own","off.example":""},"credsStore":"usual"}"#,
    )]);
    let login = world.ask(&logins, "a.example");
    assert_eq!(login.means, password("h", "1"));
    assert_eq!(login.source.to_string(), "credential helper own");
    assert_eq!(world.ask(&logins, "b.example").means, password("u", "p"));
    assert_eq!(world.ask(&logins, "docker.io"), Login::anonymous());
    assert_eq!(world.ask(&logins, "docker.io"), Login::anonymous());
    assert_eq!(world.ask(&logins, "off.example"), Login::anonymous());
    assert_eq!(world.asked("own"), ["get a.example"]);
    assert_eq!(world.asked("usual"), ["get https://index.docker.io/v1/"]);
    assert_eq!(world.told(), [""; 0]);
}

#[test]
fn a_helper_that_fails_is_told_of_once_and_the_next_way_is_tried() {
    let world = World::new();
    world.helper("bad", "echo hunter2");
    let logins = world.credentials(&[(
        "c",
        r#"{"auths":{"a.example":{"auth":"dTpw"}},
            "credHelpers":{"a.example":"bad","b.example":"bad","c.example":"../bad","d.example":"none"}}"#,
    )]);
    assert_eq!(world.ask(&logins, "a.example").means, password("u", "p"));
    for host in ["b.example", "c.example", "d.example"] {
        assert_eq!(world.ask(&logins, host), Login::anonymous());
    }
    let told = world.told();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told[0].contains("bad") && told[0].contains("JSON"),
        "{told:?}"
    );
    assert!(told[1].contains("plain word"), "{told:?}");
    assert!(told[2].contains("PATH"), "{told:?}");
    assert!(!told.concat().contains("hunter2"), "{told:?}");
    assert_eq!(world.asked("bad").len(), 2);
}
