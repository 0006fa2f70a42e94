//! Which of the paths that nothing holds go.

use crate::shelf::{DAY, Shelf, set_modified};

/// `a` to `d`, loose, `a` used longest ago; and `h`, held.
fn loose() -> Shelf {
    let shelf = Shelf::new();
    shelf.realize_loose("abcd");
    shelf.realize("h");
    for (name, days) in [("a", 40), ("b", 30), ("c", 20), ("d", 10), ("h", 50)] {
        shelf.used(name, days * DAY);
    }
    shelf
}

#[test]
fn without_a_limit_everything_goes_that_nothing_holds() {
    let shelf = loose();
    let answer = shelf.gc(&[]);
    assert_eq!(shelf.there(), "h");
    assert_eq!(answer["paths"].as_array().unwrap().len(), 4);
    assert!(answer["bytes"].as_u64().unwrap() > 4 << 20, "{answer:#}");
    assert_eq!(shelf.gc(&[])["paths"], serde_json::json!([]));
}

#[test]
fn a_dry_run_changes_nothing_and_says_what_would_go_in_order() {
    let shelf = loose();
    let answer = shelf.gc(&["--dry-run"]);
    assert_eq!(shelf.there(), "abcdh");
    let would: Vec<&str> = answer["paths"]
        .as_array()
        .unwrap()
        .iter()
        .map(|place| place["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        would,
        ["a", "b", "c", "d"].map(|name| shelf.path(name).to_str().unwrap().to_owned())
    );
    let kept = &answer["kept"][0];
    assert_eq!(kept["path"], shelf.path("h").to_str().unwrap());
    assert_eq!(kept["by"][0]["profile"], "ci");
    assert_eq!(kept["by"][0]["link"], "h");
    assert_eq!(kept["by"][0]["current"], true);
}

#[test]
fn paths_that_were_used_lately_stay() {
    let shelf = loose();
    shelf.gc(&["--older-than", "25d"]);
    assert_eq!(shelf.there(), "cdh");
}

#[test]
fn a_size_takes_the_least_recently_used_and_knows_no_age() {
    let shelf = loose();
    // Five of a megabyte and some; three may stay.
    shelf.gc(&["--max-size", "3500K", "--older-than", "100d"]);
    assert_eq!(shelf.there(), "cdh");
    // The sizes that were found are remembered, and those of paths that are gone are not.
    let sizes = shelf
        .scene
        .store()
        .join("realisations")
        .join(uid())
        .join("sizes.json");
    let known: serde_json::Value = serde_json::from_slice(&fs_err::read(sizes).unwrap()).unwrap();
    assert_eq!(known.as_object().unwrap().len(), 5);
    shelf.gc(&["--max-size", "0"]);
    assert_eq!(shelf.there(), "h");
    // What is held stays, and it is said that it is too much.
    let ended = shelf
        .scene
        .run(&["gc", "--max-size", "0", "--exit-code"])
        .code(1);
    assert!(ended.stderr.contains("limits are still not met"), "{ended}");
}

fn uid() -> String {
    let meta = fs_err::metadata("/proc/self").unwrap();
    std::os::unix::fs::MetadataExt::uid(&meta).to_string()
}

#[test]
fn free_bytes_that_are_there_already_take_nothing_and_ones_that_never_will_be_take_all() {
    let shelf = loose();
    shelf.gc(&["--min-free", "1"]);
    assert_eq!(shelf.there(), "abcdh");
    let answer = shelf.gc(&["--min-free", "999999T"]);
    assert_eq!(shelf.there(), "h");
    assert_eq!(answer["limits_met"], false);
}

#[test]
fn limits_come_from_variables_and_the_configuration_too() {
    let shelf = loose();
    shelf.scene.configure("[gc]\nolder-than = \"35d\"\n");
    shelf.gc(&[]);
    assert_eq!(shelf.there(), "bcdh");
    shelf.gc(&["--older-than", "15d"]);
    assert_eq!(shelf.there(), "dh");
    shelf.scene.configure("[gc]\nmax-size = \"20 gigabytes\"\n");
    let error = shelf.scene.error(&["gc"], 78);
    assert!(error.contains("is not a size"), "{error}");
}

#[test]
fn the_exit_code_says_whether_there_is_something_to_remove() {
    let shelf = loose();
    shelf.scene.run(&["gc", "--dry-run"]).code(0);
    shelf.scene.run(&["gc", "--dry-run", "--exit-code"]).code(1);
    shelf.scene.run(&["gc", "--exit-code"]).code(0);
    shelf.scene.run(&["gc", "--dry-run", "--exit-code"]).code(0);
}

#[test]
fn downloads_of_two_weeks_ago_go_and_younger_ones_stay() {
    let shelf = loose();
    let folder = shelf.scene.store().join("downloads").join(uid());
    fs_err::create_dir_all(&folder).unwrap();
    let spool = |name: &str, days: u32| {
        let file = folder.join(name);
        fs_err::write(&file, [1; 5000]).unwrap();
        set_modified(&file, days * DAY);
        file
    };
    let (old, young) = (spool("sha256-aa", 15), spool("sha256-bb", 13));
    let used = spool("sha256-cc", 15);
    let lock = fs_err::File::open(&used).unwrap();
    lock.file().lock().unwrap();
    let would = shelf.gc(&["--dry-run"]);
    assert_eq!(would["junk"][0]["path"], old.to_str().unwrap());
    shelf.gc(&[]);
    assert!(!old.exists() && young.exists() && used.exists());
}
