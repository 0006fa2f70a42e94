//! Each file of a target's corpus, and mutations of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::mutation::Dice;
use crate::{checks, frames, seeds};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

/// Name and content of each file of a target's corpus.
fn files(target: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = fs_err::read_dir(corpus().join(target)).unwrap();
    entries
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs_err::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn the_seeds_are_those_that_the_code_makes() {
    for (target, seeds) in seeds::all() {
        let folder = corpus().join(target);
        if std::env::var_os("PYRO_SEEDS").is_some_and(|what| what == "write") {
            fs_err::create_dir_all(&folder).unwrap();
            for (name, bytes) in &seeds {
                fs_err::write(folder.join(format!("seed-{name}")), bytes).unwrap();
            }
        }
        let mut found = files(target);
        found.retain(|name, _| name.starts_with("seed-"));
        let expected: BTreeMap<String, Vec<u8>> = seeds
            .into_iter()
            .map(|(name, bytes)| (format!("seed-{name}"), bytes))
            .collect();
        let names: Vec<_> = expected.keys().collect();
        assert_eq!(found.keys().collect::<Vec<_>>(), names, "{target}");
        assert!(
            found == expected,
            "{target}: PYRO_SEEDS=write writes them anew"
        );
    }
}

/// Checks every file of a corpus and `mutations` changes of each.
fn replay(target: &str, mutations: usize, check: fn(&[u8])) {
    let files: Vec<(String, Vec<u8>)> = files(target).into_iter().collect();
    for (name, bytes) in &files {
        println!("{target}: {name}");
        check(bytes);
    }
    let mut dice = Dice::of(files.len() as u64);
    for (_, bytes) in &files {
        for _ in 0..mutations {
            let other = &files[dice.below(files.len())].1;
            let changed = dice.mutate(bytes, other);
            // Shown only if the check fails, and then it is a finding.
            let held = std::panic::catch_unwind(|| check(&changed)).is_ok();
            let shown = changed.escape_ascii();
            assert!(held, "{target}: add this to its corpus: {shown}");
        }
    }
    println!(
        "{target}: {} files, {mutations} mutations of each",
        files.len()
    );
    assert!(files.len() >= 5, "{target}");
}

#[test]
fn declarations() {
    replay("declaration", 300, checks::declaration);
}

#[test]
fn locks() {
    replay("lock", 300, checks::lock);
}

#[test]
fn manifests() {
    replay("manifest", 300, checks::manifest);
}

#[test]
fn archives() {
    replay("tar", 100, checks::tar);
}

#[test]
fn frames_of_the_protocol() {
    replay("frames", 100, frames::frames);
}
