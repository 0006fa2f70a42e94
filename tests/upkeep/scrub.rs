//! A scrub stops when its time is over and goes on there; what it remembers goes with the paths.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use super::inside::{self, overwrite};
use super::other::{Other, show};
use super::support::Sandbox;
use super::tree::Tree;
use super::world::{ask, declare, entry, path_of, rot, run, seal_again, states, with_folders};

/// What one turn looked at; with no time at all that is one path.
fn turn(sandbox: &Sandbox, code: i32) -> (String, String) {
    let document = ask(sandbox, &["verify", "--budget", "0"], code);
    let states = states(&document);
    assert_eq!(states.len(), 1, "{document:#}");
    let all = inside::paths(sandbox).len();
    assert_eq!(document["left"], json!(all - 1));
    states[0].clone()
}

fn last_checks(sandbox: &Sandbox) -> Value {
    let records = sandbox.store().join("realisations");
    let own = records.join(rustix::process::geteuid().as_raw().to_string());
    let text = fs_err::read_to_string(own.join("last-checks.json")).unwrap();
    let schema = run(sandbox, &["schema", "last-checks"]).code(0).raw_stdout;
    let schema = serde_json::from_str(&schema).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    jsonschema::validate(&schema, &value).unwrap();
    value
}

#[test]
fn a_scrub_goes_on_where_it_stopped_oldest_first() {
    let sandbox = with_folders(5);
    let mut seen: Vec<String> = Vec::new();
    for _ in 0..5 {
        let (name, state) = turn(&sandbox, 0);
        assert_eq!(state, "valid");
        seen.push(name);
    }
    let different: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(different.len(), 5, "{seen:?}");
    // One that is checked by name is not the oldest any more.
    run(&sandbox, &["verify", &seen[0]]).code(0);
    for n in [1, 2, 3, 4, 0] {
        assert_eq!(turn(&sandbox, 0).0, seen[n]);
    }
    // A quick look reads nothing, so it says nothing of when something was read.
    run(&sandbox, &["verify", "--quick"]).code(0);
    assert_eq!(turn(&sandbox, 0).0, seen[1]);
    // With time enough all are read, and what is new comes first the next time.
    let document = ask(&sandbox, &["verify", "--budget", "1h"], 0);
    assert_eq!(
        (&document["valid"], &document["left"]),
        (&json!(5), &json!(0))
    );
    Tree::vm(77).write(&sandbox.work().join("new"));
    declare(&sandbox, &[("new", &["local = \"new\""])]);
    run(&sandbox, &["realize", "new"]).code(0);
    assert_eq!(turn(&sandbox, 0).0, "new");
    let text = run(&sandbox, &["verify", "--budget", "0"]).code(0).stdout;
    assert!(
        text.contains("1 valid, 0 damaged, 5 left for the next time"),
        "{text}"
    );
    println!("13 turns of a scrub");
}

#[test]
fn a_damaged_path_is_told_again_and_the_rest_gets_its_turn() {
    let sandbox = with_folders(3);
    rot(&path_of(&sandbox, "e1").join("vmlinux"), 100);
    run(&sandbox, &["verify"]).code(65);
    assert_eq!(
        last_checks(&sandbox)["damaged"].as_object().unwrap().len(),
        1
    );
    // Where there is time for one only, each has its turn; of one age the damaged one comes first.
    let seen = [65, 0, 0, 65].map(|code| turn(&sandbox, code).0);
    assert_eq!((seen[0].as_str(), seen[3].as_str()), ("e1", "e1"));
    let rest: BTreeSet<&str> = [seen[1].as_str(), seen[2].as_str()].into();
    assert_eq!(rest, BTreeSet::from(["e0", "e2"]));
    // What was repaired is as good as new, and not read yet.
    let document = ask(&sandbox, &["verify", "--budget", "1h", "--repair"], 0);
    assert_eq!(entry(&document, "e1")["status"], "repaired");
    assert_eq!(last_checks(&sandbox)["damaged"], json!({}));
    assert_eq!(turn(&sandbox, 0).0, "e1");
}

