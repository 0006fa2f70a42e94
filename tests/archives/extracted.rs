//! What GNU tar makes of an archive, and whether that is what stands in the store.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What stands at a path: type, size, exec bit, and content or target.
#[derive(PartialEq, Eq)]
struct Entry {
    kind: char,
    size: u64,
    executable: bool,
    content: Vec<u8>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let begins = self.content[..self.content.len().min(60)].escape_ascii();
        let (kind, size, executable) = (self.kind, self.size, self.executable);
        write!(f, "{kind} {size} {executable} {begins}")
    }
}

/// All below `top`, by the bytes of its path; `left_out` are the kinds that a tree does not keep.
fn entries(top: &Path, left_out: &str) -> BTreeMap<Vec<u8>, Entry> {
    let mut found = BTreeMap::new();
    let walk = walkdir::WalkDir::new(top).min_depth(1).max_open(64);
    for entry in walk {
        let entry = entry.unwrap();
        let name = entry.path().strip_prefix(top).unwrap();
        let meta = fs_err::symlink_metadata(entry.path()).unwrap();
        let content = match meta.file_type() {
            kind if kind.is_file() => fs_err::read(entry.path()).unwrap(),
            kind if kind.is_symlink() => {
                let target = fs_err::read_link(entry.path()).unwrap();
                target.as_os_str().as_bytes().to_vec()
            }
            _ => Vec::new(),
        };
        let kind = match meta.mode() & 0o170_000 {
            0o100_000 => 'f',
            0o120_000 => 'l',
            0o040_000 => 'd',
            _ => 's',
        };
        let is_file = kind == 'f';
        let entry = Entry {
            kind,
            size: if is_file { meta.len() } else { 0 },
            executable: is_file && meta.mode() & 0o100 != 0,
            content,
        };
        if !left_out.contains(kind) {
            found.insert(name.as_os_str().as_bytes().to_vec(), entry);
        }
    }
    found
}

/// Extracts an archive with GNU tar, whatever it is packed with, into an empty folder.
fn extract(archive: &Path, into: &Path) {
    let packed = fs_err::read(archive).unwrap();
    let how = match packed[..2] {
        [0x1f, 0x8b] => "--gzip",
        [0x28, 0xb5] => "--zstd",
        [0xfd, b'7'] => "--xz",
        [b'B', b'Z'] => "--bzip2",
        _ => "--no-ignore-command-error",
    };
    let mut tar = Command::new("tar");
    tar.env("PATH", "/usr/bin:/bin").env("LC_ALL", "C");
    tar.args(["--no-same-owner", "--no-same-permissions", how, "-xf"])
        .arg(archive)
        .arg("-C")
        .arg(into);
    let ended = tar.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{}: {said}", archive.display());
}

/// Holds the content of a store path against what GNU tar extracts; tells how many entries there were.
pub fn compare(name: &str, archive: &Path, content: &Path) -> usize {
    let temp = tempfile::tempdir_in("/dev/shm").unwrap();
    extract(archive, temp.path());
    let expected = entries(temp.path(), "s");
    let mut found = entries(content, "");
    // Beside the content of layout `files` stands the manifest; no source may have one there.
    let manifest = &b"environment.json"[..];
    if !expected.contains_key(manifest) {
        found.remove(manifest);
    }
    for (path, entry) in &expected {
        let path_text = path.escape_ascii();
        assert_eq!(found.get(path), Some(entry), "{name}: {path_text}");
    }
    let more: Vec<_> = found
        .keys()
        .filter(|path| !expected.contains_key(*path))
        .map(|path| path.escape_ascii().to_string())
        .collect();
    assert_eq!(more, [""; 0], "{name}: only in the store");
    expected.len()
}
