//! What GNU tar makes of a tree must come out as the tree that it was, in every format and compression.

use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use fs_err::os::unix::fs::symlink;
use pyro::model::digest::FileHash;
use pyro::model::recipe::Layout;
use pyro::unpack::{Archive, Error, folder};

use super::fixture::{Outcome, allowance, stage};

fn fill(folder: &Path) {
    let make = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, content).unwrap();
    };
    make("bin/run", b"#!/bin/sh\n");
    fs_err::set_permissions(folder.join("bin/run"), PermissionsExt::from_mode(0o755)).unwrap();
    make("data/empty", b"");
    make("data/exactly-a-block", &[7; 512]);
    make(
        &format!("{}/{}", ["long-folder-name"; 12].join("/"), "n".repeat(200)),
        b"long",
    );
    make("data/new\nline and \u{fc}n\u{ef}code", b"odd");
    symlink("../data/empty", folder.join("bin/link")).unwrap();
    symlink("x".repeat(300), folder.join("bin/long-link")).unwrap();
    fs_err::hard_link(folder.join("bin/run"), folder.join("bin/run-too")).unwrap();
    fs_err::create_dir(folder.join("void")).unwrap();
    // Holes at the beginning, between and at the end, more regions than a GNU header has room for.
    let file = fs_err::File::create(folder.join("data/sparse")).unwrap();
    for region in 1..=60_u64 {
        file.file()
            .write_all_at(&[u8::try_from(region).unwrap(); 4096], region * 65_536)
            .unwrap();
    }
    file.set_len(5_000_001).unwrap();
    let file = fs_err::File::create(folder.join("data/only-a-hole")).unwrap();
    file.set_len(1_000_000).unwrap();
    let file = fs_err::File::create(folder.join("data/ends-oddly")).unwrap();
    file.file().write_all_at(b"tail", 1 << 20).unwrap();
}

fn tar(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("tar")
        .args(arguments)
        .args(["-cf", "-", "-C"])
        .arg(folder)
        .arg(".")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn unpack(bytes: &[u8]) -> Result<Outcome, Error> {
    stage(Layout::Files, |staging| {
        let (_, mut tar) = pyro::unpack::decompress::reader(Box::new(bytes))?;
        pyro::unpack::archive(&mut tar, staging, Archive::default(), &allowance()).map(|_| ())
    })
}

fn copy(path: &Path) -> Outcome {
    stage(Layout::Files, |staging| {
        folder(path, staging, 0).map(|_| ())
    })
    .unwrap()
}

#[test]
fn every_format_gives_the_manifest_of_the_folder() {
    let temp = tempfile::tempdir().unwrap();
    fill(temp.path());
    let expected = copy(temp.path());
    let sparse = FileHash::of(&fs_err::read(temp.path().join("data/sparse")).unwrap());
    assert_eq!(expected.hashes["data/sparse"], sparse);
    for arguments in [
        &["--format=gnu"][..],
        &["--format=gnu", "-S"],
        &["--format=oldgnu", "-S"],
        &["--format=posix"],
        &["--format=posix", "-S", "--sparse-version=0.0"],
        &["--format=posix", "-S", "--sparse-version=0.1"],
        &["--format=posix", "-S", "--sparse-version=1.0"],
        &["--format=posix", "--sort=name", "--record-size=1M"],
        &["--format=gnu", "-V", "label"],
        &["--format=posix", "-V", "label"],
        &["-S", "-z"],
        &["-S", "-j"],
        &["-S", "-J"],
    ] {
        let outcome = unpack(&tar(temp.path(), arguments))
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
        assert_eq!(outcome.lines, expected.lines, "{arguments:?}");
        assert_eq!(outcome.manifest, expected.manifest, "{arguments:?}");
    }
}

#[test]
fn old_formats_too_where_they_can_say_it() {
    let temp = tempfile::tempdir().unwrap();
    fs_err::create_dir_all(temp.path().join("a/b")).unwrap();
    fs_err::write(temp.path().join("a/b/c"), "content").unwrap();
    let outcome = unpack(&tar(temp.path(), &["--format=v7"])).unwrap();
    assert_eq!(outcome.manifest, copy(temp.path()).manifest);
    // Only a prefix can say this.
    let long = temp.path().join("p".repeat(90));
    fs_err::create_dir(&long).unwrap();
    fs_err::write(long.join("q".repeat(90)), "prefix").unwrap();
    let outcome = unpack(&tar(temp.path(), &["--format=ustar"])).unwrap();
    assert_eq!(outcome.manifest, copy(temp.path()).manifest);
}

#[test]
fn zstd_in_several_frames_is_one_archive() {
    let temp = tempfile::tempdir().unwrap();
    fill(temp.path());
    let bytes = tar(temp.path(), &["-S"]);
    let mut packed = Vec::new();
    for part in bytes.chunks(10_000) {
        packed
            .write_all(&zstd::encode_all(part, 1).unwrap())
            .unwrap();
    }
    assert_eq!(
        unpack(&packed).unwrap().manifest,
        copy(temp.path()).manifest
    );
}

#[test]
fn holes_stay_holes() {
    use std::os::unix::fs::MetadataExt;
    let temp = tempfile::tempdir().unwrap();
    fill(temp.path());
    let bytes = tar(temp.path(), &["--format=posix", "-S"]);
    let store = super::fixture::store(&temp.path().join("s"));
    let mut staging = pyro::store::Staging::begin(&store, Layout::Files).unwrap();
    pyro::unpack::archive(
        &mut &bytes[..],
        &mut staging,
        Archive::default(),
        &allowance(),
    )
    .unwrap();
    let staged = staging
        .seal(&super::fixture::recipe(Layout::Files))
        .unwrap();
    let published = staged
        .publish(pyro::store::Depth::Full, &pyro::progress::Silent)
        .unwrap();
    let sparse = fs_err::metadata(published.path().join("data/sparse")).unwrap();
    assert!(
        sparse.blocks() * 512 < 1_000_000,
        "{} blocks",
        sparse.blocks()
    );
}
