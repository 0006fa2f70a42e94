//! Collecting through the library: what holds, what killed writers left, what is busy.

use std::path::{Path, PathBuf};

use pyro::gc::{self, Collected, Limits, Reach};
use pyro::model::generation::Cause;
use pyro::model::name::ProfileName;
use pyro::profile::{Held, Locked, OutLink};
use pyro::progress::Silent;
use pyro::store::{LockFile, Staging, Store};

use super::profiles::{change, commit, name, path, pyro_now};
use super::publish::{build, open};

fn collect(store: &Store) -> Collected {
    gc::collect(store, &Limits::default(), Reach::All, pyro_now(), &Silent).unwrap()
}

fn places(gone: &[gc::Gone]) -> Vec<&Path> {
    gone.iter().map(|gone| gone.path.as_path()).collect()
}

fn touch(path: PathBuf) -> PathBuf {
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(&path, "").unwrap();
    path
}

fn old(path: PathBuf) -> PathBuf {
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1000);
    fs_err::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    path
}

#[test]
fn what_killed_writers_left_goes() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    let root = store.layout().root().to_owned();
    let built = build(&store).name().clone();
    commit(&store, "p", &change(Cause::Realize, 1, None));
    let profile = store.layout().profile(&name("p"));
    let dead = profile.join("generations/.g-0123456789abcdef");
    fs_err::create_dir(&dead).unwrap();
    let target = Path::new("../../../../store").join(built.as_str());
    fs_err::os::unix::fs::symlink(target, dead.join("hello")).unwrap();
    fs_err::os::unix::fs::symlink("generations/1", profile.join(".current-0123456789abcdef"))
        .unwrap();
    let records = store.layout().realisations(store.uid());
    let hash = path(7).hash();
    let gone = [
        dead,
        profile.join(".current-0123456789abcdef"),
        old(touch(root.join("roots/.x.json-0123456789abcdef"))),
        old(touch(records.join(".x.json-0123456789abcdef"))),
        old(touch(root.join(".layout-0123456789abcdef"))),
        touch(root.join("leases/staging-0123456789abcdef")),
        touch(store.layout().lease(hash)),
        touch(store.layout().publish_lock(hash)),
        store.layout().path(&built),
    ];
    let live = Staging::begin(&store, pyro::model::recipe::Layout::Files).unwrap();
    let used = store.lease(path(8).hash(), &Silent).unwrap();
    let stays = [
        touch(records.join(".x.json-fedcba9876543210")),
        touch(root.join("leases/notes")),
        store.layout().lease(path(8).hash()),
        profile.join("generations/1/hello"),
    ];
    let collected = collect(&store);
    assert_eq!(collected.refused, []);
    for path in gone {
        assert!(
            fs_err::symlink_metadata(&path).is_err(),
            "{}",
            path.display()
        );
    }
    for path in stays {
        assert!(
            fs_err::symlink_metadata(&path).is_ok(),
            "{}",
            path.display()
        );
    }
    assert_eq!(fs_err::read_dir(root.join("leases")).unwrap().count(), 3);
    drop((live, used));
}

#[test]
fn pulled_keeps_what_is_live_alone_and_a_busy_profile_keeps_all() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    for shows in 1..=3 {
        commit(&store, "pulled", &change(Cause::Pull, shows, None));
    }
    let busy = Locked::wait(&store, &ProfileName::pulled(), &Silent).unwrap();
    collect(&store);
    let numbers = || pyro::profile::generations(&store, &ProfileName::pulled()).unwrap();
    assert_eq!(numbers(), [1, 2, 3]);
    drop(busy);
    collect(&store);
    assert_eq!(numbers(), [3]);
}

