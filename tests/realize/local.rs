//! Folders: what a realization writes, and what it leaves alone.

use std::os::unix::fs::MetadataExt as _;

use serde_json::json;

use super::{
    declare, environment, generation, links, lock_text, outcome, outcomes, realize, run,
    with_folder,
};
use crate::inside;
use crate::support::Sandbox;
use crate::tree::Tree;

/// Name, inode, size and change time of everything below the work folder and the store's profiles.
fn everything(sandbox: &Sandbox) -> Vec<String> {
    let mut all = Vec::new();
    let mut folders = vec![
        sandbox.work(),
        sandbox.store().join("profiles"),
        sandbox.store().join("store"),
    ];
    while let Some(folder) = folders.pop() {
        for name in inside::names(&folder) {
            let path = folder.join(name);
            let meta = fs_err::symlink_metadata(&path).unwrap();
            let stamp = (
                meta.ino(),
                meta.size(),
                meta.mtime_nsec(),
                meta.ctime_nsec(),
            );
            all.push(format!("{} {stamp:?}", path.display()));
            if meta.is_dir() {
                folders.push(path);
            }
        }
    }
    all
}

/// The environment `vm` of a folder that nobody changed within two seconds: part of this program's own source.
fn with_old_folder() -> Sandbox {
    let sandbox = Sandbox::new();
    let source = format!("local = \"{}/src/model\"", env!("CARGO_MANIFEST_DIR"));
    declare(&sandbox, &[("vm", &[&source])]);
    sandbox
}

