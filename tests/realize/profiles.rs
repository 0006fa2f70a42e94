//! `pyro profile`: generations, and moving between them.

use serde_json::{Value, json};

use super::{ask, generation, links, outcome, realize, run, with_folder};
use crate::inside;
use crate::support::Sandbox;

/// A profile with three generations; what each shows.
fn with_three() -> (Sandbox, [std::path::PathBuf; 3]) {
    let sandbox = with_folder();
    let shown = ["one", "two", "three"].map(|text| {
        sandbox.write("vm/more", text);
        outcome(&realize(&sandbox, &[])).1
    });
    (sandbox, shown)
}

fn showing(sandbox: &Sandbox) -> std::path::PathBuf {
    links(sandbox).remove(0).1
}

/// Numbers of the generations, newest first, each with what it restores.
fn history(sandbox: &Sandbox) -> Vec<(u64, Value)> {
    let document = ask(sandbox, &["profile", "history"]);
    let all = document["generations"].as_array().unwrap().iter();
    all.map(|one| (one["number"].as_u64().unwrap(), one["restores"].clone()))
        .collect()
}

#[test]
fn list_and_history() {
    let (sandbox, _) = with_three();
    let list = ask(&sandbox, &["profile", "list"]);
    assert_eq!(list["profiles"][0]["name"], "p");
    assert_eq!(list["profiles"][0]["current"], 3);
    let none = json!(null);
    assert_eq!(
        history(&sandbox),
        [(3, none.clone()), (2, none.clone()), (1, none)]
    );
}

#[test]
fn switch_makes_a_new_generation() {
    let (sandbox, shown) = with_three();
    let document = ask(&sandbox, &["profile", "switch", "1"]);
    assert_eq!(
        (&document["generation"], &document["restores"]),
        (&json!(4), &json!(1))
    );
    assert_eq!(showing(&sandbox), shown[0]);
    assert_eq!(generation(&sandbox).unwrap(), "4");
    // The same again is nothing new.
    assert_eq!(ask(&sandbox, &["profile", "switch", "1"])["changed"], false);
    assert_eq!(generation(&sandbox).unwrap(), "4");
    run(&sandbox, &["profile", "switch", "9"]).code(78);
}

#[test]
fn going_back_twice_goes_two_steps() {
    let (sandbox, shown) = with_three();
    ask(&sandbox, &["profile", "rollback"]);
    assert_eq!(showing(&sandbox), shown[1]);
    ask(&sandbox, &["profile", "rollback"]);
    assert_eq!(showing(&sandbox), shown[0]);
    assert_eq!(history(&sandbox)[..2], [(5, json!(1)), (4, json!(2))]);
    insta::assert_snapshot!(run(&sandbox, &["profile", "rollback"]), @"
    exit code 78
    ----- stderr
    error: profile `p` has no earlier generation to go back to
    hint: `pyro profile history` shows every generation
    ");
}

#[test]
fn the_next_realize_moves_on_from_there() {
    let (sandbox, shown) = with_three();
    ask(&sandbox, &["profile", "switch", "1"]);
    let document = realize(&sandbox, &[]);
    assert_eq!(
        (outcome(&document).1, &document["generation"]),
        (shown[2].clone(), &json!(5))
    );
    ask(&sandbox, &["profile", "rollback"]);
    assert_eq!(showing(&sandbox), shown[0], "what was live before");
}

#[test]
fn a_generation_whose_path_is_damaged_is_refused() {
    let (sandbox, shown) = with_three();
    inside::overwrite(&shown[0].join("vmlinux"), "short");
    insta::assert_snapshot!(run(&sandbox, &["profile", "switch", "1"]), @"
    exit code 69
    ----- stderr
    error: generation 1 of profile `p` needs [HASH]-vm-1, which is not valid in the store
    hint: realize its declaration again
    ");
    assert_eq!(generation(&sandbox).unwrap(), "3");
    inside::unlink(&shown[1].join("environment.json"));
    run(&sandbox, &["profile", "rollback"]).code(69);
    assert_eq!(showing(&sandbox), shown[2]);
}

#[test]
fn diff_says_what_changed() {
    let (sandbox, shown) = with_three();
    let hash = |n: usize| shown[n].file_name().unwrap().to_str().unwrap().to_owned();
    let document = ask(&sandbox, &["profile", "diff"]);
    assert_eq!((&document["from"], &document["to"]), (&json!(2), &json!(3)));
    let text = document.to_string();
    assert!(
        text.contains(&hash(1)) && text.contains(&hash(2)),
        "{document:#}"
    );
    let document = ask(&sandbox, &["profile", "diff", "1", "1"]);
    assert!(!document.to_string().contains(&hash(0)), "{document:#}");
}

#[test]
fn every_generation_holds_what_it_shows_until_the_profile_is_deleted() {
    let (sandbox, _) = with_three();
    run(&sandbox, &["env", "prune"]).code(0);
    assert_eq!(inside::paths(&sandbox).len(), 3);
    insta::assert_snapshot!(run(&sandbox, &["profile", "delete", "p"]), @"
    exit code 2
    ----- stderr
    error: this deletes profile `p` and its 3 generations
    hint: add --yes if that is meant
    ");
    assert_eq!(history(&sandbox).len(), 3);
    let document = ask(&sandbox, &["profile", "delete", "p", "--yes"]);
    assert_eq!(document["generations"], 3);
    run(&sandbox, &["env", "prune"]).code(0);
    assert_eq!(inside::paths(&sandbox).len(), 0);
    run(&sandbox, &["profile", "history"]).code(78);
    run(&sandbox, &["profile", "delete", "p", "--yes"]).code(78);
}

#[test]
fn without_a_declaration_no_profile_is_guessed() {
    let (sandbox, _) = with_three();
    let elsewhere = sandbox.path("tmp");
    let ended = sandbox.pyro(["profile", "history"]).cwd(&elsewhere).run();
    insta::assert_snapshot!(ended, @"
    exit code 78
    ----- stderr
    error: no profile is named, and there is no envs.toml here or in a parent folder
    hint: --profile NAME; `pyro profile list` shows them
    ");
    sandbox
        .pyro(["profile", "history", "-p", "p"])
        .cwd(&elsewhere)
        .run()
        .code(0);
}

#[test]
fn moving_a_profile_that_another_file_set_is_said() {
    let sandbox = with_folder();
    realize(&sandbox, &[]);
    let text = fs_err::read_to_string(sandbox.work().join("envs.toml")).unwrap();
    sandbox.write(
        "other.toml",
        &text.replace("version = \"1\"", "version = \"2\""),
    );
    let ended = run(&sandbox, &["realize", "other.toml"]).code(0);
    assert!(
        ended
            .stderr
            .contains("note: profile p was last set by [WORK]/envs.toml"),
        "{ended}"
    );
}
