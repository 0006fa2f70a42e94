//! Exit code 0 means durable, and nothing is shown before it is on the disk: held against a model of the disk, along
//! the calls of a command; also where the command finds what another one made, which was killed, or stands still,
//! before it came to the sync.

use std::path::PathBuf;

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
            assert_clean(&unsynced, &[], &[PathBuf::from(&call.path)], "published");
        }
        if renames && call.other.ends_with("/current") {
            let (names, trees) = needs(world, profile, Some(call));
            assert_clean(&unsynced, &names, &trees, "shown by a profile");
        }
        if renames && PathBuf::from(&call.other) == world.root().join("work/result") {
            let current = store.join("profiles").join(profile).join("current");
            assert_clean(&unsynced, &[current], &[store.join("roots")], "shown by a link");
        }
        unsynced.take(call);
    }
    let (names, trees) = needs(world, profile, None);
    assert_clean(&unsynced, &names, &trees, "done");
}

#[track_caller]
fn assert_clean(unsynced: &Unsynced, names: &[PathBuf], trees: &[PathBuf], when: &str) {
    let left = unsynced.of(names, trees);
    assert!(left.is_empty(), "{when}, and not synced: {left:#?}");
}

fn is_store_path(world: &World, path: &str) -> bool {
    let path = PathBuf::from(path);
    let name = path.file_name().unwrap().to_str().unwrap();
    path.parent() == Some(&world.root().join("store/store")) && !name.starts_with('.')
}

/// The names and trees that a profile stands on; all of them when it is done, or those before it moves.
fn needs(world: &World, profile: &str, moves: Option<&Call>) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let store = world.root().join("store");
    let folder = store.join("profiles").join(profile);
    let mut needed = vec![
        store.clone(),
        store.join("store"),
        store.join("profiles"),
        store.join("layout.json"),
        folder.join("generations"),
        folder.clone(),
    ];
    let mut trees = vec![store.join("layout.json")];
    if moves.is_none() {
        needed.push(folder.join("current"));
        needed.push(world.root().join("work/result"));
        trees.push(store.join("roots"));
        trees.push(world.root().join("work/envs.lock"));
    }
    // The newest generation is the one that is shown now, or about to be.
    let numbers = names(&folder.join("generations")).into_iter();
    let newest = numbers.filter_map(|name| name.parse::<u64>().ok()).max();
    if let Some(newest) = newest {
        let generation = folder.join("generations").join(newest.to_string());
        for link in names(&generation) {
            let shown = fs_err::canonicalize(generation.join(link)).unwrap();
            trees.push(shown);
        }
        trees.push(generation);
    }
    (needed, trees)
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
    for (first, last) in ends(&whole.trace) {
        for at in [first.number, last.number] {
            let (deed, calls) = (Deed::KillAfter, Calls::Changing);
            let killed = world.watch(Step { at, deed, calls }, world.words());
            let mut unsynced = Unsynced::default();
            killed.trace.iter().for_each(|call| unsynced.take(call));
            let next = world.watch(WATCH, row.next);
            assert_eq!(next.code, 0, "{}", next.stderr);
            println!("after {at}: {} {} {}", first.name, first.path, first.other);
            assert_durable(&world, &next.trace, unsynced, profile);
            world.reset();
            runs += 1;
        }
    }
    println!("{runs} runs after one that was killed, all durable");
    assert!(runs >= floor);
}

#[test]
fn a_first_realize_is_durable() {
    keeps(&rows::FIRST, "ci", 100);
}

#[test]
fn an_update_is_durable() {
    keeps(&rows::UPDATE, "ci", 100);
}

#[test]
fn a_tree_of_many_files_is_durable() {
    keeps(&rows::MANY, "ci", 100);
}

#[test]
fn a_repair_is_durable() {
    keeps(&rows::REPAIR, "ci", 50);
}

#[test]
fn a_switch_is_durable() {
    keeps(&rows::SWITCH, "ci", 20);
}

#[test]
fn a_pull_is_durable() {
    keeps(&rows::PULL, "pulled", 50);
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
                so_far.iter().for_each(|call| unsynced.take(call));
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
    let synced = trace.iter().position(|call| call.name == "syncfs").unwrap();
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
