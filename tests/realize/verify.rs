//! `pyro path` and `pyro verify`.

use serde_json::json;

use super::{ask, declare, outcome, realize, run, with_folder};
use crate::inside::{self, overwrite, unlink, unseal};
use crate::support::Sandbox;
use crate::tree::{Packing, Tree};

/// The environment `vm` with a kernel and a root file system that have roles.
fn with_artifacts(source: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    Tree::vm(1).below("boot").write(&sandbox.work().join("vm"));
    Tree::vm(1)
        .below("boot")
        .pack(&sandbox.work().join("vm.tar"), Packing::Xz);
    let roles = "[environments.vm.artifacts]\nkernel = \"vmlinux\"\nrootfs = \"rootfs.ext4\"";
    declare(&sandbox, &[("vm", &[source])]);
    let text = fs_err::read_to_string(sandbox.work().join("envs.toml")).unwrap();
    sandbox.write("envs.toml", &format!("{text}{roles}\n"));
    sandbox
}

#[test]
fn path_prints_the_store_path_and_its_artifacts() {
    let sandbox = with_artifacts("local = \"vm\"");
    run(&sandbox, &["path", "vm"]).code(69);
    realize(&sandbox, &[]);
    let path = inside::path(&sandbox);
    let printed = |words: &[&str]| run(&sandbox, words).code(0).raw_stdout;
    assert_eq!(printed(&["path", "vm"]), format!("{}\n", path.display()));
    let kernel = path.join("boot/vmlinux");
    assert_eq!(
        printed(&["path", "vm", "kernel"]),
        format!("{}\n", kernel.display())
    );
    let document = ask(&sandbox, &["path", "vm", "rootfs"]);
    assert_eq!(document["path"], json!(path.join("boot/rootfs.ext4")));
    assert_eq!(document["store_path"], json!(path));
    insta::assert_snapshot!(run(&sandbox, &["path", "vm", "initrd"]), @"
    exit code 78
    ----- stderr
    error: environment `vm` has no artifact `initrd`; it has: kernel, rootfs
    ");
    insta::assert_snapshot!(run(&sandbox, &["path", "wm"]), @"
    exit code 78
    ----- stderr
    error: unknown environment `wm`; known: vm, debian:12, debian:12-base, debian:12-build
    hint: did you mean `vm`?
    ");
    overwrite(&kernel, "short");
    insta::assert_snapshot!(run(&sandbox, &["path", "vm"]), @"
    exit code 69
    ----- stderr
    error: environment `vm` is not installed
    hint: `pyro realize` or `pyro env pull vm`
    ");
}

#[test]
fn who_asks_for_what_was_only_pulled_is_told_where_it_is() {
    let sandbox = with_artifacts("local = \"vm\"");
    let pulled = ask(&sandbox, &["env", "pull", "vm"]);
    let ended = run(&sandbox, &["path", "vm"]).code(69);
    assert!(ended.stderr.contains("which was pulled"), "{ended}");
    assert!(ended.stderr.contains("--profile pulled"), "{ended}");
    let path = ask(&sandbox, &["path", "vm", "--profile", "pulled"]);
    assert_eq!(path["path"], pulled["install_dir"]);
}

/// Changes a byte and puts back all that the quick check looks at.
fn rot(path: &std::path::Path) {
    let mut bytes = fs_err::read(path).unwrap();
    bytes[100] ^= 1;
    overwrite(path, bytes);
    let file = fs_err::File::options()
        .write(true)
        .open(path)
        .unwrap()
        .into_file();
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1))
        .unwrap();
    let sealed = std::os::unix::fs::PermissionsExt::from_mode(0o444);
    fs_err::set_permissions(path, sealed).unwrap();
}

#[test]
fn the_full_check_sees_what_the_quick_one_cannot() {
    let sandbox = with_folder();
    realize(&sandbox, &[]);
    let path = inside::path(&sandbox);
    rot(&path.join("vmlinux"));
    run(&sandbox, &["verify", "--quick"]).code(0);
    let ended = run(&sandbox, &["verify", "--full"]).code(65);
    assert!(ended.stdout.contains("vmlinux"), "{ended}");
    let document = run(&sandbox, &["verify", "vm", "--full", "--json"])
        .code(65)
        .document(&sandbox);
    assert_eq!(document["paths"][0]["path"], json!(path));
    assert_eq!(document["paths"][0]["findings"][0]["entry"], "vmlinux");
    // A realization that looks at everything finds it too.
    assert_eq!(
        outcome(&realize(&sandbox, &["--check", "full"])).0,
        "repaired"
    );
    run(&sandbox, &["verify", "--full"]).code(0);
}

#[test]
fn every_kind_of_damage_is_told() {
    let sandbox = with_folder();
    for name in ["cut", "gone", "linked", "folder", "ran", "touched"] {
        sandbox.write(&format!("vm/{name}"), "0123456789");
    }
    realize(&sandbox, &[]);
    let path = inside::path(&sandbox);
    overwrite(&path.join("cut"), "0");
    unlink(&path.join("gone"));
    unlink(&path.join("linked"));
    fs_err::os::unix::fs::symlink("cut", path.join("linked")).unwrap();
    unlink(&path.join("folder"));
    fs_err::create_dir(path.join("folder")).unwrap();
    unseal(&path.join("ran"));
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o555);
    fs_err::set_permissions(path.join("ran"), executable).unwrap();
    fs_err::write(path.join("extra"), "extra").unwrap();
    insta::with_settings!({filters => vec![(r"checked in .*", "checked in [TIME]")]}, {
        insta::assert_snapshot!(run(&sandbox, &["verify", "--quick"]), @"
        exit code 65
        ----- stdout
        damaged: [STORE]/store/[HASH]-vm-1
          cut has the wrong size
          folder is not an ordinary file
          gone is missing
          linked is not an ordinary file
          ran has the wrong exec bit
        0 valid, 1 damaged, checked in [TIME]
        ----- stderr
        note: `pyro realize` or `pyro verify --repair` replaces what is damaged
        ");
        insta::assert_snapshot!(run(&sandbox, &["verify", "--full"]), @"
        exit code 65
        ----- stdout
        damaged: [STORE]/store/[HASH]-vm-1
          cut has the wrong size
          folder is not an ordinary file
          gone is missing
          linked is not an ordinary file
          ran has the wrong exec bit
          extra does not belong there
        0 valid, 1 damaged, checked in [TIME]
        ----- stderr
        note: `pyro realize` or `pyro verify --repair` replaces what is damaged
        ");
    });
}

#[test]
fn repair_takes_a_source_that_gives_the_same() {
    for source in ["local = \"vm\"", "archive = \"vm.tar\""] {
        let sandbox = with_artifacts(source);
        realize(&sandbox, &[]);
        let path = inside::path(&sandbox);
        rot(&path.join("boot/rootfs.ext4"));
        let ended = run(&sandbox, &["verify", "--full", "--repair"]).code(0);
        assert!(ended.stdout.contains("repaired: [STORE]/store/"), "{ended}");
        run(&sandbox, &["verify", "--full"]).code(0);
        unlink(&path.join("environment.json"));
        let document = ask(&sandbox, &["verify", "--repair", path.to_str().unwrap()]);
        assert_eq!(document["paths"][0]["status"], "repaired");
        assert_eq!(inside::path(&sandbox), path);
    }
}

#[test]
fn what_no_source_gives_stays_damaged() {
    let sandbox = with_artifacts("local = \"vm\"");
    realize(&sandbox, &[]);
    unlink(&inside::path(&sandbox).join("boot/vmlinux"));
    sandbox.write("vm/boot/vmlinux", "another kernel");
    run(&sandbox, &["verify", "--repair"]).code(65);
    run(&sandbox, &["verify"]).code(65);
    run(&sandbox, &["verify", "/nowhere"]).code(2);
}

#[test]
fn a_copy_that_lost_its_times_is_valid_again_without_a_source() {
    let sandbox = with_folder();
    realize(&sandbox, &[]);
    let path = inside::path(&sandbox);
    fs_err::remove_dir_all(sandbox.work().join("vm")).unwrap();
    let now = std::time::SystemTime::now();
    for name in ["", "vmlinux", "rootfs.ext4"] {
        let file = fs_err::File::open(path.join(name)).unwrap().into_file();
        file.set_modified(now).unwrap();
    }
    let ended = run(&sandbox, &["realize", "--locked"]).code(0);
    assert!(!ended.stderr.contains("repaired"), "{ended}");
    let stamp = fs_err::metadata(path.join("vmlinux"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(
        stamp,
        std::time::UNIX_EPOCH + std::time::Duration::from_secs(1)
    );
    run(&sandbox, &["verify"]).code(0);
}
