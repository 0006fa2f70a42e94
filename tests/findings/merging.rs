//! Two branches and two runs that write one lock.

use std::process::Stdio;
use std::sync::{Mutex, mpsc};

use super::pack;
use crate::inside;
use crate::lock_merge::git_ok;
use crate::realize::{ask, declare, lock_text, outcome, realize, run};
use crate::support::Sandbox;
use crate::support::http::{Response, Server};
use crate::tree::{Packing, Tree};

fn commit(sandbox: &Sandbox, message: &str) {
    git_ok(sandbox, &["add", "envs.toml", "envs.lock"]);
    git_ok(sandbox, &["commit", "-q", "-m", message]);
}

#[test]
fn an_output_of_another_declaration_is_not_taken_after_a_merge() {
    let sandbox = Sandbox::new();
    let archive = sandbox.work().join("vm.tar");
    Tree::vm(1).below("top").pack(&archive, Packing::Gzip);
    declare(&sandbox, &[("vm", &["archive = \"vm.tar\""])]);
    run(&sandbox, &["lock"]).code(0);
    git_ok(&sandbox, &["init", "-q"]);
    commit(&sandbox, "base");

    git_ok(&sandbox, &["checkout", "-q", "-b", "outputs"]);
    run(&sandbox, &["lock", "--outputs"]).code(0);
    // One for each platform.
    let old = inside::paths(&sandbox);
    commit(&sandbox, "outputs");

    git_ok(&sandbox, &["checkout", "-q", "main"]);
    let stripped = "archive = \"vm.tar\"\nstrip-components = 1";
    declare(&sandbox, &[("vm", &[stripped])]);
    run(&sandbox, &["lock"]).code(0);
    commit(&sandbox, "strip");
    git_ok(&sandbox, &["merge", "-q", "outputs", "-m", "merged"]);
    let merged = lock_text(&sandbox).unwrap();
    let hashes = old.iter().map(|path| path.file_name().unwrap());
    let hashes: Vec<&str> = hashes.map(|name| &name.to_str().unwrap()[..64]).collect();
    let has_all = hashes.iter().all(|hash| merged.contains(hash));
    assert!(has_all, "git left an output out: {merged}");

    let document = realize(&sandbox, &["--locked"]);
    let (status, path) = outcome(&document);
    assert_eq!(status, "built");
    assert!(!old.contains(&path), "{}", path.display());
    assert_eq!(
        inside::names(&path),
        ["environment.json", "rootfs.ext4", "vmlinux"]
    );
    assert_eq!(lock_text(&sandbox).unwrap(), merged);
    // The next one who locks puts it right.
    assert_eq!(ask(&sandbox, &["lock", "--outputs"])["written"], true);
    let settled = lock_text(&sandbox).unwrap();
    let has_none = hashes.iter().all(|hash| !settled.contains(hash));
    assert!(has_none, "{settled}");
}

#[test]
fn two_runs_keep_what_each_other_learned() {
    let sandbox = Sandbox::new();
    pack(&sandbox, 1);
    let bytes = fs_err::read(sandbox.work().join("vm.tar")).unwrap();
    let (asked, was_asked) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let server = Server::start(move |request, stream| {
        let _nobody_waits_any_more = asked.send(());
        // Until the sender is dropped.
        let _hung_up = released.lock().unwrap().recv();
        let answer = Response::new(200, "application/x-tar", bytes.clone());
        answer.write(&request.method, usize::MAX, stream)
    });
    let remote = format!("archive = \"http://{}/a.tar\"", server.address());
    Tree::vm(2).write(&sandbox.work().join("b"));
    declare(
        &sandbox,
        &[("a", &[remote.as_str()]), ("b", &["local = \"b\""])],
    );

    let slow = sandbox.pyro(["realize", "-q", "envs.toml", "a"]);
    let mut slow = slow.stdout(Stdio::null()).command.spawn().unwrap();
    was_asked.recv().unwrap();
    run(&sandbox, &["realize", "envs.toml", "b"]).code(0);
    let of_b = lock_text(&sandbox).unwrap();
    assert!(!of_b.contains("name = \"a\""), "{of_b}");
    drop(release);
    assert!(slow.wait().unwrap().success());

    let of_both = lock_text(&sandbox).unwrap();
    for name in ["a", "b"] {
        assert!(of_both.contains(&format!("name = \"{name}\"")), "{of_both}");
    }
    let names = crate::realize::links(&sandbox);
    assert_eq!(names.len(), 2, "{names:?}");
    realize(&sandbox, &["--locked", "--offline"]);
}