#[test]
fn the_first_run_builds_and_writes_the_lock() {
    let sandbox = with_folder();
    let ended = run(&sandbox, &["realize"]).code(0);
    insta::with_settings!({filters => vec![(r"in \d+(\.\d+)? ?m?s", "in [TIME]")]}, {
        insta::assert_snapshot!(ended, @"
        exit code 0
        ----- stdout
        vm 1: built 47.9 KiB in [TIME] from local:[WORK]/vm
          [STORE]/store/[HASH]-vm-1
        ----- stderr
        [realize] phase=unpack environment=vm
        [realize] phase=seal environment=vm
        [realize] phase=publish environment=vm
        [realize] phase=ready environment=vm
        note: the lock was written, commit it; profile p shows generation 1; next: `pyro path vm`, `pyro profile history`
        ");
    });
    let path = inside::path(&sandbox);
    assert_eq!(links(&sandbox), [("vm".to_owned(), path.clone())]);
    assert_eq!(generation(&sandbox).unwrap(), "1");
    let hash = path.file_name().unwrap().to_str().unwrap()[..64].to_owned();
    assert!(
        lock_text(&sandbox)
            .unwrap()
            .contains(&format!("output = \"{hash}\""))
    );
}

#[test]
fn an_unchanged_second_run_writes_nothing() {
    // A young folder is hashed again, an old one compared by its record.
    for (sandbox, hashed) in [(with_folder(), true), (with_old_folder(), false)] {
        realize(&sandbox, &[]);
        let before = everything(&sandbox);
        for flag in ["-v", "--locked", "--frozen", "--offline", "--check=full"] {
            let ended = run(&sandbox, &["realize", flag]).code(0);
            assert!(hashed || !ended.stderr.contains("phase=unpack"), "{ended}");
            let document = realize(&sandbox, &[flag]);
            assert_eq!(outcome(&document).0, "ready");
            assert_eq!(document["lock_written"], false);
            assert_eq!(document["generation"], 1);
            assert_eq!(everything(&sandbox), before, "{flag}");
        }
    }
}

#[test]
fn a_changed_folder_is_pinned_again() {
    let sandbox = with_folder();
    let (_, first) = outcome(&realize(&sandbox, &[])).clone();
    let lock = lock_text(&sandbox);
    sandbox.write("vm/more", "more");
    let document = realize(&sandbox, &[]);
    let (status, second) = outcome(&document);
    assert_eq!((status, &document["lock_written"]), ("built", &json!(true)));
    assert_ne!(first, second);
    assert_ne!(lock_text(&sandbox), lock);
    assert_eq!(generation(&sandbox).unwrap(), "2");
    assert_eq!(links(&sandbox), [("vm".to_owned(), second)]);
}

#[test]
fn a_changed_folder_is_refused_by_locked() {
    let sandbox = with_folder();
    realize(&sandbox, &[]);
    let before = (lock_text(&sandbox), generation(&sandbox));
    sandbox.write("vm/more", "more");
    let ended = run(&sandbox, &["realize", "--locked", "-q"]);
    insta::assert_snapshot!(ended, @"
    exit code 79
    ----- stderr
    error: local folder changed since it was locked: [WORK]/vm
    hint: `pyro lock` pins it as it is now
    ");
    assert_eq!((lock_text(&sandbox), generation(&sandbox)), before);
    assert_eq!(inside::leftovers(&sandbox), [""; 0]);
}

#[test]
fn frozen_passes_over_a_changed_folder() {
    let sandbox = with_folder();
    Tree::vm(9).write(&sandbox.work().join("other"));
    declare(
        &sandbox,
        &[("vm", &["local = \"vm\"", "local = \"other\""])],
    );
    realize(&sandbox, &[]);
    sandbox.write("vm/more", "more");
    let document = realize(&sandbox, &["--frozen"]);
    let one = &document["environments"][0];
    assert_eq!(
        one["source"],
        json!(format!("local:{}", sandbox.work().join("other").display()))
    );
    assert_eq!(one["skipped"][0]["source"], "local vm");
    sandbox.write("other/more", "more");
    run(&sandbox, &["realize", "--frozen"]).code(69);
    assert_eq!(generation(&sandbox).unwrap(), "2");
}

#[test]
fn without_a_lock_locked_and_frozen_do_nothing() {
    let sandbox = with_folder();
    for flag in ["--locked", "--frozen"] {
        let ended = run(&sandbox, &["realize", flag]).code(79);
        assert!(
            ended.stderr.contains("there is no lock: [WORK]/envs.lock"),
            "{ended}"
        );
    }
    assert_eq!(lock_text(&sandbox), None);
    assert_eq!(inside::paths(&sandbox).len(), 0);
}

#[test]
fn named_environments_leave_other_links_alone() {
    let sandbox = Sandbox::new();
    for (seed, name) in [(1, "a"), (2, "b")] {
        Tree::vm(seed).write(&sandbox.work().join(name));
    }
    declare(
        &sandbox,
        &[("a", &["local = \"a\""]), ("b", &["local = \"b\""])],
    );
    realize(&sandbox, &[]);
    let before = links(&sandbox);
    let thrice = realize(&sandbox, &["a", "b", "a"]);
    assert_eq!(outcomes(&thrice).len(), 2, "what is named twice is one");
    sandbox.write("a/more", "more");
    sandbox.write("b/more", "more");
    let document = realize(&sandbox, &["envs.toml", "b"]);
    let named = outcomes(&document);
    assert_eq!(named.len(), 1);
    let after = links(&sandbox);
    assert_eq!(after[0], before[0]);
    assert_eq!(after[1], ("b".to_owned(), named[0].2.clone()));
    // All of them: what is declared no more goes.
    declare(&sandbox, &[("b", &["local = \"b\""])]);
    realize(&sandbox, &[]);
    assert_eq!(links(&sandbox), after[1..]);
    assert!(!lock_text(&sandbox).unwrap().contains("\"a\""));
}

#[test]
fn an_unknown_environment_is_named() {
    let sandbox = with_folder();
    let ended = run(&sandbox, &["realize", "envs.toml", "vn"]);
    insta::assert_snapshot!(ended, @"
    exit code 78
    ----- stderr
    error: unknown environment `vn`; known: vm
    hint: did you mean `vm`?
    ");
}

#[test]
fn one_broken_source_leaves_the_profile_as_it_was() {
    let sandbox = with_folder();
    realize(&sandbox, &[]);
    let before = (links(&sandbox), lock_text(&sandbox));
    sandbox.write("vm/more", "more");
    declare(
        &sandbox,
        &[
            ("vm", &["local = \"vm\""]),
            ("broken", &["local = \"none\""]),
        ],
    );
    let ended = run(&sandbox, &["realize", "-q"]);
    insta::assert_snapshot!(ended, @"
    exit code 69
    ----- stderr
    [realize] broken: skipped source local none: the folder is not there, or empty
    error: no source of environment `broken` could be used: local none: the folder is not there, or empty
    hint: add a source that has it, or put the missing one in place
    ");
    assert_eq!((links(&sandbox), lock_text(&sandbox)), before);
    assert_eq!(inside::leftovers(&sandbox), [""; 0]);
}

#[test]
fn a_dry_run_changes_nothing() {
    let sandbox = with_old_folder();
    let document = realize(&sandbox, &["--dry-run"]);
    assert_eq!(outcome(&document).0, "would-build");
    assert_eq!(document["generation"], json!(null));
    assert_eq!(
        (inside::paths(&sandbox).len(), lock_text(&sandbox)),
        (0, None)
    );
    realize(&sandbox, &[]);
    let path = inside::path(&sandbox);
    inside::overwrite(&path.join("name.rs"), "short");
    let before = everything(&sandbox);
    let document = realize(&sandbox, &["--dry-run"]);
    assert_eq!(outcome(&document).0, "would-repair");
    assert_eq!(everything(&sandbox), before);
    assert_eq!(outcome(&realize(&sandbox, &[])).0, "repaired");
    assert_eq!(outcome(&realize(&sandbox, &["--dry-run"])).0, "ready");
}

#[test]
fn the_declaration_is_found_in_a_folder_above() {
    let sandbox = with_folder();
    fs_err::create_dir_all(sandbox.work().join("deep/er")).unwrap();
    let deep = sandbox.work().join("deep/er");
    sandbox.pyro(["realize"]).cwd(deep).run().code(0);
    assert!(lock_text(&sandbox).is_some());
    let ended = sandbox.pyro(["realize"]).cwd(sandbox.path("tmp")).run();
    insta::assert_snapshot!(ended, @"
    exit code 78
    ----- stderr
    error: no envs.toml here or in a parent folder
    hint: `pyro init` writes one, or name another file
    ");
}

#[test]
fn two_environments_of_one_tree_are_two_paths() {
    // The manifest has the name, so the digest has it too.
    let sandbox = with_folder();
    let both = environment("vm", &["local = \"vm\""]) + &environment("wm", &["local = \"vm\""]);
    sandbox.write("envs.toml", &format!("schema = 1\nprofile = \"p\"\n{both}"));
    realize(&sandbox, &[]);
    assert_eq!(inside::paths(&sandbox).len(), 2);
}
