//! A store that was baked into a lower layer, as in a container image: its folders cannot be renamed, and must not
//! change; everything that is done goes to the upper layer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::FlockOperation;
use serde_json::Value;

use crate::inside;
use crate::support::needs;
use crate::support::scene::remove_sealed;
use crate::world::{REALIZE, Version, World, damage};

/// Two layers, mounted over one another at the place of the world's disk.
struct Layers {
    world: World,
    mounted: bool,
    /// What the lower layer was when it was baked.
    baked: BTreeMap<PathBuf, String>,
}

impl Layers {
    /// Bakes what `bake` makes into the lower layer; `None` where this machine cannot mount, which is then said.
    fn new(nobody: bool, bake: impl Fn(&World)) -> Option<Self> {
        if !needs::root("to mount an overlayfs") {
            return None;
        }
        let world = World::beside_the_disk();
        let world = if nobody { world.of_nobody() } else { world };
        bake(&world);
        fs_err::rename(world.disk(), world.beside("lower")).unwrap();
        for folder in ["disk", "upper", "work-of-overlay"] {
            fs_err::create_dir(world.beside(folder)).unwrap();
        }
        world.hand_over();
        let mut layers = Self {
            baked: listed(&world.beside("lower")),
            world,
            mounted: false,
        };
        layers.mount();
        Some(layers)
    }

    fn mount(&mut self) {
        let layer = |name: &str| self.world.beside(name).display().to_string();
        // As container engines have it on most kernels: a folder of the lower layer answers EXDEV to a rename.
        let options = format!(
            "redirect_dir=off,lowerdir={},upperdir={},workdir={}",
            layer("lower"),
            layer("upper"),
            layer("work-of-overlay")
        );
        let mut mount = Command::new("mount");
        mount.args(["-t", "overlay", "-o", &options, "overlay"]);
        let ended = mount.arg(self.world.disk()).output().unwrap();
        assert!(ended.status.success(), "{mount:?}: {ended:?}");
        self.mounted = true;
    }

    fn unmount(&mut self) {
        if self.mounted {
            let done = Command::new("umount").arg(self.world.disk()).status();
            assert!(done.unwrap().success());
            self.mounted = false;
        }
    }

    /// The same layers, as the next container finds them.
    fn mount_again(&mut self) {
        self.unmount();
        self.mount();
    }

    /// Where a path of the store stands in a layer.
    fn in_layer(&self, layer: &str, path: &Path) -> PathBuf {
        let below = path.strip_prefix(self.world.disk()).unwrap();
        self.world.beside(layer).join(below)
    }

    /// No staging, no trash; the lower layer is what it was; and all that a full check finds is good.
    #[track_caller]
    fn assert_clean(&self) {
        let names = inside::names(&self.world.store().join("store"));
        assert!(names.iter().all(|name| !name.starts_with('.')), "{names:?}");
        assert_eq!(listed(&self.world.beside("lower")), self.baked);
        self.world.succeed(&["verify", "--full"], "on overlayfs");
    }
}

impl Drop for Layers {
    fn drop(&mut self) {
        self.unmount();
        // What overlayfs made for itself there, nobody else may open.
        remove_sealed(&self.world.beside("work-of-overlay"));
    }
}

/// Everything below a folder: its kind and, of a file, its content.
fn listed(folder: &Path) -> BTreeMap<PathBuf, String> {
    let entries = walkdir::WalkDir::new(folder).into_iter();
    let entries = entries.map(|entry| entry.unwrap().into_path());
    entries
        .map(|path| {
            let meta = fs_err::symlink_metadata(&path).unwrap();
            let content = if meta.is_file() {
                blake3::hash(&fs_err::read(&path).unwrap()).to_string()
            } else {
                format!("{:?}", meta.file_type())
            };
            (path, content)
        })
        .collect()
}

fn realized(world: &World, version: Version) {
    world.declare(version);
    world.succeed(REALIZE, "on overlayfs");
}

fn document(world: &World, words: &[&str]) -> Value {
    let ended = world.succeed(&[words, &["--json"]].concat(), "on overlayfs");
    serde_json::from_str(&ended.raw_stdout).unwrap()
}

/// A lease on a path, as another process has it.
fn leased(world: &World, path: &Path) -> fs_err::File {
    let hash = &path.file_name().unwrap().to_str().unwrap()[..64];
    let lease = world.store().join("leases").join(hash);
    // Opened for writing, as pyro does: that brings the file to the upper layer, where there is one for all.
    let lease = fs_err::OpenOptions::new().write(true).open(lease).unwrap();
    rustix::fs::flock(lease.file(), FlockOperation::LockShared).unwrap();
    lease
}

/// Each story is told by root and by an ordinary user.
fn as_both(bake: impl Fn(&World), story: impl Fn(&mut Layers)) {
    for nobody in [false, true] {
        if let Some(mut layers) = Layers::new(nobody, &bake) {
            story(&mut layers);
        }
    }
}

#[test]
fn what_is_valid_in_the_lower_layer_is_used_there() {
    as_both(
        |world| realized(world, Version::Few),
        |layers| {
            let baked = layers.world.shown();
            let again = document(&layers.world, REALIZE);
            assert_eq!(again["environments"][0]["status"], "ready");
            assert!(!layers.in_layer("upper", &baked).exists());
            realized(&layers.world, Version::Many);
            let newer = layers.world.shown();
            assert!(layers.in_layer("upper", &newer).join("many/1/1").exists());
            layers.mount_again();
            assert_eq!(layers.world.shown(), newer);
            layers.assert_clean();
            let back = ["profile", "rollback", "--profile", "ci"];
            layers.world.succeed(&back, "on overlayfs");
            assert_eq!(layers.world.shown(), baked);
            layers.assert_clean();
        },
    );
}

