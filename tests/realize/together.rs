//! Several processes at once on one store.

use std::process::{Child, Output, Stdio};

use super::{declare, generation, links, outcome, realize, run};
use crate::inside;
use crate::support::Sandbox;
use crate::tree::{Packing, Tree};

/// A sandbox whose `envs.toml` has an environment of a folder and one of an archive.
fn with_both() -> Sandbox {
    let sandbox = Sandbox::new();
    let tree = (0..60).fold(Tree::vm(1), |tree, n| tree.file(&format!("lib/{n}"), "lib"));
    tree.write(&sandbox.work().join("a"));
    tree.pack(&sandbox.work().join("b.tar"), Packing::Zstd);
    declare(
        &sandbox,
        &[("a", &["local = \"a\""]), ("b", &["archive = \"b.tar\""])],
    );
    sandbox
}

fn start(sandbox: &Sandbox, words: &[&str]) -> Child {
    let mut command = sandbox.pyro(words).command;
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[track_caller]
fn done(child: Child) -> Output {
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    output
}

#[test]
fn eight_that_realize_the_same_make_it_once() {
    let sandbox = with_both();
    let all: Vec<Child> = (0..8)
        .map(|_| start(&sandbox, &["realize", "--json"]))
        .collect();
    for child in all {
        done(child);
    }
    assert_eq!(inside::paths(&sandbox).len(), 2);
    assert_eq!(inside::leftovers(&sandbox), [""; 0]);
    assert_eq!(generation(&sandbox).unwrap(), "1");
    assert_eq!(links(&sandbox).len(), 2);
    run(&sandbox, &["verify", "--full"]).code(0);
    run(&sandbox, &["lock", "--check"]).code(0);
    realize(&sandbox, &["--locked"]);
}

#[test]
fn eight_that_repair_the_same_leave_it_whole() {
    let sandbox = with_both();
    realize(&sandbox, &[]);
    for (_, path) in links(&sandbox) {
        inside::overwrite(&path.join("vmlinux"), "short");
    }
    let all: Vec<Child> = (0..8).map(|_| start(&sandbox, &["realize"])).collect();
    let repaired = all.into_iter().map(done);
    let repaired: usize = repaired
        .map(|output| {
            String::from_utf8(output.stderr)
                .unwrap()
                .matches("] repaired ")
                .count()
        })
        .sum();
    assert_eq!(repaired, 2, "each path once, by one of them");
    run(&sandbox, &["verify", "--full"]).code(0);
    assert_eq!(
        inside::leftovers(&sandbox).len(),
        2,
        "both damaged trees are trash"
    );
}

#[test]
fn a_prune_takes_nothing_from_a_realization() {
    let sandbox = with_both();
    for round in 0..20 {
        sandbox.write("a/round", &round.to_string());
        // The generations before hold their paths; without them there is something to prune.
        if round > 0 {
            run(&sandbox, &["profile", "delete", "p", "--yes"]).code(0);
        }
        let prune = start(&sandbox, &["env", "prune", "--json"]);
        let realize = start(&sandbox, &["realize"]);
        let again = start(&sandbox, &["env", "prune", "--json"]);
        done(realize);
        done(prune);
        done(again);
        let shown = links(&sandbox);
        assert_eq!(shown.len(), 2, "{shown:?}");
    }
    run(&sandbox, &["verify", "--full"]).code(0);
    run(&sandbox, &["env", "prune"]).code(0);
    assert_eq!(inside::paths(&sandbox).len(), 2);
    assert_eq!(inside::leftovers(&sandbox), [""; 0]);
}

#[test]
fn different_declarations_share_a_store() {
    let sandbox = with_both();
    let one = |name: &str| {
        let folder = sandbox.work().join(name);
        Tree::vm(3).write(&folder.join("vm"));
        let text = "schema = 1\n[environments.vm]\nversion = \"1\"\n[[environments.vm.sources]]\nlocal = \"vm\"\n";
        sandbox.write(&format!("{name}/envs.toml"), text);
        let mut command = sandbox.pyro(["realize", "--json"]).cwd(folder).command;
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let all: Vec<Child> = ["x", "y", "z"].map(one).into();
    let mut paths = Vec::new();
    for child in all {
        let document: serde_json::Value = serde_json::from_slice(&done(child).stdout).unwrap();
        paths.push(outcome(&document).1);
    }
    paths.dedup();
    assert_eq!(inside::path(&sandbox), paths[0]);
    assert_eq!(paths.len(), 1);
    assert_eq!(inside::names(&sandbox.store().join("profiles")).len(), 3);
}
