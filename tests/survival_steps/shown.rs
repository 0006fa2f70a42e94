//! What profiles and the out-link show, read from outside. What is shown must be whole: a generation has its record,
//! and the links that the record says, each to something that stands in the store.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::inside::names;
use crate::support::scene::Scene;

/// Link and name of the store path.
pub type Links = BTreeMap<String, String>;

/// What can be seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// What each profile shows that shows something.
    pub profiles: BTreeMap<String, Links>,
    /// What the out-link `result` shows.
    pub out_link: Option<Links>,
}

impl Shown {
    /// Looks; fails the test where something is shown that is not whole.
    #[track_caller]
    pub fn now(scene: &Scene) -> Self {
        let folder = scene.store().join("profiles");
        let profiles = profile_names(scene.store()).filter_map(|name| {
            let current = folder.join(&name).join("current");
            current.is_symlink().then(|| (name, links(&current)))
        });
        let profiles = profiles.collect();
        let out_link = scene.project().join("result");
        Self {
            profiles,
            out_link: out_link.is_symlink().then(|| links(&out_link)),
        }
    }

    /// Fails the test unless each profile shows what it does in `old` or in `new`, and the link too, but not before.
    #[track_caller]
    pub fn assert_between(&self, old: &Self, new: &Self) {
        let all = [self, old, new].map(|shown| shown.profiles.keys());
        for name in all.into_iter().flatten() {
            let shown = self.profiles.get(name);
            let possible = [old.profiles.get(name), new.profiles.get(name)];
            assert!(possible.contains(&shown), "profile {name} shows {shown:?}");
        }
        let possible = [&old.out_link, &new.out_link];
        let shown = &self.out_link;
        assert!(possible.contains(&shown), "the out-link shows {shown:?}");
        if old.out_link != new.out_link && self.out_link == new.out_link {
            for (name, links) in &new.profiles {
                assert_eq!(
                    self.profiles.get(name),
                    Some(links),
                    "the out-link moves last"
                );
            }
        }
    }
}

/// All profiles but those that are being deleted, under a dot name.
fn profile_names(store: &Path) -> impl Iterator<Item = String> {
    let names = names(&store.join("profiles")).into_iter();
    names.filter(|name| !name.starts_with('.'))
}

/// The names of all store paths that some generation holds: of a profile that shows something, each must be whole.
#[track_caller]
pub fn held(store: &Path) -> BTreeSet<String> {
    let folder = store.join("profiles");
    let mut held = BTreeSet::new();
    for profile in profile_names(store) {
        let profile = folder.join(profile);
        let generations = profile.join("generations");
        for number in names(&generations) {
            if number.parse::<u64>().is_ok() && profile.join("current").is_symlink() {
                held.extend(links(&generations.join(number)).into_values());
            }
        }
    }
    held
}

/// The links of a generation's folder.
#[track_caller]
fn links(generation: &Path) -> Links {
    let generation = fs_err::canonicalize(generation).unwrap();
    let shown = generation.display();
    let record = fs_err::read(generation.join("generation.json")).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    let mut links = Links::new();
    for name in names(&generation) {
        let link = generation.join(&name);
        if link.is_symlink() {
            let path: PathBuf = fs_err::canonicalize(&link).unwrap();
            let path = path.file_name().unwrap().to_str().unwrap().to_owned();
            links.insert(name, path);
        } else {
            assert_eq!(name, "generation.json", "{shown}");
        }
    }
    let said: Links = serde_json::from_value(record["environments"].clone()).unwrap();
    assert_eq!(links, said, "{shown}");
    links
}
