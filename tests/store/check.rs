//! What each check sees, one fault at a time.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pyro::progress::Silent;
use pyro::store::{Depth, Found, Store};

use super::publish::{build, open};

fn verdict(store: &Store, depth: Depth) -> String {
    let name = store.list().unwrap().paths[0].clone();
    match store.find(&name, depth, &Silent).unwrap() {
        Found::Valid(_) => "valid".to_owned(),
        Found::Missing => "missing".to_owned(),
        Found::Damaged(damage) => damage.summary(),
    }
}

fn writable(path: &Path) {
    let mode = if path.is_dir() { 0o755 } else { 0o644 };
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Damages a fresh path and tells what the quick and the full check say.
fn after(damage: impl Fn(&Path)) -> (String, String) {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    let path = build(&store).path().to_owned();
    for folder in [&path, &path.join("bin"), &path.join("empty")] {
        writable(folder);
    }
    damage(&path);
    (verdict(&store, Depth::Quick), verdict(&store, Depth::Full))
}

fn both(text: &str) -> (String, String) {
    (text.to_owned(), text.to_owned())
}

/// What is done to a path.
type Deed = fn(&Path);

#[test]
fn each_kind_of_damage_is_named() {
    let cases: [(&str, Deed); 9] = [
        ("`data` is missing", |path| {
            fs_err::remove_file(path.join("data")).unwrap();
        }),
        ("`data` is not an ordinary file", |path| {
            fs_err::remove_file(path.join("data")).unwrap();
            fs_err::create_dir(path.join("data")).unwrap();
        }),
        ("`data` is not an ordinary file", |path| {
            fs_err::remove_file(path.join("data")).unwrap();
            fs_err::os::unix::fs::symlink("nowhere", path.join("data")).unwrap();
        }),
        ("`bin/run` has the wrong exec bit", |path| {
            fs_err::set_permissions(path.join("bin/run"), std::fs::Permissions::from_mode(0o444))
                .unwrap();
        }),
        ("`bin` is missing (and 1 more)", |path| {
            fs_err::remove_dir_all(path.join("bin")).unwrap();
        }),
        ("`environment.json` is missing", |path| {
            fs_err::remove_file(path.join("environment.json")).unwrap();
        }),
        (
            "`environment.json` does not hash to the name of the path",
            |path| {
                fs_err::remove_file(path.join("environment.json")).unwrap();
                fs_err::write(path.join("environment.json"), "not json").unwrap();
            },
        ),
        ("missing", |path| fs_err::remove_dir_all(path).unwrap()),
        ("`extra` does not belong there", |path| {
            fs_err::write(path.join("extra"), "").unwrap();
        }),
    ];
    for (n, (expected, damage)) in cases.into_iter().enumerate() {
        if expected == "missing" {
            let temp = tempfile::tempdir().unwrap();
            let store = open(temp.path());
            let name = build(&store).name().clone();
            damage(&store.layout().path(&name));
            assert!(matches!(
                store.find(&name, Depth::Quick, &Silent).unwrap(),
                Found::Missing
            ));
            continue;
        }
        assert_eq!(after(damage), both(expected), "case {n}");
    }
}

#[test]
fn content_of_the_same_size_is_seen_by_the_full_check_or_by_its_time() {
    let rewrite = |path: &Path| {
        writable(&path.join("data"));
        fs_err::write(path.join("data"), "SOME DATA").unwrap();
    };
    assert_eq!(after(rewrite), both("`data` has the wrong content"));
    // With its time put back it takes the full check.
    let hidden = |path: &Path| {
        rewrite(path);
        let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1);
        fs_err::File::options()
            .write(true)
            .open(path.join("data"))
            .unwrap()
            .set_modified(old)
            .unwrap();
    };
    assert_eq!(
        after(hidden),
        (
            "valid".to_owned(),
            "`data` has the wrong content".to_owned()
        )
    );
}

#[test]
fn times_alone_are_set_back_after_one_full_check() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    let path = build(&store).path().to_owned();
    fs_err::File::open(path.join("data"))
        .unwrap()
        .set_modified(std::time::SystemTime::now())
        .unwrap();
    assert_eq!(verdict(&store, Depth::Quick), "valid");
    let modified = fs_err::metadata(path.join("data"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(
        modified,
        std::time::UNIX_EPOCH + std::time::Duration::from_secs(1)
    );
}

#[test]
fn a_manifest_in_another_form_is_damage_to_the_full_check() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    let built = build(&store);
    let path = built.path().to_owned();
    let manifest = path.join("environment.json");
    let bytes = [fs_err::read(&manifest).unwrap(), b"\n".to_vec()].concat();
    let hash = pyro::model::digest::StoreHash::of(&bytes);
    writable(&path);
    writable(&manifest);
    fs_err::write(&manifest, &bytes).unwrap();
    let renamed = store.layout().store().join(format!("{hash}-hello-1.0.0"));
    fs_err::rename(&path, renamed).unwrap();
    let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1);
    let top = store.layout().path(&store.list().unwrap().paths[0]);
    fs_err::File::open(top).unwrap().set_modified(old).unwrap();
    assert_eq!(verdict(&store, Depth::Quick), "valid");
    assert_eq!(
        verdict(&store, Depth::Full),
        "`environment.json` cannot be read"
    );
}

#[test]
fn the_full_check_goes_on_behind_what_the_quick_one_found() {
    let both = |path: &Path| {
        fs_err::remove_file(path.join("bin/run")).unwrap();
        writable(&path.join("data"));
        fs_err::write(path.join("data"), "SOME DATA").unwrap();
        fs_err::write(path.join("extra"), "").unwrap();
    };
    let (quick, full) = after(both);
    assert_eq!(quick, "`bin/run` is missing");
    assert_eq!(full, "`bin/run` is missing (and 2 more)");
}