#[test]
fn an_out_link_whose_profile_is_busy_is_left() {
    let temp = tempfile::tempdir().unwrap();
    // A wait for the profile would end the collection.
    let patience = pyro::store::Patience {
        limit: std::time::Duration::ZERO,
    };
    let store = Store::open(&temp.path().join("store"), patience).unwrap();
    let link = OutLink::new(&temp.path().join("result")).unwrap();
    let own = link.own_profile();
    let mut locked = Locked::wait(&store, &own, &Silent).unwrap();
    locked
        .commit(&change(Cause::Realize, 1, None), Some(&link))
        .unwrap();
    fs_err::remove_file(link.path()).unwrap();
    collect(&store);
    assert!(store.layout().profile(&own).join("current").is_symlink());
    let record = store.layout().roots().join(format!("{}.json", link.id()));
    assert!(record.exists());
    drop(locked);
    collect(&store);
    assert!(!store.layout().profile(&own).exists());
    assert!(!record.exists());
}

#[test]
fn a_profile_of_an_out_link_without_its_record_goes() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    let link = OutLink::new(&temp.path().join("result")).unwrap();
    let own = link.own_profile();
    let mut locked = Locked::wait(&store, &own, &Silent).unwrap();
    locked
        .commit(&change(Cause::Realize, 1, None), None)
        .unwrap();
    drop(locked);
    collect(&store);
    assert!(!store.layout().profile(&own).exists());
}

#[test]
fn a_generation_that_comes_between_two_looks_is_seen() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    commit(&store, "p", &change(Cause::Realize, 1, None));
    let mut held = Held::default();
    held.look(&store).unwrap();
    assert!(held.contains(&path(1)));
    commit(&store, "p", &change(Cause::Realize, 2, None));
    held.look(&store).unwrap();
    assert!(held.contains(&path(1)) && held.contains(&path(2)));
}

#[test]
fn a_lease_that_cannot_be_opened_does_not_end_the_collection() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    let built = build(&store).name().clone();
    let bad = path(9);
    fs_err::create_dir(store.layout().path(&bad)).unwrap();
    // Not even root opens a link as a lock.
    fs_err::os::unix::fs::symlink("nowhere", store.layout().lease(bad.hash())).unwrap();
    let collected = collect(&store);
    assert_eq!(places(&collected.paths), [store.layout().path(&built)]);
    let refused: Vec<_> = collected.refused.iter().map(|(path, _)| path).collect();
    assert_eq!(refused, [&store.layout().path(&bad)]);
}

#[test]
fn a_path_that_somebody_else_took_away_is_not_reported() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    let lease = store.try_exclusive_lease(path(1).hash()).unwrap().unwrap();
    assert!(store.retire(&path(1), lease).unwrap().is_none());
}

#[test]
fn a_store_in_use_is_not_deleted_and_stays_whole() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    for n in 0..50 {
        fs_err::create_dir(store.layout().path(&path(n))).unwrap();
        touch(store.layout().lease(path(n).hash()));
    }
    let lease = store.lease(path(49).hash(), &Silent).unwrap();
    let error = store.delete().unwrap_err().to_string();
    assert!(error.contains("is locked"), "{error}");
    assert_eq!(store.list().unwrap().paths.len(), 50);
    assert!(store.layout().lease(path(0).hash()).exists());
    drop(lease);
    assert_eq!(store.delete().unwrap(), Vec::<PathBuf>::new());
    assert!(!store.layout().root().exists());
}

#[test]
fn a_deletion_that_was_cut_off_is_begun_again() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    drop(build(&store));
    let away = store.layout().root().join(".leases-0123456789abcdef");
    fs_err::rename(store.layout().leases(), &away).unwrap();
    assert_eq!(store.delete().unwrap(), Vec::<PathBuf>::new());
    assert!(!store.layout().root().exists());
}

#[test]
fn a_lock_file_that_comes_and_goes_is_always_got() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("lock");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    if let Some(lock) = LockFile::try_exclusive(&file, 0o644).unwrap() {
                        lock.unlink().unwrap();
                    }
                }
            });
        }
    });
}
