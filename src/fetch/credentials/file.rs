//! One file of logins, as docker (`config.json`) and podman (`auth.json`) write it.
//!
//! ```json
//! {"auths": {"https://index.docker.io/v1/": {"auth": "base64 of user:password"},
//!            "registry.example:5000": {"username": "…", "password": "…"},
//!            "registry.example/team": {"auth": "…", "identitytoken": "…"}},
//!  "credHelpers": {"cloud.example": "name of a helper"},
//!  "credsStore": "name of the helper for all others"}
//! ```
//!
//! A key is a host, with or without scheme, port and `/v1/`; behind the host may stand the beginning of a repository,
//! and the longest one that matches wins. An entry is decoded when it is asked for, so that a broken one for another
//! host does no harm.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::super::archive::open_file;
use super::super::error::Error;
use super::super::secret::Secret;
use super::login::Means;

/// Longest file of logins; one that is longer does not parse.
const LIMIT: u64 = 16 << 20;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Content {
    #[serde(default)]
    auths: Option<BTreeMap<String, Option<Entry>>>,
    #[serde(default)]
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

#[derive(Deserialize, Default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

/// The logins of one file.
#[derive(Default)]
pub(super) struct LoginFile {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
    host_helpers: BTreeMap<String, String>,
    usual_helper: Option<String>,
}

impl LoginFile {
    /// Reads the file; one that does not exist has no logins.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        match text_of(path)? {
            None => Ok(Self::default()),
            Some(bytes) => Self::parse(path, &bytes),
        }
    }

    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let content: Content =
            serde_json::from_slice(bytes).map_err(|error| malformed(path, &error))?;
        let entries = content.auths.unwrap_or_default().into_iter();
        let helpers = content.cred_helpers.unwrap_or_default().into_iter();
        Ok(Self {
            path: path.to_owned(),
            entries: entries
                .map(|(key, entry)| (normal(&key), entry.unwrap_or_default()))
                .collect(),
            host_helpers: helpers.map(|(key, name)| (normal(&key), name)).collect(),
            usual_helper: content.creds_store.filter(|name| !name.is_empty()),
        })
    }

    /// The helper that is named for this host; an empty name says that there is none for it.
    pub(super) fn host_helper(&self, registry: &str) -> Option<&str> {
        self.host_helpers.get(&normal(registry)).map(String::as_str)
    }

    /// The helper of all hosts that have none of their own.
    pub(super) fn usual_helper(&self) -> Option<&str> {
        self.usual_helper.as_deref()
    }

    /// The helper that keeps the logins of a host.
    pub(super) fn helper(&self, registry: &str) -> Option<&str> {
        let own = self.host_helper(registry);
        own.or_else(|| self.usual_helper())
            .filter(|name| !name.is_empty())
    }

    /// What stands in the file itself for a repository of a registry.
    pub(super) fn means(&self, registry: &str, repository: &str) -> Result<Option<Means>, Error> {
        let full = format!("{}/{repository}", normal(registry));
        let mut key = full.as_str();
        loop {
            if let Some(entry) = self.entries.get(key)
                && let Some(means) = self.decode(key, entry)?
            {
                return Ok(Some(means));
            }
            match key.rsplit_once('/') {
                Some((shorter, _)) => key = shorter,
                None => return Ok(None),
            }
        }
    }

    fn decode(&self, key: &str, entry: &Entry) -> Result<Option<Means>, Error> {
        use base64::Engine as _;
        let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = said(&entry.identitytoken) {
            return Ok(Some(Means::IdentityToken(Secret::new(token))));
        }
        if let (Some(user), Some(password)) = (&entry.username, said(&entry.password)) {
            return Ok(Some(Means::of(user, &Secret::new(password))));
        }
        let Some(auth) = said(&entry.auth) else {
            // A credential store keeps such entries, to remember which hosts it knows.
            return Ok(None);
        };
        let wrong = || Error::Credentials {
            path: self.path.clone(),
            why: format!("`auth` of \"{key}\" is not the base64 of user:password"),
        };
        let decoded = base64::engine::general_purpose::STANDARD
            .decode(auth.trim())
            .map_err(|_cause| wrong())?;
        let text = String::from_utf8(decoded).map_err(|_cause| wrong())?;
        let (user, password) = text.split_once(':').ok_or_else(wrong)?;
        // Docker itself pads with NULs in some versions.
        let password = Secret::new(password.trim_end_matches('\0'));
        Ok(Some(Means::of(user, &password)))
    }
}

