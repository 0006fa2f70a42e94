//! Odd but honest archives: taken whole, and entry by entry what GNU tar makes of them.

#![expect(clippy::too_many_lines, reason = "tables of scenarios")]

use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt};
use std::path::Path;
use std::process::Command;

use fs_err::os::unix::fs::symlink;

use crate::extracted::compare;
use crate::stand::{As, Stand};
use crate::support::needs;
use crate::tar_bytes::{Tar, header};
use crate::tree::{PACKINGS, Packing};

fn odd() -> Vec<(&'static str, As, Vec<u8>)> {
    let t = Tar::new;
    let deep = vec!["d"; 1000].join("/");
    let long = format!("{}/{}", "folder".repeat(30), "n".repeat(255));
    let mut sparse = t().gnu_sparse(
        "holes",
        9 << 20,
        &[(4096, 512), (1 << 20, 3), (9 << 20, 0)],
        &[b'x'; 515],
    );
    sparse = sparse.gnu_sparse("only-a-hole", 5 << 20, &[(5 << 20, 0)], b"");
    let xattrs: [(&str, &[u8]); 3] = [
        ("SCHILY.xattr.user.a", b"1"),
        ("LIBARCHIVE.xattr.user.b", b"MQ"),
        ("VENDOR.remark", b"\0\xff"),
    ];
    let packed = |parts: &[&[u8]], packing: Packing| -> Vec<u8> {
        parts.iter().flat_map(|part| packing.pack(part)).collect()
    };
    let tar = t().dir("d").file("d/a", &"a".repeat(2000)).end();
    let parts = [&tar[..700], &tar[700..1500], &[], &tar[1500..]];
    vec![
        ("implied folders", As::Files, t().file("a/b/c", "x").end()),
        (
            "dots before",
            As::Files,
            t().dir("./").dir("./a/").file("./a/b", "x").end(),
        ),
        (
            "folder twice",
            As::Files,
            t().dir("a/").file("a/b", "").dir("./a").end(),
        ),
        (
            "odd bytes",
            As::Files,
            t().file(b"\xff\n\\\t\x01 ", "x")
                .file(b"e\xcc\x81", "")
                .file("\u{e9}", "")
                .end(),
        ),
        (
            "newline in PAX",
            As::Files,
            t().x("path", b"a\n9 size=5\nb").file("c", "").end(),
        ),
        (
            "255 bytes, PAX",
            As::Files,
            t().x("path", long.as_bytes()).file("a", "x").end(),
        ),
        (
            "255 bytes, GNU",
            As::Files,
            t().long(b'L', long.as_bytes()).file("a", "x").end(),
        ),
        (
            "long targets",
            As::Files,
            t().long(b'K', &[b't'; 3000])
                .symlink("a", "")
                .x("linkpath", &[b'u'; 3000])
                .symlink("b", "")
                .end(),
        ),
        (
            "1,000 levels",
            As::Files,
            t().x("path", deep.as_bytes()).file("x", "deep").end(),
        ),
        (
            "links away",
            As::Files,
            t().symlink("a", "/etc/shadow")
                .symlink("b", "../../../x")
                .symlink("c", "a/b")
                .end(),
        ),
        (
            "hard links",
            As::Files,
            t().file("a", "xy")
                .hard_link("d/b", "./a")
                .hard_link("c", "d/b")
                .symlink("l", "a")
                .hard_link("m", "l")
                .end(),
        ),
        (
            "modes",
            As::Files,
            t().mode("a", 0o755)
                .mode("b", 0o4711)
                .mode("c", 0o2644)
                .mode("d", 0o000)
                .mode("e", 0o100)
                .end(),
        ),
        (
            "xattrs",
            As::Files,
            t().pax(b'x', &xattrs)
                .file("a", "x")
                .pax(b'g', &xattrs[..1])
                .file("b", "")
                .end(),
        ),
        (
            "PAX gives the size",
            As::Files,
            t().x("size", b"3")
                .raw(header(b'0', b"a", b"", 0, 0o644).as_bytes())
                .data(b"xyz")
                .file("b", "")
                .end(),
        ),
        (
            "volume label",
            As::Files,
            t().member(b'V', "label", "", b"").file("a", "").end(),
        ),
        (
            "contiguous",
            As::Files,
            t().member(b'7', "a", "", b"xyz").end(),
        ),
        (
            "old types",
            As::Files,
            t().member(0, "a/", "", b"").member(0, "b", "", b"1").end(),
        ),
        (
            "one block at the end",
            As::Files,
            t().file("a", "x").raw(&[0; 512]).0,
        ),
        (
            "tape padding",
            As::Files,
            t().file("a", "x").raw(&[0; 20480 - 1024]).0,
        ),
        ("GNU sparse", As::Files, sparse.end()),
        ("gzip members", As::Files, packed(&parts, Packing::Gzip)),
        ("zstd frames", As::Files, packed(&parts, Packing::Zstd)),
        ("xz streams", As::Files, packed(&parts, Packing::Xz)),
        ("bzip2 streams", As::Files, packed(&parts, Packing::Bzip2)),
        (
            "a root",
            As::Rootfs,
            t().file("environment.json", "mine")
                .dir("etc")
                .symlink("lib", "usr/lib")
                .dir("rootfs")
                .end(),
        ),
    ]
}

