//! Sources that cannot be reached now: what the lock keeps of them, and when they are asked again.

use super::{Archive, realized, seed_of};
use crate::realize::{ask, declare, lock_text, realize, run};
use crate::support::Sandbox;
use crate::tree::Tree;

const HERE: &str = "local = \"here\"";

/// An environment of the folder `here` and of a server, both there.
fn with_both() -> (Sandbox, Archive) {
    let sandbox = Sandbox::new();
    let archive = Archive::of(&sandbox, &Tree::vm(2));
    Tree::vm(1).write(&sandbox.work().join("here"));
    declare(&sandbox, &[("vm", &[HERE, &archive.source()])]);
    (sandbox, archive)
}

#[test]
fn an_upgrade_keeps_the_pin_of_what_it_cannot_reach() {
    let (sandbox, archive) = with_both();
    run(&sandbox, &["lock", "--outputs"]).code(0);
    let before = lock_text(&sandbox).unwrap();
    assert!(before.contains("sha256 = "), "{before}");
    archive.asked();
    for words in [
        &["lock", "--upgrade", "--offline"][..],
        &["lock", "--upgrade"],
    ] {
        archive.put(false);
        let ended = run(&sandbox, words).code(0);
        assert!(ended.stderr.contains("keeps its pin"), "{ended}");
        assert_eq!(lock_text(&sandbox).unwrap(), before, "{words:?}");
        assert_eq!(archive.asked() > 0, words.len() == 2, "{words:?}");
    }
}

#[test]
fn an_upgrade_of_what_did_not_change_writes_nothing() {
    let (sandbox, archive) = with_both();
    run(&sandbox, &["lock", "--outputs"]).code(0);
    let before = lock_text(&sandbox).unwrap();
    assert!(before.matches("output = ").count() > 1, "{before}");
    archive.asked();
    assert_eq!(ask(&sandbox, &["lock", "--upgrade"])["written"], false);
    assert!(archive.asked() > 0, "the archive was not looked at");
    assert_eq!(lock_text(&sandbox).unwrap(), before);
}

/// A folder that was written just now is copied to be compared, one that is part of this program is not.
#[test]
fn a_source_that_had_no_pin_is_not_asked_on_every_run() {
    let old = format!("local = \"{}/src/model\"", env!("CARGO_MANIFEST_DIR"));
    for local in [HERE, &old] {
        let sandbox = Sandbox::new();
        let archive = Archive::of(&sandbox, &Tree::vm(2));
        archive.put(false);
        Tree::vm(1).write(&sandbox.work().join("here"));
        declare(&sandbox, &[("vm", &[&archive.source(), local])]);
        let (status, path, _) = realized(&sandbox, &[]);
        assert_eq!(status, "built");
        assert!(archive.asked() > 0);
        let before = lock_text(&sandbox).unwrap();
        assert!(!before.contains("sha256 = "), "{before}");

        // Nor when it is there again: what is installed stays until somebody locks.
        archive.put(true);
        let (status, again, _) = realized(&sandbox, &[]);
        assert_eq!((status.as_str(), &again), ("ready", &path));
        assert_eq!(archive.asked(), 0, "{local}");
        assert_eq!(lock_text(&sandbox).unwrap(), before);

        assert_eq!(ask(&sandbox, &["lock"])["written"], true);
        assert!(archive.asked() > 0);
        let after = lock_text(&sandbox).unwrap();
        assert!(after.contains("sha256 = "), "{after}");
        assert_eq!(seed_of(&realized(&sandbox, &["--locked"]).1), 2);
    }
}

#[test]
fn a_source_without_a_pin_is_asked_when_nothing_else_serves() {
    let sandbox = Sandbox::new();
    let archive = Archive::of(&sandbox, &Tree::vm(2));
    archive.put(false);
    Tree::vm(1).write(&sandbox.work().join("here"));
    declare(&sandbox, &[("vm", &[&archive.source(), HERE])]);
    realize(&sandbox, &[]);
    archive.put(true);
    fs_err::remove_dir_all(sandbox.work().join("here")).unwrap();
    crate::inside::unlink(&crate::inside::path(&sandbox).join("vmlinux"));
    assert_eq!(seed_of(&realized(&sandbox, &[]).1), 2);
    assert!(lock_text(&sandbox).unwrap().contains("sha256 = "));
}
