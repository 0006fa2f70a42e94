//! `init`, `add`, `remove`, and what a mistake in a declaration looks like.

use super::{ask, realize, run};
use crate::inside;
use crate::support::{Ended, Sandbox};
use crate::tree::Tree;

fn text(sandbox: &Sandbox) -> String {
    fs_err::read_to_string(sandbox.work().join("envs.toml")).unwrap()
}

#[test]
fn from_nothing_to_a_realized_environment() {
    let sandbox = Sandbox::new();
    ask(&sandbox, &["init"]);
    let first = text(&sandbox);
    run(&sandbox, &["init"]).code(2);
    assert_eq!(text(&sandbox), first);
    Tree::vm(1).write(&sandbox.work().join("vm"));
    ask(
        &sandbox,
        &["add", "vm", "--local", "vm", "--version", "2.0"],
    );
    assert!(text(&sandbox).starts_with(&first), "{}", text(&sandbox));
    realize(&sandbox, &[]);
    assert!(
        inside::path(&sandbox)
            .to_str()
            .unwrap()
            .ends_with("-vm-2.0")
    );
    run(&sandbox, &["add", "vm", "--local", "vm"]).code(2);
    ask(&sandbox, &["remove", "vm"]);
    run(&sandbox, &["remove", "vm"]).code(78);
}

