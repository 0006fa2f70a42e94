//! Who holds what: `why`, `du`, and processes with a lease.

use pyro::progress::Silent;
use pyro::store::{Patience, Store};
use serde_json::json;

use crate::shelf::{MEGABYTE, Shelf};

/// A lease of this process on an environment.
fn lease(shelf: &Shelf, name: &str) -> pyro::store::Lease {
    let store = Store::open(shelf.scene.store(), Patience::default()).unwrap();
    let path = shelf.path(name);
    let digest = path.file_name().unwrap().to_str().unwrap()[..64].parse();
    store.lease(digest.unwrap(), &Silent).unwrap()
}

#[test]
fn a_path_that_a_process_uses_stays_and_the_process_is_named() {
    let shelf = Shelf::new();
    shelf.realize_loose("ab");
    let held = lease(&shelf, "a");
    let would = shelf.gc(&["--dry-run"]);
    let kept = &would["kept"][0];
    assert_eq!(kept["why"], "leased");
    assert_eq!(kept["by"][0]["pid"], std::process::id());
    let done = shelf.gc(&[]);
    assert_eq!(done["kept"][0]["why"], "leased");
    assert_eq!(shelf.there(), "a");
    shelf.scene.run(&["gc", "--exit-code"]).code(1);
    let why = shelf.scene.json(&["why", "a"]);
    assert_eq!(why["paths"][0]["by"][0]["pid"], std::process::id());
    drop(held);
    let why = shelf.scene.json(&["why", "a"]);
    assert_eq!(why["paths"][0]["by"], json!([]));
    shelf.scene.run(&["gc", "--exit-code"]).code(0);
    assert_eq!(shelf.there(), "");
}

#[test]
fn the_chain_from_root_to_path_is_told_by_name_place_and_digest() {
    let shelf = Shelf::new();
    shelf.realize("a");
    shelf.realize("ab");
    shelf.scene.json(&["gc", "roots", "add", "envs.lock"]);
    let path = shelf.path("a");
    let inside = path.join("data");
    let digest = &path.file_name().unwrap().to_str().unwrap()[..12];
    let declaration = shelf.scene.project().join("envs.toml");
    let generation = |number: &str, current: bool| {
        json!({
            "kind": "generation", "profile": "ci", "generation": number, "link": "a",
            "current": current, "declaration": declaration,
        })
    };
    let lock = json!({
        "kind": "root", "root": "lock", "subject": shelf.scene.project().join("envs.lock"),
    });
    for subject in [
        "a",
        inside.to_str().unwrap(),
        path.to_str().unwrap(),
        digest,
    ] {
        let why = shelf.scene.json(&["why", subject]);
        assert_eq!(why["paths"][0]["path"], path.to_str().unwrap());
        let mut by = why["paths"][0]["by"].as_array().unwrap().clone();
        by.sort_by_key(ToString::to_string);
        assert_eq!(
            by,
            [generation("1", false), generation("2", true), lock.clone()]
        );
    }
    let ended = shelf.scene.run(&["why", "a"]).code(0);
    assert!(
        ended
            .stdout
            .contains("profile ci, generation 2 (current), link a, declared in"),
        "{ended}"
    );
    let error = shelf.scene.error(&["why", "nothing"], 78);
    assert!(error.contains("unknown environment"), "{error}");
}

#[test]
fn usage_tells_what_is_exclusive_and_what_is_shared() {
    let shelf = Shelf::new();
    shelf.realize_loose("d");
    shelf.realize("abc");
    shelf.declare("ab");
    shelf
        .scene
        .quick_json(&["realize", "b", "--profile", "other"]);
    let du = shelf.scene.json(&["du"]);
    let one = MEGABYTE as u64;
    // A megabyte, and the blocks of a manifest and a folder or two.
    let is = |value: &serde_json::Value, megabytes: u64| {
        let bytes = value.as_u64().unwrap();
        assert!(
            (megabytes * one..=megabytes * (one + 64 * 1024)).contains(&bytes),
            "{bytes} are not {megabytes} MiB: {du:#}"
        );
    };
    is(&du["total_bytes"], 4);
    is(&du["held_bytes"], 3);
    is(&du["loose_bytes"], 1);
    let ci = &du["profiles"][0];
    assert_eq!(ci["profile"], "ci");
    is(&ci["exclusive_bytes"], 2);
    is(&ci["shared_bytes"], 1);
    let other = &du["profiles"][1];
    is(&other["exclusive_bytes"], 0);
    is(&other["shared_bytes"], 1);
    assert_eq!(ci["environments"][1]["link"], "b");
    is(&ci["environments"][1]["exclusive_bytes"], 0);
    is(&ci["environments"][1]["shared_bytes"], 1);
    is(&ci["environments"][0]["exclusive_bytes"], 1);
}
