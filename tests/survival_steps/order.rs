//! Exit code 0 means durable, and nothing is shown before it is on the disk: held against a model of the disk, along
//! the calls of a command; also where the command finds what another one made, which was killed, or stands still,
//! before it came to the sync.

use std::path::{Path, PathBuf};

use crate::durable::Unsynced;
use crate::inside::names;
use crate::points::ends;
use crate::rows::{self, Row};
use crate::support::stepper::{Call, Calls, Deed, Step};
use crate::world::World;

const WATCH: Step = Step {
    at: 0,
    deed: Deed::Watch,
    calls: Calls::Changing,
};

/// Follows `trace` and fails where something is shown too early, or the end leaves something unsynced that
/// `profile` needs.
#[track_caller]
fn assert_durable(world: &World, trace: &[Call], mut unsynced: Unsynced, profile: &str) {
    let store = world.root().join("store");
    for call in trace {
        let renames = call.name.starts_with("rename") && call.result >= 0;
        if renames && is_store_path(world, &call.other) {
            let mut left = unsynced.of(&[], &[PathBuf::from(&call.path)]);
            // Its own name is about to be another.
            left.retain(|path| path.as_os_str() != call.path.as_str());
            assert_eq!(
                left,
                [""; 0].map(PathBuf::from),
                "published, and not synced"
            );
        }
        if renames && call.other.ends_with("/current") {
            assert_clean(&unsynced, &[], &shown(world, profile), "shown by a profile");
        }
        if renames && world.root().join("work/result").as_os_str() == call.other.as_str() {
            let current = store.join("profiles").join(profile).join("current");
            assert_clean(
                &unsynced,
                &[current],
                &[store.join("roots")],
                "shown by a link",
            );
        }
        unsynced.take(call);
    }
    let (names, mut trees) = needs(world, profile);
    // A lock that was there is what the project says, not what the command did.
    let lock = world.root().join("work/envs.lock");
    if trace.iter().any(|call| Path::new(&call.other) == lock) {
        trees.push(lock);
    }
    assert_clean(&unsynced, &names, &trees, "done");
}

#[track_caller]
fn assert_clean(unsynced: &Unsynced, names: &[PathBuf], trees: &[PathBuf], when: &str) {
    let mut left = unsynced.of(names, trees);
    // What is still under the dot name of something in the making, nobody needs.
    left.retain(|path| {
        !path
            .file_name()
            .unwrap()
            .as_encoded_bytes()
            .starts_with(b".")
    });
    assert!(left.is_empty(), "{when}, and not synced: {left:#?}");
}

fn is_store_path(world: &World, path: &str) -> bool {
    let path = PathBuf::from(path);
    let name = path.file_name().unwrap().to_str().unwrap();
    path.parent() == Some(&world.root().join("store/store")) && !name.starts_with('.')
}

/// The trees that the newest generation of a profile shows, and its own: it is shown now or about to be.
fn shown(world: &World, profile: &str) -> Vec<PathBuf> {
    let generations = world
        .root()
        .join("store/profiles")
        .join(profile)
        .join("generations");
    let numbers = names(&generations).into_iter();
    let newest = numbers
        .filter_map(|name| name.parse::<u64>().ok())
        .max()
        .unwrap();
    let generation = generations.join(newest.to_string());
    let links = names(&generation).into_iter();
    let mut trees: Vec<PathBuf> = links
        .map(|link| fs_err::canonicalize(generation.join(link)).unwrap())
        .collect();
    trees.push(generation);
    trees
}

/// The names that lead to what a profile shows, and the trees that it needs.
fn needs(world: &World, profile: &str) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (store, work) = (world.root().join("store"), world.root().join("work"));
    let folder = store.join("profiles").join(profile);
    let names = ["store", "profiles", "roots"].map(|name| store.join(name));
    let more = [folder.join("generations"), folder.join("current"), folder];
    let mut trees = shown(world, profile);
    trees.push(store.join("layout.json"));
    // The out-link shows this profile; who realizes another one has nothing to do with it.
    if profile == "ci" {
        trees.push(work.join("result"));
    }
    ([&names[..], &more, &[store]].concat(), trees)
}

/// Whether a call gives something a name, which is sure to stay after a sync only.
fn makes(call: &Call) -> bool {
    let mut unsynced = Unsynced::default();
    unsynced.take(call);
    !unsynced.of(&[], &[PathBuf::from("/")]).is_empty()
}

