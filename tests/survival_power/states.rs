//! The power fails: at many moments of a recording the disk is rebuilt as it would be found, mounted, and used.
//!
//! Without a bystander nothing reaches the disk but what pyro syncs, so the moments just after each exit 0 show whether
//! it was durable. A bystander's syncs bring the journal's commits between any two steps of pyro, so that what is renamed
//! before it is synced is seen half.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::device::{Device, Failure, FileSystem, Rest};
use crate::inside;
use crate::story::{Picture, Recording, Step};
use crate::support::needs;
use crate::world::{REALIZE, World};

/// How many moments are tried: for `make test` some of each command, evenly; for `make torture` all.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// Of one command.
    moments: usize,
    /// Random halves of what came after one flush.
    halves: u64,
}

impl Size {
    fn of_this_run(usual: usize) -> Self {
        if needs::full_size() {
            let (moments, halves) = (150, 3);
            Self { moments, halves }
        } else {
            let (moments, halves) = (usual, 1);
            Self { moments, halves }
        }
    }
}

/// The moments of one command, from its preparation to the next one's.
fn moments(step: &Step, flushes: &[usize], size: Size) -> Vec<Failure> {
    // Whoever was told must find it, whatever became of the rest.
    let mut chosen: Vec<Failure> = [step.started, step.ended]
        .into_iter()
        .flat_map(|position| {
            [Rest::Nothing, Rest::Half(1), Rest::Everything].map(|rest| Failure { position, rest })
        })
        .collect();
    let within: Vec<usize> = flushes
        .iter()
        .copied()
        .filter(|flush| (step.prepared..step.ended).contains(flush))
        .chain([step.ended])
        .collect();
    let mut others = Vec::new();
    for pair in within.windows(2) {
        let [flush, next] = [pair[0], pair[1]];
        others.push(Failure {
            position: flush + 1,
            rest: Rest::Nothing,
        });
        // Nothing was written between the two: there is no half of it.
        let seeds = if next > flush + 1 { size.halves } else { 0 };
        for seed in 0..seeds {
            others.push(Failure {
                position: next,
                rest: Rest::Half(seed),
            });
        }
    }
    let every = others.len().div_ceil(size.moments).max(1);
    chosen.extend(others.into_iter().step_by(every));
    chosen
}

/// Which store paths a check finds valid, and which not.
fn verdicts(world: &World, depth: &str, moment: &str) -> BTreeMap<String, bool> {
    let ended = world.run(&["verify", depth, "--json"]);
    assert!(
        matches!(ended.code, 0 | 65),
        "{moment}: verify {depth}: {ended}"
    );
    let document: Value = serde_json::from_str(&ended.raw_stdout).unwrap();
    let paths = document["paths"].as_array().unwrap().iter();
    paths
        .map(|path| {
            let name = path["path"].as_str().unwrap().rsplit('/').next().unwrap();
            (name.to_owned(), path["status"] == "valid")
        })
        .collect()
}

/// What must be true of the disk at `failure`, before anybody has mended anything.
fn assert_whole(world: &World, step: &Step, failure: Failure, moment: &str) {
    let found = Picture::of(&world.disk());
    let (old, new) = (&step.before, &step.after);
    if failure.position >= step.ended {
        assert_eq!(&found, new, "{moment}: exit 0 was told");
    } else if failure.position <= step.started {
        assert_eq!(
            &found, old,
            "{moment}: exit 0 was told by the command before"
        );
    }
    for profile in [&old.profiles, &new.profiles, &found.profiles]
        .into_iter()
        .flat_map(BTreeMap::keys)
    {
        let shows = |picture: &Picture| picture.profiles.get(profile).cloned();
        assert!(
            [shows(old), shows(new)].contains(&shows(&found)),
            "{moment}: {profile} shows {:?}",
            shows(&found)
        );
    }
    let links = [&old.out_link, &new.out_link];
    assert!(links.contains(&&found.out_link), "{moment}: {found:?}");
    let both: BTreeSet<_> = old.paths.intersection(&new.paths).cloned().collect();
    let any: BTreeSet<_> = old.paths.union(&new.paths).cloned().collect();
    assert!(
        found.paths.is_superset(&both) && found.paths.is_subset(&any),
        "{moment}: {found:?}"
    );

    let quick = verdicts(world, "--quick", moment);
    let full = verdicts(world, "--full", moment);
    let of_the_quick: BTreeSet<_> = quick.keys().cloned().collect();
    assert_eq!(of_the_quick, found.paths, "{moment}: not all were checked");
    assert_eq!(
        quick, full,
        "{moment}: the quick check believes what is not so"
    );
    for (profile, path) in &found.profiles {
        let was_damaged = step.damaged && old.profiles.get(profile) == Some(path);
        assert!(
            quick[path] || (was_damaged && failure.position < step.ended),
            "{moment}: {profile} shows {path}, which is damaged"
        );
    }
}

