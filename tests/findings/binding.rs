//! `pyro env` and the lock beside the declaration.

use std::path::PathBuf;

use serde_json::Value;

use super::{pack, seed_of};
use crate::inside;
use crate::realize::{ask, declare, realize, run};
use crate::support::Sandbox;
use crate::tree::{Packing, Tree};

const ARCHIVE: &str = "archive = \"vm.tar\"";
const STRIPPED: &str = "archive = \"vm.tar\"\nstrip-components = 1";

fn env(sandbox: &Sandbox, verb: &str) -> Value {
    ask(sandbox, &["env", verb, "vm"])
}

fn pulled(sandbox: &Sandbox) -> PathBuf {
    env(sandbox, "pull")["install_dir"].as_str().unwrap().into()
}

/// An account that has made `vm` of one archive, and then sees a lock of another.
fn locked_to_another(first: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    declare(&sandbox, &[("vm", &[ARCHIVE])]);
    pack(&sandbox, 1);
    run(&sandbox, first).code(0);
    pack(&sandbox, 2);
    run(&sandbox, &["lock", "--upgrade"]).code(0);
    sandbox
}

#[test]
fn what_was_made_of_other_bytes_than_the_locked_ones_is_not_pulled() {
    for first in [&["realize"][..], &["env", "pull", "vm"]] {
        let sandbox = locked_to_another(first);
        assert_eq!(env(&sandbox, "inspect")["installed"], false, "{first:?}");
        assert_eq!(seed_of(&pulled(&sandbox)), 2, "{first:?}");
        let inspected = env(&sandbox, "inspect");
        assert_eq!(inspected["installed"], true, "{first:?}");
        let path: PathBuf = inspected["install_dir"].as_str().unwrap().into();
        assert_eq!(seed_of(&path), 2, "{first:?}");
    }
}

#[test]
fn what_was_unpacked_in_another_way_is_not_pulled() {
    let lock: &[&str] = &["lock"];
    for (locks, first) in [
        (None, &["realize"][..]),
        (None, &["env", "pull", "vm"]),
        (Some(lock), &["realize"]),
        (Some(lock), &["env", "pull", "vm"]),
    ] {
        let sandbox = Sandbox::new();
        let archive = sandbox.work().join("vm.tar");
        Tree::vm(1).below("top").pack(&archive, Packing::Gzip);
        declare(&sandbox, &[("vm", &[ARCHIVE])]);
        run(&sandbox, first).code(0);
        declare(&sandbox, &[("vm", &[STRIPPED])]);
        if let Some(words) = locks {
            run(&sandbox, words).code(0);
        }
        let installed = env(&sandbox, "inspect")["installed"].clone();
        assert_eq!(installed, false, "{locks:?} {first:?}");
        let path = pulled(&sandbox);
        assert_eq!(
            inside::names(&path),
            ["environment.json", "rootfs.ext4", "vmlinux"],
            "{locks:?} {first:?}"
        );
    }
}

#[test]
fn what_was_made_of_the_locked_bytes_needs_no_archive() {
    let sandbox = locked_to_another(&["realize"]);
    realize(&sandbox, &["--locked"]);
    fs_err::remove_file(sandbox.work().join("vm.tar")).unwrap();
    assert_eq!(seed_of(&pulled(&sandbox)), 2);
}
