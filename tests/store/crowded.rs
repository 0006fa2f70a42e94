//! Trees of so many files that a thread makes them: what touches a file that may not be made yet waits for it.

use std::os::unix::fs::MetadataExt;

use pyro::model::recipe::Layout;
use pyro::progress::Silent;
use pyro::store::{Depth, Executable, Published, Staging, Store};

use super::publish::{open, path, recipe};

/// More files than are written one by one.
const FIRST: usize = 200;

fn crowded(store: &Store) -> Staging<'_> {
    let mut staging = Staging::begin(store, Layout::Files).unwrap();
    for number in 0..FIRST {
        add(&mut staging, &format!("first/{number}"), "first");
    }
    staging
}

fn add(staging: &mut Staging<'_>, name: &str, content: &str) {
    let size = staging.file(&path(name), Executable::No, &mut content.as_bytes());
    assert_eq!(size.unwrap(), content.len() as u64);
}

fn shown(staging: Staging<'_>) -> Published {
    let staged = staging.seal(&recipe()).unwrap();
    staged.publish(Depth::Full, &Silent).unwrap()
}

#[test]
fn a_file_that_was_just_added_can_be_replaced() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    let mut staging = crowded(&store);
    for number in 0..300 {
        let name = format!("d{}/{number}", number % 7);
        add(&mut staging, &name, "old");
        assert!(staging.remove(&path(&name)).unwrap());
        add(&mut staging, &name, "new one");
    }
    let published = shown(staging);
    for number in 0..300 {
        let file = published.path().join(format!("d{}/{number}", number % 7));
        assert_eq!(fs_err::read_to_string(file).unwrap(), "new one");
    }
}

#[test]
fn a_folder_with_files_that_were_just_added_can_be_removed() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    let mut staging = crowded(&store);
    for number in 0..100 {
        add(&mut staging, &format!("gone/{number}/deep/file"), "gone");
        assert!(staging.remove(&path("gone")).unwrap());
    }
    let published = shown(staging);
    let first = fs_err::read_dir(published.path().join("first")).unwrap();
    assert_eq!(first.count(), FIRST);
    assert!(!published.path().join("gone").exists());
}

#[test]
fn a_file_that_was_just_added_can_have_another_name() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    let mut staging = crowded(&store);
    for number in 0..100 {
        let (one, other) = (format!("one/{number}"), format!("other/{number}"));
        add(&mut staging, &one, &one);
        staging.hard_link(&path(&other), &path(&one)).unwrap();
    }
    let published = shown(staging);
    for number in 0..100 {
        let other = published.path().join(format!("other/{number}"));
        assert_eq!(fs_err::metadata(&other).unwrap().nlink(), 2);
        let content = fs_err::read_to_string(other).unwrap();
        assert_eq!(content, format!("one/{number}"));
    }
}
