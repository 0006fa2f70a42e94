//! Credential helpers: `docker-credential-NAME get`, the host on stdin, JSON with user and secret on stdout.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::Access;
use serde::Deserialize;

use crate::progress::{Event, Observer};

use super::super::secret::Secret;
use super::super::settings::Settings;
use super::child::{self, Answer};
use super::file::normal;
use super::login::{Login, Means, Source};

/// What docker's own helpers say when they know no login.
const NOT_FOUND: &str = "credentials not found";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Said {
    username: String,
    secret: String,
}

/// Why a helper is of no use.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Its name could stand for a file anywhere.
    Name,
    Missing,
    Start(String),
    Slow(Duration),
    Long,
    /// With an exit code, or by a signal.
    Failed(Option<i32>),
    Garbage,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("its name is not a plain word"),
            Self::Missing => f.write_str("no such program (docker-credential-…) is in PATH"),
            Self::Start(why) => write!(f, "it cannot be started: {why}"),
            Self::Slow(limit) => write!(f, "it did not end within {} s", limit.as_secs_f64()),
            Self::Long => f.write_str("it says more than 64 KiB"),
            Self::Failed(Some(code)) => write!(f, "it ended with exit code {code}"),
            Self::Failed(None) => f.write_str("it was ended by a signal"),
            Self::Garbage => f.write_str("what it says is not the JSON of a login"),
        }
    }
}

/// All helpers, and what they said in this run.
pub(super) struct Helpers {
    search_path: Vec<PathBuf>,
    limit: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// (helper, host) -> its answer, so that each is asked once.
    known: BTreeMap<(String, String), Option<Means>>,
    /// Helpers that were told of.
    told: BTreeSet<String>,
}

impl Helpers {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            search_path: settings.search_path.clone(),
            limit: settings.helper_timeout,
            state: Mutex::default(),
        }
    }

    /// The login that the helper `name`, which `file` names, knows for a registry.
    pub(super) fn get(
        &self,
        name: &str,
        registry: &str,
        file: &Path,
        observer: &dyn Observer,
    ) -> Option<Login> {
        if name.is_empty() {
            return None;
        }
        // Held while it runs: others want the same answer, and one question to a person is enough.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name.to_owned(), normal(registry));
        let known = state.known.get(&key).cloned();
        let means = known.unwrap_or_else(|| {
            let means = self.ask(name, registry).unwrap_or_else(|trouble| {
                if state.told.insert(name.to_owned()) {
                    tell(name, registry, file, &trouble, observer);
                }
                None
            });
            state.known.insert(key, means.clone());
            means
        });
        let source = Source::Helper(name.to_owned());
        means.map(|means| Login { source, means })
    }

    fn ask(&self, name: &str, registry: &str) -> Result<Option<Means>, Trouble> {
        let answer = self.run(name, "get", Secret::new(server(registry)))?;
        understood(
            &answer.stdout,
            answer.status.success(),
            answer.status.code(),
        )
    }

    /// Gives a login to the helper `name`.
    pub(super) fn store(
        &self,
        name: &str,
        registry: &str,
        user: &str,
        secret: &Secret,
    ) -> Result<(), Trouble> {
        let login = serde_json::json!({
            "ServerURL": server(registry), "Username": user, "Secret": secret.expose(),
        });
        self.order(name, "store", Secret::new(login.to_string()))
    }

    /// Has the helper `name` forget a login.
    pub(super) fn erase(&self, name: &str, registry: &str) -> Result<(), Trouble> {
        self.order(name, "erase", Secret::new(server(registry)))
    }

    fn order(&self, name: &str, word: &str, input: Secret) -> Result<(), Trouble> {
        let Answer { status, .. } = self.run(name, word, input)?;
        if status.success() {
            Ok(())
        } else {
            Err(Trouble::Failed(status.code()))
        }
    }

    /// One word to a helper.
    fn run(&self, name: &str, word: &str, input: Secret) -> Result<Answer, Trouble> {
        let program = self.program(name)?;
        child::ask(&program, word, input, self.limit).map_err(|trouble| match trouble {
            child::Trouble::Start(error) => Trouble::Start(error.to_string()),
            child::Trouble::Slow => Trouble::Slow(self.limit),
            child::Trouble::Long => Trouble::Long,
        })
    }

    fn program(&self, name: &str) -> Result<PathBuf, Trouble> {
        if !is_plain(name) {
            return Err(Trouble::Name);
        }
        let file = format!("docker-credential-{name}");
        let candidates = self.search_path.iter().map(|folder| folder.join(&file));
        let mut found = candidates.filter(|path| {
            // A folder that may be entered is executable too.
            path.is_file() && rustix::fs::access(path, Access::EXEC_OK).is_ok()
        });
        found.next().ok_or(Trouble::Missing)
    }
}

/// What docker calls a registry, to helpers and as a key.
pub(super) fn server(registry: &str) -> String {
    match normal(registry).as_str() {
        "docker.io" => "https://index.docker.io/v1/".to_owned(),
        host => host.to_owned(),
    }
}

fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.is_empty() && name.bytes().all(plain)
}

fn understood(stdout: &[u8], success: bool, code: Option<i32>) -> Result<Option<Means>, Trouble> {
    if !success {
        let text = String::from_utf8_lossy(stdout).to_ascii_lowercase();
        return if text.contains(NOT_FOUND) {
            Ok(None)
        } else {
            Err(Trouble::Failed(code))
        };
    }
    let said: Said =
        serde_json::from_slice(stdout).map_err(|_may_quote_secrets| Trouble::Garbage)?;
    let secret = Secret::new(said.secret);
    let known = !secret.expose().is_empty();
    Ok(known.then(|| Means::of(&said.username, &secret)))
}

fn tell(name: &str, registry: &str, file: &Path, trouble: &Trouble, observer: &dyn Observer) {
    let text = format!(
        "credential helper {name}, named in {}, gives no login for {registry}: {trouble}",
        file.display()
    );
    observer.event(Event::Note { text: &text });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_words() {
        for name in ["desktop", "ecr-login", "osxkeychain", "gcloud_2.0"] {
            assert!(is_plain(name), "{name}");
        }
        for name in ["", "../x", "a/b", "a b", "a\0", "ü"] {
            assert!(!is_plain(name), "{name}");
        }
    }

    #[test]
    fn the_hub_has_its_old_name() {
        assert_eq!(server("docker.io"), "https://index.docker.io/v1/");
        assert_eq!(server("R.example:5000"), "r.example:5000");
    }

    #[test]
    fn answers_are_logins_or_none_or_trouble() {
        let good = |json: &str| understood(json.as_bytes(), true, Some(0));
        let login = good(r#"{"ServerURL":"r","Username":"u","Secret":"p"}"#).unwrap();
        assert_eq!(login, Some(Means::of("u", &Secret::new("p"))));
        let token = good(r#"{"Username":"<token>","Secret":"t"}"#).unwrap();
        assert_eq!(token, Some(Means::IdentityToken(Secret::new("t"))));
        assert_eq!(good(r#"{"Username":"","Secret":""}"#), Ok(None));
        for garbage in ["", "{}", "[]", "hunter2", r#"{"Username":"u"}"#] {
            assert_eq!(good(garbage), Err(Trouble::Garbage), "{garbage}");
        }
        let failed = |text: &str| understood(text.as_bytes(), false, Some(1));
        assert_eq!(
            failed("credentials not found in native keychain\n"),
            Ok(None)
        );
        assert_eq!(failed("locked"), Err(Trouble::Failed(Some(1))));
        let shown = failed("hunter2").unwrap_err().to_string();
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
