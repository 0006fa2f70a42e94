//! Archives of every kind, and bytes that are not what they were.

use serde_json::json;

use super::{declare, generation, lock_text, outcome, realize, run};
use crate::inside;
use crate::support::Sandbox;
use crate::tree::{PACKINGS, Packing, Tree};

fn archive(sandbox: &Sandbox) -> std::path::PathBuf {
    sandbox.work().join("vm.tar")
}

/// A sandbox whose `envs.toml` has the environment `vm` of the archive `vm.tar`.
fn with_archive(packing: Packing) -> Sandbox {
    let sandbox = Sandbox::new();
    Tree::vm(1).pack(&archive(&sandbox), packing);
    declare(&sandbox, &[("vm", &["archive = \"vm.tar\""])]);
    sandbox
}

#[test]
fn the_same_content_is_one_path_whatever_it_came_from() {
    let sandbox = Sandbox::new();
    let tree = Tree::vm(1).file("bin/tool", "tool").file("bin/deep/er", "");
    tree.write(&sandbox.work().join("vm"));
    declare(&sandbox, &[("vm", &["local = \"vm\""])]);
    let (_, first) = outcome(&realize(&sandbox, &[])).clone();
    for packing in PACKINGS {
        // The name says nothing about what is in it.
        tree.pack(&archive(&sandbox), packing);
        for source in [
            "vm.tar".to_owned(),
            format!("file://{}", archive(&sandbox).display()),
        ] {
            fs_err::remove_file(sandbox.work().join("envs.lock")).unwrap();
            declare(&sandbox, &[("vm", &[&format!("archive = \"{source}\"")])]);
            let document = realize(&sandbox, &[]);
            let (status, path) = outcome(&document);
            assert_eq!((status, &path), ("ready", &first), "{packing:?} {source}");
            let file = format!("file://{}", archive(&sandbox).display());
            assert_eq!(document["environments"][0]["source"], json!(file));
        }
    }
    assert_eq!(inside::path(&sandbox), first);
    assert_eq!(inside::leftovers(&sandbox), [""; 0]);
    assert_eq!(generation(&sandbox).unwrap(), "1");
}

#[test]
fn leading_folders_are_stripped() {
    let sandbox = Sandbox::new();
    Tree::vm(1)
        .below("debian-12/out")
        .pack(&archive(&sandbox), Packing::Gzip);
    let source = "archive = \"vm.tar\"\nstrip-components = 2";
    declare(&sandbox, &[("vm", &[source])]);
    let (_, path) = outcome(&realize(&sandbox, &[])).clone();
    assert_eq!(
        inside::names(&path),
        ["environment.json", "rootfs.ext4", "vmlinux"]
    );
    // One more than the files have: they would have no name left.
    declare(
        &sandbox,
        &[("vm", &["archive = \"vm.tar\"\nstrip-components = 3"])],
    );
    run(&sandbox, &["realize"]).code(65);
    assert_eq!(inside::leftovers(&sandbox), [""; 0]);
}

#[test]
fn bytes_that_are_not_the_declared_ones_are_refused() {
    let sandbox = with_archive(Packing::Plain);
    let source = format!("archive = \"vm.tar\"\nsha256 = \"{}\"", "ab".repeat(32));
    declare(&sandbox, &[("vm", &[&source, "local = \"vm\""])]);
    Tree::vm(1).write(&sandbox.work().join("vm"));
    let ended = run(&sandbox, &["realize"]).code(65);
    assert!(ended.stderr.contains("sha256"), "{ended}");
    assert_eq!(
        (inside::paths(&sandbox).len(), lock_text(&sandbox)),
        (0, None)
    );
    assert_eq!(inside::leftovers(&sandbox), [""; 0]);
}

/// Realizes, then takes the store path away, so that the archive must be read again.
fn forgotten(packing: Packing) -> Sandbox {
    let sandbox = with_archive(packing);
    realize(&sandbox, &[]);
    inside::unlink(&inside::path(&sandbox).join("vmlinux"));
    sandbox
}

