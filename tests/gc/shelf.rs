//! A store with environments of some size, which one profile holds or nothing does.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::support::scene::Scene;

/// A scene whose declaration can have any of the environments `a`, `b`, `c`, …, each a folder with one file.
pub struct Shelf {
    pub scene: Scene,
}

/// A size that is a multiple of every file system's block.
pub const MEGABYTE: usize = 1 << 20;

impl Shelf {
    pub fn new() -> Self {
        Self {
            scene: Scene::new(),
        }
    }

    /// Declares these environments, in the profile `ci`; each has a megabyte that is its own.
    pub fn declare(&self, names: &str) {
        let mut text = "schema = 1\nprofile = \"ci\"\n".to_owned();
        for name in names.chars() {
            let folder = self.scene.project().join(name.to_string());
            if !folder.exists() {
                fs_err::create_dir(&folder).unwrap();
                let fill = u8::try_from(name).unwrap();
                fs_err::write(folder.join("data"), vec![fill; MEGABYTE]).unwrap();
            }
            text += &format!(
                "[environments.{name}]\nversion = \"1\"\n[[environments.{name}.sources]]\nlocal = \"{name}\"\n"
            );
        }
        self.scene.declare(&text);
    }

    /// Realizes these environments and no others.
    pub fn realize(&self, names: &str) {
        self.declare(names);
        self.scene.quick_json(&["realize"]);
    }

    /// Realizes these, and lets go of them: nothing holds them then.
    pub fn realize_loose(&self, names: &str) {
        self.realize(names);
        self.scene.quick_json(&["profile", "delete", "ci", "--yes"]);
    }

    /// Which environments are in the store, in order.
    pub fn there(&self) -> String {
        let mut names: Vec<String> = self
            .scene
            .store_names()
            .iter()
            .map(|name| name.get(65..66).unwrap_or(name).to_owned())
            .collect();
        names.sort();
        names.concat()
    }

    /// The store path of an environment.
    pub fn path(&self, name: &str) -> PathBuf {
        let suffix = format!("-{name}-1");
        let names = self.scene.store_names();
        let found = names.iter().find(|one| one.ends_with(&suffix)).unwrap();
        self.scene.store().join("store").join(found)
    }

    /// Makes an environment's last use this long ago.
    pub fn used(&self, name: &str, ago: Duration) {
        let path = self.path(name);
        let digest = &path.file_name().unwrap().to_str().unwrap()[..64];
        set_modified(&self.scene.store().join("leases").join(digest), ago);
    }

    /// Collects with these words, and gives the answer.
    pub fn gc(&self, words: &[&str]) -> Value {
        self.scene.json(&[&["gc"], words].concat())
    }
}

pub const DAY: Duration = Duration::from_secs(86_400);

/// Makes a file as old as that.
pub fn set_modified(file: &Path, ago: Duration) {
    let file = fs_err::File::options().write(true).open(file).unwrap();
    file.set_modified(SystemTime::now() - ago).unwrap();
}
