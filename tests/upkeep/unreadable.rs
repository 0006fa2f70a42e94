//! A disk that fails, and paths that may not be read: each is told, and the scan goes on.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::inside::unlink;
use super::other::{Other, show};
use super::support::Sandbox;
use super::world::{entry, path_of, rot, states, with_folders};

/// With a question mark in front, a call that this architecture does not have is no error.
const OPEN: &str = "?open,openat";

/// Runs `pyro verify --json` while every call of this kind on this file fails.
#[track_caller]
fn verify_failing(sandbox: &Sandbox, call: &str, on: &Path, code: i32) -> Value {
    let inject = format!("{call}:error=EIO");
    failing(sandbox, &["verify", "--json"], &inject, on, code)
}

/// Runs pyro while calls on this file fail, as strace's words for it say; its document.
#[track_caller]
fn failing(sandbox: &Sandbox, words: &[&str], inject: &str, on: &Path, code: i32) -> Value {
    let pyro = sandbox.pyro(words).command;
    let call = inject.split(':').next().unwrap();
    let log = sandbox.path("strace.log");
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-e"])
        .arg(format!("trace={call}"));
    command.arg("-e").arg(format!("inject={inject}"));
    command.arg("-P").arg(on).arg("-o").arg(&log);
    command.arg(pyro.get_program()).args(pyro.get_args());
    command.env_clear().current_dir(sandbox.work());
    for (name, value) in pyro.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let output = command.output().unwrap();
    let log = fs_err::read_to_string(log).unwrap();
    assert!(log.contains("(INJECTED)"), "nothing failed: {log}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn an_error_of_the_disk_is_a_fault_of_that_path_and_the_scan_goes_on() {
    let sandbox = with_folders(4);
    let path = path_of(&sandbox, "e1");
    // Another one is damaged in another way: all that is bad is listed.
    rot(&path_of(&sandbox, "e2").join("vmlinux"), 5);
    let cases = [
        (
            "pread64",
            path.join("vmlinux"),
            Some("vmlinux"),
            "cannot be read",
        ),
        (
            "pread64",
            path.join("rootfs.ext4"),
            Some("rootfs.ext4"),
            "cannot be read",
        ),
        (
            "read",
            path.join("environment.json"),
            Some("environment.json"),
            "cannot be read",
        ),
        // The call that opens whatever stands in the folder: the manifest comes first.
        (
            OPEN,
            path.clone(),
            Some("environment.json"),
            "cannot be opened",
        ),
        (
            "fstat",
            path.join("environment.json"),
            Some("environment.json"),
            "cannot be opened",
        ),
    ];
    for (call, on, at, what) in &cases {
        let document = verify_failing(&sandbox, call, on, 65);
        let expected = ["valid", "damaged", "damaged", "valid"];
        let found = states(&document);
        let found: Vec<&str> = found.iter().map(|(_, state)| state.as_str()).collect();
        assert_eq!(found, expected, "{call} {}", on.display());
        let findings = &entry(&document, "e1")["findings"];
        assert_eq!(findings, &json!([{"entry": at, "what": what}]), "{call}");
        let other = &entry(&document, "e2")["findings"][0];
        assert_eq!(other["what"], "has the wrong content");
    }
    // The folder itself: everything in it is read, but what else stands there is not known.
    let document = verify_failing(&sandbox, "getdents64", &path, 65);
    assert_eq!(
        entry(&document, "e1")["findings"],
        json!([{"entry": null, "what": "cannot be read"}])
    );
    // The path itself. Where the store's own folder is opened by the same call, that is the first.
    let words = ["verify", path.to_str().unwrap(), "--json"];
    let inject = if cfg!(target_arch = "x86_64") {
        "openat:error=EIO"
    } else {
        "openat:error=EIO:when=2+"
    };
    let document = failing(&sandbox, &words, inject, path.parent().unwrap(), 65);
    assert_eq!(
        entry(&document, "e1")["findings"],
        json!([{"entry": null, "what": "cannot be opened"}])
    );
    println!("{} calls that failed", cases.len() + 2);
}

#[test]
fn what_cannot_be_looked_at_is_told_too_and_has_its_own_code() {
    let sandbox = with_folders(3);
    let path = path_of(&sandbox, "e1");
    let hash = &path.file_name().unwrap().to_str().unwrap()[..64];
    let lease = sandbox.store().join("leases").join(hash);
    let document = verify_failing(&sandbox, OPEN, &lease, 74);
    assert_eq!(
        (&document["valid"], &document["unchecked"]),
        (&json!(2), &json!(1))
    );
    let reasons = entry(&document, "e1")["reasons"].to_string();
    assert!(
        reasons.contains("cannot open") && reasons.contains("Input/output error"),
        "{reasons}"
    );
    // Damage weighs more.
    unlink(&path_of(&sandbox, "e2").join("vmlinux"));
    verify_failing(&sandbox, OPEN, &lease, 65);
}

#[test]
fn what_another_account_hides_is_not_damaged_and_not_passed_over() {
    let Some(other) = Other::new(54_322) else {
        return;
    };
    let sandbox = with_folders(3);
    show(&sandbox.path(""));
    let hidden: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs_err::set_permissions(path_of(&sandbox, "e1"), hidden).unwrap();
    let home = other.folder();
    let said = other.pyro(&sandbox.store(), home.path(), &["verify"]);
    let said = said.code(77);
    assert!(
        said.stdout.contains("not checked: ") && said.stdout.contains("Permission denied"),
        "{said:#?}"
    );
    assert!(
        said.stdout.contains("2 valid, 0 damaged, 1 not checked"),
        "{said:#?}"
    );
}