#[test]
fn comments_and_order_stay() {
    let sandbox = Sandbox::new();
    let before = "# ours\nschema = 1 # of the file\n\n# the first\n[environments.z]\nversion = \"1\" # z\n[[environments.z.sources]]\nlocal = \"z\"\n";
    sandbox.write("envs.toml", before);
    ask(
        &sandbox,
        &[
            "add",
            "debian:12",
            "--oci",
            "docker.io/example/debian-12:1.0.0",
        ],
    );
    ask(
        &sandbox,
        &["add", "a", "--archive", "https://example.org/a.tar.zst"],
    );
    insta::assert_snapshot!(text(&sandbox), @r#"
    # ours
    schema = 1 # of the file

    # the first
    [environments.z]
    version = "1" # z
    [[environments.z.sources]]
    local = "z"

    [environments."debian:12"]
    version = "1.0.0"

    [[environments."debian:12".sources]]
    oci = "docker.io/example/debian-12:1.0.0"

    [environments.a]
    version = "1.0.0"

    [[environments.a.sources]]
    archive = "https://example.org/a.tar.zst"
    "#);
    ask(&sandbox, &["remove", "debian:12"]);
    ask(&sandbox, &["remove", "a"]);
    assert_eq!(text(&sandbox).trim_end(), before.trim_end());
}

/// What `pyro realize` says of a declaration with this text.
fn mistake(text: &str) -> Ended {
    let sandbox = Sandbox::new();
    sandbox.write("envs.toml", text);
    let ended = run(&sandbox, &["realize"]).code(78);
    assert!(!sandbox.work().join("envs.lock").exists());
    ended
}

#[test]
fn every_mistake_is_shown_in_its_place() {
    insta::assert_snapshot!(mistake("schema = 1\nprofil = \"ci\"\n\n[environments.vm]\nversoin = \"1\"\n[[environments.vm.sources]]\nlocla = \"vm\"\n"), @r#"
    exit code 78
    ----- stderr
    error: unknown key `profil`
     --> [WORK]/envs.toml:2:1
      |
    2 | profil = "ci"
      | ^^^^^^
      |
      = hint: did you mean `profile`?

    error: unknown key `versoin`
     --> [WORK]/envs.toml:5:1
      |
    5 | versoin = "1"
      | ^^^^^^^
      |
      = hint: did you mean `version`?

    error: a source needs one of `local`, `archive`, `oci`
     --> [WORK]/envs.toml:6:1
      |
    6 | [[environments.vm.sources]]
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = hint: each source is a folder (`local`), a tar archive (`archive`) or an image (`oci`)

    error: unknown key `locla`
     --> [WORK]/envs.toml:7:1
      |
    7 | locla = "vm"
      | ^^^^^
      |
      = hint: did you mean `local`?
    "#);
}

#[test]
fn mistakes_of_other_kinds() {
    insta::assert_snapshot!(mistake("schema = 1\n[environments.vm\nversion = 1\n"), @"
    exit code 78
    ----- stderr
    error: unclosed table, expected `]`
     --> [WORK]/envs.toml:2:17
      |
    2 | [environments.vm
      |                 ^
    ");
    insta::assert_snapshot!(mistake("schema = 2\n"), @"
    exit code 78
    ----- stderr
    error: schema: found 2, this pyro reads up to 1
     --> [WORK]/envs.toml:1:10
      |
    1 | schema = 2
      |          ^
      |
      = hint: a newer pyro may read it
    ");
    insta::assert_snapshot!(mistake("[environments.vm]\nversion = \"1\"\n[[environments.vm.sources]]\nlocal = \"vm\"\n"), @"
    exit code 78
    ----- stderr
    error: missing key `schema`
     --> [WORK]/envs.toml:1:1
      |
    1 | [environments.vm]
      | ^
      |
      = hint: write `schema = 1` on the first line
    ");
    insta::assert_snapshot!(mistake("schema = 1\n[environments.VM]\nversion = \"1 0\"\n[[environments.VM.sources]]\nlocal = \"vm\"\noci = \"x\"\n"), @r#"
    exit code 78
    ----- stderr
    error: `VM` is not an environment name: words of `a-z 0-9 . _ + -` that begin with a letter or digit, joined by `:` or `/`, at most 80 bytes
     --> [WORK]/envs.toml:2:15
      |
    2 | [environments.VM]
      |               ^^

    error: `1 0` is not a version: one to 64 of `A-Z a-z 0-9 . _ + -`
     --> [WORK]/envs.toml:3:11
      |
    3 | version = "1 0"
      |           ^^^^^

    error: a source is one thing, found `local` and `oci`
     --> [WORK]/envs.toml:6:1
      |
    6 | oci = "x"
      | ^^^
      |
      = hint: write another [[…sources]]; they are tried in order
    "#);
    insta::assert_snapshot!(mistake("schema = 1\n[environments.\"a:b\"]\nversion = \"1\"\nsources = [{ local = \"x\" }]\n[environments.\"a/b\"]\nversion = \"1\"\nsources = [{ local = \"x\" }]\n"), @r#"
    exit code 78
    ----- stderr
    error: `a/b` and `a:b` would share the file name `a_b`
     --> [WORK]/envs.toml:5:15
      |
    5 | [environments."a/b"]
      |               ^^^^^
      |
      = hint: rename one of them
    "#);
    insta::assert_snapshot!(mistake("schema = 1\n[environments.vm]\nversion = \"1\"\nlayout = \"file\"\nplatform = \"linux\"\nartifacts = { kernel = \"/boot/vmlinux\" }\n[[environments.vm.sources]]\narchive = \"x.tar\"\nsha256 = \"abc\"\n"), @r#"
    exit code 78
    ----- stderr
    error: a layout is `files` or `rootfs`
     --> [WORK]/envs.toml:4:10
      |
    4 | layout = "file"
      |          ^^^^^^

    error: `linux` is not a platform: expected os/architecture as registries write it, such as linux/amd64
     --> [WORK]/envs.toml:5:12
      |
    5 | platform = "linux"
      |            ^^^^^^^

    error: an artifact's path cannot have an absolute name
     --> [WORK]/envs.toml:6:24
      |
    6 | artifacts = { kernel = "/boot/vmlinux" }
      |                        ^^^^^^^^^^^^^^^
      |
      = hint: write it relative to the source's top folder, such as `boot/vmlinux`

    error: expected 64 lower-case hex digits, found `abc`
     --> [WORK]/envs.toml:9:10
      |
    9 | sha256 = "abc"
      |          ^^^^^
    "#);
}

#[test]
fn a_mistake_is_a_document_too() {
    let sandbox = Sandbox::new();
    sandbox.write("envs.toml", "schema = 1\nprofil = \"ci\"\n");
    let ended = run(&sandbox, &["realize", "--json"]).code(78);
    let error = &ended.document(&sandbox)["error"];
    assert_eq!((&error["line"], &error["column"]), (&2.into(), &1.into()));
    assert!(error["file"].as_str().unwrap().ends_with("/envs.toml"));
}
