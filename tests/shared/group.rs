//! Two accounts of one group, each with its own umask, on every file system that stores stand on.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde_json::json;

use crate::accounts::{
    ALICE, Account, BOB, TEAM, Team, file_name, hide_damage, owner, there_are_accounts,
};
use crate::disk::{Disk, KINDS};
use crate::inside;
use crate::support::Sandbox;
use crate::tree::Tree;

/// The umasks of the two, each way round.
const UMASKS: [[&str; 2]; 3] = [["077", "022"], ["022", "077"], ["077", "077"]];

/// What was looked at; a test that looks at nothing would pass.
struct Points(usize);

impl Points {
    #[track_caller]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "what is compared is often made for that"
    )]
    fn same<T: PartialEq + std::fmt::Debug>(&mut self, found: T, expected: T) {
        assert_eq!(found, expected);
        self.0 += 1;
    }

    #[track_caller]
    fn holds(&mut self, what: bool, of: impl std::fmt::Display) {
        assert!(what, "{of}");
        self.0 += 1;
    }
}

/// Two accounts at work.
struct Pair<'t> {
    team: &'t Team,
    umasks: [&'static str; 2],
}

impl Pair<'_> {
    fn umask(&self, who: Account) -> &'static str {
        self.umasks[usize::from(who == BOB)]
    }

    #[track_caller]
    fn run(&self, who: Account, words: &[&str]) -> crate::support::Ended {
        self.team.run(who, self.umask(who), words).code(0)
    }

    #[track_caller]
    fn ask(&self, who: Account, words: &[&str]) -> serde_json::Value {
        self.team.ask(who, self.umask(who), words)
    }

    #[track_caller]
    fn realize(&self, who: Account) -> (String, std::path::PathBuf) {
        self.team.realize(who, self.umask(who), &[])
    }
}

/// Every mode and group in the store is the one that the umask had no part in.
fn modes_are_explicit(store: &Path, points: &mut Points) {
    let paths = store.join("store");
    for entry in walkdir::WalkDir::new(store).min_depth(1) {
        let entry = entry.unwrap();
        let (path, meta) = (entry.path(), entry.metadata().unwrap());
        let mode = meta.mode() & 0o7777;
        let sealed = path.parent() != Some(store) && path.starts_with(&paths);
        let spools = store.join("downloads");
        let private = path.starts_with(&spools) && path != spools;
        let expected: &[u32] = match (meta.is_symlink(), meta.is_dir()) {
            (true, _) => &[0o777],
            (_, true) if private => &[0o700, 0o2700],
            (_, true) if sealed => &[0o555],
            (_, true) => &[0o2775],
            (_, false) if sealed => &[0o444, 0o555],
            (_, false) => &[0o664],
        };
        let shown = format!("{mode:o} {}", path.display());
        points.holds(expected.contains(&mode), &shown);
        points.holds(meta.gid() == TEAM, &shown);
    }
}

