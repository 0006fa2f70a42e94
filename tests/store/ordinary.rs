//! What only an ordinary user meets: things of his own that he may not open, and things of another account.
//!
//! Run as root, each test gives up its rights in a thread of its own; Linux keeps them by thread.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pyro::progress::Silent;
use pyro::store::{Depth, Found, How, Store};
use rustix::process::{Uid, geteuid};

use super::publish::{build, open, stage};

fn as_ordinary_user<T: Send>(deed: impl FnOnce() -> T + Send) -> T {
    let nobody = Uid::from_raw(65534);
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            if geteuid().is_root() {
                rustix::thread::set_thread_uid(nobody).unwrap();
            }
            deed()
        });
        thread.join().unwrap()
    })
}

fn set_mode(path: &Path, mode: u32) {
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn verdict(store: &Store, depth: Depth) -> String {
    let name = store.list().unwrap().paths[0].clone();
    match store.find(&name, depth, &Silent).unwrap() {
        Found::Valid(_) => "valid".to_owned(),
        Found::Missing => "missing".to_owned(),
        Found::Damaged(damage) => damage.summary(),
    }
}

/// What the quick and the full check say once `entry` may not be opened any more, and whether a repair helps.
fn without_rights(entry: &str) -> (String, String) {
    let temp = tempfile::tempdir().unwrap();
    set_mode(temp.path(), 0o777);
    as_ordinary_user(|| {
        let store = open(temp.path());
        let entry = build(&store).path().join(entry);
        set_mode(&entry, 0);
        let says = (verdict(&store, Depth::Quick), verdict(&store, Depth::Full));
        if says.0 != "valid" {
            let repaired = build(&store);
            assert!(matches!(repaired.how(), How::Repaired { .. }));
        }
        says
    })
}

#[test]
fn what_may_not_be_opened_is_damage() {
    let both = |text: &str| (text.to_owned(), text.to_owned());
    assert_eq!(without_rights(""), both("cannot be opened"));
    assert_eq!(
        without_rights("environment.json"),
        both("`environment.json` cannot be opened")
    );
    assert_eq!(without_rights("bin"), both("`bin/run` cannot be opened"));
    assert_eq!(
        without_rights("empty"),
        ("valid".to_owned(), "`empty` cannot be read".to_owned())
    );
    assert_eq!(
        without_rights("data"),
        ("valid".to_owned(), "`data` cannot be read".to_owned())
    );
}

#[test]
fn what_another_account_hides_is_no_damage() {
    if !geteuid().is_root() {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    set_mode(temp.path(), 0o755);
    let store = open(temp.path());
    let path = build(&store).path().to_owned();
    for entry in [path.join("environment.json"), path] {
        set_mode(&entry, 0);
        as_ordinary_user(|| {
            let store = open(temp.path());
            let name = store.list().unwrap().paths[0].clone();
            let error = store.find(&name, Depth::Quick, &Silent).unwrap_err();
            assert!(error.to_string().starts_with("cannot open"), "{error}");
        });
    }
}

#[test]
fn a_repair_that_fails_leaves_nothing() {
    if !geteuid().is_root() {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    set_mode(temp.path(), 0o755);
    let store = open(temp.path());
    let path = build(&store).path().to_owned();
    fs_err::remove_file(path.join("data")).unwrap();
    // As in /tmp: everybody may add, nobody may rename what is another's.
    set_mode(store.layout().store(), 0o1777);
    set_mode(&store.layout().leases(), 0o777);
    as_ordinary_user(|| {
        let store = open(temp.path());
        let error = stage(&store).publish(Depth::Quick, &Silent).unwrap_err();
        assert!(error.to_string().starts_with("cannot exchange"), "{error}");
        let all = store.list().unwrap();
        assert_eq!(
            (all.paths.len(), all.trash.len(), all.staging.len()),
            (1, 0, 0)
        );
    });
}
