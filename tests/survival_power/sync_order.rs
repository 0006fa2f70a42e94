//! Every command under strace: what it syncs, in which order, and what becomes of it when a sync fails.

use std::path::Path;
use std::process::Output;

use crate::inside;
use crate::order::{self, Seen};
use crate::support::needs;
use crate::trace::CALLS;
use crate::world::{REALIZE, Version, World, damage};

/// A world on an ordinary folder; `None` where strace is missing, which is then said.
fn world() -> Option<World> {
    if !needs::program("strace", "strace") {
        return None;
    }
    let world = World::new();
    fs_err::create_dir(world.project()).unwrap();
    Some(world)
}

/// Runs a command, which must succeed, and holds it to the rules.
#[track_caller]
fn traced(world: &World, words: &[&str]) -> Seen {
    traced_after(world, words, &[])
}

/// The same where the makers of these names, below the disk, were killed before they synced.
#[track_caller]
fn traced_after(world: &World, words: &[&str], unsynced: &[&str]) -> Seen {
    traced_at(world, &world.store(), words, unsynced)
}

/// The same of a store elsewhere.
#[track_caller]
fn traced_at(world: &World, store: &Path, words: &[&str], unsynced: &[&str]) -> Seen {
    let log = world.beside("strace.log");
    let strace = ["-o", log.to_str().unwrap(), "-e", CALLS];
    let ended = world.under_strace(&strace, words).output().unwrap();
    assert!(ended.status.success(), "{words:?}: {ended:?}");
    let trace = fs_err::read_to_string(&log).unwrap();
    let found: Vec<_> = unsynced
        .iter()
        .map(|name| world.disk().join(name))
        .collect();
    match order::check(&trace, store, world.project(), &found) {
        Ok(seen) => seen,
        Err(broken) => panic!("{words:?}: {broken}"),
    }
}

/// A first realize of few files; what it must have done is told by the callers, who differ in what they build on it.
fn realized(world: &World, version: Version) -> Seen {
    world.declare(version);
    traced(world, REALIZE)
}

/// What a realize that builds a path does.
const BUILT: Seen = Seen {
    published: 1,
    repaired: 0,
    retired: 0,
    generations: 1,
    moves: 1,
    out_links: 1,
    all_synced: 0,
};

#[test]
fn a_realize_syncs_before_it_shows() {
    let Some(world) = world() else { return };
    assert_eq!(realized(&world, Version::Few), BUILT);
    let together = |all_synced| Seen {
        all_synced,
        ..BUILT
    };
    assert_eq!(realized(&world, Version::Many), together(1));
    // Once beside the second walk, and once after it.
    assert_eq!(realized(&world, Version::Crowd), together(2));
    assert_eq!(realized(&world, Version::Download), BUILT);
    let shown_already = Seen {
        published: 0,
        generations: 0,
        moves: 0,
        out_links: 0,
        ..BUILT
    };
    assert_eq!(realized(&world, Version::Download), shown_already);
}

#[test]
fn a_store_is_synced_with_the_folders_above_it() {
    let Some(world) = world() else { return };
    world.declare(Version::Few);
    let store = world.disk().join("cache/of/pyro");
    let place = ["--store", store.to_str().unwrap()];
    // Without an out-link, whose folder is the lock's: each has to be synced for itself.
    let words = ["realize", "--profile", "ci"];
    let seen = traced_at(&world, &store, &[&words[..], &place].concat(), &[]);
    let without_link = Seen {
        out_links: 0,
        ..BUILT
    };
    assert_eq!(seen, without_link);
    assert!(store.join("layout.json").exists());
}

#[test]
fn a_switch_syncs_before_it_shows() {
    let Some(world) = world() else { return };
    realized(&world, Version::Few);
    realized(&world, Version::Many);
    let moved = Seen {
        published: 0,
        out_links: 0,
        ..BUILT
    };
    for words in [
        &["profile", "rollback", "--profile", "ci"][..],
        &["profile", "switch", "2", "--profile", "ci"],
    ] {
        assert_eq!(traced(&world, words), moved, "{words:?}");
    }
}

