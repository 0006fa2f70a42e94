//! What prune removes: everything that nothing holds, and what a declaration let go of.

use serde_json::json;

use super::{ask, env, installed, with_bundle};
use crate::inside::{self, overwrite, unlink};
use crate::support::Sandbox;
use crate::tree::Tree;

fn declaration(names_and_versions: &[(&str, &str)]) -> String {
    let mut text = "schema = 1\n".to_owned();
    for (name, version) in names_and_versions {
        text += &format!(
            "[environments.{name}]\nversion = \"{version}\"\n[[environments.{name}.sources]]\nlocal = \"{name}\"\n"
        );
    }
    text
}

/// The path that `pull` of `name` gave.
fn pull(sandbox: &Sandbox, name: &str) -> std::path::PathBuf {
    let document = ask(sandbox, &["pull", name]);
    document["install_dir"].as_str().unwrap().into()
}

#[test]
fn prune_removes_five_kinds_and_keeps_the_rest() {
    let sandbox = with_bundle();
    let all = ["kept", "gone", "aged", "bare", "foreign"];
    for (seed, name) in (1..).zip(all) {
        Tree::vm(seed).write(&sandbox.work().join(name));
    }
    sandbox.write("envs.toml", &declaration(&all.map(|name| (name, "1"))));
    let kept = [pull(&sandbox, "debian:12"), pull(&sandbox, "kept")];
    let gone = pull(&sandbox, "gone");
    let aged = pull(&sandbox, "aged");
    let bare = pull(&sandbox, "bare");
    let foreign = pull(&sandbox, "foreign");

    // No root names these two: their entries go, and then they have no manifest to say what they are.
    sandbox.write("envs.toml", &declaration(&[("kept", "1"), ("aged", "2")]));
    unlink(&bare.join("environment.json"));
    overwrite(&foreign.join("environment.json"), "{\"name\":\"not ours\"}");
    let dead = sandbox.store().join("store/.s-0123456789abcdef");
    fs_err::create_dir(&dead).unwrap();
    fs_err::write(dead.join("half"), "half").unwrap();

    let document = ask(&sandbox, &["prune"]);
    let mut deleted: Vec<&str> = document["deleted_environment_dirs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|path| path.as_str().unwrap())
        .collect();
    deleted.sort_unstable();
    let mut expected = [&gone, &aged, &bare, &foreign, &dead].map(|path| path.to_str().unwrap());
    expected.sort_unstable();
    assert_eq!(document["count"], json!(5));
    assert_eq!(deleted, expected);
    assert!(
        expected
            .iter()
            .all(|path| !std::path::Path::new(path).exists())
    );
    assert!(kept.iter().all(|path| path.is_dir()));
    assert!(installed(&sandbox, "debian:12") && installed(&sandbox, "kept"));

    let again = ask(&sandbox, &["prune"]);
    assert_eq!(again["count"], json!(0));
    assert_eq!(again["deleted_environment_dirs"], json!([]));
}

#[test]
fn a_path_that_no_root_ever_named_goes() {
    let sandbox = with_bundle();
    env(&sandbox, &["pull", "debian:12"]).run().code(0);
    let stray = sandbox
        .store()
        .join(format!("store/{}-stray-1", "ab".repeat(32)));
    fs_err::create_dir(&stray).unwrap();
    fs_err::write(stray.join("file"), "no manifest").unwrap();
    let document = ask(&sandbox, &["prune"]);
    assert_eq!(document["deleted_environment_dirs"], json!([stray]));
    assert!(!stray.exists());
}

#[test]
fn it_does_not_matter_where_prune_runs() {
    let sandbox = Sandbox::new();
    Tree::vm(1).write(&sandbox.work().join("a/vm"));
    let text = declaration(&[("vm", "1")]);
    sandbox.write("a/envs.toml", &text);
    let inside =
        |words: &[&str], folder: &str| env(&sandbox, words).cwd(sandbox.path(folder)).run().code(0);
    inside(&["pull", "vm"], "work/a");
    inside(&["prune"], "tmp");
    assert_eq!(inside::paths(&sandbox).len(), 1);
    // The file is gone while its folder is there: nobody declares it any more.
    fs_err::remove_file(sandbox.work().join("a/envs.toml")).unwrap();
    inside(&["prune"], "tmp");
    assert_eq!(inside::paths(&sandbox).len(), 0);
}

#[test]
fn what_a_declaration_that_is_away_holds_is_kept() {
    let sandbox = Sandbox::new();
    Tree::vm(1).write(&sandbox.work().join("a/vm"));
    sandbox.write("a/envs.toml", &declaration(&[("vm", "1")]));
    let pull = env(&sandbox, &["pull", "vm"]).cwd(sandbox.work().join("a"));
    pull.run().code(0);
    fs_err::rename(sandbox.work().join("a"), sandbox.path("unmounted")).unwrap();
    let ended = env(&sandbox, &["prune"]).run().code(0);
    assert!(
        ended.stderr.contains("kept what was pulled from"),
        "{ended}"
    );
    assert_eq!(inside::paths(&sandbox).len(), 1);
    // With mistakes it does not say that nothing is declared either.
    fs_err::rename(sandbox.path("unmounted"), sandbox.work().join("a")).unwrap();
    sandbox.write("a/envs.toml", "schema = 1\nenvironments = 3\n");
    let ended = env(&sandbox, &["prune"]).run().code(0);
    assert!(
        ended.stderr.contains("kept what was pulled from"),
        "{ended}"
    );
    assert_eq!(inside::paths(&sandbox).len(), 1);
}

#[test]
fn other_peoples_files_are_not_touched() {
    let sandbox = Sandbox::new();
    Tree::vm(1).write(&sandbox.path("bundle/profiles/debian-git"));
    fs_err::create_dir_all(sandbox.store().join("environments/debian-12")).unwrap();
    fs_err::write(sandbox.store().join("index.json"), "{}").unwrap();
    env(&sandbox, &["pull", "debian:12"]).run().code(0);
    assert_eq!(ask(&sandbox, &["prune"])["count"], json!(0));
    assert!(sandbox.store().join("environments/debian-12").is_dir());
    assert!(sandbox.store().join("index.json").is_file());
}
