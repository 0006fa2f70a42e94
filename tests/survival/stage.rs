//! A store with an older version of an environment, and a realize of a newer one that is about to be killed.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use crate::support::images::layer::{Compression, Layer, LayerBuilder};
use crate::support::images::layout::{Descriptor, HOST, Layout};
use crate::support::images::push::Push;
use crate::support::proxy::{Delivery, Proxy};
use crate::support::registry::{Access, Registry};
use crate::support::scene::{Realized, Scene, assert_profiles_show_paths, remove_sealed};

/// What is there when the realize begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Nothing: the store itself has to be made.
    Nothing,
    /// The older version, shown by the profile and by an out-link.
    Older,
    /// The newer version, shown in the same way; one of its files has lost its end.
    Damaged,
}

/// Where an answer of the registry stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopAt {
    /// How the request's path ends.
    pub target: String,
    /// After so many bytes of the body.
    pub after: usize,
}

/// The words of the realize that is killed, and of the one after it.
const WORDS: &[&str] = &["realize", "--profile", "ci", "--out-link", "result"];

/// Everything that a kill needs, and what is true after it.
pub struct Stage {
    scene: Scene,
    before: Before,
    /// Copies of the store and of the project as they are before the realize.
    seed: TempDir,
    stop_at: Arc<Mutex<Option<StopAt>>>,
    reached: Receiver<()>,
    /// Of the newer version's image.
    pub config: String,
    pub layers: Vec<Descriptor>,
    older: Option<PathBuf>,
    newer: PathBuf,
    /// What the scene talks to.
    _registry: Registry,
    _proxy: Proxy,
}

impl Stage {
    pub fn new(before: Before) -> Self {
        let registry = Registry::start(&Access::Open);
        let temp = tempfile::tempdir().unwrap();
        let layout = Layout::create(temp.path());
        let old = layout.image(HOST, &layers("old")[..1]);
        let layers = layers("new");
        let of = |layer: &Layer| Descriptor::of(layer.compression.media_type(), &layer.blob);
        let descriptors = layers.iter().map(of).collect();
        let image = layout.image(HOST, &layers);
        layout.tag(&[("old", &old), ("new", &image)]);
        let config = layout.document(&image.digest)["config"]["digest"]
            .as_str()
            .unwrap()
            .to_owned();
        for tag in ["old", "new"] {
            Push::default().copy(&layout, tag, &registry, "some");
        }
        let stop_at = Arc::default();
        let (reach, reached) = mpsc::channel();
        let proxy = stopping_proxy(&registry, Arc::clone(&stop_at), reach);

        let scene = Scene::new();
        let declare = |version: &str, tag: &str| {
            scene.declare(&format!(
                "schema = 1\nprofile = \"ci\"\n[environments.env]\nversion = \"{version}\"\n\
                 [[environments.env.sources]]\noci = \"{}/some:{tag}\"\n",
                proxy.address()
            ));
        };
        let mut older = None;
        if before == Before::Older {
            declare("1.0.0", "old");
            older = Some(Realized::only(&scene.json(WORDS)).path);
        }
        declare("2.0.0", "new");
        let seed = tempfile::tempdir().unwrap();
        let stage_of = |scene, seed, newer| Self {
            scene,
            before,
            seed,
            stop_at,
            reached,
            config,
            layers: descriptors,
            older,
            newer,
            _registry: registry,
            _proxy: proxy,
        };
        let keep = || {
            copy(&scene.project(), &seed.path().join("project"));
            if scene.store().exists() {
                copy(scene.store(), &seed.path().join("store"));
            }
        };
        if before != Before::Damaged {
            keep();
        }
        let newer = Realized::only(&scene.json(WORDS)).path;
        if before == Before::Damaged {
            cut_short(&newer.join("folder1/2-1"));
            keep();
        }
        stage_of(scene, seed, newer)
    }

    /// Makes everything as it was before the realize.
    pub fn reset(&self) {
        for (name, there) in [
            ("store", self.scene.store()),
            ("project", &self.scene.project()),
        ] {
            remove_sealed(there);
            let seed = self.seed.path().join(name);
            if seed.exists() {
                copy(&seed, there);
            }
        }
    }

