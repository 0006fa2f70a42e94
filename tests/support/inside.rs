//! Looking into a store from outside, and damaging it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::support::Sandbox;

/// The names in a folder, sorted; none when it is not there.
pub fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs_err::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The store paths, without staging and trash.
pub fn paths(sandbox: &Sandbox) -> Vec<PathBuf> {
    let folder = sandbox.store().join("store");
    let names = names(&folder).into_iter();
    names
        .filter(|name| !name.starts_with('.'))
        .map(|name| folder.join(name))
        .collect()
}

/// The one store path.
#[track_caller]
pub fn path(sandbox: &Sandbox) -> PathBuf {
    let mut paths = paths(sandbox);
    assert_eq!(paths.len(), 1, "{paths:?}");
    paths.remove(0)
}

/// Staging trees, trash and other dot-names below `store/`.
pub fn leftovers(sandbox: &Sandbox) -> Vec<String> {
    let mut names = names(&sandbox.store().join("store"));
    names.retain(|name| name.starts_with('.'));
    names
}

/// Takes the seal off a file or folder, so that a test can damage it.
pub fn unseal(path: &Path) {
    let mode = if path.is_dir() { 0o755 } else { 0o644 };
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Takes a file or an empty folder out of a sealed one.
pub fn unlink(path: &Path) {
    unseal(path.parent().unwrap());
    fs_err::remove_file(path).unwrap();
}

/// Replaces the content of a sealed file.
pub fn overwrite(path: &Path, content: impl AsRef<[u8]>) {
    unseal(path);
    fs_err::write(path, content).unwrap();
}

/// Mode bits of a file itself.
pub fn mode(path: &Path) -> u32 {
    fs_err::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}
