//! Locks of two git branches: what merges by itself, and what `pyro lock` settles.

use std::process::Command;

use crate::support::Sandbox;

/// `git` in the work folder, with nobody's settings.
pub fn git(sandbox: &Sandbox, words: &[&str]) -> (bool, String) {
    let output = Command::new("git")
        .args([
            "-c",
            "init.defaultBranch=main",
            "-c",
            "merge.conflictStyle=merge",
        ])
        .args(words)
        .current_dir(sandbox.work())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", sandbox.path("home"))
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .envs([
            ("GIT_AUTHOR_NAME", "a"),
            ("GIT_AUTHOR_EMAIL", "a@example.org"),
        ])
        .envs([
            ("GIT_COMMITTER_NAME", "a"),
            ("GIT_COMMITTER_EMAIL", "a@example.org"),
        ])
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[track_caller]
pub fn git_ok(sandbox: &Sandbox, words: &[&str]) {
    let (done, text) = git(sandbox, words);
    assert!(done, "git {words:?}: {text}");
}

/// A declaration of these environments, one file each beside it; `b*` makes what a folder holds.
fn declare(sandbox: &Sandbox, environments: &[(&str, &str)]) {
    let mut text = "schema = 1\n".to_owned();
    for (name, version) in environments {
        text += &format!(
            "\n[environments.{name}]\nversion = \"{version}\"\nplatform = \"linux/amd64\"\n\n[[environments.{name}.sources]]\nlocal = \"{name}\"\n"
        );
        sandbox.write(&format!("{name}/file"), &format!("{name} {version}"));
    }
    sandbox.write("envs.toml", &text);
}

/// A repository whose `main` has locked environments `a`, `m` and `z`.
fn repository() -> Sandbox {
    let sandbox = Sandbox::new();
    git_ok(&sandbox, &["init", "-q"]);
    declare(&sandbox, &[("a", "1"), ("m", "1"), ("z", "1")]);
    commit(&sandbox, "base");
    sandbox
}

/// Locks and commits what is there.
fn commit(sandbox: &Sandbox, message: &str) {
    sandbox.pyro(["lock"]).run().code(0);
    git_ok(sandbox, &["add", "-A"]);
    git_ok(sandbox, &["commit", "-q", "-m", message]);
}

/// Commits `ours` on `main` and `theirs` on a branch, and merges; whether git could.
fn merge(sandbox: &Sandbox, ours: &[(&str, &str)], theirs: &[(&str, &str)]) -> bool {
    git_ok(sandbox, &["checkout", "-q", "-b", "theirs"]);
    declare(sandbox, theirs);
    commit(sandbox, "theirs");
    git_ok(sandbox, &["checkout", "-q", "main"]);
    declare(sandbox, ours);
    commit(sandbox, "ours");
    git(sandbox, &["merge", "-q", "theirs", "-m", "merged"]).0
}

fn lock_text(sandbox: &Sandbox) -> String {
    fs_err::read_to_string(sandbox.work().join("envs.lock")).unwrap()
}

/// The output that the lock of `branch` has for environment `name`.
fn pinned(text: &str, name: &str) -> String {
    let block = text
        .split("[[environment]]")
        .find(|block| block.contains(&format!("name = \"{name}\"")));
    let block = block.unwrap_or_else(|| panic!("no {name} in {text}"));
    let line = block.lines().find(|line| line.starts_with("output = "));
    line.unwrap_or_else(|| panic!("no output of {name} in {text}"))
        .to_owned()
}

fn of_branch(sandbox: &Sandbox, branch: &str) -> String {
    git(sandbox, &["show", &format!("{branch}:envs.lock")]).1
}

#[test]
fn different_environments_merge_by_themselves() {
    let sandbox = repository();
    let ours = [("a", "2"), ("m", "1"), ("z", "1")];
    let theirs = [("a", "1"), ("m", "1"), ("z", "2")];
    assert!(merge(&sandbox, &ours, &theirs));
    sandbox.pyro(["lock", "--check"]).run().code(0);
    let merged = lock_text(&sandbox);
    assert_eq!(
        pinned(&merged, "a"),
        pinned(&of_branch(&sandbox, "main~1"), "a")
    );
    assert_eq!(
        pinned(&merged, "z"),
        pinned(&of_branch(&sandbox, "theirs"), "z")
    );
    sandbox
        .pyro(["realize", "--locked", "--offline"])
        .run()
        .code(0);
    assert_eq!(lock_text(&sandbox), merged);
}

#[test]
fn two_that_are_added_at_one_place_are_both_kept() {
    let sandbox = repository();
    let ours = [("a", "1"), ("c", "1"), ("m", "1"), ("z", "1")];
    let theirs = [("a", "1"), ("d", "1"), ("m", "1"), ("z", "1")];
    assert!(
        !merge(&sandbox, &ours, &theirs),
        "git merged what it should not"
    );
    let conflicted = lock_text(&sandbox);
    assert!(conflicted.contains("<<<<<<<") && conflicted.contains(">>>>>>>"));

    // The person settles the declaration; the lock is pyro's to settle.
    declare(
        &sandbox,
        &[("a", "1"), ("c", "1"), ("d", "1"), ("m", "1"), ("z", "1")],
    );
    // With nothing left to pin from, both sides' pins must come out of the file itself.
    for name in ["c", "d"] {
        fs_err::remove_dir_all(sandbox.work().join(name)).unwrap();
    }
    sandbox.pyro(["lock", "--offline"]).run().code(0);
    let settled = lock_text(&sandbox);
    assert!(!settled.contains("<<<<<<<"), "{settled}");
    assert_eq!(
        pinned(&settled, "c"),
        pinned(&of_branch(&sandbox, "main"), "c")
    );
    assert_eq!(
        pinned(&settled, "d"),
        pinned(&of_branch(&sandbox, "theirs"), "d")
    );
    sandbox.pyro(["lock", "--check"]).run().code(0);
    let again = sandbox.pyro(["lock"]).run().code(0);
    assert_eq!(lock_text(&sandbox), settled, "{again}");
}

#[test]
fn one_block_that_both_changed_is_settled_by_the_declaration() {
    let sandbox = repository();
    let ours = [("a", "1"), ("m", "2"), ("z", "1")];
    let theirs = [("a", "1"), ("m", "3"), ("z", "1")];
    assert!(
        !merge(&sandbox, &ours, &theirs),
        "git merged what it should not"
    );
    assert!(lock_text(&sandbox).contains("<<<<<<<"));
    declare(&sandbox, &theirs);
    sandbox.pyro(["lock"]).run().code(0);
    let settled = lock_text(&sandbox);
    assert!(!settled.contains("<<<<<<<"), "{settled}");
    assert_eq!(settled, of_branch(&sandbox, "theirs"));
    sandbox.pyro(["lock", "--check"]).run().code(0);
}

#[test]
fn a_lock_with_markers_is_never_obeyed_silently() {
    let sandbox = repository();
    let ours = [("a", "1"), ("m", "2"), ("z", "1")];
    let theirs = [("a", "1"), ("m", "3"), ("z", "1")];
    assert!(!merge(&sandbox, &ours, &theirs));
    // One side has the pin of just what is declared; that it was taken should be seen in a commit first.
    declare(&sandbox, &ours);
    let before = lock_text(&sandbox);
    insta::assert_snapshot!(sandbox.pyro(["lock", "--check"]).run(), @"
    exit code 1
    ----- stdout
    [WORK]/envs.lock is not up to date: it has git's conflict markers
    ----- stderr
    note: `pyro lock` brings it up to date
    ");
    for flag in ["--locked", "--frozen"] {
        let ended = sandbox
            .pyro(["realize", flag, "--platform=linux/amd64"])
            .run();
        insta::allow_duplicates!(insta::assert_snapshot!(ended, @"
        exit code 79
        ----- stderr
        error: the lock has git's conflict markers: [WORK]/envs.lock
        hint: `pyro lock` keeps the pins of both sides and writes it anew
        "));
    }
    assert_eq!(lock_text(&sandbox), before);
}
