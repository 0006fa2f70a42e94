//! The files of installed Debian packages, as `dpkg -L` lists them, and as an image of a whole system has them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::layer::LayerBuilder;

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    Directory { mode: u32 },
    File { mode: u32, inode: (u64, u64) },
    Symlink { target: Vec<u8> },
}

/// A tree of installed files; paths are relative to `/` and lead through no symlink.
#[derive(Debug, Clone, Default)]
pub struct Installed {
    pub nodes: BTreeMap<Vec<u8>, Node>,
}

/// The packages of `names` that are installed, with their versions.
pub fn installed(names: &[&str]) -> Vec<(String, String)> {
    let listed = Command::new("dpkg-query")
        .args(["-W", "-f", "${Package} ${Version} ${db:Status-Status}\n"])
        .args(names)
        .output()
        .expect("dpkg is here");
    // It fails if only one is unknown, and lists the others all the same.
    let text = String::from_utf8(listed.stdout).unwrap();
    let lines = text
        .lines()
        .filter_map(|line| line.strip_suffix(" installed"));
    lines
        .filter_map(|line| line.split_once(' '))
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect()
}

impl Installed {
    /// All that the packages have brought and that is still there.
    pub fn by(packages: &[(String, String)]) -> Self {
        let listed = Command::new("dpkg")
            .arg("-L")
            .args(packages.iter().map(|(name, _)| name))
            .output()
            .unwrap();
        assert!(listed.status.success(), "dpkg -L: {listed:?}");
        let mut tree = Self::default();
        for line in listed.stdout.split(|byte| *byte == b'\n') {
            if line.len() > 2 && line.starts_with(b"/") {
                tree.add(Path::new(std::ffi::OsStr::from_bytes(line)));
            }
        }
        tree
    }

    /// Adds a path and the folders above it; what is not there (excluded from the install, say) is left out.
    fn add(&mut self, path: &Path) {
        // A package may say `/bin/cat` where `/bin` is a link to `usr/bin`; an image must not write through it.
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return;
        };
        let Ok(parent) = fs_err::canonicalize(parent) else {
            return;
        };
        let path = parent.join(name);
        let Ok(found) = fs_err::symlink_metadata(&path) else {
            return;
        };
        let mode = found.permissions().mode() & 0o7777;
        let node = if found.is_dir() {
            Node::Directory { mode }
        } else if found.is_symlink() {
            let target = fs_err::read_link(&path).unwrap();
            Node::Symlink {
                target: target.into_os_string().into_vec(),
            }
        } else if found.is_file() && fs_err::File::open(&path).is_ok() {
            let inode = (found.dev(), found.ino());
            Node::File { mode, inode }
        } else {
            return;
        };
        let relative = path.strip_prefix("/").unwrap().as_os_str().as_bytes();
        if let Slot::Vacant(slot) = self.nodes.entry(relative.to_vec()) {
            slot.insert(node);
            self.add(&parent);
        }
    }

    /// Writes all of it into a layer; a second name of a file becomes a hard link.
    pub fn write(&self, layer: &mut LayerBuilder) {
        let mut first_names: BTreeMap<(u64, u64), &[u8]> = BTreeMap::new();
        for (path, node) in &self.nodes {
            match node {
                Node::Directory { mode } => layer.directory(path, *mode),
                Node::Symlink { target } => layer.symlink(path, target),
                Node::File { mode, inode } => match first_names.entry(*inode) {
                    Slot::Occupied(first) => layer.hard_link(path, first.get()),
                    Slot::Vacant(slot) => {
                        slot.insert(path);
                        layer.file(path, *mode, &content(path));
                    }
                },
            }
        }
    }

    /// Copies all of it into a folder.
    pub fn copy_to(&self, folder: &Path) {
        for (path, node) in &self.nodes {
            let to = folder.join(std::ffi::OsStr::from_bytes(path));
            match node {
                Node::Directory { .. } => fs_err::create_dir_all(&to).unwrap(),
                Node::Symlink { target } => {
                    let target = std::ffi::OsStr::from_bytes(target);
                    fs_err::os::unix::fs::symlink(target, &to).unwrap();
                }
                Node::File { .. } => {
                    fs_err::copy(source(path), &to).unwrap();
                }
            }
        }
    }

    /// The one folder whose path ends in `end`.
    pub fn folder_named(&self, end: &str) -> &[u8] {
        let fits = |path: &[u8]| path.ends_with(format!("/{end}").as_bytes());
        let mut found = self
            .nodes
            .iter()
            .filter(|(path, node)| fits(path) && matches!(node, Node::Directory { .. }));
        let (path, _) = found.next().unwrap_or_else(|| panic!("no folder {end}"));
        path
    }

    /// The ordinary files below a folder.
    pub fn files_below<'a>(&'a self, folder: &[u8]) -> impl Iterator<Item = &'a [u8]> {
        let begin = [folder, b"/"].concat();
        let file = move |(path, node): (&'a Vec<u8>, &'a Node)| {
            let fits = path.starts_with(&begin) && matches!(node, Node::File { .. });
            fits.then_some(path.as_slice())
        };
        self.nodes.iter().filter_map(file)
    }
}

fn source(path: &[u8]) -> PathBuf {
    Path::new("/").join(std::ffi::OsStr::from_bytes(path))
}

/// The bytes of an installed file.
pub fn content(path: &[u8]) -> Vec<u8> {
    fs_err::read(source(path)).unwrap()
}
