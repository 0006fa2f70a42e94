//! What was once wrong about locks, sources and profiles, so that it stays right.

mod binding;
mod deferred;
mod merging;
mod unusable;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::Value;

use crate::realize::{declare, lock_text, outcome, realize, run};
use crate::support::Sandbox;
use crate::support::http::{Response, Server};
use crate::tree::{Packing, Tree};

/// A server of one archive, which can be taken away and put back, and counts what it is asked.
struct Archive {
    server: Server,
    there: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Archive {
    /// Serves this tree.
    fn of(sandbox: &Sandbox, tree: &Tree) -> Self {
        let file = sandbox.path("served.tar");
        tree.pack(&file, Packing::Plain);
        let bytes = fs_err::read(&file).unwrap();
        let there = Arc::new(AtomicBool::new(true));
        let asked = Arc::new(AtomicUsize::new(0));
        let (is_there, count) = (Arc::clone(&there), Arc::clone(&asked));
        let server = Server::start(move |request, stream| {
            count.fetch_add(1, Ordering::SeqCst);
            let answer = if is_there.load(Ordering::SeqCst) {
                Response::new(200, "application/x-tar", bytes.clone())
            } else {
                Response::new(404, "text/plain", "gone")
            };
            answer.write(&request.method, usize::MAX, stream)
        });
        Self {
            server,
            there,
            asked,
        }
    }

    /// The line of a declaration that names it.
    fn source(&self) -> String {
        format!("archive = \"http://{}/vm.tar\"", self.server.address())
    }

    fn put(&self, there: bool) {
        self.there.store(there, Ordering::SeqCst);
    }

    /// How often it was asked since the last time.
    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }
}

/// Packs `vm.tar` in the work folder, of a tree that `seed` makes.
fn pack(sandbox: &Sandbox, seed: u8) {
    Tree::vm(seed).pack(&sandbox.work().join("vm.tar"), Packing::Gzip);
}

/// The first byte of the file system in a store path: the seed of the tree that it was made of.
fn seed_of(path: &std::path::Path) -> u8 {
    fs_err::read(path.join("rootfs.ext4")).unwrap()[0]
}

/// The status and the path after `realize` with these words, and the reason of each source that was passed over.
#[track_caller]
fn realized(sandbox: &Sandbox, words: &[&str]) -> (String, PathBuf, Vec<String>) {
    let document = realize(sandbox, words);
    let (status, path) = outcome(&document);
    (status.to_owned(), path, skipped(&document))
}

fn skipped(document: &Value) -> Vec<String> {
    let skipped = document["environments"][0]["skipped"].as_array();
    let reason = |one: &Value| one["why"].as_str().unwrap().to_owned();
    skipped.into_iter().flatten().map(reason).collect()
}

#[test]
fn an_environment_that_is_named_twice_is_realized_once() {
    let sandbox = Sandbox::new();
    for (seed, name) in [(1, "a"), (2, "b")] {
        Tree::vm(seed).write(&sandbox.work().join(name));
    }
    declare(
        &sandbox,
        &[("a", &["local = \"a\""]), ("b", &["local = \"b\""])],
    );
    let document = realize(&sandbox, &["envs.toml", "b", "a", "b"]);
    let outcomes = crate::realize::outcomes(&document);
    let names: Vec<&str> = outcomes.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, ["b", "a"]);
}

#[test]
fn the_profile_of_pulled_environments_is_not_for_realizations() {
    let sandbox = crate::realize::with_folder();
    let of_option = run(&sandbox, &["realize", "--profile", "pulled"]).code(78);
    let text = fs_err::read_to_string(sandbox.work().join("envs.toml")).unwrap();
    sandbox.write(
        "envs.toml",
        &text.replace("profile = \"p\"", "profile = \"pulled\""),
    );
    let of_declaration = run(&sandbox, &["realize"]).code(78);
    for ended in [of_option, of_declaration] {
        assert!(ended.stderr.contains("pulled"), "{ended}");
    }
    assert!(!sandbox.store().join("profiles/pulled").exists());
    assert_eq!(lock_text(&sandbox), None);
}
