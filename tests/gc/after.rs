//! A collection after each realization, where the configuration has a limit.

use crate::shelf::{DAY, Shelf};

#[test]
fn what_is_over_the_limit_goes_when_something_new_comes() {
    let shelf = Shelf::new();
    shelf.realize_loose("abc");
    for (name, days) in [("a", 40), ("b", 30), ("c", 20)] {
        shelf.used(name, days * DAY);
    }
    shelf.scene.configure("[gc]\nmax-size = \"3500K\"\n");
    shelf.declare("d");
    let ended = shelf.scene.run(&["realize"]).code(0);
    assert!(ended.stderr.contains("removed 1 path"), "{ended}");
    assert_eq!(shelf.there(), "bcd");
    // Nothing new came.
    shelf.scene.configure("[gc]\nmax-size = \"0\"\n");
    shelf.scene.run(&["realize"]).code(0);
    assert_eq!(shelf.there(), "bcd");
}

#[test]
fn without_a_limit_nothing_is_collected() {
    let shelf = Shelf::new();
    shelf.realize_loose("a");
    shelf.realize("b");
    assert_eq!(shelf.there(), "ab");
}

#[test]
fn a_collection_that_cannot_be_does_not_fail_the_realization() {
    let shelf = Shelf::new();
    shelf.realize_loose("a");
    shelf.scene.configure("[gc]\nmax-size = 0\n");
    fs_err::write(shelf.scene.store().join("roots/x.json"), "{").unwrap();
    shelf.declare("b");
    let ended = shelf.scene.run(&["realize"]).code(0);
    assert!(ended.stderr.contains("nothing was collected"), "{ended}");
    assert_eq!(shelf.there(), "ab");
}
