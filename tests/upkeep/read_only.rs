//! Stores that this account may not write: checked like any other, never repaired.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::inside;
use super::other::{Other, show};
use super::support::{Ended, Sandbox, needs};
use super::world::{ask, path_of, rot, run, with_folders};

/// A folder that is mounted over itself for reading only.
struct ReadOnly<'p>(&'p Path);

impl<'p> ReadOnly<'p> {
    /// Mounts it; `None` where only root may, which is then said.
    fn new(folder: &'p Path) -> Option<Self> {
        if !needs::root("to mount a folder for reading only") {
            return None;
        }
        let mount = |words: &[&str]| {
            let status = Command::new("mount").args(words).arg(folder).status();
            assert!(status.unwrap().success());
        };
        mount(&["--bind", folder.to_str().unwrap()]);
        let mounted = Self(folder);
        mount(&["-o", "remount,bind,ro"]);
        Some(mounted)
    }
}

impl Drop for ReadOnly<'_> {
    fn drop(&mut self) {
        let done = Command::new("umount").arg("-l").arg(self.0).status();
        assert!(done.is_ok_and(|status| status.success()));
    }
}

fn refused(ended: &Ended) {
    assert!(ended.stdout.is_empty(), "{ended}");
    assert!(ended.stderr.contains("hint: leave out --repair"), "{ended}");
}

/// As if nobody had used this path yet.
fn without_lease(sandbox: &Sandbox, path: &Path) {
    let hash = &path.file_name().unwrap().to_str().unwrap()[..64];
    fs_err::remove_file(sandbox.store().join("leases").join(hash)).unwrap();
}

#[test]
fn a_store_on_a_read_only_disk_is_checked_and_not_repaired() {
    let sandbox = with_folders(3);
    rot(&path_of(&sandbox, "e1").join("vmlinux"), 9);
    without_lease(&sandbox, &path_of(&sandbox, "e0"));
    let store = sandbox.store();
    let Some(mounted) = ReadOnly::new(&store) else {
        return;
    };
    let document = ask(&sandbox, &["verify"], 65);
    assert_eq!(
        (&document["valid"], &document["damaged"]),
        (&json!(2), &json!(1))
    );
    run(&sandbox, &["verify", "--quick"]).code(0);
    // Nothing can be remembered there, which is said, and no reason not to look.
    let ended = run(&sandbox, &["verify", "--budget", "1h"]).code(65);
    assert!(ended.stderr.contains("a scrub begins anew"), "{ended}");
    // What has no lease file cannot be leased here, and nobody can collect it here.
    let ended = run(&sandbox, &["hold", "e0", "--", "true"]).code(0);
    assert!(ended.stderr.contains("e0-1 is not held"), "{ended}");
    assert_eq!(
        run(&sandbox, &["hold", "e2", "--", "true"]).code(0).stderr,
        ""
    );
    refused(&run(&sandbox, &["verify", "--repair"]).code(77));
    refused(&run(&sandbox, &["verify", "e0", "--quick", "--repair"]).code(77));
    let document = ask(&sandbox, &["verify", "--repair"], 77);
    assert_eq!(document["error"]["kind"], "denied");
    drop(mounted);
    run(&sandbox, &["verify", "--repair"]).code(0);
}

#[test]
fn another_accounts_store_is_checked_and_not_repaired() {
    let Some(other) = Other::new(54_323) else {
        return;
    };
    let sandbox = with_folders(3);
    show(&sandbox.path(""));
    without_lease(&sandbox, &path_of(&sandbox, "e0"));
    let home = other.folder();
    let before = inside::names(&sandbox.store().join("leases"));
    let ask = |words: &[&str]| other.pyro(&sandbox.store(), home.path(), words);
    let said = ask(&["verify", "--full"]).code(0);
    assert!(said.stdout.starts_with("3 valid, 0 damaged"), "{said:#?}");
    ask(&["verify", "--quick"]).code(0);
    rot(&path_of(&sandbox, "e2").join("vmlinux"), 9);
    let said = ask(&["verify", "--json"]).code(65);
    assert_eq!(said.document()["damaged"], 1);
    let said = ask(&["verify", "--repair"]).code(77);
    assert!(
        said.stderr.contains("hint: leave out --repair"),
        "{said:#?}"
    );
    assert_eq!(inside::names(&sandbox.store().join("leases")), before);
}