#[test]
fn a_check_is_no_use() {
    let sandbox = with_folders(2);
    let leases = sandbox.store().join("leases");
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    let leases: Vec<_> = ["e0", "e1"]
        .map(|name| path_of(&sandbox, name))
        .iter()
        .map(|path| leases.join(&path.file_name().unwrap().to_str().unwrap()[..64]))
        .collect();
    let used = || {
        let meta = leases.iter().map(|lease| fs_err::metadata(lease).unwrap());
        meta.map(|meta| meta.modified().unwrap())
            .collect::<Vec<_>>()
    };
    for lease in &leases {
        let file = fs_err::File::options().write(true).open(lease).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    // Else a scrub would make everything look used, and a collector could not tell what nobody needs.
    for words in [
        &["verify"][..],
        &["verify", "--quick"],
        &["verify", "--budget", "1h"],
    ] {
        run(&sandbox, words).code(0);
        assert_eq!(used(), [long_ago, long_ago], "{words:?}");
    }
    run(&sandbox, &["path", "e0"]).code(0);
    assert!(used()[0] > long_ago && used()[1] == long_ago);
}

#[test]
fn a_budget_is_for_full_checks() {
    let sandbox = with_folders(1);
    run(&sandbox, &["verify", "--quick", "--budget", "3s"]).code(2);
    run(&sandbox, &["verify", "--budget", "soon"]).code(2);
}

#[test]
fn a_memory_that_cannot_be_read_costs_the_order_only() {
    let sandbox = with_folders(2);
    run(&sandbox, &["verify"]).code(0);
    let own = rustix::process::geteuid().as_raw().to_string();
    let record = sandbox
        .store()
        .join("realisations")
        .join(own)
        .join("last-checks.json");
    fs_err::write(&record, "{").unwrap();
    let document = ask(&sandbox, &["verify", "--budget", "1h"], 0);
    assert_eq!(document["valid"], 2);
    assert_eq!(last_checks(&sandbox)["valid"].as_object().unwrap().len(), 2);
    // It is no realisation, and nobody takes it for one.
    run(&sandbox, &["env", "list"]).code(0);
    run(&sandbox, &["realize", "--offline"]).code(0);
}

#[test]
fn what_is_remembered_of_a_path_goes_with_it() {
    let Some(other) = Other::new(54_321) else {
        return;
    };
    let sandbox = with_folders(2);
    show(&sandbox.path(""));
    let records = sandbox.store().join("realisations");
    let theirs = records.join(other.uid().to_string());
    fs_err::create_dir(&theirs).unwrap();
    other.own(&theirs);
    // Another account's path is checked in full once, which is remembered.
    let home = other.folder();
    other
        .pyro(&sandbox.store(), home.path(), &["verify"])
        .code(0);
    run(&sandbox, &["verify"]).code(0);
    let full_checks = || {
        let mut names = inside::names(&theirs);
        names.retain(|name| name.starts_with("checked-"));
        names.len()
    };
    assert_eq!(full_checks(), 2);
    assert_eq!(last_checks(&sandbox)["valid"].as_object().unwrap().len(), 2);
    let kept = path_of(&sandbox, "e1");
    declare(&sandbox, &[("e1", &["local = \"e1\""])]);
    run(&sandbox, &["realize"]).code(0);
    // Only the generations of before hold the other one.
    run(&sandbox, &["profile", "delete", "p", "--yes"]).code(0);
    run(&sandbox, &["realize"]).code(0);
    run(&sandbox, &["env", "prune"]).code(0);
    assert_eq!(inside::paths(&sandbox), std::slice::from_ref(&kept));
    assert_eq!(full_checks(), 1);
    let valid = last_checks(&sandbox)["valid"].clone();
    let names: Vec<&String> = valid.as_object().unwrap().keys().collect();
    assert_eq!(names, [kept.file_name().unwrap().to_str().unwrap()]);
}

#[test]
fn a_path_that_is_collected_meanwhile_is_no_damage() {
    let sandbox = with_folders(2);
    let path = path_of(&sandbox, "e0");
    let hash = &path.file_name().unwrap().to_str().unwrap()[..64];
    let lease = fs_err::File::open(sandbox.store().join("leases").join(hash)).unwrap();
    rustix::fs::flock(&lease, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let mut command = sandbox.pyro(["verify"]).command;
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It says so when it waits: then it has listed the store, and not looked at the path.
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let waiting = lines.find(|line| line.as_ref().unwrap().contains(hash));
    assert!(waiting.is_some());
    let trash = path.with_file_name(format!(".t-{hash}-0123456789abcdef"));
    fs_err::rename(&path, trash).unwrap();
    drop(lease);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.starts_with("1 valid, 0 damaged, checked in"), "{text}");
    // Asked for by name it is missed.
    let document = ask(&sandbox, &["verify", path.to_str().unwrap()], 65);
    assert_eq!(states(&document)[0].1, "missing");
}

/// Bytes in a file of two and a half pieces, where several hands read at once: at every edge and between.
const PLACES: [usize; 12] = [
    0,
    1023,
    1024,
    4 << 20,
    (8 << 20) - 1,
    8 << 20,
    (8 << 20) + 1,
    12 << 20,
    (16 << 20) - 1,
    16 << 20,
    18 << 20,
    (20 << 20) - 1,
];

#[test]
fn every_byte_of_a_large_file_counts() {
    let sandbox = Sandbox::new();
    let tree = Tree::vm(1).file("large", vec![7; 20 << 20]);
    tree.write(&sandbox.work().join("vm"));
    declare(&sandbox, &[("vm", &["local = \"vm\""])]);
    run(&sandbox, &["realize"]).code(0);
    let large = path_of(&sandbox, "vm").join("large");
    run(&sandbox, &["verify"]).code(0);
    let faults = |code| {
        let document = ask(&sandbox, &["verify"], code);
        document["paths"][0]["findings"].clone()
    };
    for place in PLACES {
        rot(&large, place);
        let expected = json!([{"entry": "large", "what": "has the wrong content"}]);
        assert_eq!(faults(65), expected, "byte {place}");
        rot(&large, place);
    }
    for length in [(20 << 20) - 1, (20 << 20) + 1, 16 << 20, 0] {
        let mut bytes = vec![7; 20 << 20];
        bytes.resize(length, 7);
        overwrite(&large, bytes);
        seal_again(&large);
        let expected = json!([{"entry": "large", "what": "has the wrong size"}]);
        assert_eq!(faults(65), expected, "{length} bytes");
    }
    overwrite(&large, vec![7; 20 << 20]);
    seal_again(&large);
    assert_eq!(faults(0), json!([]));
    println!("{} places in a large file, all found", PLACES.len() + 4);
}
