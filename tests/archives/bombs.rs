//! Sources that come to more than anybody meant, and those that only look like it.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;

use crate::stand::{As, Stand};
use crate::support::images::layer::{Compression, Layer};
use crate::support::images::layout::{HOST, Layout};
use crate::support::scene::envs_toml;
use crate::tar_bytes::{Tar, header};
use crate::tree::Packing;

const MIB: u64 = 1 << 20;

/// An archive of one file of so many MiB of one byte, in gzip and without ever being whole.
fn file_of(byte: u8, mib: u64) -> Vec<u8> {
    let level = flate2::Compression::best();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), level);
    let header = header(b'0', b"big", b"", mib * MIB, 0o644);
    packed.write_all(header.as_bytes()).unwrap();
    let block = vec![byte; 1 << 20];
    for _ in 0..mib {
        packed.write_all(&block).unwrap();
    }
    packed.write_all(&[0; 1024]).unwrap();
    packed.finish().unwrap()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[test]
fn data_that_packs_too_well_is_refused_and_zeros_are_not() {
    let stand = Stand::new();
    let bomb = stand.realize(As::Files, &file_of(b'A', 80));
    let expected = [
        "cannot unpack archive it.tar",
        "entry 1 `big`: more than 250 bytes written for each byte of a source that was read",
        "raise `max-ratio` in [limits] of the configuration, or PYRO_LIMITS_MAX_RATIO",
    ];
    stand.assert_refused("ratio", &bomb, &words(&expected));
    // What is below the floor has no ratio, and what is zero is not written.
    Stand::content(As::Files, stand.realize(As::Files, &file_of(b'A', 60)));
    let content = Stand::content(As::Files, stand.realize(As::Files, &file_of(0, 256)));
    let zeros = fs_err::metadata(content.join("big")).unwrap();
    assert_eq!((zeros.len(), zeros.blocks()), (256 * MIB, 0));
    stand.scene.configure("[limits]\nmax-ratio = 2000\n");
    Stand::content(As::Files, stand.realize(As::Files, &file_of(b'A', 80)));
}

#[test]
fn more_bytes_than_allowed_are_refused_before_the_first_of_them() {
    let stand = Stand::new();
    stand.scene.configure("[limits]\nmax-unpacked = \"1M\"\n");
    let expected = |entry| {
        let said = format!("{entry}: more than 1048576 bytes unpacked from one source");
        words(&[
            &said,
            "raise `max-unpacked` in [limits]",
            "PYRO_LIMITS_MAX_UNPACKED",
        ])
    };
    let half = "x".repeat(600 << 10);
    let two = Tar::new().file("a", &half).file("b", &half).end();
    stand.assert_refused(
        "two files",
        &stand.realize(As::Files, &two),
        &expected("entry 2 `b`"),
    );
    // The header is all that there is of it, and all that is read.
    let announced = Tar::new()
        .raw(header(b'0', b"a", b"", 1 << 40, 0o644).as_bytes())
        .0;
    stand.assert_refused(
        "announced",
        &stand.realize(As::Files, &announced),
        &expected("entry 1 `a`"),
    );
    let hole = Tar::new().gnu_sparse("a", 2 << 20, &[], b"").end();
    stand.assert_refused(
        "hole",
        &stand.realize(As::Files, &hole),
        &expected("entry 1 `a`"),
    );
    // What makes no file is counted too: extended headers, and zeros after the end.
    let mut remarks = Tar::new();
    for _ in 0..1200 {
        remarks = remarks.pax(b'g', &[("comment", &[b'c'; 500])]);
    }
    let remarks = Packing::Gzip.pack(&remarks.file("a", "").end());
    stand.assert_refused(
        "remarks",
        &stand.realize(As::Files, &remarks),
        &expected("entry 1 `pax`"),
    );
    let tail = Packing::Zstd.pack(&Tar::new().file("a", "x").raw(&vec![0; 3 << 20]).0);
    stand.assert_refused(
        "tail",
        &stand.realize(As::Files, &tail),
        &expected("what follows the end mark, after entry 1"),
    );
    // Layers are one source.
    let layers = [
        Tar::new().file("a", &half).end(),
        Tar::new().file("a", &half).end(),
    ];
    stand.assert_refused(
        "layers",
        &stand.realize_image(&layers),
        &expected("entry 1 of layer 2 `a`"),
    );
    let exact = Tar::new().file("a", &"x".repeat(1 << 20)).end();
    Stand::content(As::Files, stand.realize(As::Files, &exact));
}

#[test]
fn more_entries_than_allowed_are_refused() {
    let stand = Stand::new();
    stand.scene.configure("[limits]\nmax-entries = 100\n");
    let expected = |entry| {
        let said = format!("{entry}: more than 100 entries in one source");
        words(&[
            &said,
            "raise `max-entries` in [limits]",
            "PYRO_LIMITS_MAX_ENTRIES",
        ])
    };
    let files = |count: u32| {
        let files = (0..count).fold(Tar::new(), |tar, n| tar.file(format!("{n}"), ""));
        files.end()
    };
    let over = stand.realize(As::Files, &files(101));
    stand.assert_refused("files", &over, &expected("entry 101 `100`"));
    let again = (0..101).fold(Tar::new(), |tar, _| tar.dir("d")).end();
    stand.assert_refused(
        "one folder again and again",
        &stand.realize(As::Files, &again),
        &expected("entry 101 `d`"),
    );
    let deep = Tar::new()
        .file(vec!["d"; 50].join("/"), "")
        .file(vec!["e"; 50].join("/"), "x");
    let deep = deep.file("f", "").end();
    stand.assert_refused(
        "implied folders",
        &stand.realize(As::Files, &deep),
        &expected("entry 3 `f`"),
    );
    let long = (b'a'..=b'z').fold(Tar::new(), |tar, n| {
        tar.x("linkpath", &[n; 1200])
            .symlink(&char::from(n).to_string(), "")
    });
    stand.assert_refused(
        "long targets",
        &stand.realize(As::Files, &long.end()),
        &expected("entry 21 `u`"),
    );
    let whiteouts = (0..60).fold(Tar::new(), |tar, n| tar.file(format!(".wh.{n}"), ""));
    let layers = [whiteouts.clone().end(), whiteouts.end()];
    stand.assert_refused(
        "whiteouts",
        &stand.realize_image(&layers),
        &expected("entry 41 of layer 2 `.wh.40`"),
    );
    Stand::content(As::Files, stand.realize(As::Files, &files(100)));
}

#[test]
fn a_manifest_that_is_too_long_is_refused_with_the_key_that_allows_it() {
    let stand = Stand::new();
    stand.scene.configure("[limits]\nmax-manifest = 300\n");
    let layout = Layout::create(&stand.scene.project().join("image"));
    let layer = Layer::of(&Tar::new().file("a", "").end(), Compression::None);
    let image = layout.image(HOST, &[layer]);
    layout.tag(&[("it", &image)]);
    stand
        .scene
        .declare(&envs_toml("", &[("oci", "oci-layout:image:it")]));
    let ended = stand.scene.run(&["realize", "--json"]);
    let expected = [
        "is longer than 300 bytes",
        "raise `max-manifest` in [limits]",
        "PYRO_LIMITS_MAX_MANIFEST",
    ];
    stand.assert_refused("manifest", &ended, &words(&expected));
    stand.scene.configure("[limits]\nmax-manifest = \"4K\"\n");
    stand.scene.run(&["realize"]).code(0);
}
