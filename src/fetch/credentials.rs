//! Registry logins from docker's `config.json`.
//!
//! ```json
//! {"auths": {"https://index.docker.io/v1/": {"auth": "base64 of user:password"},
//!            "registry.example:5000": {"username": "…", "password": "…"},
//!            "registry.example/team": {"auth": "…"}}}
//! ```
//!
//! A key is a host, with or without scheme, port and `/v1/`; behind the host may stand the beginning of a repository,
//! and the longest one that matches wins. An entry is decoded when it is asked for, so that a broken one for another
//! host does no harm.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::archive::open_file;
use super::error::Error;
use super::secret::Secret;

/// Longest file of logins; one that is longer does not parse.
const LIMIT: u64 = 16 << 20;

#[derive(Deserialize, Default)]
struct ConfigFile {
    #[serde(default)]
    auths: BTreeMap<String, Option<Entry>>,
}

#[derive(Deserialize, Default, Clone)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

/// The logins of one file.
#[derive(Default)]
pub(super) struct Credentials {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
}

impl Credentials {
    /// Reads the file; one that does not exist has no logins.
    pub(super) fn read(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let (file, _) = match open_file(path) {
            Err(Error::Absent { .. }) => return Ok(Self::default()),
            opened => opened?,
        };
        let mut bytes = Vec::new();
        match file.file().take(LIMIT).read_to_end(&mut bytes) {
            Ok(_) => Self::parse(path, &bytes),
            Err(error) => Err(Error::io("read", path, error)),
        }
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let config: ConfigFile = serde_json::from_slice(bytes).map_err(|error| {
            // The message of serde_json may quote a value, and values here are secrets.
            let why = format!(
                "the file of registry logins is not what docker writes (line {}, column {})",
                error.line(),
                error.column()
            );
            Error::Credentials {
                path: path.to_owned(),
                why,
            }
        })?;
        Ok(Self {
            path: path.to_owned(),
            entries: config
                .auths
                .into_iter()
                .map(|(key, entry)| (normal(&key), entry.unwrap_or_default()))
                .collect(),
        })
    }

    /// The `Authorization` of the Basic scheme for a repository of a registry.
    pub(super) fn basic(&self, registry: &str, repository: &str) -> Result<Option<Secret>, Error> {
        let full = format!("{}/{repository}", normal(registry));
        let mut key = full.as_str();
        loop {
            if let Some(entry) = self.entries.get(key) {
                return self.decode(key, entry);
            }
            match key.rsplit_once('/') {
                Some((shorter, _)) => key = shorter,
                None => return Ok(None),
            }
        }
    }

    fn decode(&self, key: &str, entry: &Entry) -> Result<Option<Secret>, Error> {
        use base64::Engine as _;
        if let (Some(user), Some(password)) = (&entry.username, &entry.password) {
            return Ok(Some(Secret::basic(user, &Secret::new(password.as_str()))));
        }
        let Some(auth) = entry.auth.as_deref().filter(|auth| !auth.is_empty()) else {
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
        Ok(Some(Secret::basic(user, &password)))
    }
}

/// A key as `host[:port][/beginning of a repository]`, Docker Hub under one name.
fn normal(key: &str) -> String {
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

    fn credentials(json: &str) -> Credentials {
        Credentials::parse("/c.json".as_ref(), json.as_bytes()).unwrap()
    }

    fn login(user: &str, password: &str) -> Secret {
        Secret::basic(user, &Secret::new(password))
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
            let found = credentials(&format!(r#"{{"auths":{{"{key}":{{"auth":"dTpw"}}}}}}"#));
            assert_eq!(
                found.basic(registry, "a/b").unwrap(),
                Some(login("u", "p")),
                "{key}"
            );
            assert_eq!(found.basic("other.example", "a/b").unwrap(), None);
            assert_eq!(found.basic("registry.example:1", "a/b").unwrap(), None);
        }
    }

    #[test]
    fn the_longest_beginning_of_a_repository_wins() {
        let found = credentials(
            r#"{"auths":{"r.example":{"username":"a","password":"1"},"r.example/team":{"username":"b","password":"2"}}}"#,
        );
        assert_eq!(
            found.basic("r.example", "team/x").unwrap(),
            Some(login("b", "2"))
        );
        assert_eq!(
            found.basic("r.example", "teams/x").unwrap(),
            Some(login("a", "1"))
        );
    }

    #[test]
    fn empty_entries_of_a_credential_store_are_no_login() {
        let found = credentials(r#"{"auths":{"r.example":{}},"credsStore":"desktop"}"#);
        assert_eq!(found.basic("r.example", "x").unwrap(), None);
    }

    #[test]
    fn errors_name_the_key_and_no_secret() {
        let found = credentials(r#"{"auths":{"r.example":{"auth":"hunter2!"}}}"#);
        let error = found.basic("r.example", "x").unwrap_err().to_string();
        assert!(
            error.contains("r.example") && error.contains("/c.json"),
            "{error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
        let broken = Credentials::parse("/c.json".as_ref(), br#"{"auths":{"a":"hunter2"}}"#);
        let error = broken.err().unwrap().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(Credentials::read(Some("/nonexistent/c.json".as_ref())).is_ok());
    }
}