    /// Lets a realize run until an answer of the registry stops, and kills it there.
    pub fn kill_at_bytes(&self, stop_at: &StopAt) {
        *self.stop_at.lock().unwrap() = Some(stop_at.clone());
        let mut pyro = self.scene.command(&[], WORDS).spawn().unwrap();
        let reached = self
            .reached
            .recv_timeout(std::time::Duration::from_secs(60));
        pyro.kill().unwrap();
        pyro.wait().unwrap();
        assert!(reached.is_ok(), "nobody asked for {stop_at:?}");
        *self.stop_at.lock().unwrap() = None;
    }

    /// What must be true after a kill; `point` says where it was, for a reader.
    pub fn assert_survived(&self, point: &str) {
        println!("killed at {point}");
        // The older path was looked at by an earlier check; only a newer one can be half of one.
        let there = self.newer.exists();
        match self.before {
            Before::Nothing | Before::Older if there => self.scene.assert_sound(),
            Before::Nothing | Before::Older => {}
            Before::Damaged => assert!(there, "{point}: what was damaged is gone"),
        }
        assert_profiles_show_paths(self.scene.store());
        let shown = self.shown();
        let possible = [None, self.older.as_ref(), Some(&self.newer)];
        assert!(
            possible.contains(&shown.as_ref()),
            "{point}: the profile shows {shown:?}"
        );
        assert!(
            shown.is_some() || self.before == Before::Nothing,
            "{point}: the profile is gone"
        );

        let next = Realized::only(&self.scene.quick_json(WORDS));
        assert_eq!(next.path, self.newer, "{point}");
        let possible = match self.before {
            Before::Damaged => ["repaired", "ready"],
            Before::Nothing | Before::Older => ["built", "ready"],
        };
        assert!(
            possible.contains(&next.status.as_str()),
            "{point}: {next:?}"
        );
        assert_eq!(self.shown().as_ref(), Some(&self.newer), "{point}");
        let link = fs_err::canonicalize(self.scene.project().join("result/env")).unwrap();
        assert_eq!(link, self.newer, "{point}");
        self.scene.quick_json(&["env", "prune"]);
        let names = self.scene.store_names();
        let unfinished: Vec<_> = names.iter().filter(|name| name.starts_with('.')).collect();
        assert!(unfinished.is_empty(), "{point}: {unfinished:?}");
        self.scene.assert_sound();
    }

    /// The path that the profile shows.
    fn shown(&self) -> Option<PathBuf> {
        let link = self.scene.store().join("profiles/ci/current/env");
        link.is_symlink()
            .then(|| fs_err::canonicalize(link).unwrap())
    }
}

/// A proxy that stops where it is told to, says so, and goes on when the client has gone.
fn stopping_proxy(
    registry: &Registry,
    stop_at: Arc<Mutex<Option<StopAt>>>,
    reach: Sender<()>,
) -> Proxy {
    Proxy::start(registry.address(), move |request, _| {
        match stop_at.lock().unwrap().as_ref() {
            Some(stop) if request.target.ends_with(&stop.target) => Delivery::Stall {
                after: stop.after,
                reached: reach.clone(),
            },
            _ => Delivery::Whole,
        }
    })
}

/// Three layers of noise, some hundred KiB each, of which the later ones take away and replace.
fn layers(seed: &str) -> Vec<Layer> {
    let layer = |number: usize| {
        let mut noise = vec![0; 6000];
        let mut layer = LayerBuilder::new();
        for file in 0..50 {
            let name = format!("folder{}/{number}-{file}", file % 5);
            let mut hasher = blake3::Hasher::new();
            hasher.update(format!("{seed} {name}").as_bytes());
            hasher.finalize_xof().fill(&mut noise);
            layer.file(name.as_bytes(), 0o644 + 0o111 * (file % 2), &noise);
        }
        for file in (0..50).step_by(9).filter(|_| number > 0) {
            layer.whiteout(format!("folder{}/{}-{file}", file % 5, number - 1).as_bytes());
        }
        layer.symlink(b"latest", format!("folder0/{number}-0").as_bytes());
        layer.finish(Compression::Gzip)
    };
    (0..3).map(layer).collect()
}

/// Takes the end of a sealed file away.
fn cut_short(file: &Path) {
    let mode = std::fs::Permissions::from_mode(0o644);
    fs_err::set_permissions(file, mode).unwrap();
    let file = fs_err::OpenOptions::new().write(true).open(file).unwrap();
    file.set_len(3).unwrap();
}

/// Copies a folder with all times, modes and links.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(to)
        .status()
        .unwrap();
    assert!(copied.success());
}
