//! Profiles through the library: what a rollback goes back to, damaged generations, out-links that move.

use std::collections::BTreeMap;

use pyro::model::generation::Cause;
use pyro::model::name::ProfileName;
use pyro::model::store_path::StorePathName;
use pyro::profile::{self, Change, Locked, OutLink, Tried};
use pyro::progress::{Event, Observer, Silent};
use pyro::store::Store;

use super::publish::open;

pub fn name(text: &str) -> ProfileName {
    text.parse().unwrap()
}

/// A path that nothing stands at, told apart by `digit`.
pub fn path(digit: u64) -> StorePathName {
    format!("{digit:064x}-hello-1.0.0").parse().unwrap()
}

pub fn change(cause: Cause, shows: u64, restores: Option<u64>) -> Change {
    Change {
        cause,
        declaration: None,
        restores,
        environments: [("hello".to_owned(), path(shows).into())].into(),
        declarations: BTreeMap::new(),
        now: pyro_now(),
    }
}

pub fn pyro_now() -> jiff::Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// Commits and tells the number.
pub fn commit(store: &Store, profile: &str, change: &Change) -> u64 {
    let mut locked = Locked::wait(store, &name(profile), &Silent).unwrap();
    locked.commit(change, None).unwrap().number
}

fn realize(store: &Store, shows: u64) -> u64 {
    commit(store, "p", &change(Cause::Realize, shows, None))
}

/// As the verb does it: shows the target again and tells which it was.
fn restore(store: &Store, number: Option<u64>) -> Option<u64> {
    let mut locked = Locked::wait(store, &name("p"), &Silent).unwrap();
    let target = locked.target(number).ok()?;
    let mut change = change(
        number.map_or(Cause::Rollback, |_| Cause::Switch),
        0,
        Some(target.number),
    );
    let again = target.environments.iter();
    let again = again.map(|(link, path)| (link.clone(), path.clone().into()));
    change.environments = again.collect();
    locked.commit(&change, None).unwrap();
    Some(target.number)
}

#[test]
fn a_rollback_after_a_switch_goes_to_what_was_live_and_then_further_back() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    for shows in 1..=3 {
        assert_eq!(realize(&store, shows), shows);
    }
    assert_eq!(restore(&store, Some(1)), Some(1));
    assert_eq!(restore(&store, None), Some(3));
    assert_eq!(restore(&store, None), Some(2));
    assert_eq!(restore(&store, None), Some(1));
    assert_eq!(restore(&store, None), None);
}

#[test]
fn a_rollback_never_goes_forward_where_generations_were_dropped() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    for shows in 1..=3 {
        realize(&store, shows);
    }
    assert_eq!(restore(&store, None), Some(2));
    let locked = Locked::wait(&store, &name("p"), &Silent).unwrap();
    assert!(locked.drop_generation(2).unwrap());
    assert!(!locked.drop_generation(4).unwrap(), "it is live");
    drop(locked);
    assert_eq!(restore(&store, None), Some(1));
}

#[test]
fn equal_records_over_other_links_make_a_new_generation() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    assert_eq!(realize(&store, 1), 1);
    assert_eq!(realize(&store, 1), 1);
    let link = store
        .layout()
        .profile(&name("p"))
        .join("generations/1/hello");
    fs_err::remove_file(link).unwrap();
    assert_eq!(realize(&store, 1), 2);
    assert_eq!(realize(&store, 1), 2);
}

/// Keeps the notes.
#[derive(Default)]
struct Notes(std::sync::Mutex<Vec<String>>);

impl Observer for Notes {
    fn event(&self, event: Event<'_>) {
        if let Event::Note { text } = event {
            self.0.lock().unwrap().push(text.to_owned());
        }
    }
}

#[test]
fn an_unreadable_generation_is_passed_over_and_replaced() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    for shows in 1..=2 {
        realize(&store, shows);
    }
    let all = store.layout().profile(&name("p")).join("generations");
    fs_err::write(all.join("2/generation.json"), "{").unwrap();
    let notes = Notes::default();
    let history = profile::history(&store, &name("p"), &notes).unwrap();
    assert_eq!(history.iter().map(|one| one.number).max(), Some(1));
    let summary = &profile::list(&store, &notes).unwrap()[0];
    assert_eq!((&summary.current, summary.generations), (&None, 2));
    let notes = notes.0.into_inner().unwrap();
    assert_eq!(notes.len(), 2);
    assert!(notes[0].starts_with("profile `p`: passed over a generation: unreadable record"));
    assert_eq!(realize(&store, 2), 3);
    let live = profile::current(&store, &name("p")).unwrap().unwrap();
    assert_eq!(live.previous, Some(2));
    assert_eq!(restore(&store, None), Some(1), "2 cannot be read");
}

#[test]
fn an_out_link_that_moves_to_a_named_profile_lets_its_own_go() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    let link = OutLink::new(&temp.path().join("result")).unwrap();
    let own = link.own_profile();
    let mut locked = Locked::wait(&store, &own, &Silent).unwrap();
    let change = change(Cause::Realize, 1, None);
    locked.commit(&change, Some(&link)).unwrap();
    drop(locked);
    assert!(store.layout().profile(&own).exists());
    let mut locked = Locked::wait(&store, &name("p"), &Silent).unwrap();
    let committed = locked.commit(&change, Some(&link)).unwrap();
    assert_eq!(fs_err::read_link(link.path()).unwrap(), committed.folder);
    assert!(!store.layout().profile(&own).exists());
    assert!(matches!(
        Locked::try_existing(&store, &own).unwrap(),
        Tried::Missing
    ));
    assert!(matches!(
        Locked::try_existing(&store, &name("p")).unwrap(),
        Tried::Busy
    ));
}

#[test]
fn only_links_into_profiles_are_replaced() {
    let temp = tempfile::tempdir().unwrap();
    let link = temp.path().join("result");
    let accepted = |target: &str| {
        let _ = fs_err::remove_file(&link);
        fs_err::os::unix::fs::symlink(target, &link).unwrap();
        OutLink::new(&link).is_ok()
    };
    assert!(accepted("/other/store/profiles/p/generations/7"));
    for target in [
        "/srv/me/generations/7",
        "/srv/me/family/generations/mine",
        "/other/store/profiles/p/generations/current",
        "/other/store/profiles/No Name/generations/7",
        "profiles/p/generations/7",
        "/",
    ] {
        assert!(!accepted(target), "{target}");
    }
}
