//! What is not as it was installed is not installed, and the next pull repairs it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{ask, env, installed, profile, with_bundle};
use crate::inside::{self, overwrite, unlink, unseal};

/// Damages an install, and asks twice: it is not installed, and after a pull it is again, the same and said so.
fn repaired(damage: impl Fn(&Path)) {
    let sandbox = with_bundle();
    env(&sandbox, &["pull", "debian:12"]).run().code(0);
    let path = inside::path(&sandbox);
    damage(&path);
    assert!(!installed(&sandbox, "debian:12"), "damaged, yet installed");

    let ended = env(&sandbox, &["pull", "debian:12"]).run().code(0);
    assert!(ended.stderr.contains("repaired [STORE]/store/"), "{ended}");
    assert!(installed(&sandbox, "debian:12"));
    assert_eq!(inside::path(&sandbox), path);
    assert_eq!(
        fs_err::read(path.join("rootfs.ext4")).unwrap(),
        vec![7; 40_000]
    );
    assert_eq!(inside::mode(&path), 0o555);
    sandbox.pyro(["verify", "--full"]).run().code(0);
    // The damaged tree is trash, which is no install: prune deletes it and does not count it.
    let trash = inside::leftovers(&sandbox);
    assert!(trash.len() == 1 && trash[0].starts_with(".t-"), "{trash:?}");
    assert_eq!(ask(&sandbox, &["prune"])["count"], 0);
    assert_eq!(inside::leftovers(&sandbox), [""; 0]);
}

fn for_each_artifact(damage: impl Fn(&Path)) {
    for artifact in ["vmlinux", "rootfs.ext4"] {
        repaired(|path| damage(&path.join(artifact)));
    }
}

#[test]
fn broken_links() {
    for_each_artifact(|artifact| {
        unlink(artifact);
        fs_err::os::unix::fs::symlink("nowhere", artifact).unwrap();
    });
}

#[test]
fn links_to_the_right_bytes() {
    for_each_artifact(|artifact| {
        let elsewhere = artifact.with_extension("moved");
        unseal(artifact.parent().unwrap());
        fs_err::rename(artifact, &elsewhere).unwrap();
        fs_err::os::unix::fs::symlink(elsewhere.file_name().unwrap(), artifact).unwrap();
    });
}

#[test]
fn missing_artifacts() {
    for_each_artifact(unlink);
}

#[test]
fn truncated_artifacts() {
    for_each_artifact(|artifact| overwrite(artifact, [7; 100]));
}

#[test]
fn folders_in_place_of_artifacts() {
    for_each_artifact(|artifact| {
        unlink(artifact);
        fs_err::create_dir(artifact).unwrap();
    });
}

#[test]
fn a_manifest_that_is_gone() {
    repaired(|path| unlink(&path.join("environment.json")));
}

#[test]
fn a_manifest_that_does_not_parse() {
    repaired(|path| overwrite(&path.join("environment.json"), "{ not json"));
}

#[test]
fn a_manifest_that_is_another_ones() {
    repaired(|path| overwrite(&path.join("environment.json"), "{\"schema\":1}"));
}

#[test]
fn a_file_in_place_of_the_path() {
    repaired(|path| {
        unseal(path);
        fs_err::remove_dir_all(path).unwrap();
        fs_err::write(path, "no folder").unwrap();
    });
}

#[test]
fn a_path_that_is_gone() {
    let sandbox = with_bundle();
    env(&sandbox, &["pull", "debian:12"]).run().code(0);
    let path = inside::path(&sandbox);
    unseal(&path);
    fs_err::remove_dir_all(&path).unwrap();
    assert!(!installed(&sandbox, "debian:12"));
    env(&sandbox, &["pull", "debian:12"]).run().code(0);
    assert!(installed(&sandbox, "debian:12"));
}

#[test]
fn what_cannot_be_repaired_is_left_as_it_is() {
    let sandbox = with_bundle();
    env(&sandbox, &["pull", "debian:12"]).run().code(0);
    fs_err::remove_dir_all(profile(&sandbox)).unwrap();
    overwrite(&inside::path(&sandbox).join("rootfs.ext4"), "short");
    let ended = env(&sandbox, &["pull", "debian:12", "--offline"])
        .run()
        .code(79);
    assert!(ended.stderr.contains("skipped source local"), "{ended}");
    assert!(!installed(&sandbox, "debian:12"));
    assert_eq!(inside::paths(&sandbox).len(), 1);
}

/// Opens the manifest through the path's name until told to stop; how often it was there and how often not.
fn read_on(manifest: &Path, stop: &AtomicBool, there: &AtomicUsize) -> Vec<String> {
    let mut absent = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        match fs_err::File::open(manifest) {
            Ok(_) => _ = there.fetch_add(1, Ordering::Relaxed),
            Err(error) => absent.push(error.to_string()),
        }
    }
    absent
}

#[test]
fn while_repairing_there_is_always_a_path() {
    const ROUNDS: usize = 12;
    let sandbox = with_bundle();
    env(&sandbox, &["pull", "debian:12"]).run().code(0);
    let path: PathBuf = inside::path(&sandbox);
    let (stop, there) = (AtomicBool::new(false), AtomicUsize::new(0));
    let absent = std::thread::scope(|scope| {
        let reader = scope.spawn(|| read_on(&path.join("environment.json"), &stop, &there));
        for _ in 0..ROUNDS {
            overwrite(&path.join("rootfs.ext4"), "short");
            let document = ask(&sandbox, &["pull", "debian:12"]);
            assert_eq!(document["installed"], true);
        }
        stop.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert_eq!(absent, [""; 0]);
    assert!(there.into_inner() > ROUNDS, "the reader looked too seldom");
    let info = sandbox.pyro(["store", "info", "--json"]).run().code(0);
    let info = info.document(&sandbox);
    assert_eq!(
        (&info["staging"], &info["trash"]),
        (&0.into(), &ROUNDS.into())
    );
}
