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
    /// What each out-link in the project shows.
    pub out_links: BTreeMap<String, Links>,
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
        let project = scene.project();
        let out_links = names(&project).into_iter().filter_map(|name| {
            let link = project.join(&name);
            let is_shown = link.is_symlink() && !name.starts_with('.');
            is_shown.then(|| (name, links(&link)))
        });
        let out_links = out_links.collect();
        Self {
            profiles,
            out_links,
        }
    }

    /// Fails the test unless each profile and link shows what it does in `old` or in `new`; links move last.
    #[track_caller]
    pub fn assert_between(&self, old: &Self, new: &Self) {
        assert_each_between(&self.profiles, &old.profiles, &new.profiles);
        assert_each_between(&self.out_links, &old.out_links, &new.out_links);
        if self.out_links != old.out_links {
            for (name, links) in &new.profiles {
                assert_eq!(self.profiles.get(name), Some(links), "a link moved first");
            }
        }
    }
}

#[track_caller]
fn assert_each_between(
    now: &BTreeMap<String, Links>,
    old: &BTreeMap<String, Links>,
    new: &BTreeMap<String, Links>,
) {
    for name in [now, old, new].into_iter().flat_map(BTreeMap::keys) {
        let possible = [old.get(name), new.get(name)];
        let shown = now.get(name);
        assert!(possible.contains(&shown), "{name} shows {shown:?}");
    }
}

/// All profiles but those that are being deleted, under a dot name.
fn profile_names(store: &Path) -> impl Iterator<Item = String> {
    let names = names(&store.join("profiles")).into_iter();
    names.filter(|name| !name.starts_with('.'))
}

/// The names of all store paths that a generation or a root record holds. Each generation must be whole, of a profile
/// that shows something; each root must name what is there.
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
    held.extend(rooted(store));
    held
}

/// The names of all store paths that root records hold.
#[track_caller]
fn rooted(store: &Path) -> Vec<String> {
    let paths = names(&store.join("store"));
    let is_there = |start: &str| {
        let path = paths.iter().find(|path| path.starts_with(start));
        path.unwrap_or_else(|| panic!("{start} is rooted and gone"))
            .clone()
    };
    let mut rooted = Vec::new();
    let records = names(&store.join("roots")).into_iter();
    for record in records.filter(|name| !name.starts_with('.')) {
        let record = fs_err::read(store.join("roots").join(record)).unwrap();
        let record: Value = serde_json::from_slice(&record).unwrap();
        match record["kind"].as_str().unwrap() {
            "path" => rooted.push(is_there(record["path"].as_str().unwrap())),
            "link" => {
                let path = fs_err::read_link(record["link"].as_str().unwrap()).unwrap();
                rooted.push(is_there(path.file_name().unwrap().to_str().unwrap()));
            }
            "lock" => {
                let outputs = record["outputs"].as_array().unwrap().iter();
                rooted.extend(outputs.map(|output| is_there(output.as_str().unwrap())));
            }
            // A generation that it shows holds by itself.
            _ => {}
        }
    }
    rooted
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
