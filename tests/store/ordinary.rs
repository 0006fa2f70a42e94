//! What only an ordinary user meets: things of his own that he may not open, and things of another account.
//!
//! Run as root, each test gives up its rights in a thread of its own; Linux keeps them by thread.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pyro::progress::Silent;
use pyro::store::{Depth, Found, How, Store};
use rustix::process::{Uid, geteuid};

use super::publish::{build, open, stage};
use crate::needs;

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
    let quick = "`bin/run` cannot be opened".to_owned();
    let full = format!("{quick} (and 1 more)");
    assert_eq!(without_rights("bin"), (quick, full));
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
    if !needs::root("to make a path of another account") {
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
    if !needs::root("to make a path of another account") {
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

/// Counts what is said.
#[derive(Default)]
struct Notes(std::sync::Mutex<Vec<String>>);

impl pyro::progress::Observer for Notes {
    fn event(&self, event: pyro::progress::Event<'_>) {
        if let pyro::progress::Event::Note { text } = event {
            self.0.lock().unwrap().push(text.to_owned());
        }
    }
}

/// What another account's look at root's path says, and the notes it makes; `None` where there is no other account.
fn of_another_account(temp: &Path) -> Option<(String, usize)> {
    if !needs::root("to make a path of another account") {
        return None;
    }
    let notes = Notes::default();
    let says = as_ordinary_user(|| {
        let store = open(temp);
        let name = store.list().unwrap().paths[0].clone();
        match store.find(&name, Depth::Quick, &notes).unwrap() {
            Found::Valid(_) => "valid".to_owned(),
            Found::Missing => "missing".to_owned(),
            Found::Damaged(damage) => damage.summary(),
        }
    });
    let count = notes.0.lock().unwrap().len();
    Some((says, count))
}

/// A store of root's whose records others may write.
fn shared(temp: &Path) -> std::path::PathBuf {
    set_mode(temp, 0o777);
    let store = open(temp);
    let path = build(&store).path().to_owned();
    set_mode(&store.layout().root().join("realisations"), 0o777);
    path
}

fn records(temp: &Path) -> usize {
    fs_err::read_dir(temp.join("store/realisations/65534")).map_or(0, Iterator::count)
}

/// Writes other bytes of the same length and puts the time back: only the full check sees it.
fn hide_damage(path: &Path) {
    let file = path.join("data");
    set_mode(&file, 0o644);
    fs_err::write(&file, "SOME DATA").unwrap();
    set_mode(&file, 0o444);
    let sealed = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1);
    fs_err::File::open(&file)
        .unwrap()
        .set_modified(sealed)
        .unwrap();
}

#[test]
fn another_accounts_path_is_checked_in_full_once_and_again_when_it_changed() {
    let temp = tempfile::tempdir().unwrap();
    let path = shared(temp.path());
    let Some(first) = of_another_account(temp.path()) else {
        return;
    };
    assert_eq!((first, records(temp.path())), (("valid".to_owned(), 0), 1));
    assert_eq!(of_another_account(temp.path()).unwrap().0, "valid");
    hide_damage(&path);
    assert_eq!(
        of_another_account(temp.path()).unwrap().0,
        "`data` has the wrong content"
    );
}

#[test]
fn another_accounts_hidden_damage_is_found_before_the_first_use() {
    let temp = tempfile::tempdir().unwrap();
    hide_damage(&shared(temp.path()));
    let Some((says, _)) = of_another_account(temp.path()) else {
        return;
    };
    assert_eq!(
        (says.as_str(), records(temp.path())),
        ("`data` has the wrong content", 0)
    );
}

#[test]
fn times_that_may_not_be_set_back_are_remembered_and_said_once() {
    let temp = tempfile::tempdir().unwrap();
    let path = shared(temp.path());
    fs_err::File::open(path.join("data"))
        .unwrap()
        .set_modified(std::time::SystemTime::now())
        .unwrap();
    let Some(first) = of_another_account(temp.path()) else {
        return;
    };
    assert_eq!(first, ("valid".to_owned(), 1));
    assert_eq!(
        of_another_account(temp.path()),
        Some(("valid".to_owned(), 0))
    );
}
