//! Where an environment comes from, and that it needs no source once it is there.

use serde_json::json;

use super::{ask, env, installed, profile, with_bundle};
use crate::inside;
use crate::support::Sandbox;
use crate::tree::{Packing, Tree};

/// An environment with a local folder first and an archive after it.
const BOTH: &str = r#"
schema = 1
[environments.vm]
version = "1.0.0"
artifacts = { kernel = "vmlinux", rootfs = "rootfs.ext4" }
[[environments.vm.sources]]
local = "here"
[[environments.vm.sources]]
archive = "vm.tar.zst"
"#;

#[test]
fn list_has_the_catalog() {
    let sandbox = Sandbox::new();
    let document = ask(&sandbox, &["list"]);
    let environments = document["environments"].as_array().unwrap();
    let names: Vec<&str> = environments
        .iter()
        .map(|environment| environment["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["debian:12", "debian:12-base", "debian:12-build"]);
}

#[test]
fn an_unknown_name_is_an_error_that_says_what_is_known() {
    let sandbox = Sandbox::new();
    for verb in ["inspect", "pull"] {
        insta::allow_duplicates!(
            insta::assert_snapshot!(env(&sandbox, &[verb, "debian:13"]).run(), @"
        exit code 78
        ----- stderr
        error: unknown environment `debian:13`; known: debian:12, debian:12-base, debian:12-build
        hint: did you mean `debian:12`?
        ")
        );
        let ended = env(&sandbox, &[verb, "debian:13", "--json"]).run().code(78);
        let document = ended.document(&sandbox);
        let message = document["error"]["message"].as_str().unwrap();
        assert!(
            message.starts_with("unknown environment `debian:13`"),
            "{message}"
        );
    }
}

#[test]
fn pull_takes_the_local_profile_of_the_bundle() {
    let sandbox = with_bundle();
    let before = ask(&sandbox, &["inspect", "debian:12"]);
    assert_eq!(before["installed"], false);
    for key in [
        "install_dir",
        "install_manifest",
        "kernel_image",
        "rootfs_image",
    ] {
        assert!(before.get(key).is_none(), "{key} in {before:#}");
    }
    assert!(
        !sandbox.store().exists(),
        "to look at a store does not make one"
    );

    let pulled = ask(&sandbox, &["pull", "debian:12"]);
    let path = inside::path(&sandbox);
    assert_eq!(pulled["installed"], true);
    assert_eq!(pulled["cache_dir"], json!(sandbox.store()));
    assert_eq!(pulled["install_dir"], json!(path));
    assert_eq!(
        pulled["install_manifest"],
        json!(path.join("environment.json"))
    );
    assert_eq!(pulled["kernel_image"], json!(path.join("vmlinux")));
    assert_eq!(pulled["rootfs_image"], json!(path.join("rootfs.ext4")));
    let local = format!("local:{}", profile(&sandbox).display());
    assert_eq!(pulled["source"], json!(local));
    assert_eq!(
        fs_err::read(path.join("vmlinux")).unwrap(),
        vec![8_u8; 9_000]
    );

    let mut after = ask(&sandbox, &["inspect", "debian:12"]);
    after["schema"] = pulled["schema"].clone();
    assert_eq!(after, pulled);
}

#[test]
fn an_install_needs_no_source_any_more() {
    let sandbox = with_bundle();
    env(&sandbox, &["pull", "debian:12"]).run().code(0);
    fs_err::remove_dir_all(sandbox.path("bundle")).unwrap();
    assert!(installed(&sandbox, "debian:12"));
    let ended = env(&sandbox, &["pull", "debian:12", "--offline"]).run();
    assert!(!ended.code(0).stderr.contains("phase=unpack"));
}

#[test]
fn an_archive_that_was_pulled_is_not_opened_again() {
    let sandbox = Sandbox::new();
    sandbox.write("envs.toml", BOTH);
    let archive = sandbox.work().join("vm.tar.zst");
    Tree::vm(1).pack(&archive, Packing::Zstd);
    env(&sandbox, &["pull", "vm"]).run().code(0);
    fs_err::remove_file(archive).unwrap();
    assert!(installed(&sandbox, "vm"));
    env(&sandbox, &["pull", "vm"]).run().code(0);
    assert!(
        !sandbox.work().join("envs.lock").exists(),
        "pull writes no lock"
    );
}

#[test]
fn the_old_variable_moves_the_store() {
    let sandbox = with_bundle();
    let moved = sandbox.path("moved");
    let ended = env(&sandbox, &["pull", "debian:12", "--json"])
        .without_env("PYRO_STORE")
        .env("PYRO_ENVIRONMENT_CACHE_DIR", &moved)
        .run()
        .code(0);
    let document = ended.document(&sandbox);
    assert_eq!(document["cache_dir"], json!(moved));
    let manifest = document["install_manifest"].as_str().unwrap();
    assert!(std::path::Path::new(manifest).starts_with(&moved));
    assert!(std::path::Path::new(manifest).is_file());
    assert!(!sandbox.store().exists());
}

#[test]
fn the_archive_serves_where_the_local_profile_is_missing() {
    let sandbox = Sandbox::new();
    sandbox.write("envs.toml", BOTH);
    Tree::vm(1).pack(&sandbox.work().join("vm.tar.zst"), Packing::Zstd);
    let pulled = ask(&sandbox, &["pull", "vm"]);
    let file = format!("file://{}", sandbox.work().join("vm.tar.zst").display());
    assert_eq!(pulled["source"], json!(file));
    assert_eq!(
        pulled["rootfs_image"],
        json!(inside::path(&sandbox).join("rootfs.ext4"))
    );
}

#[test]
fn artifacts_nested_in_an_archive_are_found() {
    let sandbox = Sandbox::new();
    sandbox.write("envs.toml", BOTH);
    let nested = Tree::vm(1).below("out/deep").file("out/README", "read me");
    nested.pack(&sandbox.work().join("vm.tar.zst"), Packing::Gzip);
    let pulled = ask(&sandbox, &["pull", "vm"]);
    let deep = inside::path(&sandbox).join("out/deep");
    assert_eq!(pulled["kernel_image"], json!(deep.join("vmlinux")));
    assert_eq!(pulled["rootfs_image"], json!(deep.join("rootfs.ext4")));
}

#[test]
fn an_empty_local_profile_never_wins() {
    let sandbox = Sandbox::new();
    sandbox.write("envs.toml", BOTH);
    fs_err::create_dir_all(sandbox.work().join("here")).unwrap();
    Tree::vm(1).pack(&sandbox.work().join("vm.tar.zst"), Packing::Zstd);
    let ended = env(&sandbox, &["pull", "vm"]).run().code(0);
    assert!(
        ended.stderr.contains("skipped source local here"),
        "{ended}"
    );
    let file = format!("file://{}", sandbox.work().join("vm.tar.zst").display());
    assert_eq!(ask(&sandbox, &["inspect", "vm"])["source"], json!(file));

    fs_err::remove_file(sandbox.work().join("vm.tar.zst")).unwrap();
    let other = Sandbox::new();
    other.write("envs.toml", BOTH);
    fs_err::create_dir_all(other.work().join("here")).unwrap();
    env(&other, &["pull", "vm"]).run().code(69);
    assert!(!installed(&other, "vm"));
}

#[test]
fn a_local_profile_without_an_artifact_never_wins() {
    let sandbox = Sandbox::new();
    sandbox.write("envs.toml", BOTH);
    sandbox.write("here/vmlinux", "only a kernel");
    Tree::vm(1).pack(&sandbox.work().join("vm.tar.zst"), Packing::Zstd);
    let ended = env(&sandbox, &["pull", "vm"]).run().code(0);
    assert!(
        ended.stderr.contains("skipped source local here"),
        "{ended}"
    );
    assert!(ended.stderr.contains("rootfs.ext4"), "{ended}");
    assert_eq!(inside::leftovers(&sandbox), [""; 0]);
}

#[test]
fn arm64_is_a_path_of_its_own() {
    let sandbox = with_bundle();
    let there = |platform: &str| {
        let document = ask(&sandbox, &["inspect", "debian:12", "--platform", platform]);
        (
            document["installed"] == true,
            document["install_dir"].clone(),
        )
    };
    let host = ask(&sandbox, &["inspect", "debian:12"])["platform"].clone();
    let other = if host == "linux/arm64" {
        "linux/amd64"
    } else {
        "linux/arm64"
    };
    let pulled = ask(&sandbox, &["pull", "debian:12", "--platform", other]);
    assert_eq!(pulled["platform"], json!(other));
    assert_eq!(there(other), (true, pulled["install_dir"].clone()));
    assert!(!there(host.as_str().unwrap()).0);
    ask(&sandbox, &["pull", "debian:12"]);
    assert_eq!(inside::paths(&sandbox).len(), 2);
    ask(&sandbox, &["prune"]);
    assert_eq!(inside::paths(&sandbox).len(), 2);
}

#[test]
fn pull_obeys_the_lock_beside_the_declaration() {
    let sandbox = Sandbox::new();
    sandbox.write("envs.toml", BOTH);
    let archive = sandbox.work().join("vm.tar.zst");
    Tree::vm(1).pack(&archive, Packing::Zstd);
    sandbox.pyro(["lock"]).run().code(0);
    let lock = fs_err::read(sandbox.work().join("envs.lock")).unwrap();
    Tree::vm(2).pack(&archive, Packing::Zstd);
    env(&sandbox, &["pull", "vm"]).run().code(65);
    Tree::vm(1).pack(&archive, Packing::Zstd);
    env(&sandbox, &["pull", "vm"]).run().code(0);
    assert_eq!(
        fs_err::read(sandbox.work().join("envs.lock")).unwrap(),
        lock
    );
}
