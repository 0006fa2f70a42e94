//! What a collection must not leave: anything that nobody would ever look at again.

use std::path::Path;

use crate::inside::names;
use crate::shown::held;
use crate::support::scene::Scene;

/// Everything in the store and the project that nothing names, and no collection will remove.
#[track_caller]
pub fn debris(scene: &Scene) -> Vec<String> {
    let store = scene.store();
    let mut debris = Vec::new();
    let held = held(store);
    let loose = names(&store.join("store")).into_iter();
    debris.extend(loose.filter(|name| !name.starts_with('.') && !held.contains(name)));
    let is_used = |lock: &String| {
        let hash = lock.trim_end_matches(".w");
        held.iter().any(|path| path.starts_with(hash))
    };
    let locks = names(&store.join("leases"));
    debris.extend(locks.into_iter().filter(|lock| !is_used(lock)));
    for name in names(&store.join("profiles")) {
        let profile = store.join("profiles").join(&name);
        if names(&profile.join("generations")).is_empty() {
            debris.push(format!("profile {name}, which has nothing"));
        }
    }
    debris.extend(unfinished(scene));
    debris
}

/// Everything in the store and the project that has the dot name of something in the making, or of trash.
pub fn unfinished(scene: &Scene) -> Vec<String> {
    let (store, project) = (scene.store(), scene.project());
    let mut unfinished = dot_names(store, &store.join("store"));
    unfinished.extend(dot_names(&project, &project.join("sources")));
    let trees = names(&store.join("store")).into_iter();
    unfinished.extend(
        trees
            .filter(|name| name.starts_with('.'))
            .map(|name| format!("store/{name}")),
    );
    unfinished
}

/// What has the dot name of something in the making, below `folder` but for what is below `except`.
fn dot_names(folder: &Path, except: &Path) -> Vec<String> {
    if !folder.exists() {
        return Vec::new();
    }
    let walk = walkdir::WalkDir::new(folder).min_depth(1).into_iter();
    let entries = walk.filter_entry(|entry| entry.path() != except);
    let paths = entries.map(|entry| entry.unwrap().into_path());
    paths
        .filter(|path| {
            path.file_name()
                .unwrap()
                .as_encoded_bytes()
                .starts_with(b".")
        })
        .map(|path| path.display().to_string())
        .collect()
}

/// Makes records in the making old: no lock covers them, so that a collection goes by their time.
pub fn age(scene: &Scene) {
    let store = scene.store();
    for path in dot_names(store, &store.join("store")) {
        let path = Path::new(&path);
        if path.is_file() && !path.is_symlink() {
            make_old(path);
        }
    }
}

/// Makes a file look as if it was written long ago.
pub fn make_old(path: &Path) {
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1000);
    let file = fs_err::OpenOptions::new().write(true).open(path).unwrap();
    file.set_modified(long_ago).unwrap();
}
