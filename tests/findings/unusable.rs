//! Folders that are empty, unreadable or none, and what stands behind them.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{Archive, pack, realized, seed_of, skipped};
use crate::inside;
use crate::realize::{declare, lock_text, outcome, realize, run};
use crate::support::Sandbox;
use crate::tree::Tree;

/// Somebody who is not root, where root runs the tests.
const NOBODY: u32 = 65534;

/// An environment of the folder `here` and of the archive `vm.tar`, both there.
fn with_both() -> Sandbox {
    let sandbox = Sandbox::new();
    Tree::vm(1).write(&sandbox.work().join("here"));
    pack(&sandbox, 2);
    declare(
        &sandbox,
        &[("vm", &["local = \"here\"", "archive = \"vm.tar\""])],
    );
    sandbox
}

fn empty(folder: &Path) {
    fs_err::remove_dir_all(folder).unwrap();
    fs_err::create_dir(folder).unwrap();
}

#[test]
fn an_emptied_folder_gives_way_to_the_archive_behind_it() {
    for words in [&[][..], &["--locked"], &["--frozen"]] {
        let sandbox = with_both();
        let (_, first, _) = realized(&sandbox, &[]);
        assert_eq!(seed_of(&first), 1);
        empty(&sandbox.work().join("here"));
        let (status, path, skipped) = realized(&sandbox, words);
        assert_eq!((status.as_str(), seed_of(&path)), ("built", 2), "{words:?}");
        assert_eq!(skipped, ["the folder is not there, or empty"]);
        assert!(first.exists());
    }
}

#[test]
fn what_was_made_of_a_folder_serves_when_no_source_does() {
    for words in [&[][..], &["--locked"], &["--frozen"]] {
        let sandbox = with_both();
        let (_, first, _) = realized(&sandbox, &[]);
        let before = lock_text(&sandbox);
        empty(&sandbox.work().join("here"));
        fs_err::remove_file(sandbox.work().join("vm.tar")).unwrap();
        let (status, path, skipped) = realized(&sandbox, words);
        assert_eq!((status.as_str(), &path), ("ready", &first), "{words:?}");
        assert_eq!(skipped.len(), 2, "{skipped:?}");
        assert_eq!(lock_text(&sandbox), before, "{words:?}");
    }
}

/// `realize` as somebody whom permissions bind.
fn realize_as_somebody(sandbox: &Sandbox) -> Value {
    let mut command = sandbox.pyro(["realize", "--json"]).command;
    if rustix::process::getuid().is_root() {
        // They may not be able to reach the program where it was built.
        let program = sandbox.path("pyro");
        // Copied by another process: a child of another test that inherits it open for writing makes it busy.
        let mut copy = Command::new("cp");
        copy.arg(env!("CARGO_BIN_EXE_pyro")).arg(&program);
        assert!(copy.status().unwrap().success());
        let mut chown = Command::new("chown");
        chown.args(["-R", &format!("{NOBODY}:{NOBODY}")]);
        assert!(chown.arg(sandbox.path("")).status().unwrap().success());
        let mut theirs = Command::new(&program);
        theirs.args(command.get_args()).env_clear();
        let set = command.get_envs();
        theirs.envs(set.filter_map(|(name, value)| Some((name, value?))));
        theirs.current_dir(sandbox.work()).uid(NOBODY).gid(NOBODY);
        command = theirs;
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn assert_passed_over(document: &Value, folder: &Path) {
    let (_, path): (&str, PathBuf) = outcome(document);
    assert_eq!(seed_of(&path), 2);
    let skipped = skipped(document);
    assert_eq!(skipped.len(), 1, "{skipped:?}");
    assert!(skipped[0].contains(folder.to_str().unwrap()), "{skipped:?}");
}

#[test]
fn an_unreadable_folder_gives_way_to_the_archive_behind_it() {
    let sandbox = with_both();
    let folder = sandbox.work().join("here");
    fs_err::set_permissions(&folder, std::fs::Permissions::from_mode(0o000)).unwrap();
    assert_passed_over(&realize_as_somebody(&sandbox), &folder);
    // Now by its pin, and by what is installed.
    assert_passed_over(&realize_as_somebody(&sandbox), &folder);
}

#[test]
fn a_folder_with_an_unreadable_file_gives_way_to_the_archive_behind_it() {
    let sandbox = with_both();
    let file = sandbox.work().join("here/vmlinux");
    fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).unwrap();
    assert_passed_over(&realize_as_somebody(&sandbox), &file);
}

#[test]
fn a_file_where_the_folder_should_be_gives_way_to_the_archive_behind_it() {
    for is_locked in [false, true] {
        let sandbox = with_both();
        if is_locked {
            realize(&sandbox, &[]);
        }
        let folder = sandbox.work().join("here");
        fs_err::remove_dir_all(&folder).unwrap();
        fs_err::write(&folder, "not a folder").unwrap();
        assert_passed_over(&realize(&sandbox, &[]), &folder);
        assert_passed_over(&realize(&sandbox, &["--locked"]), &folder);
    }
}

#[test]
fn a_fallback_that_cannot_be_pinned_undoes_nothing() {
    let sandbox = Sandbox::new();
    Tree::vm(1).write(&sandbox.work().join("here"));
    // In this layout a fifo is an error in the source, not a reason to pass over it.
    let bad = Tree::vm(2);
    bad.write(&sandbox.work().join("bad"));
    let mut mkfifo = Command::new("mkfifo");
    let made = mkfifo.arg(sandbox.work().join("bad/fifo")).status();
    assert!(made.unwrap().success());
    let archive = Archive::of(&sandbox, &bad);
    archive.put(false);
    for fallback in ["local = \"bad\"".to_owned(), archive.source()] {
        declare(&sandbox, &[("vm", &["local = \"here\"", &fallback])]);
        let ended = run(&sandbox, &["realize"]).code(0);
        let note = ended
            .stderr
            .lines()
            .find(|line| line.contains("is not pinned"));
        assert!(note.is_some_and(|line| line.contains("vm: ")), "{ended}");
        let (status, path, _) = realized(&sandbox, &["--locked"]);
        assert_eq!((status.as_str(), seed_of(&path)), ("ready", 1));
    }
    assert_eq!(inside::leftovers(&sandbox), [""; 0]);
}
