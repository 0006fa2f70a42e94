//! `pyro realize` and what stands around it, on folders and archives.

mod archives;
mod declarations;
mod local;
mod locking;
mod out_links;
mod profiles;
mod store;
mod together;
mod verify;

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Ended, Sandbox};
use crate::tree::Tree;

/// The declaration of one environment with these sources, each a line such as `local = "src"`.
pub fn environment(name: &str, sources: &[&str]) -> String {
    let mut text = format!("\n[environments.{name}]\nversion = \"1\"\n");
    for source in sources {
        text += &format!("[[environments.{name}.sources]]\n{source}\n");
    }
    text
}

/// Writes `envs.toml` with these environments.
pub fn declare(sandbox: &Sandbox, environments: &[(&str, &[&str])]) {
    let all = environments.iter();
    let all: String = all
        .map(|(name, sources)| environment(name, sources))
        .collect();
    sandbox.write("envs.toml", &format!("schema = 1\nprofile = \"p\"\n{all}"));
}

/// A sandbox whose `envs.toml` has the environment `vm` of the folder `vm`.
pub fn with_folder() -> Sandbox {
    let sandbox = Sandbox::new();
    Tree::vm(1).write(&sandbox.work().join("vm"));
    declare(&sandbox, &[("vm", &["local = \"vm\""])]);
    sandbox
}

pub fn run(sandbox: &Sandbox, words: &[&str]) -> Ended {
    sandbox.pyro(words).run()
}

/// The document of a command that succeeds.
#[track_caller]
pub fn ask(sandbox: &Sandbox, words: &[&str]) -> Value {
    let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
    run(sandbox, &words).code(0).document(sandbox)
}

/// The document of `pyro realize` with these words.
#[track_caller]
pub fn realize(sandbox: &Sandbox, words: &[&str]) -> Value {
    let words: Vec<&str> = ["realize"].iter().chain(words).copied().collect();
    ask(sandbox, &words)
}

/// The status and the path of each environment of a realization.
pub fn outcomes(document: &Value) -> Vec<(&str, &str, PathBuf)> {
    let all = document["environments"].as_array().unwrap().iter();
    all.map(|one| {
        let text = |key: &str| one[key].as_str().unwrap_or_default();
        (text("name"), text("status"), text("path").into())
    })
    .collect()
}

/// The status and the path of the only environment of a realization.
#[track_caller]
pub fn outcome(document: &Value) -> (&str, PathBuf) {
    let outcomes = outcomes(document);
    let [(_, status, path)] = outcomes.as_slice() else {
        panic!("{document:#}");
    };
    (*status, path.clone())
}

/// The links of the profile `p` now, and where they point.
pub fn links(sandbox: &Sandbox) -> Vec<(String, PathBuf)> {
    let current = sandbox.store().join("profiles/p/current");
    let mut names = crate::inside::names(&current);
    names.retain(|name| name != "generation.json");
    let target = |name: &String| fs_err::canonicalize(current.join(name)).unwrap();
    names
        .iter()
        .map(|name| (name.clone(), target(name)))
        .collect()
}

/// The number of the live generation of the profile `p`.
pub fn generation(sandbox: &Sandbox) -> Option<String> {
    let current = sandbox.store().join("profiles/p/current");
    let target = fs_err::read_link(current).ok()?;
    Some(target.file_name()?.to_str()?.to_owned())
}

pub fn lock_text(sandbox: &Sandbox) -> Option<String> {
    fs_err::read_to_string(sandbox.work().join("envs.lock")).ok()
}