fn bake_damaged(world: &World) {
    realized(world, Version::Few);
    damage(&world.shown());
}

#[test]
fn what_is_damaged_in_the_lower_layer_is_replaced_in_place() {
    as_both(bake_damaged, |layers| {
        let path = layers.world.shown();
        let repaired = document(&layers.world, REALIZE);
        assert_eq!(repaired["environments"][0]["status"], "repaired");
        for _mount in 0..2 {
            assert_eq!(layers.world.shown(), path);
            let upper = layers.in_layer("upper", &path);
            assert!(upper.join("share/large").exists());
            assert!(upper.join("environment.json").exists());
            layers.assert_clean();
            layers.mount_again();
        }
    });
}

#[test]
fn what_is_damaged_and_in_use_is_left_as_it_is() {
    as_both(bake_damaged, |layers| {
        let path = layers.world.shown();
        let lease = leased(&layers.world, &path);
        let before = inside::names(&layers.world.store().join("store"));
        let ended = layers.world.run(REALIZE);
        assert_eq!(ended.code, 75, "{ended}");
        assert!(path.join("environment.json").exists());
        let after = inside::names(&layers.world.store().join("store"));
        assert_eq!(after, before);
        drop(lease);
        let repaired = document(&layers.world, REALIZE);
        assert_eq!(repaired["environments"][0]["status"], "repaired");
        layers.assert_clean();
    });
}

/// What nobody holds is baked in; `collect` removes it and tells how many paths that were.
fn is_hidden(collect: impl Fn(&World) -> usize) {
    let bake = |world: &World| {
        realized(world, Version::Few);
        world.declare(Version::Spare);
        world.succeed(&["realize", "--profile", "spare"], "before it is baked");
    };
    as_both(bake, |layers| {
        let delete = ["profile", "delete", "spare", "--yes"];
        layers.world.succeed(&delete, "on overlayfs");
        let profiles = layers.world.store().join("profiles");
        assert_eq!(inside::names(&profiles), ["ci"]);
        assert_eq!(collect(&layers.world), 1);
        let left = layers.world.shown().file_name().unwrap().to_owned();
        for _mount in 0..2 {
            let names = inside::names(&layers.world.store().join("store"));
            assert_eq!(names, [left.to_str().unwrap()]);
            layers.assert_clean();
            layers.mount_again();
        }
        layers.world.declare(Version::Spare);
        let again = ["realize", "--profile", "spare"];
        let built = document(&layers.world, &again);
        assert_eq!(built["environments"][0]["status"], "built");
        layers.assert_clean();
    });
}

fn length(document: &Value, key: &str) -> usize {
    document[key].as_array().unwrap().len()
}

#[test]
fn what_nobody_holds_in_the_lower_layer_is_hidden_by_a_prune() {
    is_hidden(|world| {
        length(
            &document(world, &["env", "prune"]),
            "deleted_environment_dirs",
        )
    });
}

#[test]
fn what_nobody_holds_in_the_lower_layer_is_hidden_by_a_collection() {
    is_hidden(|world| length(&document(world, &["gc"]), "paths"));
}

#[test]
fn generations_in_the_lower_layer_are_dropped() {
    let bake = |world: &World| {
        for version in [Version::Few, Version::Many, Version::Small] {
            realized(world, version);
        }
    };
    as_both(bake, |layers| {
        let collected = document(&layers.world, &["gc", "--keep", "1"]);
        assert_eq!(length(&collected, "generations"), 1);
        assert_eq!(length(&collected, "paths"), 1);
        layers.mount_again();
        let generations = layers.world.store().join("profiles/ci/generations");
        assert_eq!(inside::names(&generations), ["2", "3"]);
        layers.assert_clean();
    });
}

#[test]
fn a_store_in_the_lower_layer_is_deleted_unless_somebody_uses_it() {
    as_both(
        |world| realized(world, Version::Few),
        |layers| {
            let path = layers.world.shown();
            let lease = leased(&layers.world, &path);
            let ended = layers.world.run(&["store", "delete", "--yes"]);
            assert_eq!(ended.code, 75, "{ended}");
            layers.assert_clean();
            drop(lease);
            let deleted = ["store", "delete", "--yes"];
            layers.world.succeed(&deleted, "on overlayfs");
            layers.mount_again();
            assert!(!layers.world.store().exists());
            assert_eq!(listed(&layers.world.beside("lower")), layers.baked);
            realized(&layers.world, Version::Few);
            assert_eq!(layers.world.shown(), path);
            layers.assert_clean();
        },
    );
}

#[test]
fn what_was_pulled_in_the_lower_layer_gives_way_to_a_newer_one() {
    let bake = |world: &World| {
        world.declare(Version::Few);
        world.succeed(&["env", "pull", "env"], "before it is baked");
    };
    as_both(bake, |layers| {
        layers.world.declare(Version::Many);
        layers
            .world
            .succeed(&["env", "pull", "env"], "on overlayfs");
        let pulled = layers.world.store().join("profiles/pulled");
        let generations = inside::names(&pulled.join("generations"));
        assert_eq!(generations, ["2"]);
        let pruned = document(&layers.world, &["env", "prune"]);
        assert_eq!(pruned["count"], 1);
        layers.assert_clean();
    });
}