/// A run of the row's command alone, and one after a run that was killed where it had just made something.
fn keeps(row: &'static Row, profile: &str, floor: usize) {
    let Some(world) = World::new(row) else {
        return;
    };
    let whole = world.watch(WATCH, world.words());
    assert_eq!(whole.code, 0, "{}", whole.stderr);
    assert_durable(&world, &whole.trace, Unsynced::default(), profile);
    world.reset();
    let mut runs = 0;
    for (_, call) in ends(&whole.trace)
        .into_iter()
        .filter(|(_, call)| makes(call))
    {
        let (at, deed, calls) = (call.number, Deed::KillAfter, Calls::Changing);
        let killed = world.watch(Step { at, deed, calls }, world.words());
        let mut unsynced = Unsynced::default();
        killed.trace.iter().for_each(|call| unsynced.take(call));
        let next = world.watch(WATCH, row.next);
        assert_eq!(next.code, 0, "{}", next.stderr);
        println!("after {at}: {} {} {}", call.name, call.path, call.other);
        assert_durable(&world, &next.trace, unsynced, profile);
        world.reset();
        runs += 1;
    }
    println!("{runs} runs after one that was killed, all durable");
    assert!(runs >= floor);
}

#[test]
fn a_first_realize_is_durable() {
    keeps(&rows::FIRST, "ci", 30);
}

#[test]
fn a_repair_is_durable() {
    keeps(&rows::REPAIR, "ci", 15);
}

#[test]
fn a_switch_is_durable() {
    keeps(&rows::SWITCH, "ci", 5);
}

#[test]
fn a_pull_is_durable() {
    keeps(&rows::PULL, "pulled", 15);
}

#[test]
fn what_another_one_has_not_synced_yet_is_synced() {
    let Some(world) = World::new(&rows::FIRST) else {
        return;
    };
    let trace = world.trace(Calls::Changing);
    let mut runs = 0;
    for (call, _) in ends(&trace) {
        let (at, deed, calls) = (call.number, Deed::Stand, Calls::Changing);
        let step = Step { at, deed, calls };
        world.stand_watched(step, |so_far| {
            let words = &["realize", "--profile", "other", "--lock-timeout", "0"];
            let other = world.watch(WATCH, words);
            if other.code == 0 {
                let mut unsynced = Unsynced::default();
                for call in so_far {
                    unsynced.take(call);
                }
                println!("{at}: {} {} {}", call.name, call.path, call.other);
                assert_durable(&world, &other.trace, unsynced, "other");
                runs += 1;
            }
        });
        world.reset();
    }
    println!("{runs} runs beside one that stood still, all durable");
    assert!(runs >= 50);
}

/// An error that came before the descriptor was opened is not told to `syncfs` through it.
#[test]
fn the_descriptor_of_syncfs_is_opened_before_the_first_file() {
    let Some(world) = World::new(&rows::MANY) else {
        return;
    };
    let trace = world.trace(Calls::All);
    let syncs: Vec<_> = (0..trace.len())
        .filter(|at| trace[*at].name == "syncfs")
        .collect();
    // One beside the second walk, and one after it.
    assert_eq!(syncs.len(), 2);
    for synced in syncs {
        assert_opened_early(&trace, synced);
    }
}

#[track_caller]
fn assert_opened_early(trace: &[Call], synced: usize) {
    let (staging, descriptor) = (&trace[synced].path, trace[synced].descriptor);
    let opens = |call: &&Call| call.name.starts_with("open") && call.result >= 0;
    let opened = trace[..synced]
        .iter()
        .rposition(|call| opens(&call) && call.result == i64::from(descriptor))
        .expect("the descriptor of syncfs was opened");
    assert_eq!(&trace[opened].path, staging);
    let made = trace
        .iter()
        .position(|call| call.path.starts_with(&format!("{staging}/")))
        .unwrap();
    println!("opened at {opened}, first file at {made}, syncfs at {synced}");
    assert!(opened < made && made < synced);
    let files = trace[made..synced].iter().filter(opens).count();
    assert!(files > 64, "{files} files are too few for syncfs");
}

/// To make a file beside many that were just deleted is slow, and trash that nobody has leased needs none.
#[test]
fn a_collection_makes_no_lease_file() {
    let Some(world) = World::new(&rows::GC) else {
        return;
    };
    let trace = world.trace(Calls::Changing);
    let is_trash = |call: &&Call| call.name.starts_with("rename") && call.other.contains("/.t-");
    let trash = trace.iter().filter(is_trash).count();
    let made: Vec<_> = trace
        .iter()
        .filter(|call| call.path.contains("/leases/.new-"))
        .collect();
    println!("{trash} paths became trash, in {} calls", trace.len());
    assert!(trash >= 1);
    assert!(made.is_empty(), "{made:?}");
}
