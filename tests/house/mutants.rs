//! The faults of `tests/mutants/` fit the source that they are put into, and name tests that there are: patches rot.
//!
//! That each is caught is shown by `tests/gate/mutants.sh`, which takes long.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::needs;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn patches() -> Vec<(PathBuf, String)> {
    let entries = fs_err::read_dir(root().join("tests/mutants")).unwrap();
    let mut patches: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs_err::read_to_string(path).unwrap()))
        .collect();
    patches.sort();
    patches
}

/// Whether there is a test file of this name, and a test that ends like `filter` in a module of that name.
fn has_test(file: &str, filter: &str) -> bool {
    let tests = root().join("tests");
    let mut starts = [format!("{file}.rs"), format!("{file}/main.rs")].into_iter();
    let (module, name) = filter.rsplit_once("::").unwrap();
    let module = format!("{}.rs", module.rsplit("::").next().unwrap());
    let test = format!("#[test]\nfn {name}() {{");
    let mut modules = walkdir::WalkDir::new(&tests)
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.file_name().unwrap() == module.as_str());
    starts.any(|start| tests.join(start).is_file())
        && modules.any(|path| fs_err::read_to_string(path).unwrap().contains(&test))
}

#[test]
fn every_mutant_fits_the_source() {
    if !needs::program("git", "git") {
        return;
    }
    let patches = patches();
    for (path, _) in &patches {
        let checked = Command::new("git")
            .args(["apply", "--check"])
            .arg(path)
            .current_dir(root())
            // What is unpacked inside another repository is not a part of it.
            .env("GIT_CEILING_DIRECTORIES", root().parent().unwrap())
            .output()
            .unwrap();
        assert!(checked.status.success(), "{}: {checked:?}", path.display());
    }
    println!("{} mutants fit", patches.len());
    assert!(patches.len() >= 15);
}

#[test]
fn every_mutant_says_what_it_is_and_who_catches_it() {
    for (path, text) in patches() {
        let path = path.display();
        let first = text.lines().next().unwrap();
        assert!(
            first.ends_with('.'),
            "{path}: the first line says the fault"
        );
        let (head, diff) = text.split_once("\ndiff --git ").unwrap();
        let catchers = head
            .lines()
            .filter_map(|line| line.strip_prefix("Caught by: "));
        let catchers: Vec<_> = catchers.map(|line| line.split_once(' ').unwrap()).collect();
        assert!(!catchers.is_empty(), "{path}: nobody catches it");
        for (file, filter) in catchers {
            assert!(has_test(file, filter), "{path}: no test {file} {filter}");
        }
        let files = diff.lines().filter_map(|line| line.strip_prefix("+++ "));
        for file in files {
            assert!(file.starts_with("b/src/"), "{path}: changes {file}");
        }
    }
}
