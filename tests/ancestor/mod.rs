//! The behaviours that the program before this one had, and where this one does better.

mod damage;
mod prune;
mod sources;

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Pyro, Sandbox};
use crate::tree::Tree;

/// A sandbox with a runtime bundle that has the local profile of `debian:12`.
fn with_bundle() -> Sandbox {
    let sandbox = Sandbox::new();
    Tree::vm(7).write(&profile(&sandbox));
    sandbox
}

/// The local profile of `debian:12`.
fn profile(sandbox: &Sandbox) -> PathBuf {
    sandbox.path("bundle/profiles/debian-git")
}

/// `pyro env` with these words, and the bundle.
fn env<'s>(sandbox: &'s Sandbox, words: &[&str]) -> Pyro<'s> {
    let words = ["env"].iter().chain(words);
    let bundle = sandbox.path("bundle");
    sandbox.pyro(words).env("PYRO_RUNTIME_BUNDLE_DIR", bundle)
}

/// The document of `pyro env VERB --json`.
#[track_caller]
fn ask(sandbox: &Sandbox, words: &[&str]) -> Value {
    let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
    env(sandbox, &words).run().code(0).document(sandbox)
}

/// Whether `pyro env inspect` says that `name` is installed.
#[track_caller]
fn installed(sandbox: &Sandbox, name: &str) -> bool {
    ask(sandbox, &["inspect", name])["installed"] == true
}
