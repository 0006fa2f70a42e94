//! Publishing once, twice, over damage; what a failed realization leaves behind.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use pyro::model::path::EntryPath;
use pyro::model::recipe::Recipe;
use pyro::progress::Silent;
use pyro::store::{Depth, Found, How, Patience, Published, Staged, Staging, Store};

pub fn open(temp: &Path) -> Store {
    Store::open(&temp.join("store"), Patience::default()).unwrap()
}

pub fn recipe() -> Recipe {
    Recipe {
        name: "hello".parse().unwrap(),
        version: "1.0.0".parse().unwrap(),
        platform: "linux/amd64".parse().unwrap(),
        layout: pyro::model::recipe::Layout::Files,
        artifacts: std::collections::BTreeMap::new(),
    }
}

pub fn path(text: &str) -> EntryPath {
    EntryPath::new(text.as_bytes()).unwrap()
}

pub fn build(store: &Store) -> Published {
    stage(store).publish(Depth::Quick, &Silent).unwrap()
}

pub fn stage(store: &Store) -> Staged<'_> {
    let mut staging = Staging::begin(store, pyro::model::recipe::Layout::Files).unwrap();
    staging
        .file(
            &path("bin/run"),
            pyro::store::Executable::Yes,
            &mut &b"#!/bin/sh\n"[..],
        )
        .unwrap();
    staging
        .file(
            &path("data"),
            pyro::store::Executable::No,
            &mut &b"some data"[..],
        )
        .unwrap();
    staging.directory(&path("empty")).unwrap();
    staging.seal(&recipe()).unwrap()
}

#[test]
fn a_published_path_is_sealed() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    let published = build(&store);
    assert_eq!(*published.how(), How::Built);
    let mut seen = 0;
    for entry in walkdir::WalkDir::new(published.path()) {
        let entry = entry.unwrap();
        let meta = entry.metadata().unwrap();
        let executable = entry.path().ends_with("bin/run");
        let mode = if meta.is_dir() || executable {
            0o555
        } else {
            0o444
        };
        assert_eq!(
            meta.permissions().mode() & 0o7777,
            mode,
            "{}",
            entry.path().display()
        );
        assert_eq!(
            (meta.mtime(), meta.mtime_nsec()),
            (1, 0),
            "{}",
            entry.path().display()
        );
        seen += 1;
    }
    assert_eq!(seen, 6);
}

#[test]
fn publishing_again_finds_it_and_leaves_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    let first = build(&store);
    let second = build(&store);
    assert_eq!(*second.how(), How::Existing);
    assert_eq!(first.path(), second.path());
    assert_eq!(fs_err::read_dir(store.layout().store()).unwrap().count(), 1);
}

#[test]
fn a_damaged_path_is_exchanged_and_the_old_tree_is_trash() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    let published = build(&store);
    let file = published.path().join("data");
    fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    fs_err::write(&file, "truncated").unwrap();
    fs_err::OpenOptions::new()
        .write(true)
        .open(&file)
        .unwrap()
        .set_len(3)
        .unwrap();
    let before = fs_err::metadata(published.path()).unwrap().ino();
    let repaired = build(&store);
    assert_eq!(
        *repaired.how(),
        How::Repaired {
            why: "`data` has the wrong size".to_owned()
        }
    );
    assert_ne!(fs_err::metadata(repaired.path()).unwrap().ino(), before);
    let all = store.list().unwrap();
    assert_eq!(
        (all.paths.len(), all.trash.len(), all.staging.len()),
        (1, 1, 0)
    );
    let (hash, name) = &all.trash[0];
    let there = [*hash].into();
    assert!(
        store
            .delete_trash(*hash, &[name], &there)
            .unwrap()
            .is_empty(),
        "a lease may still look at the old tree"
    );
    drop((published, repaired));
    assert_eq!(store.delete_trash(*hash, &[name], &there).unwrap().len(), 1);
    assert!(store.list().unwrap().trash.is_empty());
    assert!(matches!(
        store
            .find(&build(&store).name().clone(), Depth::Full, &Silent)
            .unwrap(),
        Found::Valid(_)
    ));
}

#[test]
fn a_dropped_staging_tree_is_gone_and_a_dead_one_is_told_from_a_live_one() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    let live = Staging::begin(&store, pyro::model::recipe::Layout::Rootfs).unwrap();
    let id = store.list().unwrap().staging.remove(0);
    assert_eq!(store.delete_dead_staging(&id).unwrap(), None);
    drop(live);
    assert!(store.list().unwrap().staging.is_empty());
    fs_err::create_dir_all(store.layout().store().join(".s-dead/a/b")).unwrap();
    assert!(store.delete_dead_staging("dead").unwrap().is_some());
    assert!(store.list().unwrap().staging.is_empty());
}

#[test]
fn deep_and_sealed_trees_are_removed() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    let mut staging = Staging::begin(&store, pyro::model::recipe::Layout::Files).unwrap();
    let deep = vec!["d"; 1000].join("/");
    staging
        .file(
            &path(&format!("{deep}/file")),
            pyro::store::Executable::No,
            &mut &b"x"[..],
        )
        .unwrap();
    let staged = staging.seal(&recipe()).unwrap();
    assert_eq!(staged.manifest().entries().len(), 1001);
    drop(staged);
    assert_eq!(fs_err::read_dir(store.layout().store()).unwrap().count(), 0);
}

#[test]
fn a_folder_with_a_name_of_ours_does_not_become_a_store() {
    let temp = tempfile::tempdir().unwrap();
    fs_err::create_dir_all(temp.path().join("store/profiles/somebody")).unwrap();
    let error = Store::open(&temp.path().join("store"), Patience::default()).unwrap_err();
    assert!(
        error.to_string().contains("a `profiles` of its own"),
        "{error}"
    );
    assert!(!temp.path().join("store/layout.json").exists());
}

#[test]
fn a_store_is_made_with_the_folders_above_it_or_says_why_not() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().join("a/b/c");
    Store::open(&root, Patience::default()).unwrap();
    assert!(root.join("layout.json").exists());
    for root in ["/proc/a/b", "/dev/null/a/b"] {
        let error = Store::open(Path::new(root), Patience::default()).unwrap_err();
        assert!(error.to_string().starts_with("cannot make"), "{error}");
    }
}

#[test]
fn an_unknown_layout_is_refused_and_not_rewritten() {
    let temp = tempfile::tempdir().unwrap();
    fs_err::write(temp.path().join("layout.json"), "{\"layout\": 2}").unwrap();
    let error = Store::open(temp.path(), Patience::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("store layout 2, this pyro reads layout 1"),
        "{error}"
    );
    assert_eq!(
        fs_err::read_to_string(temp.path().join("layout.json")).unwrap(),
        "{\"layout\": 2}"
    );
}
