//! Somebody with a declaration, files of logins and helpers; whatever pyro says to them is searched for secrets.

use std::fmt;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;

use crate::support::images::layer::{Compression, LayerBuilder};
use crate::support::images::layout::{HOST, Layout};
use crate::support::images::push::Push;
use crate::support::registry::{Access, Login, Registry};
use crate::support::scene::{Scene, envs_toml};
use crate::support::token_issuer::TokenIssuer;

/// A registry with a small image in each of these repositories.
pub fn filled(access: &Access<'_>, repositories: &[&str]) -> Registry {
    let registry = Registry::start(access);
    let temp = tempfile::tempdir().unwrap();
    let layout = Layout::create(temp.path());
    for repository in repositories {
        let mut layer = LayerBuilder::new();
        layer.file(b"name", 0o644, repository.as_bytes());
        let tag = repository.replace('/', "-");
        layout.tag(&[(
            &tag,
            &layout.image(HOST, &[layer.finish(Compression::Gzip)]),
        )]);
        let login = (!matches!(access, Access::Open)).then_some(&Login::ALICE);
        let push = Push {
            login,
            ..Push::default()
        };
        push.copy(&layout, &tag, &registry, repository);
    }
    registry
}

/// The reference of an image that [`filled`] put there.
pub fn reference(registry: &Registry, repository: &str) -> String {
    registry.reference(repository, &repository.replace('/', "-"))
}

/// What pyro said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, expected, "{self}");
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "exit code {}\n----- stdout\n{}\n----- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

/// One account.
pub struct User {
    pub scene: Scene,
    pub variables: Vec<(&'static str, String)>,
}

impl User {
    /// With a declaration of one image.
    pub fn of(reference: &str) -> Self {
        let scene = Scene::declaring(&envs_toml("", &[("oci", reference)]));
        let bin = scene.path("bin");
        fs_err::create_dir(&bin).unwrap();
        fs_err::create_dir(scene.path("docker")).unwrap();
        let path = format!("{}:/usr/bin:/bin", bin.display());
        Self {
            scene,
            variables: vec![("PATH", path)],
        }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Docker's file.
    pub fn config(&self) -> PathBuf {
        self.scene.path("docker/config.json")
    }

    pub fn configure(&self, config: &Value) {
        fs_err::write(self.config(), config.to_string()).unwrap();
    }

    pub fn configured(&self) -> Value {
        serde_json::from_slice(&fs_err::read(self.config()).unwrap()).unwrap()
    }

    /// A helper: a shell script.
    pub fn helper(&self, name: &str, script: &str) {
        let path = self.scene.path(&format!("bin/docker-credential-{name}"));
        fs_err::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs pyro away from every terminal, with `input` on stdin.
    #[track_caller]
    pub fn run(&self, words: &[&str], input: &str) -> Said {
        let mut command = self
            .scene
            .command(&["setsid".as_ref(), "--wait".as_ref()], words);
        let mut child = command
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // What does not read its input may be gone before all of it is written.
        let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let said = Said {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert_keeps_secrets(&said.stdout);
        assert_keeps_secrets(&said.stderr);
        said
    }

    #[track_caller]
    pub fn realize(&self) -> Said {
        self.run(&["realize", "-vvv"], "")
    }
}

/// Neither a password, nor what a header or a file makes of it, nor an identity token may be in any output.
#[track_caller]
pub fn assert_keeps_secrets(text: &str) {
    let logins = [Login::ALICE, Login::WRONG];
    let encoded = logins.each_ref().map(Login::base64);
    let secrets = logins.iter().map(|login| login.password);
    let secrets = secrets.chain(encoded.iter().map(String::as_str));
    for secret in secrets.chain([TokenIssuer::IDENTITY]) {
        assert!(!text.contains(secret), "it shows {secret}: {text}");
    }
}
