//! Full to the last byte, and to the last inode: each command says so, loses nothing, and a collection makes room.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::inside;
use crate::small_disk::{FileSystem, Lack, SmallDisk};
use crate::world::{REALIZE, Version, World, damage};

const SYSTEMS: [FileSystem; 2] = [FileSystem::Tmpfs, FileSystem::Ext4];
const LACKS: [Lack; 3] = [Lack::Bytes, Lack::Inodes, Lack::Both];

/// A world on a small disk that shows the version of few files.
struct Scene {
    // Unmounted before the world around it is removed.
    disk: SmallDisk,
    world: World,
    moment: String,
}

/// Who uses the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum User {
    Root,
    Nobody,
}

impl Scene {
    fn new(file_system: FileSystem, user: User) -> Option<Self> {
        let world = World::beside_the_disk();
        let disk = SmallDisk::mount(file_system, &world.disk())?;
        let world = match user {
            User::Root => world,
            User::Nobody => world.of_nobody(),
        };
        let scene = Self {
            disk,
            world,
            moment: format!("{file_system:?}, {user:?}"),
        };
        scene.world.declare(Version::Few);
        scene.world.succeed(REALIZE, &scene.moment);
        Some(scene)
    }

    fn names(&self) -> BTreeSet<String> {
        let names = inside::names(&self.world.store().join("store"));
        names.into_iter().collect()
    }

    /// What a collection removes: trash, a path that nothing holds, a dead staging tree of some size, a download that
    /// was cut off; and for a prune, a path that was pulled and will not be declared any more.
    fn leave_what_nobody_holds(&self) {
        let world = &self.world;
        damage(&world.shown());
        world.succeed(REALIZE, &self.moment);
        world.declare(Version::Spare);
        world.succeed(&["realize", "--profile", "spare"], &self.moment);
        world.succeed(&["profile", "delete", "spare", "--yes"], &self.moment);
        // As in a store that was copied without its locks: a collection has to make room for a lease first.
        let names = self.names().into_iter();
        for loose in names.filter(|name| name.ends_with("-env-4")) {
            fs_err::remove_file(world.store().join("leases").join(&loose[..64])).unwrap();
        }
        world.declare(Version::Small);
        world.succeed(&["env", "pull", "env"], &self.moment);
        let dead = world.store().join("store/.s-0123456789abcdef");
        fs_err::create_dir(&dead).unwrap();
        for number in 0..130 {
            fs_err::write(dead.join(number.to_string()), "").unwrap();
        }
        fs_err::write(dead.join("0"), vec![1; 1 << 20]).unwrap();
        let download = format!("sha256-{}", "0".repeat(64));
        let downloads = world.downloads();
        fs_err::create_dir_all(&downloads).unwrap();
        fs_err::write(downloads.join(download), vec![1; 100_000]).unwrap();
        world.hand_over();
    }

    /// The command says that there is no room, and everything is as it was.
    #[track_caller]
    fn assert_refused(&self, words: &[&str], before: &BTreeSet<String>, moment: &str) {
        let shown = self.world.shown();
        let ended = self.world.run(&[words, &["--json"]].concat());
        assert_eq!(ended.code, 73, "{moment}: {words:?}: {ended}");
        let document: Value = serde_json::from_str(&ended.raw_stdout).unwrap();
        let error = &document["error"];
        assert_eq!(error["kind"], "no-space", "{moment}: {ended}");
        assert!(error["hint"].is_string(), "{moment}: {ended}");
        assert_eq!(self.world.shown(), shown, "{moment}");
        assert_eq!(&self.names(), before, "{moment}");
    }
}

/// The two commands that make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Collector {
    Prune,
    Gc,
}

impl Collector {
    /// Collects, and tells of how many things: a prune of paths and staging trees, the other of trash and downloads, too.
    #[track_caller]
    fn collect(self, world: &World, moment: &str) -> usize {
        let words: &[&str] = match self {
            Self::Prune => &["env", "prune", "--json"],
            Self::Gc => &["gc", "--json"],
        };
        let ended = world.succeed(words, moment);
        let document: Value = serde_json::from_str(&ended.raw_stdout).unwrap();
        let length = |key: &str| document[key].as_array().unwrap().len();
        match self {
            Self::Prune => length("deleted_environment_dirs"),
            Self::Gc => {
                assert_eq!(length("refused"), 0, "{moment}: {ended}");
                length("paths") + length("junk")
            }
        }
    }
}