#[test]
fn changed_bytes_are_refused() {
    let sandbox = forgotten(Packing::Gzip);
    let lock = lock_text(&sandbox);
    Tree::vm(2).pack(&archive(&sandbox), Packing::Gzip);
    for words in [
        &["realize", "-q"][..],
        &["realize", "-q", "--locked"],
        &["realize", "-q", "--frozen"],
    ] {
        let ended = run(&sandbox, words);
        insta::allow_duplicates!(insta::assert_snapshot!(ended, @"
        exit code 65
        ----- stderr
        error: file://[WORK]/vm.tar is not what it should be: expected sha256:[HASH], found sha256:[HASH]
        hint: if the change is wanted: `pyro lock --upgrade`
        "));
    }
    run(&sandbox, &["realize", "--accept-same-tree"]).code(65);
    assert_eq!(lock_text(&sandbox), lock);
    assert_eq!(inside::leftovers(&sandbox), [""; 0]);
}

#[test]
fn bytes_that_were_only_compressed_again_can_be_accepted() {
    let sandbox = forgotten(Packing::Gzip);
    let lock = lock_text(&sandbox);
    Tree::vm(1).pack(&archive(&sandbox), Packing::Zstd);
    run(&sandbox, &["realize"]).code(65);
    let document = realize(&sandbox, &["--accept-same-tree"]);
    assert_eq!(outcome(&document).0, "repaired");
    assert_eq!(document["lock_written"], true);
    let accepted = lock_text(&sandbox);
    assert_ne!(accepted, lock);
    inside::unlink(&inside::path(&sandbox).join("vmlinux"));
    realize(&sandbox, &["--locked"]);
    assert_eq!(lock_text(&sandbox), accepted);
}

#[test]
fn never_against_a_declared_digest() {
    let sandbox = with_archive(Packing::Gzip);
    realize(&sandbox, &[]);
    let text = lock_text(&sandbox).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("sha256 = "))
        .unwrap();
    declare(
        &sandbox,
        &[("vm", &[&format!("archive = \"vm.tar\"\n{line}")])],
    );
    realize(&sandbox, &[]);
    inside::unlink(&inside::path(&sandbox).join("vmlinux"));
    Tree::vm(1).pack(&archive(&sandbox), Packing::Zstd);
    run(&sandbox, &["realize", "--accept-same-tree"]).code(65);
    run(&sandbox, &["lock", "--upgrade"]).code(65);
}

#[test]
fn a_truncated_archive_never_counts() {
    for packing in PACKINGS {
        let sandbox = with_archive(packing);
        let whole = fs_err::read(archive(&sandbox)).unwrap();
        let cut = whole.len() / 2;
        fs_err::write(archive(&sandbox), &whole[..cut]).unwrap();
        run(&sandbox, &["realize"]).code(65);
        assert_eq!(inside::paths(&sandbox).len(), 0, "{packing:?}");
        assert_eq!(inside::leftovers(&sandbox), [""; 0], "{packing:?}");
    }
}

#[test]
fn what_is_no_archive_is_refused() {
    let sandbox = with_archive(Packing::Plain);
    fs_err::write(archive(&sandbox), "this is a letter, not a tar archive").unwrap();
    let ended = run(&sandbox, &["realize", "-q"]);
    insta::assert_snapshot!(ended, @"
    exit code 65
    ----- stderr
    error: cannot unpack archive vm.tar
      caused by: not a tar archive (plain, gzip, zstd, xz or bzip2): it begins `this is a letter`
    ");
}

#[test]
fn a_list_of_mirrors_is_one_source() {
    let sandbox = with_archive(Packing::Zstd);
    declare(
        &sandbox,
        &[("vm", &["archive = [\"none.tar\", \"vm.tar\"]"])],
    );
    assert_eq!(outcome(&realize(&sandbox, &[])).0, "built");
    assert_eq!(
        outcome(&realize(&sandbox, &["--locked", "--offline"])).0,
        "ready"
    );
}
