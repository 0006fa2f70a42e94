//! Out-links: links outside of the store that show a generation and hold it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{generation, links, outcome, realize, run, with_folder};
use crate::inside;
use crate::support::{Ended, Sandbox};

fn record(sandbox: &Sandbox) -> Option<(PathBuf, Value)> {
    let roots = sandbox.store().join("roots");
    let names = inside::names(&roots);
    assert!(names.len() < 2, "{names:?}");
    let path = roots.join(names.first()?);
    let text = fs_err::read_to_string(&path).unwrap();
    Some((path, serde_json::from_str(&text).unwrap()))
}

/// What `link` shows for `vm`.
fn shown(link: &Path) -> PathBuf {
    fs_err::canonicalize(link.join("vm")).unwrap()
}

#[track_caller]
fn prune(sandbox: &Sandbox) -> Ended {
    run(sandbox, &["env", "prune"]).code(0)
}

#[test]
fn without_a_profile_the_link_is_the_profile() {
    let sandbox = with_folder();
    let link = sandbox.work().join("result");
    let document = realize(&sandbox, &["--out-link", "result"]);
    let (_, path) = outcome(&document);
    assert_eq!(document["out_link"], json!(link));
    assert_eq!(shown(&link), path);
    assert!(fs_err::read_link(&link).unwrap().is_absolute());
    let (record_path, root) = record(&sandbox).unwrap();
    assert_eq!(
        (&root["link"], &root["profile"]),
        (&json!(link), &document["profile"])
    );
    let id = record_path
        .file_stem()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(document["profile"], json!(format!("@{id}")));
    assert_eq!(
        generation(&sandbox),
        None,
        "the declaration's profile was not moved"
    );
    prune(&sandbox);
    assert!(shown(&link).is_dir());
}

#[test]
fn the_record_is_written_once() {
    let sandbox = with_folder();
    realize(&sandbox, &["--out-link", "result"]);
    let stamp = |path: &Path| fs_err::metadata(path).unwrap().modified().unwrap();
    let (path, _) = record(&sandbox).unwrap();
    let before = stamp(&path);
    sandbox.write("vm/more", "more");
    let (_, second) = outcome(&realize(&sandbox, &["--out-link", "result"])).clone();
    assert_eq!(stamp(&path), before);
    assert_eq!(shown(&sandbox.work().join("result")), second);
    // What the link showed before is held by nothing.
    assert_eq!(inside::paths(&sandbox).len(), 2);
    prune(&sandbox);
    assert_eq!(inside::path(&sandbox), second);
}

#[test]
fn deleting_the_link_lets_go() {
    let sandbox = with_folder();
    realize(&sandbox, &["--out-link", "result"]);
    fs_err::remove_file(sandbox.work().join("result")).unwrap();
    prune(&sandbox);
    assert_eq!(inside::paths(&sandbox).len(), 0);
    assert_eq!(record(&sandbox), None);
    assert_eq!(inside::names(&sandbox.store().join("profiles")), [""; 0]);
    realize(&sandbox, &["--out-link", "result"]);
    assert!(shown(&sandbox.work().join("result")).is_dir());
}

#[test]
fn a_link_that_now_shows_something_else_lets_go() {
    let sandbox = with_folder();
    realize(&sandbox, &["--out-link", "result"]);
    let link = sandbox.work().join("result");
    fs_err::remove_file(&link).unwrap();
    fs_err::os::unix::fs::symlink("vm", &link).unwrap();
    prune(&sandbox);
    assert_eq!(inside::paths(&sandbox).len(), 0);
    assert_eq!(fs_err::read_link(&link).unwrap(), Path::new("vm"));
}

#[test]
fn a_folder_that_was_replaced_keeps_its_roots() {
    // As when the volume that the link stands on is not mounted.
    let sandbox = with_folder();
    fs_err::create_dir(sandbox.work().join("volume")).unwrap();
    realize(&sandbox, &["--out-link", "volume/result"]);
    fs_err::rename(sandbox.work().join("volume"), sandbox.path("away")).unwrap();
    fs_err::create_dir(sandbox.work().join("volume")).unwrap();
    let ended = prune(&sandbox);
    insta::assert_snapshot!(ended, @"
    exit code 0
    ----- stdout
    0 removed
    ----- stderr
    [prune] note: kept the root [WORK]/volume/result: the folder above it is not the one it was made in
    ");
    assert_eq!(inside::paths(&sandbox).len(), 1);
    fs_err::remove_dir(sandbox.work().join("volume")).unwrap();
    fs_err::rename(sandbox.path("away"), sandbox.work().join("volume")).unwrap();
    prune(&sandbox);
    assert!(shown(&sandbox.work().join("volume/result")).is_dir());
    // With the volume back, deleting the link lets go.
    fs_err::remove_file(sandbox.work().join("volume/result")).unwrap();
    prune(&sandbox);
    assert_eq!(inside::paths(&sandbox).len(), 0);
}

#[test]
fn a_link_to_a_named_profile_holds_the_generation_that_it_shows() {
    let sandbox = with_folder();
    let words = ["--profile", "ci", "--out-link", "result"];
    let (_, first) = outcome(&realize(&sandbox, &words)).clone();
    assert_eq!(shown(&sandbox.work().join("result")), first);
    assert_eq!(record(&sandbox).unwrap().1["profile"], "ci");
    sandbox.write("vm/more", "more");
    realize(&sandbox, &["--profile", "ci"]);
    // The link stays where it was put, and so does what it shows.
    assert_eq!(shown(&sandbox.work().join("result")), first);
    prune(&sandbox);
    assert_eq!(inside::paths(&sandbox).len(), 2);
    assert_eq!(links(&sandbox), []);
}

#[test]
fn what_stands_in_the_links_place_is_not_replaced() {
    let sandbox = with_folder();
    sandbox.write("result", "mine");
    let ended = run(&sandbox, &["realize", "-q", "--out-link", "result"]);
    insta::assert_snapshot!(ended, @"
    exit code 2
    ----- stderr
    error: will not replace what is not a link of ours: [WORK]/result
    hint: name another --out-link
    ");
    assert_eq!(
        fs_err::read_to_string(sandbox.work().join("result")).unwrap(),
        "mine"
    );
    fs_err::os::unix::fs::symlink("vm", sandbox.work().join("mine")).unwrap();
    run(&sandbox, &["realize", "--out-link", "mine"]).code(2);
    insta::assert_snapshot!(run(&sandbox, &["realize", "--out-link", "none/result"]), @"
    exit code 2
    ----- stderr
    error: there is no folder for the out-link [WORK]/none/result
      caused by: failed to canonicalize path `[WORK]/none`: No such file or directory (os error 2)
    hint: make the folder first, or name another
    ");
    // What the system fails to say is not the fault of who asked.
    fs_err::os::unix::fs::symlink("circle", sandbox.work().join("circle")).unwrap();
    insta::assert_snapshot!(run(&sandbox, &["realize", "--out-link", "circle/result"]), @"
    exit code 74
    ----- stderr
    error: cannot find the folder of [WORK]/circle/result
      caused by: failed to canonicalize path `[WORK]/circle`: Too many levels of symbolic links (os error 40)
    ");
    assert_eq!(
        fs_err::read_link(sandbox.work().join("mine")).unwrap(),
        Path::new("vm")
    );
    assert_eq!(
        inside::paths(&sandbox).len(),
        0,
        "nothing was built for nothing"
    );
}