/// The bytes of a file; `None` where there is none, or nothing in it.
pub(super) fn text_of(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let (file, _) = match open_file(path) {
        Err(Error::Absent { .. }) => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    match file.file().take(LIMIT).read_to_end(&mut bytes) {
        Ok(_) if bytes.trim_ascii().is_empty() => Ok(None),
        Ok(_) => Ok(Some(bytes)),
        Err(error) => Err(Error::io("read", path, error)),
    }
}

/// Names the place only: the message of serde_json may quote a value, and values here are secrets.
pub(super) fn malformed(path: &Path, error: &serde_json::Error) -> Error {
    let why = format!(
        "the file of registry logins is not what docker writes (line {}, column {})",
        error.line(),
        error.column()
    );
    Error::Credentials {
        path: path.to_owned(),
        why,
    }
}

/// A key as `host[:port][/beginning of a repository]`, Docker Hub under one name.
pub(super) fn normal(key: &str) -> String {
    let bare = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key)
        .trim_end_matches('/');
    let bare = bare
        .strip_suffix("/v1")
        .or_else(|| bare.strip_suffix("/v2"))
        .unwrap_or(bare);
    let (host, rest) = bare.split_at(bare.find('/').unwrap_or(bare.len()));
    let host = host.to_ascii_lowercase();
    match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" => format!("docker.io{rest}"),
        _ => format!("{host}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(json: &str) -> LoginFile {
        LoginFile::parse("/c.json".as_ref(), json.as_bytes()).unwrap()
    }

    fn login(user: &str, password: &str) -> Means {
        Means::of(user, &Secret::new(password))
    }

    #[test]
    fn every_way_to_write_a_host_is_found() {
        // "dTpw" is u:p
        for (key, registry) in [
            ("https://index.docker.io/v1/", "docker.io"),
            ("registry.example", "registry.example"),
            ("Registry.example:5000", "registry.example:5000"),
            ("https://registry.example", "registry.example"),
            ("http://127.0.0.1:5000/v2/", "127.0.0.1:5000"),
        ] {
            let found = file(&format!(
                r#"{{"auths":{{"{key}":{{"auth":"dTpw"}}}},"credHelpers":{{"{key}":"h"}}}}"#
            ));
            let means = found.means(registry, "a/b").unwrap();
            assert_eq!(means, Some(login("u", "p")), "{key}");
            assert_eq!(found.host_helper(registry), Some("h"));
            for other in ["other.example", "registry.example:1"] {
                assert_eq!(found.means(other, "a/b").unwrap(), None);
                assert_eq!(found.host_helper(other), None);
            }
        }
    }

    #[test]
    fn the_longest_beginning_of_a_repository_wins() {
        let found = file(
            r#"{"auths":{"r.example":{"username":"a","password":"1"},"r.example/team":{"username":"b","password":"2"}}}"#,
        );
        let means = |repository| found.means("r.example", repository).unwrap();
        assert_eq!(means("team/x"), Some(login("b", "2")));
        assert_eq!(means("teams/x"), Some(login("a", "1")));
    }

    #[test]
    fn empty_entries_of_a_credential_store_are_no_login() {
        let found = file(r#"{"auths":{"r.example":{}},"credsStore":"desktop"}"#);
        assert_eq!(found.means("r.example", "x").unwrap(), None);
        assert_eq!(found.usual_helper(), Some("desktop"));
        assert_eq!(
            file(r#"{"auths":null,"credsStore":""}"#).usual_helper(),
            None
        );
    }

    #[test]
    fn an_identity_token_counts_more_than_what_stands_beside_it() {
        let found = file(r#"{"auths":{"r.example":{"auth":"dTo=","identitytoken":"it"}}}"#);
        assert_eq!(
            found.means("r.example", "x").unwrap(),
            Some(login("<token>", "it"))
        );
    }

    #[test]
    fn errors_name_the_key_and_no_secret() {
        let found = file(r#"{"auths":{"r.example":{"auth":"hunter2!"}}}"#);
        let error = found.means("r.example", "x").unwrap_err().to_string();
        assert!(
            error.contains("r.example") && error.contains("/c.json"),
            "{error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
        let broken = LoginFile::parse("/c.json".as_ref(), br#"{"auths":{"a":"hunter2"}}"#);
        let error = broken.err().unwrap().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(LoginFile::read("/nonexistent/c.json".as_ref()).is_ok());
    }
}
