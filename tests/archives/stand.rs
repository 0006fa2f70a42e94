//! Where archives are tried: one store for all of a kind, and a sentinel beside it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::support::Ended;
use crate::support::images::layer::{Compression, Layer};
use crate::support::images::layout::{HOST, Layout};
use crate::support::scene::{Realized, Scene, envs_toml};

/// The layouts that an archive can be unpacked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    Files,
    Rootfs,
}

/// A hostile archive and what must be said about it.
pub struct Case {
    pub name: &'static str,
    pub layout: As,
    pub bytes: Vec<u8>,
    pub words: Vec<String>,
}

impl Case {
    /// One that layout `files` refuses with all of these words.
    pub fn new(name: &'static str, bytes: Vec<u8>, words: &[&str]) -> Self {
        Self {
            name,
            layout: As::Files,
            bytes,
            words: words.iter().map(|&word| word.to_owned()).collect(),
        }
    }

    /// The same in layout `rootfs`.
    pub fn in_rootfs(self) -> Self {
        Self {
            layout: As::Rootfs,
            ..self
        }
    }
}

/// A place to try them.
pub struct Stand {
    pub scene: Scene,
    /// What nobody may touch, and what it looked like.
    sentinel: PathBuf,
    seen: String,
}

impl Stand {
    pub fn new() -> Self {
        let scene = Scene::in_memory();
        let sentinel = scene.path("outside/sentinel");
        fs_err::create_dir(sentinel.parent().unwrap()).unwrap();
        fs_err::write(&sentinel, "untouched").unwrap();
        let seen = look(&sentinel);
        Self {
            scene,
            sentinel,
            seen,
        }
    }

    /// The absolute name of the sentinel.
    pub fn sentinel(&self) -> &str {
        self.sentinel.to_str().unwrap()
    }

    /// Declares an archive of these bytes, with nothing known from an earlier one.
    pub fn declare_archive(&self, layout: As, bytes: &[u8]) {
        fs_err::write(self.scene.project().join("it.tar"), bytes).unwrap();
        self.declare(layout, ("archive", "it.tar"));
    }

    /// The same, realized.
    pub fn realize(&self, layout: As, bytes: &[u8]) -> Ended {
        self.declare_archive(layout, bytes);
        self.scene.run(&["realize", "--json"])
    }

    /// Realizes an image of these layers.
    pub fn realize_image(&self, layers: &[Vec<u8>]) -> Ended {
        let folder = self.scene.project().join("image");
        if folder.exists() {
            fs_err::remove_dir_all(&folder).unwrap();
        }
        let layout = Layout::create(&folder);
        let layers: Vec<Layer> = layers
            .iter()
            .map(|tar| Layer::of(tar, Compression::Gzip))
            .collect();
        let image = layout.image(HOST, &layers);
        layout.tag(&[("it", &image)]);
        self.declare(As::Rootfs, ("oci", "oci-layout:image:it"));
        self.scene.run(&["realize", "--json"])
    }

    fn declare(&self, layout: As, source: (&str, &str)) {
        let _none = fs_err::remove_file(self.scene.project().join("envs.lock"));
        let keys = match layout {
            As::Files => "layout = \"files\"",
            As::Rootfs => "layout = \"rootfs\"",
        };
        self.scene.declare(&envs_toml(keys, &[source]));
    }

    /// Where the only environment of a realization that succeeded has its content.
    #[track_caller]
    pub fn content(layout: As, ended: Ended) -> PathBuf {
        let ended = ended.code(0);
        let document = serde_json::from_str(&ended.raw_stdout).unwrap();
        let path = Realized::only(&document).path;
        match layout {
            As::Files => path,
            As::Rootfs => path.join("rootfs"),
        }
    }

    /// What must hold after a refusal: its code and words, nothing installed, nothing left, nothing touched.
    pub fn assert_refused(&self, name: &str, ended: &Ended, words: &[String]) {
        assert_eq!(ended.code, 65, "{name}: {ended}");
        let document: serde_json::Value = serde_json::from_str(&ended.raw_stdout).unwrap();
        let error = &document["error"];
        assert_eq!(error["exit_code"], 65, "{name}: {ended}");
        let said = format!("{} {} {}", error["message"], error["causes"], error["hint"]);
        for word in words {
            // JSON has quoted the backslashes of escaped names.
            let word = word.replace('\\', "\\\\");
            assert!(said.contains(&word), "{name}: no `{word}` in {said}");
        }
        assert_eq!(self.scene.store_names(), [""; 0], "{name}");
        assert!(!self.scene.project().join("envs.lock").exists(), "{name}");
        self.assert_untouched(name);
    }

    pub fn assert_untouched(&self, name: &str) {
        assert_eq!(look(&self.sentinel), self.seen, "{name}");
        let mut around: Vec<_> = fs_err::read_dir(self.scene.path(""))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        around.sort();
        assert_eq!(
            around,
            ["home", "outside", "store", "tmp", "work"],
            "{name}"
        );
    }
}

/// Everything about a file that writing to it, or making a link of it, would change.
fn look(path: &Path) -> String {
    let meta = fs_err::symlink_metadata(path).unwrap();
    let around = fs_err::read_dir(path.parent().unwrap()).unwrap().count();
    let text = fs_err::read_to_string(path).unwrap();
    let (ino, mode, links) = (meta.ino(), meta.mode(), meta.nlink());
    let (changed, nanos) = (meta.ctime(), meta.ctime_nsec());
    format!("{ino} {mode:o} {links} {changed}.{nanos} {around} {text}")
}
