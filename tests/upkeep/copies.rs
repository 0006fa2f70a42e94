//! A store that was packed and restored elsewhere by somebody else serves there, offline and without any source.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::inside;
use super::other::{Other, Said, show};
use super::support::images::layer::{Compression, LayerBuilder};
use super::support::images::layout::{HOST, Layout};
use super::tree::{Packing, Tree};

/// How a store goes from one folder to another: a line of shell, run by whoever restores it.
const WAYS: [(&str, &str); 4] = [
    ("tar", "tar -C \"$FROM\" -cf - store | tar -C \"$TO\" -xf -"),
    ("cp -a", "cp -a \"$FROM/store\" \"$TO/\""),
    ("cp -r", "cp -r \"$FROM/store\" \"$TO/\""),
    (
        "cp -r, umask 077",
        "umask 077 && cp -r \"$FROM/store\" \"$TO/\"",
    ),
];

/// Who made the store, and who takes it along.
const MAKER: u32 = 54_331;
const TAKER: u32 = 54_332;

const ENVS: &str = "schema = 1\nprofile = \"p\"
[environments.folder]\nversion = \"1\"\n[[environments.folder.sources]]\nlocal = \"folder\"
[environments.archive]\nversion = \"1\"\n[[environments.archive.sources]]\narchive = \"archive.tar\"
[environments.image]\nversion = \"1\"\nlayout = \"rootfs\"\n[[environments.image.sources]]\noci = \"oci-layout:images:1\"\n";

/// The maker's folder, with a declaration of every kind of source, its lock, and the realized store.
fn made(maker: &Other) -> TempDir {
    let folder = maker.folder();
    let at = folder.path();
    show(at);
    Tree::vm(1).below("share/deep").write(&at.join("folder"));
    Tree::vm(2)
        .below("boot")
        .pack(&at.join("archive.tar"), Packing::Zstd);
    let layout = Layout::create(&at.join("images"));
    let mut layer = LayerBuilder::new();
    layer.file(b"bin/tool", 0o755, b"a tool");
    layer.symlink(b"bin/link", b"tool");
    let image = layout.image(HOST, &[layer.finish(Compression::Gzip)]);
    layout.tag(&[("1", &image)]);
    fs_err::write(at.join("envs.toml"), ENVS).unwrap();
    let said = maker.pyro(&at.join("store"), at, &["realize", "--out-link", "result"]);
    said.code(0);
    maker.pyro(&at.join("store"), at, &["realize"]).code(0);
    folder
}

/// A folder of the taker's with the store and what a repository has: the declaration and the lock, no source.
fn taken(taker: &Other, from: &Path, way: &str) -> TempDir {
    let folder = taker.folder();
    let mut shell = taker.command("bash", folder.path());
    shell.args(["-o", "pipefail", "-ec", way]);
    shell.env("FROM", from).env("TO", folder.path());
    Said::of(&mut shell).code(0);
    for name in ["envs.toml", "envs.lock"] {
        fs_err::copy(from.join(name), folder.path().join(name)).unwrap();
    }
    folder
}

/// Runs `pyro realize --offline --json` there; its document and what it said besides.
#[track_caller]
fn realize(taker: &Other, folder: &Path, code: i32) -> (Value, Vec<String>) {
    let words = ["realize", "--offline", "--json"];
    let said = taker.pyro(&folder.join("store"), folder, &words).code(code);
    let notes = said.stderr.lines().map(str::to_owned).collect();
    (said.document(), notes)
}

/// How often a realization there opens the file `vmlinux` of a path, of which there are two, to read it.
fn reads(taker: &Other, folder: &Path) -> usize {
    let log = folder.join("strace.log");
    let mut command = taker.command("strace", folder);
    command
        .args(["-f", "-qq", "-e", "trace=?open,openat", "-o"])
        .arg(&log);
    command
        .arg(taker.program())
        .args(["realize", "--offline", "-q"]);
    Said::of(command.env("PYRO_STORE", folder.join("store"))).code(0);
    let log = fs_err::read_to_string(log).unwrap();
    let opened = log.lines().filter(|line| line.contains("\"vmlinux\""));
    opened.count()
}

/// Everything below a folder, itself too.
fn all_below(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![folder.to_owned()];
    if fs_err::symlink_metadata(folder).unwrap().is_dir() {
        let names = inside::names(folder).into_iter();
        all.extend(names.flat_map(|name| all_below(&folder.join(name))));
    }
    all
}

fn store_paths(folder: &Path) -> Vec<PathBuf> {
    let store = folder.join("store/store");
    let names = inside::names(&store).into_iter();
    names.map(|name| store.join(name)).collect()
}

