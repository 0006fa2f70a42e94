//! Roots besides profiles: a path, a lock, a link.

use fs_err::os::unix::fs::symlink;

use crate::shelf::Shelf;

#[test]
fn a_path_is_kept_until_its_root_is_removed() {
    let shelf = Shelf::new();
    shelf.realize_loose("ab");
    let path = shelf.path("a");
    let path = path.to_str().unwrap();
    let added = shelf.scene.json(&["gc", "roots", "add", path]);
    assert_eq!(added["kind"], "path");
    shelf.gc(&[]);
    assert_eq!(shelf.there(), "a");
    let listed = shelf.scene.json(&["gc", "roots", "list"]);
    assert_eq!(listed["roots"][0]["id"], added["id"]);
    shelf
        .scene
        .json(&["gc", "roots", "remove", &added["id"].as_str().unwrap()[..8]]);
    shelf.gc(&[]);
    assert_eq!(shelf.there(), "");
}

#[test]
fn a_lock_keeps_what_it_names_when_it_is_read() {
    let shelf = Shelf::new();
    shelf.realize_loose("abc");
    let lock = shelf.scene.project().join("envs.lock");
    let added = shelf.scene.json(&["gc", "roots", "add", "envs.toml"]);
    assert_eq!(added["kind"], "lock");
    assert_eq!(added["subject"], lock.to_str().unwrap());
    shelf.gc(&[]);
    assert_eq!(shelf.there(), "abc");

    // What it does not name any more goes.
    shelf.declare("ab");
    shelf.scene.run(&["lock"]).code(0);
    shelf.gc(&[]);
    assert_eq!(shelf.there(), "ab");

    // While it cannot be read, what it named last stays.
    let text = fs_err::read(&lock).unwrap();
    fs_err::write(&lock, "<<<<<<< nonsense").unwrap();
    let ended = shelf.scene.run(&["gc"]).code(0);
    assert!(ended.stderr.contains("kept the root"), "{ended}");
    assert_eq!(shelf.there(), "ab");
    fs_err::write(&lock, text).unwrap();

    fs_err::remove_file(&lock).unwrap();
    let gone = shelf.gc(&[]);
    assert_eq!(gone["roots"][0]["kind"], "lock");
    assert_eq!(shelf.there(), "");
}

#[test]
fn a_lock_on_a_volume_that_is_away_keeps_what_it_named() {
    let shelf = Shelf::new();
    shelf.realize_loose("a");
    shelf.scene.json(&["gc", "roots", "add", "envs.lock"]);
    let (work, away) = (shelf.scene.project(), shelf.scene.path("away"));
    fs_err::rename(&work, &away).unwrap();
    fs_err::create_dir(&work).unwrap();
    shelf.gc(&[]);
    assert_eq!(shelf.there(), "a");
    fs_err::remove_dir(&work).unwrap();
    fs_err::rename(&away, &work).unwrap();
    shelf.gc(&[]);
    assert_eq!(shelf.there(), "a");
}

#[test]
fn a_link_keeps_what_it_leads_to() {
    let shelf = Shelf::new();
    shelf.realize_loose("ab");
    let link = shelf.scene.project().join("mine");
    symlink(shelf.path("a").join("data"), &link).unwrap();
    let added = shelf.scene.json(&["gc", "roots", "add", "mine"]);
    assert_eq!(added["kind"], "link");
    shelf.gc(&[]);
    assert_eq!(shelf.there(), "a");
    // It leads elsewhere now.
    fs_err::remove_file(&link).unwrap();
    symlink("/", &link).unwrap();
    let gone = shelf.gc(&[]);
    assert_eq!(gone["roots"][0]["kind"], "link");
    assert_eq!(shelf.there(), "");
}

#[test]
fn a_copy_of_an_out_link_can_be_a_root_of_its_own() {
    let shelf = Shelf::new();
    shelf.declare("a");
    shelf.scene.quick_json(&["realize", "--out-link", "result"]);
    let work = shelf.scene.project();
    let target = fs_err::read_link(work.join("result")).unwrap();
    symlink(target, work.join("copy")).unwrap();
    let added = shelf.scene.json(&["gc", "roots", "add", "copy"]);
    assert_eq!(added["kind"], "out-link");
    fs_err::remove_file(work.join("result")).unwrap();
    shelf.gc(&[]);
    assert_eq!(shelf.there(), "a");
    assert!(work.join("copy/a/data").exists());
    fs_err::remove_file(work.join("copy")).unwrap();
    shelf.gc(&[]);
    assert_eq!(shelf.there(), "");
    assert_eq!(
        shelf.scene.json(&["gc", "roots", "list"])["roots"],
        serde_json::json!([])
    );
}

#[test]
fn two_out_links_of_one_profile_keep_a_generation_each() {
    let shelf = Shelf::new();
    shelf.declare("a");
    shelf.scene.quick_json(&["realize", "--out-link", "result"]);
    let work = shelf.scene.project();
    symlink(
        fs_err::read_link(work.join("result")).unwrap(),
        work.join("before"),
    )
    .unwrap();
    shelf.scene.json(&["gc", "roots", "add", "before"]);
    for names in ["b", "c"] {
        shelf.declare(names);
        shelf.scene.quick_json(&["realize", "--out-link", "result"]);
    }
    let would = shelf.gc(&["--dry-run"]);
    assert_eq!(would["generations"].as_array().unwrap().len(), 1);
    shelf.gc(&[]);
    assert_eq!(shelf.there(), "ac");
}

#[test]
fn what_is_no_root_is_refused_with_what_could_be() {
    let shelf = Shelf::new();
    shelf.realize("a");
    symlink("/usr", shelf.scene.project().join("elsewhere")).unwrap();
    for subject in ["elsewhere", "nothing", "."] {
        let error = shelf.scene.error(&["gc", "roots", "add", subject], 2);
        assert!(error.contains("gc roots add --help"), "{error}");
    }
    let missing = format!("{}-x-1", "ab".repeat(32));
    shelf.scene.error(&["gc", "roots", "add", &missing], 2);
    shelf.scene.error(&["gc", "roots", "remove", "nothing"], 2);
    fs_err::write(
        shelf.scene.project().join("bad.lock"),
        "schema = 1\nx = 1\n",
    )
    .unwrap();
    shelf.scene.error(&["gc", "roots", "add", "bad.lock"], 78);
}

#[test]
fn a_record_that_cannot_be_read_stops_the_collection() {
    let shelf = Shelf::new();
    shelf.realize_loose("a");
    let record = shelf.scene.store().join("roots/x.json");
    for text in ["{", r#"{"kind": "tomorrow", "schema": 1}"#] {
        fs_err::write(&record, text).unwrap();
        let error = shelf.scene.error(&["gc"], 74);
        assert!(error.contains("roots/x.json"), "{error}");
        assert_eq!(shelf.there(), "a");
    }
}
