//! A sandbox with a declaration and a realized store, and ways to damage it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::inside::{self, overwrite, unseal};
use crate::support::{Ended, Sandbox};
use crate::tree::Tree;

/// One environment: its name and its sources, each a line such as `local = "src"`.
pub type Declared<'d> = (&'d str, &'d [&'d str]);

/// Writes `envs.toml` of the profile `p`.
pub fn declare(sandbox: &Sandbox, environments: &[Declared<'_>]) {
    let mut text = "schema = 1\nprofile = \"p\"\n".to_owned();
    for (name, sources) in environments {
        text += &format!("\n[environments.{name}]\nversion = \"1\"\n");
        for source in *sources {
            text += &format!("[[environments.{name}.sources]]\n{source}\n");
        }
    }
    sandbox.write("envs.toml", &text);
}

/// A sandbox in which so many environments of a folder each, `e0` and so on, are realized.
pub fn with_folders(count: u8) -> Sandbox {
    let sandbox = Sandbox::new();
    let names: Vec<String> = (0..count).map(|n| format!("e{n}")).collect();
    let sources: Vec<String> = names
        .iter()
        .map(|name| format!("local = \"{name}\""))
        .collect();
    let sources: Vec<[&str; 1]> = sources.iter().map(|source| [source.as_str()]).collect();
    let mut declared: Vec<Declared<'_>> = Vec::new();
    for ((seed, name), sources) in (0..).zip(&names).zip(&sources) {
        Tree::vm(seed).write(&sandbox.work().join(name));
        declared.push((name, sources));
    }
    declare(&sandbox, &declared);
    run(&sandbox, &["realize"]).code(0);
    sandbox
}

pub fn run(sandbox: &Sandbox, words: &[&str]) -> Ended {
    sandbox.pyro(words).run()
}

/// The document of a command that ends with this code.
#[track_caller]
pub fn ask(sandbox: &Sandbox, words: &[&str], code: i32) -> Value {
    let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
    run(sandbox, &words).code(code).document(sandbox)
}

/// The store path of an environment.
#[track_caller]
pub fn path_of(sandbox: &Sandbox, name: &str) -> PathBuf {
    let ending = format!("-{name}-1");
    let of_it = |path: &PathBuf| path.to_str().unwrap().ends_with(&ending);
    inside::paths(sandbox).into_iter().find(of_it).unwrap()
}

/// The state of each path that was verified, by the environment's name, sorted.
pub fn states(document: &Value) -> Vec<(String, String)> {
    let mut states: Vec<(String, String)> = document["paths"]
        .as_array()
        .unwrap()
        .iter()
        .map(|path| {
            let (_, name) = path["path"].as_str().unwrap().rsplit_once('/').unwrap();
            let name = name[65..].trim_end_matches("-1").to_owned();
            (name, path["status"].as_str().unwrap().to_owned())
        })
        .collect();
    states.sort();
    states
}

/// The entry of one environment's path in what `verify` answered.
#[track_caller]
pub fn entry<'d>(document: &'d Value, name: &str) -> &'d Value {
    let ending = format!("-{name}-1");
    let mut all = document["paths"].as_array().unwrap().iter();
    all.find(|path| path["path"].as_str().unwrap().ends_with(&ending))
        .unwrap()
}

/// Changes a byte and puts back all that the quick check looks at.
pub fn rot(file: &Path, at: usize) {
    let mut bytes = fs_err::read(file).unwrap();
    bytes[at] ^= 1;
    overwrite(file, bytes);
    seal_again(file);
}

/// Gives a file the mode and time of a sealed one.
pub fn seal_again(file: &Path) {
    unseal(file);
    let opened = fs_err::File::options().write(true).open(file).unwrap();
    let sealed = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1);
    opened.into_file().set_modified(sealed).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o444);
    fs_err::set_permissions(file, mode).unwrap();
}
