//! Which generations and profiles go.

use serde_json::{Value, json};

use crate::shelf::{DAY, Shelf};

/// A profile with the generations 1 to 5, which show `a` to `e`, made 50, 40, 30, 20 and 10 days ago.
fn history() -> Shelf {
    let shelf = Shelf::new();
    for (names, (number, days)) in ["a", "b", "c", "d", "e"]
        .into_iter()
        .zip((1..).zip([50, 40, 30, 20, 10]))
    {
        shelf.realize(names);
        made(&shelf, number, days);
        shelf.used(names, days * DAY);
    }
    shelf
}

/// Makes a generation as old as that.
fn made(shelf: &Shelf, number: u32, days: u32) {
    let folder = shelf.scene.store().join("profiles/ci/generations");
    let file = folder.join(number.to_string()).join("generation.json");
    let mut record: Value = serde_json::from_slice(&fs_err::read(&file).unwrap()).unwrap();
    let created = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(i64::from(days) * 24);
    record["created"] = json!(created.to_string());
    fs_err::write(&file, record.to_string()).unwrap();
}

fn numbers(shelf: &Shelf) -> Vec<u64> {
    let history = shelf.scene.json(&["profile", "history", "--profile", "ci"]);
    let mut numbers: Vec<u64> = history["generations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["number"].as_u64().unwrap())
        .collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn without_a_limit_every_generation_stays() {
    let shelf = history();
    shelf.gc(&[]);
    assert_eq!(numbers(&shelf), [1, 2, 3, 4, 5]);
    assert_eq!(shelf.there(), "abcde");
}

#[test]
fn the_newest_stay_and_the_rest_goes_with_what_only_it_held() {
    let shelf = history();
    let would = shelf.gc(&["--keep", "3", "--dry-run"]);
    assert_eq!(
        would["generations"],
        json!([{"profile": "ci", "number": 1}, {"profile": "ci", "number": 2}])
    );
    assert_eq!(would["paths"].as_array().unwrap().len(), 2);
    assert_eq!(numbers(&shelf).len(), 5);
    shelf.gc(&["--keep", "3"]);
    assert_eq!(numbers(&shelf), [3, 4, 5]);
    assert_eq!(shelf.there(), "cde");
}

#[test]
fn the_current_one_and_the_one_before_it_always_stay() {
    let shelf = history();
    shelf.gc(&["--keep", "0"]);
    assert_eq!(numbers(&shelf), [4, 5]);
    shelf
        .scene
        .quick_json(&["profile", "rollback", "--profile", "ci"]);
    assert_eq!(shelf.there(), "de");
    shelf.gc(&["--keep", "0", "--older-than", "0"]);
    // 6 shows what 4 showed, 5 was live before it.
    assert_eq!(shelf.there(), "de");
}

#[test]
fn a_generation_is_as_old_as_the_time_since_it_was_live() {
    let shelf = history();
    // 1 was live until 40 days ago, 2 until 30 days ago, 3 until 20 days ago.
    shelf.gc(&["--older-than", "25d"]);
    assert_eq!(numbers(&shelf), [3, 4, 5]);
    assert_eq!(shelf.there(), "cde");
}

#[test]
fn the_newest_stay_however_old_they_are() {
    let shelf = history();
    shelf.gc(&["--older-than", "1d", "--keep", "4"]);
    assert_eq!(numbers(&shelf), [2, 3, 4, 5]);
}

#[test]
fn a_busy_profile_keeps_everything() {
    let shelf = history();
    let lock = shelf.scene.store().join("profiles/ci/lock");
    let lock = fs_err::File::open(lock).unwrap();
    lock.file().lock().unwrap();
    shelf.gc(&["--keep", "0"]);
    assert_eq!(shelf.there(), "abcde");
    drop(lock);
    shelf.gc(&["--keep", "0"]);
    assert_eq!(shelf.there(), "de");
}

#[test]
fn a_generation_whose_record_cannot_be_read_stays() {
    let shelf = history();
    let folder = shelf.scene.store().join("profiles/ci/generations/2");
    fs_err::write(folder.join("generation.json"), "{").unwrap();
    for words in [&["--keep", "0", "--dry-run"][..], &["--keep", "0"]] {
        let refused = shelf.gc(words)["refused"].clone();
        assert_eq!(refused.as_array().unwrap().len(), 1, "{refused}");
        assert_eq!(refused[0]["path"], folder.to_str().unwrap());
    }
    assert_eq!(shelf.there(), "bde");
    let ended = shelf.scene.run(&["gc", "--keep", "0"]).code(0);
    let told = "left [STORE]/profiles/ci/generations/2: ";
    assert_eq!(ended.stderr.matches(told).count(), 1, "{ended}");
}

#[test]
fn a_profile_that_was_named_after_a_declaration_goes_long_after_it() {
    let shelf = Shelf::new();
    shelf.declare("a");
    let file = shelf.scene.project().join("envs.toml");
    let text = fs_err::read_to_string(&file).unwrap();
    shelf.scene.declare(&text.replace("profile = \"ci\"\n", ""));
    shelf.scene.quick_json(&["realize"]);
    let profiles = || shelf.scene.json(&["profile", "list"])["profiles"].clone();
    let name = profiles()[0]["name"].as_str().unwrap().to_owned();
    shelf.used("a", 40 * DAY);

    // Its declaration is there.
    shelf.gc(&["--older-than", "1d"]);
    assert_eq!(shelf.there(), "a");
    fs_err::remove_file(&file).unwrap();
    // It is gone, but somebody realized it less than 50 days ago, when it was made today.
    shelf.gc(&["--older-than", "50d"]);
    assert_eq!(shelf.there(), "a");
    let record = shelf
        .scene
        .store()
        .join(format!("profiles/{name}/generations/1/generation.json"));
    let mut made: Value = serde_json::from_slice(&fs_err::read(&record).unwrap()).unwrap();
    made["created"] = json!("2020-01-01T00:00:00Z");
    fs_err::write(&record, made.to_string()).unwrap();
    shelf.gc(&["--older-than", "50d"]);
    assert_eq!(shelf.there(), "a", "used 40 days ago");
    let gone = shelf.gc(&["--older-than", "30d"]);
    assert_eq!(gone["profiles"], json!([name]));
    assert_eq!(shelf.there(), "");
    assert_eq!(profiles(), json!([]));
}

#[test]
fn a_named_profile_stays_though_its_declaration_is_gone() {
    let shelf = history();
    fs_err::remove_file(shelf.scene.project().join("envs.toml")).unwrap();
    shelf.gc(&["--older-than", "1d"]);
    assert_eq!(numbers(&shelf), [4, 5]);
}