/// Fills the disk around a store that has something to collect, and uses it.
fn is_survived(
    file_system: FileSystem,
    lack: Lack,
    user: User,
    collector: Collector,
) -> Option<()> {
    let scene = Scene::new(file_system, user)?;
    let moment = format!("{} without {lack:?}, {collector:?}", scene.moment);
    scene.leave_what_nobody_holds();
    scene.disk.fill(lack, 0);
    let Scene { world, .. } = &scene;
    let before = scene.names();
    world.declare(Version::Many);
    scene.assert_refused(REALIZE, &before, &moment);
    let shown = world.shown();
    world.succeed(&["verify", "--full", shown.to_str().unwrap()], &moment);

    // What was pulled is declared no more: that is for a prune to find out.
    let (count, pulled) = match collector {
        Collector::Prune => (3, None),
        Collector::Gc => (4, Some(name_of(&world.shown_by("pulled")))),
    };
    assert_eq!(collector.collect(world, &moment), count, "{moment}");
    let shown = name_of(&world.shown());
    let left: BTreeSet<_> = pulled.into_iter().chain([shown]).collect();
    assert_eq!(scene.names(), left, "{moment}");
    assert!(inside::names(&world.downloads()).is_empty(), "{moment}");
    world.succeed(REALIZE, &moment);
    assert!(!left.contains(&name_of(&world.shown())), "{moment}");
    world.succeed(&["verify", "--full"], &moment);

    for number in ["1", "2"] {
        world.succeed(&["profile", "switch", number, "--profile", "ci"], &moment);
    }
    scene.disk.fill(lack, 0);
    world.succeed(&["gc", "--keep", "1"], &moment);
    let generations = world.store().join("profiles/ci/generations");
    // The out-link still shows the second.
    assert_eq!(inside::names(&generations), ["2", "3", "4"], "{moment}");
    world.succeed(&["store", "delete", "--yes"], &moment);
    assert!(!world.store().join("store").exists(), "{moment}");
    Some(())
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn is_survived_by(user: User) {
    let mut tried = 0;
    for file_system in SYSTEMS {
        for lack in LACKS {
            for collector in [Collector::Prune, Collector::Gc] {
                let survived = is_survived(file_system, lack, user, collector);
                tried += usize::from(survived.is_some());
            }
        }
    }
    println!("{tried} full disks, all survived as {user:?}");
    assert!(matches!(tried, 0 | 12));
}

#[test]
fn a_full_disk_is_an_error_and_a_collection_makes_room() {
    is_survived_by(User::Root);
}

#[test]
fn a_full_disk_is_an_error_and_a_collection_makes_room_for_an_ordinary_user() {
    is_survived_by(User::Nobody);
}

/// Runs a command with nothing free, then with a little more, until it succeeds; tells how often it did not.
fn with_ever_more(scene: &Scene, lack: Lack, words: &[&str]) -> u64 {
    let moment = format!("{} without {lack:?}", scene.moment);
    let before = scene.names();
    for free in 0.. {
        assert!(free < 200, "{moment}: {words:?} never succeeds");
        scene.disk.fill(lack, free);
        let moment = format!("{moment}, but for {free}");
        let shown = scene.world.shown();
        let ended = scene.world.run(words);
        if ended.code == 0 {
            scene.world.succeed(&["verify", "--full"], &moment);
            return free;
        }
        assert_eq!(ended.code, 73, "{moment}: {words:?}: {ended}");
        assert!(ended.stderr.contains("\nhint: "), "{moment}: {ended}");
        assert_eq!(scene.world.shown(), shown, "{moment}");
        assert!(shown.is_dir(), "{moment}");
        // What was published before there was no room for its link is whole, and held by nothing. The damaged tree
        // that made way for it is trash.
        let names = scene.names();
        let unfinished: Vec<_> = names
            .difference(&before)
            .filter(|name| name.starts_with(".s-") || (name.starts_with('.') && !is_whole(&shown)))
            .collect();
        assert!(unfinished.is_empty(), "{moment}: {unfinished:?}");
        assert!(names.is_superset(&before), "{moment}: {names:?}");
        let profile = scene.world.store().join("profiles/ci");
        for folder in [profile.join("generations"), profile] {
            let names = inside::names(&folder);
            assert!(
                names.iter().all(|name| !name.starts_with('.')),
                "{moment}: {names:?}"
            );
        }
        let locks = inside::names(&scene.world.store().join("leases"));
        assert!(
            !locks.iter().any(|name| name.starts_with("staging-")),
            "{moment}: {locks:?}"
        );
    }
    unreachable!()
}

/// Whether nobody has taken a file out of it.
fn is_whole(path: &Path) -> bool {
    path.join("share/large").exists()
}

/// How often a command was refused, on all disks that there are.
fn at_every_depth(words: &[&str], prepare: impl Fn(&World)) -> Option<u64> {
    let mut refused = 0;
    for file_system in SYSTEMS {
        for lack in [Lack::Bytes, Lack::Inodes] {
            let scene = Scene::new(file_system, User::Root)?;
            prepare(&scene.world);
            refused += with_ever_more(&scene, lack, words);
        }
    }
    println!("{words:?}: refused at {refused} depths, nothing was lost");
    Some(refused)
}

#[test]
fn a_realize_that_runs_out_of_room_anywhere_leaves_nothing() {
    let refused = at_every_depth(REALIZE, |world| world.declare(Version::Small));
    assert!(refused.is_none_or(|refused| refused >= 30), "{refused:?}");
}

#[test]
fn a_repair_that_runs_out_of_room_anywhere_keeps_what_is_damaged() {
    let refused = at_every_depth(REALIZE, |world| {
        world.declare(Version::Small);
        world.succeed(REALIZE, "before the damage");
        damage(&world.shown());
    });
    assert!(refused.is_none_or(|refused| refused >= 20), "{refused:?}");
}

#[test]
fn a_switch_that_runs_out_of_room_anywhere_moves_nothing() {
    let refused = at_every_depth(&["profile", "switch", "1", "--profile", "ci"], |world| {
        world.declare(Version::Small);
        world.succeed(REALIZE, "before the switch");
    });
    assert!(refused.is_none_or(|refused| refused >= 4), "{refused:?}");
}
