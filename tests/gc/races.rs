//! Two who want the same path, made to meet: one stands where its lock is, the other comes and waits for that.
//!
//! Whoever waited looks again when he has the lock: what he saw before may be gone, or made good by somebody else.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use pyro::model::store_path::StorePathName;
use pyro::progress::Silent;
use pyro::store::{Depth, Found, LockFile, Patience, Store};

use crate::shelf::{MEGABYTE, Shelf};

/// The store, and the name of the path of an environment.
fn opened(shelf: &Shelf, name: &str) -> (Store, StorePathName) {
    let store = Store::open(shelf.scene.store(), Patience::default()).unwrap();
    let path = shelf.path(name);
    let name = path.file_name().unwrap().to_str().unwrap();
    (store, name.parse().unwrap())
}

/// A realize that waits for a lock file by now, and what it will say after that.
fn waiting(shelf: &Shelf, lock: &Path) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut realize = shelf.scene.command(&[], &["realize"]);
    realize.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = realize.spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    // It says so when it waits.
    let lock = lock.to_str().unwrap();
    assert!(lines.any(|line| line.contains(lock)));
    (child, lines)
}

#[test]
fn what_is_collected_while_a_realize_waits_for_it_is_built_again() {
    let shelf = Shelf::new();
    // An archive that the lock pins: a folder that was just written is copied again whatever the store has.
    shelf.declare("a");
    let project = shelf.scene.project();
    let mut tar = Command::new("tar");
    tar.arg("-C")
        .arg(project.join("a"))
        .arg("-cf")
        .arg(project.join("a.tar"))
        .arg("data");
    assert!(tar.status().unwrap().success());
    shelf.scene.declare(
        "schema = 1\nprofile = \"ci\"\n[environments.a]\nversion = \"1\"\nsources = [{ archive = \"a.tar\" }]\n",
    );
    shelf.scene.quick_json(&["realize"]);
    let (store, name) = opened(&shelf, "a");
    shelf
        .scene
        .quick_json(&["profile", "delete", "ci", "--yes"]);
    // As a collection has it between its last look at the roots and the rename.
    let lease = store.try_exclusive_lease(name.hash()).unwrap().unwrap();
    let (mut child, rest) = waiting(&shelf, lease.path());
    assert!(store.retire(&name, lease).unwrap().is_some());
    let rest: Vec<String> = rest.collect();
    assert!(child.wait().unwrap().success(), "{rest:?}");
    let found = store.find(&name, Depth::Full, &Silent).unwrap();
    assert!(matches!(found, Found::Valid(_)), "{found:?}, {rest:?}");
}

#[test]
fn what_is_made_good_while_a_repair_waits_for_it_is_left_as_it_is() {
    let shelf = Shelf::new();
    shelf.realize("a");
    let (store, name) = opened(&shelf, "a");
    let path = shelf.path("a");
    let file = path.join("data");
    let tree = fs_err::metadata(&path).unwrap().ino();
    fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    fs_err::write(&file, "short").unwrap();
    let lock = store.layout().publish_lock(name.hash());
    let lock = LockFile::try_exclusive(&lock, store.file_mode()).unwrap();
    let lock = lock.unwrap();
    let (mut child, rest) = waiting(&shelf, lock.path());
    fs_err::write(&file, vec![b'a'; MEGABYTE]).unwrap();
    fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o444)).unwrap();
    let data = fs_err::File::open(&file).unwrap();
    let sealed = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    data.file().set_modified(sealed).unwrap();
    drop(lock);
    let rest: Vec<String> = rest.collect();
    assert!(child.wait().unwrap().success(), "{rest:?}");
    assert_eq!(fs_err::metadata(&path).unwrap().ino(), tree, "{rest:?}");
}

#[test]
fn the_threads_of_a_collection_do_not_take_each_other_for_users() {
    let shelf = Shelf::new();
    shelf.realize("a");
    let path = shelf.path("a");
    let name = path.file_name().unwrap().to_str().unwrap();
    // As many repairs leave it, and readers who held leases meanwhile.
    for piece in 0..2000 {
        fs_err::create_dir(path.with_file_name(format!(".t-{}-{piece:016x}", &name[..64])))
            .unwrap();
    }
    shelf.gc(&[]);
    assert_eq!(shelf.scene.store_names(), [name]);
}
