//! Changes to a file of logins: whole by one rename, for its owner only, and nothing else in it touched.
//!
//! The text is read as JSON and written as JSON, so keys that mean nothing here, and other hosts, stay as they are.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use fs_err::File;
use rustix::fs::{Mode, OFlags};
use serde_json::{Map, Value, json};

use crate::store::uninterrupted;

use super::super::error::Error;
use super::super::secret::Secret;
use super::file::{malformed, normal, text_of};

/// The one file of logins as it is changed.
pub(super) struct Draft {
    path: PathBuf,
    content: Map<String, Value>,
}

impl Draft {
    /// As it is now; empty where there is none.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let content = match text_of(path)? {
            None => Map::new(),
            Some(text) => serde_json::from_slice(&text).map_err(|error| malformed(path, &error))?,
        };
        Ok(Self {
            path: path.to_owned(),
            content,
        })
    }

    /// Forgets the login of a host, however it is written; says whether there was one.
    pub(super) fn remove(&mut self, registry: &str) -> bool {
        let host = normal(registry);
        let Some(Value::Object(auths)) = self.content.get_mut("auths") else {
            return false;
        };
        let before = auths.len();
        auths.retain(|key, _| normal(key) != host);
        auths.len() < before
    }

    /// Adds the login of a host under the key that it is looked for by docker.
    pub(super) fn insert(&mut self, server: &str, entry: Value) {
        let auths = self.content.entry("auths").or_insert_with(|| json!({}));
        if !auths.is_object() {
            // `null`, as some programs write what is empty: every other value was refused when it was read.
            *auths = json!({});
        }
        if let Value::Object(auths) = auths {
            auths.insert(server.to_owned(), entry);
        }
    }

    /// Puts it in place of the file. A link stays, and what it leads to is replaced.
    pub(super) fn write(&self) -> Result<(), Error> {
        let path = fs_err::canonicalize(&self.path).unwrap_or_else(|_new| self.path.clone());
        let folder = path.parent().unwrap_or(Path::new("/"));
        make_folder(folder)?;
        let mut text = serde_json::to_vec_pretty(&self.content)
            .map_err(|error| Error::io("write", &path, std::io::Error::from(error)))?;
        text.push(b'\n');
        let fresh = folder.join(fresh_name(&path)?);
        let written = write_new(&fresh, &text)
            .and_then(|()| Ok(rustix::fs::rename(&fresh, &path)?))
            .and_then(|()| sync(folder));
        written.map_err(|error| {
            // Its name was made up a moment ago; if it is not there, all the better.
            let _gone = fs_err::remove_file(&fresh);
            Error::io("write", &path, error)
        })
    }
}

/// An entry of `auths`.
pub(super) fn entry(user: &str, secret: &Secret, is_token: bool) -> Value {
    use base64::Engine as _;
    let encoded = |pair: String| base64::engine::general_purpose::STANDARD.encode(pair);
    if is_token {
        json!({"auth": encoded(format!("{user}:")), "identitytoken": secret.expose()})
    } else {
        json!({"auth": encoded(format!("{user}:{}", secret.expose()))})
    }
}

/// Makes what is missing of a folder, for its owner only.
fn make_folder(folder: &Path) -> Result<(), Error> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folder(above)?;
    }
    match rustix::fs::mkdir(folder, Mode::RWXU) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
        Err(error) => Err(Error::io("make", folder, error)),
    }
}

fn fresh_name(path: &Path) -> Result<String, Error> {
    let mut random = [0; 8];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| Error::io("name a new", path, error))?;
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!(".pyro-login-{digits}"))
}

/// Errors are the system's own: those of `fs_err` would say the path again.
fn write_new(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mode = Mode::RUSR | Mode::WUSR;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let descriptor = uninterrupted::open(path, flags, mode)?;
    // Whatever the umask took.
    rustix::fs::fchmod(&descriptor, mode)?;
    let file = File::from_parts(descriptor.into(), path);
    let mut bare = file.file();
    bare.write_all(text)?;
    Ok(uninterrupted::fsync(bare)?)
}

fn sync(folder: &Path) -> std::io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = uninterrupted::open(folder, flags, Mode::empty())?;
    Ok(uninterrupted::fsync(opened)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs_err::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn everything_else_in_the_file_is_kept() {
        let top = tempfile::tempdir().unwrap();
        let (real, link) = (top.path().join("real"), top.path().join("link"));
        let before = json!({"auths": {"https://r.example/": {"auth": "x"}, "r.example/team": {"auth": "y"},
            "other.example": {"auth": "z", "more": [1]}}, "proxies": {"default": {}}, "detachKeys": "a"});
        fs_err::write(&real, before.to_string()).unwrap();
        fs_err::os::unix::fs::symlink(&real, &link).unwrap();
        let mut draft = Draft::read(&link).unwrap();
        assert!(draft.remove("r.example"));
        assert!(!draft.remove("r.example"));
        draft.insert("r.example", entry("u", &Secret::new("p"), false));
        draft.write().unwrap();
        let after: Value = serde_json::from_slice(&fs_err::read(&real).unwrap()).unwrap();
        let expected = json!({"auths": {"r.example": {"auth": "dTpw"}, "r.example/team": {"auth": "y"},
            "other.example": {"auth": "z", "more": [1]}}, "proxies": {"default": {}}, "detachKeys": "a"});
        assert_eq!(after, expected);
        assert!(link.is_symlink());
        assert_eq!(mode(&real), 0o600);
        assert_eq!(fs_err::read_dir(top.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_is_made_is_for_its_owner_only() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("a/b/config.json");
        let mut draft = Draft::read(&path).unwrap();
        draft.insert("r.example", entry("<token>", &Secret::new("t"), true));
        draft.write().unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&top.path().join("a")), 0o700);
        assert_eq!(mode(&top.path().join("a/b")), 0o700);
        let text = fs_err::read_to_string(&path).unwrap();
        assert!(text.contains(r#""identitytoken": "t""#), "{text}");
    }

    #[test]
    fn a_file_that_is_no_json_is_left() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("c");
        fs_err::write(&path, "hunter2").unwrap();
        let error = Draft::read(&path).err().unwrap().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        fs_err::write(&path, " \n").unwrap();
        assert!(Draft::read(&path).is_ok());
    }
}