#[test]
fn a_store_serves_wherever_it_was_copied_to() {
    let (Some(maker), Some(taker)) = (Other::new(MAKER), Other::new(TAKER)) else {
        return;
    };
    let from = made(&maker);
    for (name, way) in WAYS {
        let there = taken(&taker, from.path(), way);
        let (document, notes) = realize(&taker, there.path(), 0);
        let environments = document["environments"].as_array().unwrap();
        assert_eq!(environments.len(), 3, "{name}");
        for environment in environments {
            assert_eq!(environment["status"], "ready", "{name}: {environment:#}");
        }
        let copied = |notes: &[String]| {
            let told = notes
                .iter()
                .filter(|note| note.contains("without its times"));
            told.count()
        };
        let expected = if name.starts_with("cp -r") { 3 } else { 0 };
        assert_eq!(copied(&notes), expected, "{name}: {notes:#?}");
        for path in store_paths(there.path())
            .iter()
            .flat_map(|path| all_below(path))
        {
            let meta = fs_err::symlink_metadata(&path).unwrap();
            assert_eq!(
                (meta.mtime(), meta.mtime_nsec()),
                (1, 0),
                "{name}: {}",
                path.display()
            );
            assert_eq!(meta.uid(), TAKER, "{name}: {}", path.display());
        }
        let (_, notes) = realize(&taker, there.path(), 0);
        assert_eq!(copied(&notes), 0, "{name}: said again: {notes:#?}");
        let locks = [from.path(), there.path()]
            .map(|folder| fs_err::read(folder.join("envs.lock")).unwrap());
        assert_eq!(locks[0], locks[1], "{name}");
        let store = there.path().join("store");
        let ask = |words: &[&str]| taker.pyro(&store, there.path(), words).code(0);
        ask(&["verify", "--full"]);
        assert!(
            ask(&["path", "folder"])
                .stdout
                .starts_with(store.to_str().unwrap())
        );
        // What the maker's links elsewhere show is no root here; the profile keeps what it shows.
        ask(&["env", "prune"]);
        assert_eq!(store_paths(there.path()).len(), 3, "{name}");
        assert_eq!(
            realize(&taker, there.path(), 0).0["environments"]
                .as_array()
                .unwrap()
                .len(),
            3
        );
    }
    println!("{} ways to take a store along", WAYS.len());
}

#[test]
fn a_copy_without_times_is_read_once() {
    let (Some(maker), Some(taker)) = (Other::new(MAKER), Other::new(TAKER)) else {
        return;
    };
    let from = made(&maker);
    let there = taken(&taker, from.path(), WAYS[2].1);
    assert_eq!(reads(&taker, there.path()), 2);
    assert_eq!(reads(&taker, there.path()), 0);
    // A copy with its times is not read at all.
    let there = taken(&taker, from.path(), WAYS[1].1);
    assert_eq!(reads(&taker, there.path()), 0);
}

#[test]
fn a_copy_without_times_that_is_damaged_too_is_not_taken() {
    let (Some(maker), Some(taker)) = (Other::new(MAKER), Other::new(TAKER)) else {
        return;
    };
    let from = made(&maker);
    let damage = "cp -r \"$FROM/store\" \"$TO/\" && cd \"$TO\"/store/store/*-folder-1/share/deep && \
                  chmod u+w vmlinux && printf X | dd of=vmlinux bs=1 seek=7 conv=notrunc status=none && chmod u-w vmlinux";
    let there = taken(&taker, from.path(), damage);
    let (document, _) = realize(&taker, there.path(), 69);
    let message = document["error"]["message"].as_str().unwrap();
    assert!(message.contains("folder"), "{document:#}");
    let verify = ["verify", "--json"];
    let said = taker.pyro(&there.path().join("store"), there.path(), &verify);
    assert_eq!(said.code(65).document()["damaged"], 1);
}

#[test]
fn what_another_account_remembers_counts_only_as_far_as_the_lock_says_it_too() {
    let (Some(maker), Some(taker)) = (Other::new(MAKER), Other::new(TAKER)) else {
        return;
    };
    let from = made(&maker);
    let there = taken(&taker, from.path(), WAYS[1].1);
    let records = there.path().join("store/realisations");
    assert_eq!(inside::names(&records), [MAKER.to_string()]);
    // The maker's records say what came of the archive and of the image. The lock does not: nobody else knows.
    let lock = there.path().join("envs.lock");
    let text = fs_err::read_to_string(&lock).unwrap();
    let pinned_only: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("output = ") && !line.starts_with("input = "))
        .collect();
    assert!(pinned_only.len() < text.lines().count());
    fs_err::write(&lock, pinned_only.join("\n")).unwrap();
    for (name, code) in [("archive", 69), ("image", 69)] {
        let words = ["realize", name, "--offline", "--frozen"];
        let store = there.path().join("store");
        taker.pyro(&store, there.path(), &words).code(code);
    }
    // With the outputs the same paths are used.
    fs_err::write(&lock, &text).unwrap();
    let (document, _) = realize(&taker, there.path(), 0);
    let paths = |document: &Value| {
        let all = document["environments"].as_array().unwrap().iter();
        let path = |one: &Value| (one["status"].clone(), one["path"].clone());
        all.map(path).collect::<Vec<_>>()
    };
    let before = paths(&document);
    assert_eq!((before.len(), &before[0].0), (3, &json!("ready")));
    // A record that names another path than the lock changes nothing either.
    let theirs = records.join(MAKER.to_string());
    let mut changed = 0;
    for name in inside::names(&theirs) {
        let record = theirs.join(name);
        let text = fs_err::read_to_string(&record).unwrap();
        let mut value: Value = serde_json::from_str(&text).unwrap();
        value["path"] = json!(format!("{}-archive-1", "0".repeat(64)));
        fs_err::write(&record, value.to_string()).unwrap();
        changed += 1;
    }
    assert_eq!(changed, 3);
    let (again, _) = realize(&taker, there.path(), 0);
    assert_eq!(paths(&again), before);
}
