//! Archives that are one source: a table of hostile and of odd but honest ones.

#![expect(clippy::too_many_lines, reason = "tables of scenarios")]

use pyro::model::digest::FileHash;
use pyro::model::recipe::Layout;

use super::fixture::Expected::{Refused, Tree};
use super::fixture::{Expected, Tar, archive, check, header};

type Scenario = (&'static str, Vec<u8>, Expected);

fn end(tar: Tar) -> Vec<u8> {
    tar.end()
}

fn names() -> Vec<Scenario> {
    let t = Tar::new;
    vec![
        (
            "absolute",
            t().file("/etc/passwd", "x").end(),
            Refused("entry 1 `/etc/passwd`: its name has an absolute name"),
        ),
        (
            "absolute after dot",
            t().file(".//etc/passwd", "x").end(),
            Refused("an absolute name"),
        ),
        (
            "climbing",
            t().file("ok", "").file("a/../../b", "x").end(),
            Refused("entry 2 `a/../../b`: its name has a `.` or `..`"),
        ),
        ("only dots", t().dir("..").end(), Refused("`.` or `..`")),
        (
            "climbing after dot",
            t().file("./../a", "x").end(),
            Refused("`.` or `..`"),
        ),
        (
            "dot inside",
            t().file("a/./b", "x").end(),
            Refused("`.` or `..`"),
        ),
        (
            "no name",
            t().file("", "x").end(),
            Refused("an empty component"),
        ),
        (
            "two slashes",
            t().file("a//b", "x").end(),
            Refused("an empty component"),
        ),
        (
            "the top as a file",
            t().file("./", "").end(),
            Refused("a file whose name ends like a folder's"),
        ),
        (
            "the top as a link",
            t().symlink(".", "/etc").end(),
            Refused("`.` or `..`"),
        ),
        (
            "NUL in a PAX name",
            t().x("path", b"a\0b").file("a", "x").end(),
            Refused("a NUL byte"),
        ),
        (
            "NUL in a long name",
            t().long(b'L', b"a\0b").file("a", "x").end(),
            Refused("goes on after its end"),
        ),
        (
            "256 bytes",
            t().x("path", &[b'n'; 256]).file("a", "x").end(),
            Refused("too long"),
        ),
        (
            "256 bytes, GNU",
            t().long(b'L', &[b'n'; 256]).file("a", "x").end(),
            Refused("too long"),
        ),
        (
            "climbing in a PAX name",
            t().x("path", b"../a").file("a", "x").end(),
            Refused("entry 1 `../a`"),
        ),
        (
            "climbing in a long name",
            t().long(b'L', b"/a").file("a", "x").end(),
            Refused("entry 1 `/a`"),
        ),
        (
            "twice",
            t().file("a", "1").file("b", "").file("a", "2").end(),
            Refused("entry 3 `a`: entry 1 has the same name"),
        ),
        (
            "twice, dotted",
            t().file("a", "1").file("./a", "2").end(),
            Refused("entry 1 has the same name"),
        ),
        (
            "folder, then file",
            t().dir("a").file("a", "2").end(),
            Refused("entry 1 has the same name"),
        ),
        (
            "file, then folder",
            t().file("a", "2").dir("a").end(),
            Refused("entry 1 has the same name"),
        ),
        (
            "implied folder, then file",
            t().file("a/b", "").file("a", "2").end(),
            Refused("entry 1 has the same name"),
        ),
        (
            "below a file",
            t().file("a", "1").file("a/b", "2").end(),
            Refused("it would be written through `a`"),
        ),
        (
            "below a link",
            t().symlink("a", "/tmp").file("a/b/c", "2").end(),
            Refused("it would be written through `a`"),
        ),
        (
            "link over folder",
            t().dir("a").symlink("a", "/tmp").end(),
            Refused("entry 1 has the same name"),
        ),
        (
            "link twice",
            t().symlink("a", "b").symlink("a", "/tmp").end(),
            Refused("entry 1 has the same name"),
        ),
        (
            "whiteout",
            t().file(".wh.a", "").end(),
            Refused("entry 1 `.wh.a`: named like a whiteout"),
        ),
        (
            "whiteout folder",
            t().file("a/.wh.b/c", "").end(),
            Refused("named like a whiteout"),
        ),
        (
            "file like a folder",
            t().file("a/", "x").end(),
            Refused("a file whose name ends like a folder's"),
        ),
        (
            "link like a folder",
            t().symlink("a/", "x").end(),
            Refused("ends like a folder's"),
        ),
        (
            "folder twice",
            t().dir("a/").file("a/b", "").dir("./a").end(),
            Tree(&["d a", "f a/b 0"]),
        ),
        (
            "top and dots",
            t().dir("./").dir("./a/").file("./a/b", "x").end(),
            Tree(&["d a", "f a/b 1"]),
        ),
        (
            "implied folders",
            t().file("a/b/c", "x").end(),
            Tree(&["d a", "d a/b", "f a/b/c 1"]),
        ),
        ("empty", end(t()), Tree(&[])),
        (
            "odd bytes",
            t().file(b"\xff\n\\", "x").end(),
            Tree(&["f \\xff\\n\\\\ 1"]),
        ),
    ]
}

fn links_and_devices() -> Vec<Scenario> {
    let t = Tar::new;
    let bodied = |kind| t().member(kind, "a", "b", b"body").end();
    vec![
        (
            "link outside",
            t().hard_link("a", "../../etc/passwd").end(),
            Refused("its link target has a `.` or `..`"),
        ),
        (
            "absolute link",
            t().hard_link("a", "/etc/passwd").end(),
            Refused("its link target has an absolute name"),
        ),
        (
            "later link",
            t().hard_link("a", "b").file("b", "").end(),
            Refused("entry 1 `a`: a hard link to `b`, which is no earlier"),
        ),
        (
            "link to itself",
            t().hard_link("a", "a").end(),
            Refused("no earlier file"),
        ),
        (
            "link to a folder",
            t().dir("d").hard_link("a", "d").end(),
            Refused("no earlier file"),
        ),
        (
            "link to the top",
            t().hard_link("a", ".").end(),
            Refused("its link target"),
        ),
        (
            "link through a link",
            t().symlink("l", "/etc").hard_link("a", "l/passwd").end(),
            Refused("no earlier file"),
        ),
        (
            "link to nothing",
            t().hard_link("a", "").end(),
            Refused("an empty component"),
        ),
        (
            "symlink to nothing",
            t().symlink("a", "").end(),
            Refused("an empty component"),
        ),
        (
            "endless symlink",
            t().long(b'K', &[b'x'; 4096]).symlink("a", "").end(),
            Refused("too long"),
        ),
        (
            "NUL in a target",
            t().x("linkpath", b"a\0b").symlink("a", "b").end(),
            Refused("its link target has a NUL byte"),
        ),
        (
            "link with a body",
            bodied(b'1'),
            Refused("a hard link with 4 bytes of content"),
        ),
        (
            "symlink with a body",
            bodied(b'2'),
            Refused("a symlink with 4 bytes of content"),
        ),
        (
            "folder with a body",
            bodied(b'5'),
            Refused("a folder with 4 bytes of content"),
        ),
        (
            "device with a body",
            bodied(b'3'),
            Refused("a character device with 4 bytes of content"),
        ),
        (
            "character device",
            t().device(b'3', "null", 1, 3).end(),
            Refused("a character device cannot stand"),
        ),
        (
            "block device",
            t().device(b'4', "sda", 8, 0).end(),
            Refused("a block device cannot stand"),
        ),
        (
            "fifo",
            t().device(b'6', "f", 0, 0).end(),
            Refused("a fifo cannot stand"),
        ),
        (
            "0/0",
            t().device(b'3', "gone", 0, 0).end(),
            Refused("entry 1 `gone`: a character device 0/0"),
        ),
        (
            "other volume",
            t().member(b'M', "a", "", b"").end(),
            Refused("unknown type `M`"),
        ),
        (
            "unknown type",
            t().member(b'Z', "a", "", b"").end(),
            Refused("unknown type `Z`"),
        ),
        (
            "escape in a type",
            t().member(0x1b, "a", "", b"").end(),
            Refused("unknown type `\\u{1b}`"),
        ),
        (
            "good links",
            t().file("a", "xy")
                .symlink("l", "/etc/../shadow")
                .hard_link("b", "./a")
                .hard_link("c", "b")
                .hard_link("m", "l")
                .end(),
            Tree(&[
                "f a 2",
                "f b 2",
                "f c 2",
                "l l -> /etc/../shadow",
                "l m -> /etc/../shadow",
            ]),
        ),
        (
            "volume label",
            t().member(b'V', "../My Label", "", b"").file("a", "").end(),
            Tree(&["f a 0"]),
        ),
        (
            "contiguous",
            t().member(b'7', "a", "", b"xyz").end(),
            Tree(&["f a 3"]),
        ),
        (
            "old folder",
            t().member(0, "a/", "", b"").member(0, "b", "", b"1").end(),
            Tree(&["d a", "f b 1"]),
        ),
    ]
}

fn headers() -> Vec<Scenario> {
    let t = Tar::new;
    let sized = |size: u64| t().raw(header(b'0', b"a", b"", size, 0o644).as_bytes());
    let mut broken = header(b'0', b"a", b"", 0, 0o644);
    broken.as_mut_bytes()[3] = b'b';
    let mut negative = header(b'0', b"a", b"", 0, 0o644);
    negative.as_old_mut().size = [0xff; 12];
    negative.set_cksum();
    let mut huge = header(b'0', b"a", b"", 0, 0o644);
    huge.set_size(u64::MAX >> 2);
    huge.set_cksum();
    let hidden = Tar::new().file("hidden", "").0;
    vec![
        (
            "checksum",
            t().raw(broken.as_bytes()).end(),
            Refused("its checksum is wrong"),
        ),
        (
            "negative size",
            t().raw(negative.as_bytes()).end(),
            Refused("its size is no number"),
        ),
        (
            "huge size",
            t().raw(huge.as_bytes()).end(),
            Refused("larger than 2^53-1"),
        ),
        (
            "cut in a header",
            t().file("a", "x")
                .raw(&header(b'0', b"b", b"", 0, 0).as_bytes()[..300])
                .0,
            Refused("cut off in or after entry 2"),
        ),
        (
            "cut in content",
            sized(5000).raw(&[1; 4000]).0,
            Refused("cut off in or after entry 1"),
        ),
        (
            "cut in padding",
            sized(5).raw(&[1; 100]).0,
            Refused("cut off in or after entry 1"),
        ),
        (
            "no end mark",
            t().file("a", "x").0,
            Refused("cut off in or after entry"),
        ),
        (
            "garbage after the end",
            t().file("a", "x").raw(&[0; 1024]).raw(b"x").0,
            Refused("goes on after its end mark, which follows entry 1"),
        ),
        (
            "member after the end",
            t().file("a", "x").raw(&[0; 1024]).file("b", "").end(),
            Refused("goes on after its end mark"),
        ),
        (
            "one block of zeros, then a member",
            t().file("a", "x").raw(&[0; 512]).file("b", "").end(),
            Refused("goes on after its end mark"),
        ),
        (
            "tape padding",
            t().file("a", "x").raw(&[0; 10240 - 1024]).0,
            Tree(&["f a 1"]),
        ),
        (
            "odd padding",
            t().file("a", "x").raw(&[0; 1025]).0,
            Tree(&["f a 1"]),
        ),
        (
            "one block of zeros",
            t().file("a", "x").raw(&[0; 512]).0,
            Tree(&["f a 1"]),
        ),
        (
            "sizes disagree",
            t().x("size", b"512").file("a", "xyz").end(),
            Refused("its header says 3 bytes, its extended header 512"),
        ),
        // The header says that nothing follows, PAX says a block: it is content, and never a member.
        (
            "PAX size hides a member",
            t().x("size", b"512")
                .raw(header(b'0', b"a", b"", 0, 0o644).as_bytes())
                .raw(&hidden)
                .end(),
            Tree(&["f a 512"]),
        ),
        (
            "PAX size 0 shows one",
            t().x("size", b"0")
                .raw(header(b'0', b"a", b"", 512, 0o644).as_bytes())
                .raw(&hidden)
                .end(),
            Refused("its header says 512 bytes, its extended header 0"),
        ),
        (
            "PAX size is for the member",
            t().x("size", b"3")
                .long(b'L', b"name")
                .raw(header(b'0', b"a", b"", 0, 0o644).as_bytes())
                .data(b"xyz")
                .end(),
            Tree(&["f name 3"]),
        ),
        (
            "PAX size of a folder",
            t().x("size", b"512").dir("a").raw(&hidden).end(),
            Refused("a folder with 512 bytes"),
        ),
        (
            "PAX size of a link",
            t().file("b", "")
                .x("size", b"512")
                .hard_link("a", "b")
                .raw(&hidden)
                .end(),
            Refused("a hard link with 512 bytes"),
        ),
        (
            "bad PAX size",
            t().x("size", b"-1").file("a", "").end(),
            Refused("bad extended header"),
        ),
        (
            "malformed PAX",
            t().member(b'x', "pax", "", b"path=a").file("a", "").end(),
            Refused("a record is malformed"),
        ),
        (
            "endless PAX",
            t().raw(header(b'x', b"p", b"", 1 << 40, 0).as_bytes())
                .end(),
            Refused("too large"),
        ),
        (
            "endless long name",
            t().raw(header(b'L', b"p", b"", 1 << 40, 0).as_bytes())
                .end(),
            Refused("too large"),
        ),
        (
            "two PAX headers",
            t().x("path", b"a").x("path", b"b").file("c", "").end(),
            Refused("two of the same type"),
        ),
        (
            "two long names",
            t().long(b'L', b"a").long(b'L', b"b").file("c", "").end(),
            Refused("two of the same type"),
        ),
        (
            "PAX and GNU name",
            t().x("path", b"a").long(b'L', b"b").file("c", "").end(),
            Refused("both PAX and GNU"),
        ),
        (
            "global name",
            t().pax(b'g', &[("path", b"a")]).file("c", "").end(),
            Refused("cannot be the same for all"),
        ),
        (
            "global size",
            t().pax(b'g', &[("size", b"9")]).file("c", "").end(),
            Refused("cannot be the same for all"),
        ),
        (
            "dangling PAX",
            t().x("path", b"a").end(),
            Refused("no member follows it"),
        ),
        (
            "unknown sparse record",
            t().x("GNU.sparse.new", b"1").file("c", "").end(),
            Refused("bad sparse file"),
        ),
        (
            "sparse without size",
            t().x("GNU.sparse.map", b"0,1").file("c", "x").end(),
            Refused("its size is missing"),
        ),
        (
            "sparse beyond its end",
            t().pax(
                b'x',
                &[
                    ("GNU.sparse.size", b"5"),
                    ("GNU.sparse.numblocks", b"1"),
                    ("GNU.sparse.map", b"5,1"),
                ],
            )
            .file("c", "x")
            .end(),
            Refused("a region lies beyond its end"),
        ),
        (
            "sparse, less stored",
            t().pax(
                b'x',
                &[
                    ("GNU.sparse.size", b"5"),
                    ("GNU.sparse.numblocks", b"1"),
                    ("GNU.sparse.map", b"0,2"),
                ],
            )
            .file("c", "x")
            .end(),
            Refused("more or less than is stored"),
        ),
        (
            "sparse version",
            t().pax(
                b'x',
                &[
                    ("GNU.sparse.major", b"2"),
                    ("GNU.sparse.minor", b"0"),
                    ("GNU.sparse.realsize", b"5"),
                ],
            )
            .file("c", "x")
            .end(),
            Refused("a version that is not known"),
        ),
        (
            "sparse 1.0, no map",
            t().pax(
                b'x',
                &[
                    ("GNU.sparse.major", b"1"),
                    ("GNU.sparse.minor", b"0"),
                    ("GNU.sparse.realsize", b"5"),
                ],
            )
            .file("c", "x")
            .end(),
            Refused("its map is longer than what is stored"),
        ),
        (
            "sparse name climbs",
            t().pax(
                b'x',
                &[
                    ("GNU.sparse.name", b"../c"),
                    ("GNU.sparse.size", b"1"),
                    ("GNU.sparse.numblocks", b"1"),
                    ("GNU.sparse.map", b"0,1"),
                ],
            )
            .file("c", "x")
            .end(),
            Refused("entry 1 `../c`"),
        ),
        (
            "sparse folder",
            t().pax(
                b'x',
                &[("GNU.sparse.size", b"0"), ("GNU.sparse.numblocks", b"0")],
            )
            .dir("c")
            .end(),
            Refused("it is no file"),
        ),
        (
            "sparse hole of 2^60",
            t().pax(
                b'x',
                &[
                    ("GNU.sparse.size", b"1152921504606846976"),
                    ("GNU.sparse.numblocks", b"0"),
                ],
            )
            .file("c", "")
            .end(),
            Refused("larger than 2^53-1"),
        ),
        (
            "old sparse in ustar",
            t().member(b'S', "a", "", b"x").end(),
            Refused("its header is not of GNU tar"),
        ),
        (
            "remarks",
            t().pax(b'g', &[("comment", b"0123")])
                .pax(b'x', &[("mtime", b"1.5"), ("VENDOR.x", b"\0\xff")])
                .file("c", "")
                .end(),
            Tree(&["f c 0"]),
        ),
        (
            "newline in a PAX name",
            t().x("path", b"a\n9 size=5\nb").file("c", "").end(),
            Tree(&["f a\\n9 size=5\\nb 0"]),
        ),
        (
            "clamped size",
            t().x("size", b"8589934592")
                .raw(header(b'0', b"a", b"", 0o77_777_777_777, 0o644).as_bytes())
                .raw(&[1; 600])
                .0,
            Refused("cut off in or after entry 1"),
        ),
        (
            "255 bytes",
            t().x("path", &[b'n'; 255]).file("a", "").end(),
            Tree(&[LONGEST]),
        ),
    ]
}

const LONGEST: &str = concat!(
    "f nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn 0"
);

#[test]
fn each_scenario_ends_as_expected() {
    let scenarios = names()
        .into_iter()
        .chain(links_and_devices())
        .chain(headers());
    let mut count = 0;
    for (name, tar, expected) in scenarios {
        check(name, &expected, archive(Layout::Files, 0, &tar));
        count += 1;
    }
    assert!(count > 90, "{count}");
}

#[test]
fn every_cut_is_an_error() {
    let tar = Tar::new()
        .dir("d")
        .x("path", b"d/long")
        .file("f", "some content")
        .long(b'L', b"g")
        .file("f", "more");
    let (cut_from, whole) = (tar.0.len(), tar.end());
    let near_blocks = |end: &usize| matches!(end % 512, 0 | 1 | 511) || end.is_multiple_of(41);
    for end in (0..=cut_from).filter(near_blocks) {
        let error = archive(Layout::Files, 0, &whole[..end]).unwrap_err();
        assert!(error.to_string().contains("cut off"), "{end}: {error}");
    }
    assert!(archive(Layout::Files, 0, &whole).is_ok());
}

#[test]
fn in_layout_rootfs_devices_are_left_out_and_counted() {
    let tar = Tar::new()
        .device(b'3', "dev/null", 1, 3)
        .device(b'4', "dev/sda", 8, 0)
        .hard_link("dev/sdb", "dev/sda")
        .device(b'6', "run/fifo", 0, 0)
        .mode("bin/su", 0o4755)
        .pax(
            b'x',
            &[
                ("SCHILY.xattr.user.a", b"1"),
                ("LIBARCHIVE.xattr.user.a", b"MQ"),
            ],
        )
        .file("a", "");
    let outcome = archive(Layout::Rootfs, 0, &tar.clone().end()).unwrap();
    let expected = [
        "3 device nodes left out",
        "1 fifo left out",
        "setuid or setgid bit dropped from 1 file",
        "extended attributes of 1 entry ignored",
    ];
    assert_eq!(outcome.notes, expected);
    let tree = ["f a 0", "d bin", "f bin/su 0 x"];
    assert_eq!(outcome.lines, tree);

    let below = archive(Layout::Rootfs, 0, &tar.clone().file("dev/null/x", "").end()).unwrap_err();
    assert!(below.to_string().contains("through `dev/null`"), "{below}");
    let twice = archive(Layout::Rootfs, 0, &tar.file("dev/null", "").end()).unwrap_err();
    assert!(
        twice.to_string().contains("entry 1 has the same name"),
        "{twice}"
    );
    let whiteout =
        archive(Layout::Rootfs, 0, &Tar::new().device(b'3', "w", 0, 0).end()).unwrap_err();
    assert!(
        whiteout
            .to_string()
            .contains("entry 1 `w`: a character device 0/0"),
        "{whiteout}"
    );
}

#[test]
fn components_are_stripped_from_names_and_hard_link_targets_only() {
    let tar = Tar::new()
        .dir("./top")
        .file("top/a", "x")
        .hard_link("top/d/b", "./top/a")
        .symlink("top/l", "top/a");
    let stripped = Tree(&["f a 1", "d d", "f d/b 1", "l l -> top/a"]);
    check(
        "one",
        &stripped,
        archive(Layout::Files, 1, &tar.clone().end()),
    );
    let short = tar.clone().file("short", "").end();
    check(
        "short file",
        &Refused("strip-components = 1 leaves nothing"),
        archive(Layout::Files, 1, &short),
    );
    let short = tar.clone().hard_link("top/c", "a").end();
    check(
        "short target",
        &Refused("strip-components = 1 leaves nothing"),
        archive(Layout::Files, 1, &short),
    );
    let same = tar.clone().file("other/a", "").end();
    check(
        "same name",
        &Refused("entry 2 has the same name"),
        archive(Layout::Files, 1, &same),
    );
    let hidden = tar.clone().file(".wh.top/a", "").end();
    check(
        "whiteout",
        &Refused("named like a whiteout"),
        archive(Layout::Files, 1, &hidden),
    );
    let climbing = tar.file("../a", "").end();
    check(
        "climbing",
        &Refused("`.` or `..`"),
        archive(Layout::Files, 1, &climbing),
    );
}

#[test]
fn a_thousand_levels_are_taken() {
    let deep = vec!["d"; 1000].join("/");
    let tar = Tar::new()
        .x("path", deep.as_bytes())
        .file("x", "deep")
        .end();
    assert_eq!(archive(Layout::Files, 0, &tar).unwrap().lines.len(), 1000);
}

#[test]
fn a_folder_of_a_hundred_thousand_is_taken() {
    // ext4 gives a file at most 65,000 names.
    let mut wide = Tar::new().file("f", "x");
    for number in 0..50_000 {
        wide = wide
            .hard_link(&format!("w/{number}"), "f")
            .symlink(&format!("w/{number}-l"), "f");
    }
    let outcome = archive(Layout::Files, 0, &wide.end()).unwrap();
    assert_eq!(outcome.lines.len(), 100_002);
    assert!(
        outcome
            .hashes
            .values()
            .all(|hash| *hash == FileHash::of(b"x"))
    );
}

#[test]
fn the_reader_s_own_error_comes_through() {
    #[derive(Debug, thiserror::Error)]
    #[error("the line is dead")]
    struct DeadLine;
    struct Failing<'a>(&'a [u8]);
    impl std::io::Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(std::io::Error::other(DeadLine)),
                count => Ok(count),
            }
        }
    }
    let tar = Tar::new().file("a", &"x".repeat(2000)).file("b", "").end();
    for end in [0, 100, 512, 1000, 2560, 3100, tar.len()] {
        let result = super::fixture::stage(Layout::Files, |staging| {
            let mut bytes = Failing(&tar[..end]);
            pyro::unpack::archive(
                &mut bytes,
                staging,
                pyro::unpack::Archive::default(),
                &super::fixture::allowance(),
            )
            .map(|_| ())
        });
        let error = result.unwrap_err();
        let inner = error.content_io().and_then(std::io::Error::get_ref);
        assert!(
            inner.unwrap().downcast_ref::<DeadLine>().is_some(),
            "{end}: {error:?}"
        );
        assert!(!error.is_bad_source());
    }
}

#[test]
fn a_blob_is_one_plain_file_of_the_announced_size() {
    let path = pyro::model::path::EntryPath::new(b"boot/vmlinux").unwrap();
    let blob = |size| {
        super::fixture::stage(Layout::Files, |staging| {
            pyro::unpack::blob(
                &mut &b"12345"[..],
                staging,
                &path,
                size,
                &super::fixture::allowance(),
            )
            .map(|_| ())
        })
    };
    check("exact", &Tree(&["d boot", "f boot/vmlinux 5"]), blob(5));
    check(
        "short",
        &Refused("blob `boot/vmlinux`: expected 6 bytes, found 5"),
        blob(6),
    );
    check(
        "long",
        &Refused("blob `boot/vmlinux`: expected 3 bytes, found at least 4"),
        blob(3),
    );
}