/// Realizing, pulling, moving a profile, repair and removal, each by one account on what the other one made.
fn share(team: &Team, umasks: [&'static str; 2], points: &mut Points) {
    let pair = Pair { team, umasks };
    team.declare("1", &Tree::vm(1).file("bin/run", "#!/bin/sh\n"));
    let (status, first) = pair.realize(ALICE);
    points.same(status.as_str(), "built");
    modes_are_explicit(team.store(), points);

    // What the other one made is checked in full before its first use, and that is remembered.
    let hash = file_name(&first)[..64].to_owned();
    let record = format!("realisations/{}/checked-{hash}.json", BOB.uid);
    let record = team.store().join(record);
    points.holds(!record.exists(), "the record of a check that was not made");
    points.same(pair.realize(BOB), ("ready".to_owned(), first.clone()));
    points.holds(record.exists(), "the record of the full check");
    let written = fs_err::metadata(&record).unwrap().ino();
    points.same(pair.realize(BOB), ("ready".to_owned(), first.clone()));
    points.same(fs_err::metadata(&record).unwrap().ino(), written);

    // Repair exchanges the other account's path; the damaged tree is its maker's to delete.
    hide_damage(&first.join("vmlinux"));
    points.same(pair.realize(BOB), ("repaired".to_owned(), first.clone()));
    points.same(owner(&first), BOB.uid);
    modes_are_explicit(team.store(), points);
    removed_by_its_maker(&pair, points);
    points.same(pair.realize(ALICE).0, "ready".to_owned());

    moved(&pair, points);
    pulled(&pair, points);
    modes_are_explicit(team.store(), points);
    pruned(&pair, points);
}

/// Trash of the first account's that the second one cannot delete, and says so.
fn removed_by_its_maker(pair: &Pair<'_>, points: &mut Points) {
    let trash = || {
        let names = pair.team.names().into_iter();
        names.filter(|name| name.starts_with(".t-")).count()
    };
    points.same(trash(), 1);
    let pruned = pair.run(BOB, &["env", "prune"]);
    let told = format!("which belongs to account {}", ALICE.uid);
    points.holds(pruned.stderr.contains(&told), &pruned);
    points.same(trash(), 1);
    let pruned = pair.run(ALICE, &["env", "prune"]);
    points.holds(!pruned.stderr.contains("left"), &pruned);
    points.same(trash(), 0);
}

/// Each moves the profile that the other one moved last.
fn moved(pair: &Pair<'_>, points: &mut Points) {
    let shown = || {
        let current = pair.team.store().join("profiles/p/current");
        let link = fs_err::read_link(current.join("vm")).unwrap();
        let number = fs_err::read_link(current).unwrap();
        (file_name(&number).to_owned(), file_name(&link).to_owned())
    };
    let (_, first) = shown();
    pair.team.declare("2", &Tree::vm(2));
    points.same(pair.realize(BOB).0, "built".to_owned());
    let (number, second) = shown();
    points.same(number.as_str(), "2");
    pair.run(ALICE, &["profile", "rollback", "--profile", "p"]);
    points.same(shown(), ("3".to_owned(), first));
    pair.run(BOB, &["profile", "switch", "2", "--profile", "p"]);
    points.same(shown(), ("4".to_owned(), second));
    let history = pair.ask(ALICE, &["profile", "history", "--profile", "p"]);
    points.same(history["generations"].as_array().unwrap().len(), 4);
}

/// `pulled` keeps no history, so that each removes the generation that the other one made.
fn pulled(pair: &Pair<'_>, points: &mut Points) {
    pair.ask(ALICE, &["env", "pull", "vm"]);
    pair.team.declare("3", &Tree::vm(3));
    let pulled = pair.ask(BOB, &["env", "pull", "vm"]);
    points.same(&pulled["installed"], &json!(true));
    let generations = pair.team.store().join("profiles/pulled/generations");
    points.same(inside::names(&generations), vec!["2".to_owned()]);
    pair.ask(ALICE, &["env", "pull", "vm"]);
    points.same(inside::names(&generations), vec!["2".to_owned()]);
}

/// Both let go of everything; each removes what it made.
fn pruned(pair: &Pair<'_>, points: &mut Points) {
    let team = pair.team;
    for profile in ["p", "pulled"] {
        pair.run(BOB, &["profile", "delete", profile, "--yes"]);
    }
    points.same(inside::names(&team.store().join("profiles")), vec![]);
    // Three paths: the first two are the one's and the third the other's, or so; each is renamed away at once.
    let planned = pair.ask(BOB, &["gc", "--dry-run"]);
    points.same(planned["paths"].as_array().map(Vec::len), Some(3));
    let pruned = pair.ask(ALICE, &["env", "prune"]);
    points.same(&pruned["count"], &json!(3));
    let ours = |name: &String| owner(&team.store().join("store").join(name)) == ALICE.uid;
    points.holds(!team.names().iter().any(ours), "trash of her own");
    let collected = pair.ask(BOB, &["gc", "--max-size", "0"]);
    points.same(collected["paths"].as_array().map(Vec::len), Some(0));
    points.same(&collected["refused"], &json!([]));
    points.same(team.names(), vec![]);
    points.same(inside::names(&team.store().join("leases")), vec![]);
    pair.run(BOB, &["store", "delete", "--yes"]);
    points.same(inside::names(team.store()), vec![]);
}

#[test]
fn two_accounts_of_one_group_share_a_store() {
    if !there_are_accounts() {
        return;
    }
    let mut points = Points(0);
    for kind in KINDS {
        for umasks in UMASKS {
            let sandbox = Sandbox::new();
            let (below, scratch) = (sandbox.path("disk"), sandbox.path("tmp"));
            fs_err::create_dir(&below).unwrap();
            let Some(disk) = Disk::mount(kind, &below, &scratch) else {
                break;
            };
            let store = below.join("store");
            fs_err::create_dir(&store).unwrap();
            let team = Team::with_store(sandbox, store, 0o2775);
            let before = points.0;
            share(&team, umasks, &mut points);
            println!("{kind:?}, umasks {umasks:?}: {} points", points.0 - before);
            // The disk goes before the sandbox that it stands in.
            drop(disk);
        }
    }
    println!("{} points", points.0);
    assert!(
        points.0 >= 200,
        "one file system and one pair of umasks have that many"
    );
}

/// A store that pyro itself makes in a folder of the group is the group's.
#[test]
fn a_store_that_is_made_in_a_folder_of_the_group_is_the_groups() {
    if !there_are_accounts() {
        return;
    }
    let sandbox = Sandbox::new();
    let above = sandbox.path("above");
    fs_err::create_dir(&above).unwrap();
    let mut team = Team::with_store(sandbox, above.clone(), 0o2775);
    team.enter("store");
    let mut points = Points(0);
    share(&team, UMASKS[2], &mut points);
    assert_eq!(inside::names(&above), [""; 0]);
    println!("{} points", points.0);
    assert!(points.0 >= 100);
}

/// Both begin at the same moment, where there is nothing yet: neither meets a thing that it may not use.
#[test]
fn two_accounts_make_a_store_at_the_same_time() {
    if !there_are_accounts() {
        return;
    }
    let mut rounds = 0;
    for _ in 0..12 {
        let team = Team::new(0o2775);
        team.declare("1", &Tree::vm(1));
        let words = ["realize", "--profile"];
        let both = [(ALICE, "a"), (BOB, "b")];
        let running = both.map(|(who, profile)| {
            let mut pyro = team.command(who, "077", &[], &[&words[..], &[profile]].concat());
            pyro.stdout(std::process::Stdio::null());
            pyro.stderr(std::process::Stdio::piped()).spawn().unwrap()
        });
        for pyro in running {
            let ended = pyro.wait_with_output().unwrap();
            assert!(ended.status.success(), "{ended:?}");
        }
        assert_eq!(team.names().len(), 1);
        modes_are_explicit(team.store(), &mut Points(0));
        rounds += 1;
    }
    println!("{rounds} stores made by two at once");
    assert!(rounds >= 10);
}
