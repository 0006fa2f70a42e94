//! The store as a whole: read-only, full, deleted; and a realization that was killed.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use super::{ask, declare, outcome, realize, run, with_folder};
use crate::inside;
use crate::support::{Sandbox, needs};
use crate::tree::Tree;

/// A file system mounted for one test.
struct Mounted<'p>(&'p Path);

impl<'p> Mounted<'p> {
    /// Mounts with these words; `None` where only root may, which is then said.
    fn new(words: &[&str], at: &'p Path) -> Option<Self> {
        if !needs::root("to mount a file system of its own") {
            return None;
        }
        let output = Command::new("mount").args(words).arg(at).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Some(Self(at))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let done = Command::new("umount").arg("-l").arg(self.0).status();
        assert!(
            done.is_ok_and(|status| status.success()),
            "still mounted: {}",
            self.0.display()
        );
    }
}

#[test]
fn info_and_delete() {
    let sandbox = with_folder();
    assert_eq!(ask(&sandbox, &["store", "info"])["exists"], false);
    realize(&sandbox, &["--out-link", "result"]);
    let info = ask(&sandbox, &["store", "info"]);
    assert_eq!(
        (&info["paths"], &info["profiles"], &info["roots"]),
        (&json!(1), &json!(1), &json!(1))
    );
    let foreign = sandbox.store().join("environments");
    fs_err::create_dir(&foreign).unwrap();
    insta::assert_snapshot!(run(&sandbox, &["store", "delete"]), @"
    exit code 2
    ----- stderr
    error: this deletes [STORE] with 1 store paths and every profile
    hint: add --yes if that is meant
    ");
    assert_eq!(inside::paths(&sandbox).len(), 1);
    let document = ask(&sandbox, &["store", "delete", "--yes"]);
    assert_eq!(document["left"], json!([foreign]));
    assert_eq!(inside::names(&sandbox.store()), ["environments"]);
    fs_err::remove_dir(&foreign).unwrap();
    realize(&sandbox, &[]);
    run(&sandbox, &["store", "delete", "--yes"]).code(0);
    assert!(!sandbox.store().exists());
}

#[test]
fn a_store_that_is_used_is_not_deleted() {
    let sandbox = with_folder();
    realize(&sandbox, &[]);
    let path = inside::path(&sandbox);
    let hash = &path.file_name().unwrap().to_str().unwrap()[..64];
    let lease = fs_err::File::open(sandbox.store().join("leases").join(hash)).unwrap();
    rustix::fs::flock(lease.file(), rustix::fs::FlockOperation::LockShared).unwrap();
    run(&sandbox, &["store", "delete", "--yes"]).code(75);
    assert!(path.join("vmlinux").is_file());
    assert_eq!(super::links(&sandbox).len(), 1);
    // What a process uses is not pruned either, though no root names it.
    run(&sandbox, &["profile", "delete", "p", "--yes"]).code(0);
    assert_eq!(ask(&sandbox, &["env", "prune"])["count"], 0);
    assert!(path.join("vmlinux").is_file());
    drop(lease);
    run(&sandbox, &["store", "delete", "--yes"]).code(0);
}

#[test]
fn a_folder_that_is_no_store_is_left_alone() {
    let sandbox = with_folder();
    fs_err::create_dir_all(sandbox.store().join("store/theirs")).unwrap();
    insta::assert_snapshot!(run(&sandbox, &["realize", "-q"]), @"
    exit code 78
    ----- stderr
    error: not a store, but it has a `store` of its own: [STORE]
    hint: name another folder with --store or PYRO_STORE
    ");
    fs_err::write(sandbox.store().join("layout.json"), "{\"layout\": 7}").unwrap();
    insta::assert_snapshot!(run(&sandbox, &["realize", "-q"]), @"
    exit code 78
    ----- stderr
    error: store layout 7, this pyro reads layout 1: [STORE]/layout.json
    hint: use the pyro that made it, or another --store
    ");
    assert_eq!(
        fs_err::read_to_string(sandbox.store().join("layout.json")).unwrap(),
        "{\"layout\": 7}"
    );
}

#[test]
fn a_read_only_store_can_be_read() {
    let sandbox = with_folder();
    realize(&sandbox, &[]);
    let store = sandbox.store();
    let Some(bound) = Mounted::new(&["--bind", store.to_str().unwrap()], &store) else {
        return;
    };
    let status = Command::new("mount")
        .args(["-o", "remount,bind,ro"])
        .arg(&store)
        .status();
    assert!(status.unwrap().success());
    fs_err::write(store.join("try"), "").unwrap_err();
    run(&sandbox, &["path", "vm"]).code(0);
    run(&sandbox, &["verify", "--full"]).code(0);
    run(&sandbox, &["env", "inspect", "vm"]).code(0);
    run(&sandbox, &["profile", "history"]).code(0);
    run(&sandbox, &["store", "info"]).code(0);
    sandbox.write("vm/more", "more");
    let ended = run(&sandbox, &["realize"]);
    assert!([74, 77].contains(&ended.code), "{ended}");
    drop(bound);
    realize(&sandbox, &[]);
}

#[test]
fn a_full_disk_is_73_and_leaves_nothing_behind() {
    let sandbox = with_folder();
    let store = sandbox.store();
    fs_err::create_dir(&store).unwrap();
    let Some(_mounted) = Mounted::new(
        &["-t", "tmpfs", "-o", "size=1m,nr_inodes=200", "tmpfs"],
        &store,
    ) else {
        return;
    };
    let (_, first) = outcome(&realize(&sandbox, &[])).clone();
    Tree::new()
        .file("large", vec![5; 3 << 20])
        .write(&sandbox.work().join("large"));
    let sources = [
        ("vm", &["local = \"vm\""][..]),
        ("large", &["local = \"large\"", "local = \"vm\""]),
    ];
    declare(&sandbox, &sources);
    let ended = run(&sandbox, &["realize"]).code(73);
    assert!(ended.stderr.contains("hint: `pyro gc`"), "{ended}");
    assert_eq!(inside::leftovers(&sandbox), [""; 0]);
    assert_eq!(super::links(&sandbox), [("vm".to_owned(), first)]);
    // No inode left is the same.
    let many = (0..300).fold(Tree::new(), |tree, n| tree.file(&format!("{n}"), ""));
    many.write(&sandbox.work().join("many"));
    declare(&sandbox, &[("many", &["local = \"many\""])]);
    run(&sandbox, &["realize"]).code(73);
    assert_eq!(inside::leftovers(&sandbox), [""; 0]);
    run(&sandbox, &["env", "prune"]).code(0);
}

/// Kills a realization as soon as it has a staging tree; whether it was in time.
fn killed_in_the_middle(sandbox: &Sandbox) -> bool {
    let mut command = sandbox.pyro(["realize", "-q"]).command;
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    while inside::leftovers(sandbox).is_empty() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap().signal() == Some(9) && !inside::leftovers(sandbox).is_empty()
}

#[test]
fn a_killed_realization_leaves_what_prune_removes() {
    let sandbox = Sandbox::new();
    let many = (0..2_000).fold(Tree::new(), |tree, n| {
        tree.file(&format!("{}/{n}", n % 7), "x")
    });
    many.write(&sandbox.work().join("many"));
    declare(&sandbox, &[("many", &["local = \"many\""])]);
    assert!(
        killed_in_the_middle(&sandbox),
        "it was done before it could be killed"
    );
    assert_eq!(
        inside::paths(&sandbox),
        [""; 0].map(std::path::PathBuf::from)
    );
    assert_eq!(ask(&sandbox, &["store", "info"])["staging"], 1);
    let pruned = ask(&sandbox, &["env", "prune"]);
    assert_eq!(pruned["count"], 1);
    assert_eq!(inside::leftovers(&sandbox), [""; 0]);
    // Without a prune in between the next realization does not mind it.
    assert!(
        killed_in_the_middle(&sandbox),
        "it was done before it could be killed"
    );
    assert_eq!(outcome(&realize(&sandbox, &[])).0, "built");
    run(&sandbox, &["verify", "--full"]).code(0);
}

#[test]
fn modes_do_not_depend_on_the_umask() {
    let sandbox = with_folder();
    let script = sandbox.write("vm/bin/run", "#!/bin/sh\n");
    inside::unseal(&script);
    let mut chmod = Command::new("chmod");
    assert!(chmod.arg("700").arg(&script).status().unwrap().success());
    let pyro = sandbox.pyro(["realize"]).command;
    let mut shell = sandbox
        .pyro(["-c", "umask 077; exec \"$0\" realize"])
        .command;
    assert!(pyro.get_program().to_str().unwrap().ends_with("pyro"));
    // The shell runs in the same surroundings, with the program as its zeroth word.
    let mut under = Command::new("/bin/sh");
    under
        .args(shell.get_args())
        .arg(pyro.get_program())
        .env_clear();
    under.envs(
        shell
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    shell = under;
    assert!(
        shell
            .current_dir(sandbox.work())
            .output()
            .unwrap()
            .status
            .success()
    );
    let path = inside::path(&sandbox);
    let modes = ["", "vmlinux", "bin", "bin/run", "environment.json"]
        .map(|name| inside::mode(&path.join(name)));
    assert_eq!(modes, [0o555, 0o444, 0o555, 0o555, 0o444]);
    let twin = with_folder();
    realize(&twin, &[]);
    for name in [
        ".",
        "store",
        "profiles",
        "leases",
        "profiles/p/current/generation.json",
        "layout.json",
    ] {
        let here = inside::mode(&fs_err::canonicalize(sandbox.store().join(name)).unwrap());
        let there = inside::mode(&fs_err::canonicalize(twin.store().join(name)).unwrap());
        assert_eq!(here, there, "{name}");
    }
}
