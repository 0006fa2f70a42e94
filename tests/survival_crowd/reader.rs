//! Readers beside a path that is damaged and repaired again and again.
//!
//! One has a lease and a descriptor of the folder: its tree stays whole behind it, whatever stands under the name by
//! then. One has only the name: it is there at every moment.

use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use pyro::model::digest::StoreHash;
use pyro::progress::Silent;
use pyro::store::{Patience, Store};
use rustix::fs::{Mode, OFlags};

use crate::chance::rounds;
use crate::support::scene::{Realized, Scene, envs_toml};

const GOOD: &str = "as it should be";

/// Puts another content into a file of the path that stands there now.
fn damage(path: &Path, number: u64) {
    let file = path.join("changing");
    fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    fs_err::write(&file, format!("damage {number}")).unwrap();
}

fn read(folder: &OwnedFd, name: &str) -> String {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, name, flags, Mode::empty()).unwrap();
    std::io::read_to_string(fs_err::File::from_parts(file.into(), name)).unwrap()
}

/// Reads one tree through its descriptor, under a lease, until `enough`; tells how often.
///
/// The file that is damaged may go bad under the reader's eyes, in this tree: but never good again, since repairs make
/// another tree. The other one never changes.
fn read_one_tree(store: &Store, hash: StoreHash, path: &Path, enough: &dyn Fn() -> bool) -> usize {
    let lease = store.lease(hash, &Silent).unwrap();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(path, flags, Mode::empty()).unwrap();
    let mut reads = 0;
    let mut went_bad = false;
    while !enough() {
        assert_eq!(read(&folder, "steady"), GOOD);
        let changing = read(&folder, "changing");
        assert!(!(went_bad && changing == GOOD), "content of two trees");
        went_bad |= changing != GOOD;
        reads += 1;
    }
    drop(lease);
    reads
}

#[test]
fn repairs_take_nothing_from_readers() {
    let repairs = rounds(100);
    let scene = Scene::new();
    let folder = scene.project().join("tree");
    fs_err::create_dir(&folder).unwrap();
    for name in ["steady", "changing"] {
        fs_err::write(folder.join(name), GOOD).unwrap();
    }
    scene.declare(&envs_toml("", &[("local", "tree")]));
    let path = scene.realize().path;
    let name = path.file_name().unwrap().to_str().unwrap();
    let hash: StoreHash = name[..64].parse().unwrap();
    let store = Store::open(scene.store(), Patience::default()).unwrap();
    let done = AtomicBool::new(false);
    let repaired = AtomicUsize::new(0);
    let (mut by_descriptor, mut by_name, mut trees) = (0, 0, 0);
    let is_done = || done.load(Ordering::Relaxed);
    std::thread::scope(|scope| {
        let holder = scope.spawn(|| {
            let (mut reads, mut trees) = (0, 0);
            while !is_done() {
                // Each tree for some repairs, during which it becomes trash.
                let begun = repaired.load(Ordering::Relaxed);
                let enough = || is_done() || repaired.load(Ordering::Relaxed) >= begun + 5;
                reads += read_one_tree(&store, hash, &path, &enough);
                trees += 1;
            }
            (reads, trees)
        });
        let passer = scope.spawn(|| {
            let mut reads = 0;
            while !is_done() {
                assert_eq!(fs_err::read_to_string(path.join("steady")).unwrap(), GOOD);
                reads += 1;
            }
            reads
        });
        let collector = scope.spawn(|| {
            while !is_done() {
                scene.run(&["gc"]).code(0);
            }
        });
        for number in 0..repairs {
            damage(&path, number);
            let again = Realized::only(&scene.quick_json(&["realize"]));
            assert_eq!(
                (again.path.as_path(), again.status.as_str()),
                (path.as_path(), "repaired")
            );
            assert_eq!(fs_err::read_to_string(path.join("changing")).unwrap(), GOOD);
            repaired.fetch_add(1, Ordering::Relaxed);
        }
        done.store(true, Ordering::Relaxed);
        (by_descriptor, trees) = holder.join().unwrap();
        by_name = passer.join().unwrap();
        collector.join().unwrap();
    });
    scene.run(&["gc"]).code(0);
    assert_eq!(scene.store_names(), [name]);
    println!(
        "{repairs} repairs, {by_descriptor} reads of {trees} trees by descriptor, {by_name} by name"
    );
    assert!(repairs >= 100 && trees >= 10 && by_descriptor >= 100 && by_name >= 100);
}
