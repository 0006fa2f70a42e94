//! `--durability fast`: nothing is synced, and who asks for no such thing makes up for it.

use rustix::fs::FlockOperation;

use crate::support::needs;
use crate::trace::{self, CALLS, Deed};
use crate::world::{REALIZE, Version, World};

/// What a command synced in the store or all around it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Synced {
    /// One by one.
    one: usize,
    /// The whole file system.
    all: usize,
}

/// Runs a command, which must succeed; tells what it synced and what it said.
fn run(world: &World, words: &[&str]) -> (Synced, String) {
    let log = world.beside("strace.log");
    let strace = ["-o", log.to_str().unwrap(), "-e", CALLS];
    let ended = world.under_strace(&strace, words).output().unwrap();
    assert!(ended.status.success(), "{words:?}: {ended:?}");
    let mut synced = Synced::default();
    for call in trace::read(&fs_err::read_to_string(&log).unwrap()) {
        match call.deed {
            Deed::Synced(path) if path.starts_with(world.store()) => synced.one += 1,
            Deed::AllSynced(..) => synced.all += 1,
            _ => {}
        }
    }
    (synced, String::from_utf8(ended.stderr).unwrap())
}

#[test]
fn a_fast_realize_syncs_nothing_and_the_next_one_everything() {
    if !needs::program("strace", "strace") {
        return;
    }
    let world = World::new();
    fs_err::create_dir(world.project()).unwrap();
    world.declare(Version::Few);
    let (durable, said) = run(&world, REALIZE);
    assert!(durable.one > 10, "{durable:?}");
    assert!(!said.contains("durability"), "{said}");

    let marker = world.store().join("unsynced");
    let fast = [REALIZE, &["--durability", "fast"]].concat();
    for version in [Version::Many, Version::Small] {
        world.declare(version);
        let (synced, said) = run(&world, &fast);
        // The store's own folder, when it was opened.
        assert_eq!(synced, Synced { one: 1, all: 0 }, "{version:?}");
        assert!(said.contains("note: durability is fast"), "{said}");
        assert!(world.shown().is_dir() && marker.exists());
    }

    // While somebody may make more of it, everybody has to sync all.
    let theirs = fs_err::File::open(&marker).unwrap();
    rustix::fs::flock(&theirs, FlockOperation::LockShared).unwrap();
    let (synced, _) = run(&world, REALIZE);
    assert!(synced.all > 0 && marker.exists(), "{synced:?}");
    drop(theirs);
    let (synced, _) = run(&world, REALIZE);
    assert_eq!(synced.all, 1);
    assert!(!marker.exists());
    let (synced, _) = run(&world, REALIZE);
    assert_eq!(synced.all, 0);
}

#[test]
fn a_lower_store_without_sync_is_synced_from_above_and_left_as_it_is() {
    if !needs::program("strace", "strace") {
        return;
    }
    let world = World::new();
    fs_err::create_dir(world.project()).unwrap();
    world.declare(Version::Few);
    run(&world, &[REALIZE, &["--durability", "fast"]].concat());
    let marker = world.store().join("unsynced");
    let upper = world.disk().join("upper");
    let place = ["--store", upper.to_str().unwrap()];
    let lower = world.store();
    let words = ["realize", "--lower", lower.to_str().unwrap()];
    let (synced, _) = run(&world, &[&words[..], &place].concat());
    assert!(synced.all > 0, "{synced:?}");
    assert!(marker.exists() && !upper.join("unsynced").exists());
    let own = fs_err::read_dir(upper.join("store")).unwrap().count();
    assert_eq!(own, 0, "it was built again");
}

#[test]
fn a_store_without_sync_is_deleted_whole() {
    let world = World::new();
    fs_err::create_dir(world.project()).unwrap();
    world.declare(Version::Few);
    for words in [
        &[REALIZE, &["--durability", "fast"]].concat()[..],
        &["store", "delete", "--yes"],
    ] {
        let ended = world.command(words).output().unwrap();
        assert!(ended.status.success(), "{words:?}: {ended:?}");
    }
    assert!(!world.store().exists());
}
