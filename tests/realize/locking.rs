//! `pyro lock`: what it pins, what it compares, and what it leaves alone.

use serde_json::json;

use super::{ask, declare, lock_text, outcome, realize, run, with_folder};
use crate::inside;
use crate::support::Sandbox;
use crate::tree::{Packing, Tree};

const REMOTE: &str = "oci = \"registry.invalid/vm:1\"";

/// An archive `vm.tar` as the environment `vm`, another as `wm`.
fn with_archives() -> Sandbox {
    let sandbox = Sandbox::new();
    for (seed, name) in [(1, "vm"), (2, "wm")] {
        Tree::vm(seed).pack(&sandbox.work().join(format!("{name}.tar")), Packing::Gzip);
    }
    declare(
        &sandbox,
        &[
            ("vm", &["archive = \"vm.tar\""]),
            ("wm", &["archive = \"wm.tar\""]),
        ],
    );
    sandbox
}

/// The value of a line `key = "..."` in the block of `name`.
fn field(sandbox: &Sandbox, name: &str, key: &str) -> Option<String> {
    let text = lock_text(sandbox).unwrap();
    let block = text
        .split("[[environment]]")
        .find(|block| block.contains(&format!("name = \"{name}\"")))?;
    let line = block
        .lines()
        .find(|line| line.starts_with(&format!("{key} = ")))?;
    Some(line.split('"').nth(1)?.to_owned())
}