#[test]
fn each_odd_archive_gives_what_tar_extracts() {
    if !needs::program("tar", "tar") {
        return;
    }
    let stand = Stand::new();
    let (mut archives, mut all) = (0, 0);
    for (name, layout, bytes) in odd() {
        let ended = stand.realize(layout, &bytes);
        assert_eq!(ended.code, 0, "{name}: {ended}");
        let content = Stand::content(layout, ended);
        all += compare(name, &stand.scene.project().join("it.tar"), &content);
        archives += 1;
        stand.assert_untouched(name);
    }
    stand.scene.assert_sound();
    println!("{archives} odd archives with {all} entries are what tar extracts");
    assert!(archives >= 25, "{archives}");
}

#[test]
fn a_hundred_thousand_entries_in_one_folder_are_what_tar_extracts() {
    if !needs::program("tar", "tar") {
        return;
    }
    let mut many = Tar::new().file("f", "x").dir("w");
    for number in 0..100_000 {
        many = many.symlink(&format!("w/{number}"), "f");
    }
    let stand = Stand::new();
    let content = Stand::content(As::Files, stand.realize(As::Files, &many.end()));
    let archive = stand.scene.project().join("it.tar");
    assert_eq!(compare("many", &archive, &content), 100_002);
}

fn fill(folder: &Path) {
    let make = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, content).unwrap();
    };
    make("bin/run", b"#!/bin/sh\n");
    let executable = PermissionsExt::from_mode(0o755);
    fs_err::set_permissions(folder.join("bin/run"), executable).unwrap();
    make("data/empty", b"");
    make("data/exactly-a-block", &[7; 512]);
    make(
        &format!("{}/{}", ["long-folder-name"; 12].join("/"), "n".repeat(200)),
        b"long",
    );
    make("data/new\nline and \u{fc}n\u{ef}code", b"odd");
    symlink("x".repeat(300), folder.join("bin/long-link")).unwrap();
    fs_err::hard_link(folder.join("bin/run"), folder.join("bin/run-too")).unwrap();
    fs_err::create_dir(folder.join("void")).unwrap();
    // Holes everywhere, and more regions than a GNU header has room for.
    let file = fs_err::File::create(folder.join("data/sparse")).unwrap();
    for region in 1..=60_u64 {
        let block = [u8::try_from(region).unwrap(); 4096];
        file.file().write_all_at(&block, region * 65_536).unwrap();
    }
    file.set_len(5_000_001).unwrap();
    let file = fs_err::File::create(folder.join("data/only-a-hole")).unwrap();
    file.set_len(1_000_000).unwrap();
}

/// How GNU tar can write a tree.
const FORMATS: [&[&str]; 9] = [
    &["--format=gnu"],
    &["--format=gnu", "-S"],
    &["--format=oldgnu", "-S"],
    &["--format=posix"],
    &["--format=posix", "-S", "--sparse-version=0.0"],
    &["--format=posix", "-S", "--sparse-version=0.1"],
    &["--format=posix", "-S", "--sparse-version=1.0"],
    &["--format=posix", "--sort=name", "--record-size=1M"],
    &["--format=gnu", "-V", "label"],
];

#[test]
fn whatever_tar_writes_is_what_tar_extracts_and_one_path() {
    if !needs::program("tar", "tar") {
        return;
    }
    let stand = Stand::new();
    let folder = stand.scene.project().join("tree");
    fs_err::create_dir(&folder).unwrap();
    fill(&folder);
    let mut first = None;
    for format in FORMATS {
        let mut tar = Command::new("tar");
        tar.env("PATH", "/usr/bin:/bin").args(format);
        tar.args(["-cf", "-", "-C"]).arg(&folder).arg(".");
        let written = tar.output().unwrap();
        assert!(written.status.success(), "{format:?}: {written:?}");
        let content = Stand::content(As::Files, stand.realize(As::Files, &written.stdout));
        let archive = stand.scene.project().join("it.tar");
        assert!(compare(&format.join(" "), &archive, &content) > 20);
        let sparse = fs_err::metadata(content.join("data/sparse")).unwrap();
        assert!(
            sparse.blocks() * 512 < 1_000_000,
            "{format:?}: {}",
            sparse.blocks()
        );
        let expected = first.get_or_insert(content.clone());
        assert_eq!(*expected, content, "{format:?}");
    }
    let archive = stand.scene.project().join("it.tar");
    let plain = fs_err::read(&archive).unwrap();
    for packing in PACKINGS {
        let content = Stand::content(As::Files, stand.realize(As::Files, &packing.pack(&plain)));
        assert_eq!(first.as_ref(), Some(&content), "{packing:?}");
    }
    stand.scene.assert_sound();
}

#[test]
fn what_a_tree_does_not_keep_is_counted_in_notes() {
    let stand = Stand::new();
    let tar = Tar::new()
        .device(b'3', "dev/null", 1, 3)
        .device(b'4', "dev/sda", 8, 0)
        .device(b'6', "run/fifo", 0, 0)
        .mode("bin/su", 0o4755)
        .x("SCHILY.xattr.user.a", b"1")
        .file("a", "");
    stand.declare_archive(As::Rootfs, &tar.end());
    let ended = stand.scene.run(&["realize"]).code(0);
    for note in [
        "2 device nodes left out",
        "1 fifo left out",
        "setuid or setgid bit dropped from 1 file",
        "extended attributes of 1 entry ignored",
    ] {
        assert!(ended.stderr.contains(note), "no `{note}` in {ended}");
    }
}
