//! The fuzz targets have a lock of their own, outside of the workspace, which no build of pyro looks at: it must name
//! what pyro depends on, in the same versions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::{Table, Value};

fn read(file: &str) -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs_err::read_to_string(path).unwrap().parse().unwrap()
}

/// The versions of each package, and the names that pyro depends on.
fn locked(file: &str) -> (BTreeMap<String, BTreeSet<String>>, BTreeSet<String>) {
    let lock = read(file);
    let mut versions = BTreeMap::<_, BTreeSet<_>>::new();
    let mut needed = BTreeSet::new();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for package in lock["package"].as_array().unwrap() {
        let name = text(&package["name"]);
        if name == "pyro" {
            let names = package["dependencies"].as_array().unwrap().iter();
            needed = names
                .map(|name| text(name).split(' ').next().unwrap().to_owned())
                .collect();
        }
        let version = text(&package["version"]);
        versions.entry(name).or_default().insert(version);
    }
    (versions, needed)
}

#[test]
fn the_lock_of_the_fuzz_targets_is_up_to_date() {
    let manifest = read("Cargo.toml");
    let names = manifest["dependencies"].as_table().unwrap().keys();
    let declared: BTreeSet<String> = names.cloned().collect();
    let (own, _) = locked("Cargo.lock");
    let (fuzz, needed) = locked("fuzz/Cargo.lock");
    assert_eq!(needed, declared, "run `cargo update -p pyro` in fuzz/");
    for name in &declared {
        assert!(
            own[name].is_superset(&fuzz[name]),
            "{name} has another version"
        );
    }
}