#[test]
fn lock_pins_without_unpacking() {
    let sandbox = with_archives();
    let document = ask(&sandbox, &["lock"]);
    assert_eq!(
        (&document["written"], &document["up_to_date"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(inside::paths(&sandbox).len(), 0);
    assert!(field(&sandbox, "vm", "sha256").is_some());
    assert_eq!(field(&sandbox, "vm", "output"), None);
    assert_eq!(ask(&sandbox, &["lock"])["written"], false);
    // A missing output is not stale.
    run(&sandbox, &["lock", "--check"]).code(0);
    realize(&sandbox, &["--locked"]);
}

#[test]
fn outputs_are_filled_on_request() {
    let sandbox = with_archives();
    ask(&sandbox, &["lock", "--outputs"]);
    let output = field(&sandbox, "vm", "output").unwrap();
    let paths = inside::paths(&sandbox);
    let named = paths.iter().any(|path| {
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with(&output)
    });
    assert!(named, "{output} in {paths:?}");
    let text = lock_text(&sandbox);
    assert_eq!(ask(&sandbox, &["lock", "--outputs"])["written"], false);
    realize(&sandbox, &["--locked"]);
    assert_eq!(lock_text(&sandbox), text);
}

#[test]
fn check_says_what_is_stale() {
    let sandbox = with_archives();
    run(&sandbox, &["lock", "--check"]).code(1);
    assert_eq!(lock_text(&sandbox), None);
    ask(&sandbox, &["lock"]);
    declare(
        &sandbox,
        &[
            ("vm", &["archive = \"vm.tar\"\nstrip-components = 1"]),
            ("wm", &["archive = \"wm.tar\""]),
        ],
    );
    let before = lock_text(&sandbox);
    insta::with_settings!({filters => vec![(r"for linux/\S+", "for [PLATFORM]")]}, {
        insta::assert_snapshot!(run(&sandbox, &["lock", "--check"]), @"
        exit code 1
        ----- stdout
        [WORK]/envs.lock is not up to date
          vm for [PLATFORM]
          vm for [PLATFORM]
        ----- stderr
        note: `pyro lock` brings it up to date
        ");
        insta::assert_snapshot!(run(&sandbox, &["realize", "--locked"]), @"
        exit code 79
        ----- stderr
        error: the lock is stale: vm for [PLATFORM] is declared differently now: [WORK]/envs.lock
        hint: `pyro lock` brings it up to date
        ");
    });
    assert_eq!(lock_text(&sandbox), before);
    let ended = run(&sandbox, &["lock", "--check", "--json"]).code(1);
    assert_eq!(ended.document(&sandbox)["up_to_date"], false);
}

#[test]
fn upgrade_moves_the_named_pins_only() {
    let sandbox = with_archives();
    realize(&sandbox, &[]);
    let before = ["vm", "wm"].map(|name| field(&sandbox, name, "sha256"));
    for (seed, name) in [(3, "vm"), (4, "wm")] {
        Tree::vm(seed).pack(&sandbox.work().join(format!("{name}.tar")), Packing::Gzip);
    }
    // Nothing but --upgrade looks at what the sources have now.
    ask(&sandbox, &["lock"]);
    assert_eq!(
        ["vm", "wm"].map(|name| field(&sandbox, name, "sha256")),
        before
    );
    ask(&sandbox, &["lock", "--upgrade", "wm"]);
    let after = ["vm", "wm"].map(|name| field(&sandbox, name, "sha256"));
    assert_eq!(after[0], before[0]);
    assert_ne!(after[1], before[1]);
    ask(&sandbox, &["lock", "--upgrade"]);
    assert_ne!(field(&sandbox, "vm", "sha256"), before[0]);
    realize(&sandbox, &["--locked"]);
    assert_eq!(inside::paths(&sandbox).len(), 4);
    run(&sandbox, &["lock", "--upgrade", "xm"]).code(78);
}

#[test]
fn blocks_of_what_is_no_longer_declared_are_dropped() {
    let sandbox = with_archives();
    ask(&sandbox, &["lock"]);
    declare(&sandbox, &[("vm", &["archive = \"vm.tar\""])]);
    // Not stale: whoever has --locked may go on.
    run(&sandbox, &["lock", "--check"]).code(0);
    realize(&sandbox, &["--locked"]);
    assert!(lock_text(&sandbox).unwrap().contains("\"wm\""));
    ask(&sandbox, &["lock"]);
    assert!(!lock_text(&sandbox).unwrap().contains("\"wm\""));
}

#[test]
fn a_source_that_cannot_be_reached_is_named_and_has_no_pin() {
    let sandbox = with_folder();
    declare(&sandbox, &[("vm", &["local = \"vm\"", "local = \"none\""])]);
    let document = ask(&sandbox, &["lock"]);
    assert!(document.to_string().contains("local none"), "{document:#}");
    assert_eq!(outcome(&realize(&sandbox, &["--locked"])).0, "ready");
    let elsewhere = sandbox.work().join("store");
    fs_err::rename(sandbox.work().join("vm"), sandbox.work().join("none")).unwrap();
    let words = ["realize", "--locked", "-q"];
    let ended = sandbox.pyro(&words).env("PYRO_STORE", elsewhere).run();
    let hint = "hint: `pyro lock` pins the sources that it can reach";
    assert!(ended.code(79).stderr.contains(hint));
    fs_err::rename(sandbox.work().join("none"), sandbox.work().join("vm")).unwrap();
    declare(&sandbox, &[("vm", &["local = \"none\""])]);
    let before = lock_text(&sandbox);
    run(&sandbox, &["lock"]).code(69);
    assert_eq!(lock_text(&sandbox), before);
}

#[test]
fn offline_never_asks_the_network() {
    let sandbox = Sandbox::new();
    declare(&sandbox, &[("vm", &[REMOTE])]);
    insta::assert_snapshot!(run(&sandbox, &["realize", "--offline", "-q"]), @"
    exit code 79
    ----- stderr
    [realize] vm: skipped source oci registry.invalid/vm:1: oci://registry.invalid/vm:1 needs the network, and it is forbidden
    error: no source of environment `vm` could be used: oci registry.invalid/vm:1: oci://registry.invalid/vm:1 needs the network, and it is forbidden
    hint: run without --offline
    ");
    run(&sandbox, &["lock", "--offline"]).code(79);
    // A source that is forbidden is passed over where another one serves.
    Tree::vm(1).write(&sandbox.work().join("vm"));
    declare(&sandbox, &[("vm", &[REMOTE, "local = \"vm\""])]);
    let document = realize(&sandbox, &["--offline"]);
    let one = &document["environments"][0];
    assert_eq!(one["skipped"][0]["source"], "oci registry.invalid/vm:1");
    assert_eq!(
        outcome(&realize(&sandbox, &["--offline", "--locked"])).0,
        "ready"
    );
}

#[test]
fn a_lock_that_is_none_is_shown() {
    let sandbox = with_folder();
    realize(&sandbox, &[]);
    let text = lock_text(&sandbox).unwrap();
    sandbox.write("envs.lock", &text.replace("output = \"", "outptu = \""));
    insta::with_settings!({filters => vec![(r"linux/\S+", "[PLATFORM]")]}, {
        insta::assert_snapshot!(run(&sandbox, &["realize", "-q"]), @r#"
        exit code 78
        ----- stderr
        error: unknown field `outptu`, expected one of `local`, `archive`, `oci`, `sha256`, `size`, `digest`, `layers`, `output`, `input`
          --> [WORK]/envs.lock:11:1
           |
        11 | outptu = "[HASH]"
           | ^^^^^^
        hint: `pyro lock` writes it anew once it is out of the way
        "#);
    });
    sandbox.write("envs.lock", "schema = 9\n");
    insta::assert_snapshot!(run(&sandbox, &["realize", "-q"]), @"
    exit code 78
    ----- stderr
    error: schema: found 9, this pyro reads up to 1
     --> [WORK]/envs.lock:1:10
      |
    1 | schema = 9
      |          ^
      |
      = hint: use the pyro that wrote this lock
    hint: `pyro lock` writes it anew once it is out of the way
    ");
}