#[test]
fn a_repair_syncs_before_it_shows() {
    let Some(world) = world() else { return };
    for (version, all_synced) in [(Version::Few, 0), (Version::Many, 1), (Version::Crowd, 2)] {
        realized(&world, version);
        damage(&world.shown());
        let repaired = Seen {
            repaired: 1,
            all_synced,
            ..Seen::default()
        };
        assert_eq!(realized(&world, version), repaired);
        // Here no profile is looked at afterwards.
        damage(&world.shown());
        assert_eq!(traced(&world, &["verify", "--repair"]), repaired);
    }
}

#[test]
fn a_pull_and_a_prune_sync_before_they_show_and_before_they_remove() {
    let Some(world) = world() else { return };
    world.declare(Version::Few);
    let pulled = Seen {
        out_links: 0,
        ..BUILT
    };
    assert_eq!(traced(&world, &["env", "pull", "env"]), pulled);
    world.declare(Version::Many);
    let pruned = Seen {
        published: 0,
        retired: 1,
        ..pulled
    };
    assert_eq!(traced(&world, &["env", "prune"]), pruned);
}

#[test]
fn a_collection_syncs_before_it_removes() {
    let Some(world) = world() else { return };
    for version in [Version::Few, Version::Many, Version::Small, Version::Spare] {
        realized(&world, version);
    }
    let path = world.shown();
    // Of four generations the newest two stay, and a root keeps what the fourth shows.
    let add = ["gc", "roots", "add", path.to_str().unwrap()];
    assert_eq!(traced(&world, &add), Seen::default());
    let retired = Seen {
        retired: 2,
        ..Seen::default()
    };
    assert_eq!(traced(&world, &["gc", "--keep", "1"]), retired);
    traced(&world, &["profile", "delete", "ci", "--yes"]);
    let retired = Seen {
        retired: 1,
        ..Seen::default()
    };
    assert_eq!(traced(&world, &["gc"]), retired);
    assert!(path.exists());
}

/// More paths than a collection renames before it syncs their names: some are deleted while others are still renamed.
#[test]
fn a_large_collection_syncs_each_name_before_it_removes_what_is_there() {
    const PATHS: usize = 1500;
    let Some(world) = world() else { return };
    realized(&world, Version::Few);
    for number in 0..PATHS {
        let path = format!("store/{number:064x}-path-1");
        let path = world.store().join(path);
        fs_err::create_dir(&path).unwrap();
        fs_err::write(path.join("file"), "content").unwrap();
    }
    let retired = Seen {
        retired: PATHS,
        ..Seen::default()
    };
    assert_eq!(traced(&world, &["gc"]), retired);
    let left = inside::names(&world.store().join("store"));
    assert_eq!(left.len(), 1, "{left:?}");
}

/// What a killed realize of few files may have left without a sync, the out-link last.
fn unsynced(path: &str) -> [String; 7] {
    [
        "store/layout.json".to_owned(),
        format!("store/{path}"),
        "store/profiles/ci".to_owned(),
        "store/profiles/ci/generations/1".to_owned(),
        "store/profiles/ci/current".to_owned(),
        "project/envs.lock".to_owned(),
        "project/result".to_owned(),
    ]
}

#[test]
fn what_others_left_without_a_sync_is_synced_by_who_builds_on_it() {
    let Some(world) = world() else { return };
    realized(&world, Version::Few);
    let path = world.shown();
    let path = path.strip_prefix(world.store()).unwrap().to_str().unwrap();
    let all = unsynced(path);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let (link, without_link) = all.split_last().unwrap();
    // All is there already.
    assert_eq!(traced_after(&world, REALIZE, &all), Seen::default());
    // The out-link is not, but its record is.
    fs_err::remove_file(world.disk().join(link)).unwrap();
    let roots = inside::names(&world.store().join("roots"));
    let record = format!("store/roots/{}", roots[0]);
    let left = [without_link, &[&record]].concat();
    let linked = Seen {
        out_links: 1,
        ..Seen::default()
    };
    assert_eq!(traced_after(&world, REALIZE, &left), linked);
    // Nobody remembers the path: it is built again, and found at its name.
    let records = world.store().join("realisations");
    for account in inside::names(&records) {
        fs_err::remove_dir_all(records.join(account)).unwrap();
    }
    fs_err::remove_file(world.project().join("envs.lock")).unwrap();
    let left = &all[..5];
    assert_eq!(traced_after(&world, REALIZE, left), Seen::default());
    // It is pulled, and shown by a switch.
    let moved = Seen {
        generations: 1,
        moves: 1,
        ..Seen::default()
    };
    let of_the_store = &all[..2];
    let pull = ["env", "pull", "env"];
    assert_eq!(traced_after(&world, &pull, of_the_store), moved);
    realized(&world, Version::Many);
    let switch = ["profile", "switch", "1", "--profile", "ci"];
    assert_eq!(traced_after(&world, &switch, of_the_store), moved);
}