/// Life goes on: the next realize and collection succeed, and leave the store as it should be.
fn assert_usable(world: &World, moment: &str) {
    world.succeed(REALIZE, moment);
    world.succeed(&["gc"], moment);
    let found = Picture::of(&world.disk());
    let shown = [found.profiles.get("ci"), found.out_link.as_ref()];
    assert!(
        shown[0].is_some() && shown[0] == shown[1],
        "{moment}: {found:?}"
    );
    let store = inside::names(&world.store().join("store"));
    let unfinished: Vec<_> = store.iter().filter(|name| name.starts_with('.')).collect();
    assert!(unfinished.is_empty(), "{moment}: {unfinished:?}");
    let checked = verdicts(world, "--full", moment);
    let shown = shown[0].unwrap();
    assert!(checked[shown], "{moment}: {checked:?}");
}

/// Records all commands on a disk of this file system, and lets the power fail; tells at how many moments.
fn survives(file_system: FileSystem, bystander: bool, usual: usize) -> Option<usize> {
    let device = Device::start(file_system)?;
    let mut recording = Recording::make(World::new(), device, bystander);
    let flushes = recording.device.flushes();
    let size = Size::of_this_run(usual);
    let disk = recording.world.disk();
    let mut tried = 0;
    for step in &recording.steps {
        let mut moments = moments(step, &flushes, size);
        // In the order of the log, so that the device can go on from one to the next.
        moments.sort_by_key(|failure| failure.position);
        println!(
            "{}: {} of {} flushes, {} moments",
            step.words.join(" "),
            flushes
                .iter()
                .filter(|flush| (step.prepared..step.ended).contains(flush))
                .count(),
            flushes.len(),
            moments.len()
        );
        for failure in moments {
            let moment = format!("{:?} of {:?} at {failure:?}", file_system, step.words);
            let mounted = recording.device.mount_after(failure, &disk);
            // The declaration is its user's, who did not sync it.
            recording.world.declare(step.version);
            assert_whole(&recording.world, step, failure, &moment);
            assert_usable(&recording.world, &moment);
            drop(mounted);
            tried += 1;
        }
    }
    println!(
        "{} with{} bystander: the power failed at {tried} moments, nothing was lost",
        file_system.name(),
        if bystander { " a" } else { "out a" }
    );
    Some(tried)
}

/// A test that cuts the power at no moment would pass.
#[track_caller]
fn assert_tried(tried: Option<usize>, floor: usize) {
    if let Some(tried) = tried {
        assert!(tried >= floor, "only {tried} moments");
    }
}

#[test]
fn ext4_keeps_what_was_told() {
    assert_tried(survives(FileSystem::Ext4, false, 15), 150);
}

#[test]
fn ext4_shows_nothing_half_while_others_sync() {
    assert_tried(survives(FileSystem::Ext4, true, 20), 200);
}

/// The other file systems take as long again each: they are for `make torture`.
fn survives_at_full_size(file_system: FileSystem) {
    if !needs::full_size() {
        println!("left to `make torture`: {}", file_system.name());
        return;
    }
    assert_tried(survives(file_system, false, 0), 200);
    assert_tried(survives(file_system, true, 0), 400);
}

#[test]
fn xfs_keeps_what_was_told() {
    survives_at_full_size(FileSystem::Xfs);
}

#[test]
fn btrfs_keeps_what_was_told() {
    survives_at_full_size(FileSystem::Btrfs);
}
