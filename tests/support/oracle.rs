//! What an image's tree is according to umoci, an unpacker that shares no code with pyro.

use std::collections::BTreeMap;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::images::layout::Layout;
use super::open_up;

/// What a manifest promises of one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Directory,
    Symlink {
        target: Vec<u8>,
    },
    File {
        executable: bool,
        size: u64,
        hash: blake3::Hash,
    },
    /// Device, fifo or socket.
    Special,
}

/// A tree as its manifest would promise it, by the bytes of each path.
pub type Tree = BTreeMap<Vec<u8>, Seen>;

/// The tree below a folder, which itself is not in it.
pub fn tree_of(folder: &Path) -> Tree {
    let below = walkdir::WalkDir::new(folder)
        .min_depth(1)
        .follow_links(false);
    below
        .into_iter()
        .map(|entry| {
            let entry = entry.unwrap();
            let path = entry.path().strip_prefix(folder).unwrap();
            (path.as_os_str().as_bytes().to_vec(), seen(entry.path()))
        })
        .collect()
}

fn seen(path: &Path) -> Seen {
    let found = fs_err::symlink_metadata(path).unwrap();
    if found.is_dir() {
        return Seen::Directory;
    }
    if found.is_symlink() {
        let target = fs_err::read_link(path).unwrap();
        return Seen::Symlink {
            target: target.into_os_string().into_vec(),
        };
    }
    if !found.is_file() {
        return Seen::Special;
    }
    Seen::File {
        executable: found.permissions().mode() & 0o100 != 0,
        size: found.len(),
        hash: blake3::hash(&fs_err::read(path).unwrap()),
    }
}

/// Unpacks an image of a layout by umoci and looks at what came out.
pub fn umoci(layout: &Layout, tag: &str) -> Tree {
    let temp = tempfile::tempdir().unwrap();
    let bundle = temp.path().join("bundle");
    let unpacked = Command::new("umoci")
        .args(["unpack", "--rootless", "--image"])
        .arg(format!("{}:{tag}", layout.folder().display()))
        .arg(&bundle)
        .output()
        .expect("umoci is installed");
    assert!(unpacked.status.success(), "umoci: {unpacked:?}");
    let tree = tree_of(&bundle.join("rootfs"));
    open_up(temp.path());
    tree
}

/// What two trees do not agree on, for a reader; empty where they are equal.
pub fn differences(ours: &Tree, theirs: &Tree) -> Vec<String> {
    let mut all: Vec<&Vec<u8>> = ours.keys().chain(theirs.keys()).collect();
    all.sort();
    all.dedup();
    all.into_iter()
        .filter(|path| ours.get(*path) != theirs.get(*path))
        .map(|path| {
            let (a, b) = (ours.get(path), theirs.get(path));
            format!("{}: {a:?}, the oracle: {b:?}", path.escape_ascii())
        })
        .collect()
}