/// Whose syncs fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// The Nth of each thread.
    EachThread,
    /// The Nth of the main thread: not the one that runs beside its walk.
    Main,
}

/// Runs a command in which the Nth sync of a kind fails; `None` once it has fewer.
fn with_failing(
    world: &World,
    call: &str,
    (of, time): (Of, usize),
    words: &[&str],
) -> Option<Output> {
    let log = world.beside("strace.log");
    let inject = format!("inject={call}:error=EIO:when={time}");
    let trace = format!("trace={call}");
    let strace = ["-o", log.to_str().unwrap(), "-e", &trace, "-e", &inject];
    let mut command = match of {
        Of::EachThread => world.under_strace(&strace, words),
        Of::Main => world.main_under_strace(&strace, words),
    };
    let ended = command.output().unwrap();
    let trace = fs_err::read_to_string(&log).unwrap();
    trace.contains("(INJECTED)").then_some(ended)
}

/// Lets each sync of a command fail in turn: nothing may be told that is not so, and the next try succeeds.
fn fails_with_each_sync(before: impl Fn(&World), words: &[&str]) -> usize {
    let mut failed = 0;
    let (each, main) = (Of::EachThread, Of::Main);
    for (call, of) in [("fsync", each), ("syncfs", each), ("syncfs", main)] {
        for time in 1.. {
            let Some(world) = world() else {
                return usize::MAX;
            };
            before(&world);
            let old = world.store().join("profiles/ci/current");
            let old = old.is_symlink().then(|| fs_err::read_link(&old).unwrap());
            let Some(ended) = with_failing(&world, call, (of, time), words) else {
                break;
            };
            let moment = format!("{words:?}: {call} {time} of {of:?} failed");
            assert_eq!(ended.status.code(), Some(74), "{moment}: {ended:?}");
            let names = inside::names(&world.store().join("store"));
            let staging = names.iter().filter(|name| name.starts_with(".s-"));
            assert_eq!(staging.count(), 0, "{moment}: {names:?}");
            if let Some(old) = old {
                assert!(
                    world.store().join("profiles/ci").join(old).is_dir(),
                    "{moment}"
                );
            }
            world.succeed(words, &moment);
            world.succeed(&["verify"], &moment);
            failed += 1;
        }
    }
    println!("{words:?}: {failed} syncs failed, none was passed over");
    failed
}

#[test]
fn no_failing_sync_of_a_realize_is_passed_over() {
    let few = fails_with_each_sync(|world| world.declare(Version::Few), REALIZE);
    assert!(few >= 25, "{few}");
    for version in [Version::Many, Version::Crowd] {
        let update = |world: &World| {
            world.declare(Version::Few);
            world.succeed(REALIZE, "before the update");
            world.declare(version);
        };
        let many = fails_with_each_sync(update, REALIZE);
        assert!(many >= 12, "{version:?}: {many}");
    }
}

#[test]
fn no_failing_sync_of_a_repair_or_a_switch_is_passed_over() {
    let damaged = |world: &World| {
        world.declare(Version::Few);
        world.succeed(REALIZE, "before the repair");
        damage(&world.shown());
    };
    let repair = fails_with_each_sync(damaged, REALIZE);
    assert!(repair >= 10, "{repair}");
    let two = |world: &World| {
        for version in [Version::Few, Version::Many] {
            world.declare(version);
            world.succeed(REALIZE, "before the switch");
        }
    };
    let words = ["profile", "switch", "1", "--profile", "ci"];
    let switch = fails_with_each_sync(two, &words);
    assert!(switch >= 5, "{switch}");
}
