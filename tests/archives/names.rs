//! Names that climb, collide or lie, and links that lead away.

use crate::stand::Case;
use crate::tar_bytes::Tar;

/// `sentinel` is the absolute name of a file that none of these may reach.
pub fn hostile(sentinel: &str) -> Vec<Case> {
    let mut all = climbing(sentinel);
    all.extend(malformed());
    all.extend(twice());
    all.extend(through(sentinel));
    all.extend(hard_links(sentinel));
    all.extend(specials());
    all
}

fn climbing(sentinel: &str) -> Vec<Case> {
    let t = Tar::new;
    let climb = format!("{}outside/sentinel", "../".repeat(4));
    let (absolute, dots) = (&["an absolute name"][..], &["`.` or `..`"][..]);
    vec![
        Case::new(
            "absolute",
            t().file("/etc/passwd", "x").end(),
            &["entry 1 `/etc/passwd`", "an absolute name"],
        ),
        Case::new(
            "absolute, the sentinel",
            t().x("path", sentinel.as_bytes()).file("a", "x").end(),
            absolute,
        ),
        Case::new(
            "absolute, GNU long",
            t().long(b'L', sentinel.as_bytes()).file("a", "x").end(),
            absolute,
        ),
        Case::new(
            "absolute after a dot",
            t().file(".//etc/passwd", "x").end(),
            absolute,
        ),
        Case::new("absolute folder", t().dir("/tmp/").end(), absolute),
        Case::new("climbing", t().file(&climb, "x").end(), dots),
        Case::new(
            "climbing in the middle",
            t().file("a/../../b", "x").end(),
            &["entry 1 `a/../../b`", "`.` or `..`"],
        ),
        Case::new("climbing after a dot", t().file("./../a", "x").end(), dots),
        Case::new("climbing folder", t().dir("../a").end(), dots),
        Case::new("only dots", t().dir("..").end(), dots),
        Case::new(
            "climbing in PAX",
            t().x("path", climb.as_bytes()).file("a", "x").end(),
            dots,
        ),
        Case::new(
            "climbing in GNU long",
            t().long(b'L', climb.as_bytes()).file("a", "x").end(),
            dots,
        ),
        Case::new(
            "climbing symlink name",
            t().symlink("../a", "b").end(),
            dots,
        ),
        Case::new(
            "climbing after good ones",
            t().file("ok", "").dir("d").file("d/../../x", "").end(),
            &["entry 3"],
        ),
        Case::new("dot in the middle", t().file("a/./b", "x").end(), dots),
        Case::new(
            "climbing in rootfs",
            t().file("../environment.json", "{}").end(),
            dots,
        )
        .in_rootfs(),
    ]
}

fn malformed() -> Vec<Case> {
    let t = Tar::new;
    let (empty, long) = (&["an empty component"][..], &["too long"][..]);
    let deep = "d/".repeat(3000);
    vec![
        Case::new("no name", t().file("", "x").end(), empty),
        Case::new("two slashes", t().file("a//b", "x").end(), empty),
        Case::new(
            "NUL in PAX",
            t().x("path", b"a\0b").file("a", "x").end(),
            &["a NUL byte"],
        ),
        Case::new(
            "NUL in GNU long",
            t().long(b'L', b"a\0b").file("a", "x").end(),
            &["goes on after its end"],
        ),
        Case::new(
            "256 bytes",
            t().x("path", &[b'n'; 256]).file("a", "x").end(),
            long,
        ),
        Case::new(
            "256 bytes, GNU",
            t().long(b'L', &[b'n'; 256]).file("a", "x").end(),
            long,
        ),
        Case::new(
            "256 bytes, a folder",
            t().x("path", &[b'n'; 256]).dir("a").end(),
            long,
        ),
        Case::new(
            "3,000 levels",
            t().x("path", deep.as_bytes()).dir("a").end(),
            long,
        ),
        Case::new(
            "a megabyte of name",
            t().x("path", &b"n/".repeat(1 << 19)).dir("a").end(),
            long,
        ),
        Case::new(
            "the top as a file",
            t().file("./", "").end(),
            &["ends like a folder's"],
        ),
        Case::new(
            "the top as a link",
            t().symlink(".", "/etc").end(),
            &["`.` or `..`"],
        ),
        Case::new(
            "file like a folder",
            t().file("a/", "x").end(),
            &["ends like a folder's"],
        ),
        Case::new(
            "link like a folder",
            t().symlink("a/", "x").end(),
            &["ends like a folder's"],
        ),
        Case::new(
            "whiteout",
            t().file(".wh.a", "").end(),
            &["entry 1 `.wh.a`", "named like a whiteout"],
        ),
        Case::new(
            "opaque marker",
            t().file("d/.wh..wh..opq", "").end(),
            &["named like a whiteout"],
        ),
        Case::new(
            "below a whiteout",
            t().file("a/.wh.b/c", "").end(),
            &["named like a whiteout"],
        ),
        Case::new(
            "a manifest of its own",
            t().file("environment.json", "{}").end(),
            &["environment.json"],
        ),
        Case::new(
            "a manifest as a link",
            t().symlink("environment.json", "/etc/passwd").end(),
            &["environment.json"],
        ),
        Case::new(
            "a manifest as a folder",
            t().file("environment.json/x", "").end(),
            &["environment.json"],
        ),
        Case::new(
            "escapes in a name",
            t().file("/\x1b[2J\u{202e}", "").end(),
            &["`/\\u{1b}[2J\\u{202e}`"],
        ),
    ]
}

fn twice() -> Vec<Case> {
    let t = Tar::new;
    let first = &["entry 1 has the same name"][..];
    vec![
        Case::new(
            "twice",
            t().file("a", "1").file("b", "").file("a", "2").end(),
            &["entry 3 `a`", "entry 1 has the same name"],
        ),
        Case::new(
            "twice, dotted",
            t().file("a", "1").file("./a", "2").end(),
            first,
        ),
        Case::new(
            "folder, then file",
            t().dir("a").file("a", "2").end(),
            first,
        ),
        Case::new(
            "file, then folder",
            t().file("a", "2").dir("a").end(),
            first,
        ),
        Case::new(
            "implied, then file",
            t().file("a/b", "").file("a", "2").end(),
            first,
        ),
        Case::new(
            "folder, then link",
            t().dir("a").symlink("a", "/tmp").end(),
            first,
        ),
        Case::new(
            "link, then folder",
            t().symlink("a", "/tmp").dir("a").end(),
            first,
        ),
        Case::new(
            "link twice",
            t().symlink("a", "b").symlink("a", "/tmp").end(),
            first,
        ),
        Case::new(
            "hard link over its file",
            t().file("a", "").hard_link("a", "a").end(),
            &["entry 2 `a`"],
        ),
        Case::new(
            "left out, then there",
            t().device(b'6', "a", 0, 0).file("a", "").end(),
            first,
        )
        .in_rootfs(),
    ]
}

fn through(sentinel: &str) -> Vec<Case> {
    let t = Tar::new;
    let folder = sentinel.rsplit_once('/').unwrap().0;
    let link = |target: &str| t().x("linkpath", target.as_bytes()).symlink("l", "x");
    let through = &["it would be written through `l`"][..];
    vec![
        Case::new(
            "through an absolute link",
            link(folder).file("l/sentinel", "x").end(),
            through,
        ),
        Case::new(
            "through a relative link",
            link("../../../outside").file("l/sentinel", "x").end(),
            through,
        ),
        Case::new(
            "through a link to the sentinel",
            link(sentinel).file("l", "x").end(),
            &["entry 1 has the same name"],
        ),
        Case::new(
            "deep through a link",
            link(folder).file("l/a/b/c", "x").end(),
            through,
        ),
        Case::new(
            "folder through a link",
            link(folder).dir("l/new").end(),
            through,
        ),
        Case::new(
            "link through a link",
            link(folder).symlink("l/new", "x").end(),
            through,
        ),
        Case::new(
            "hard link through a link",
            link(folder).file("f", "").hard_link("l/new", "f").end(),
            through,
        ),
        Case::new(
            "through two links",
            link("m").symlink("m", "/tmp").file("l/x", "").end(),
            through,
        ),
        Case::new(
            "through a link to the top",
            link(".").file("l/x", "").end(),
            through,
        ),
        Case::new(
            "through a file",
            t().file("l", "1").file("l/b", "2").end(),
            through,
        ),
        Case::new(
            "through a hard link",
            t().file("f", "").hard_link("l", "f").file("l/b", "").end(),
            through,
        ),
        Case::new(
            "through a device",
            t().device(b'3', "l", 1, 3).file("l/b", "").end(),
            through,
        )
        .in_rootfs(),
        Case::new(
            "through a link in rootfs",
            link("/").file("l/etc/x", "").end(),
            through,
        )
        .in_rootfs(),
    ]
}

fn hard_links(sentinel: &str) -> Vec<Case> {
    let t = Tar::new;
    let link = |target: &str| {
        t().x("linkpath", target.as_bytes())
            .hard_link("a", "x")
            .end()
    };
    let none = &["which is no earlier file"][..];
    vec![
        Case::new(
            "hard link to the sentinel",
            link(sentinel),
            &["its link target has an absolute name"],
        ),
        Case::new(
            "hard link climbs",
            link("../../../outside/sentinel"),
            &["its link target has a `.` or `..`"],
        ),
        Case::new(
            "hard link to a later entry",
            t().hard_link("a", "b").file("b", "").end(),
            &[
                "entry 1 `a`",
                "a hard link to `b`, which is no earlier file",
            ],
        ),
        Case::new("hard link to itself", t().hard_link("a", "a").end(), none),
        Case::new(
            "hard link to a folder",
            t().dir("d").hard_link("a", "d").end(),
            none,
        ),
        Case::new("hard link to the top", link("."), &["its link target"]),
        Case::new(
            "hard link below a link",
            t().symlink("l", "/etc").hard_link("a", "l/passwd").end(),
            none,
        ),
        Case::new(
            "hard link to the manifest",
            t().file("f", "").hard_link("a", "environment.json").end(),
            none,
        ),
        Case::new(
            "hard link to nothing",
            t().hard_link("a", "").end(),
            &["an empty component"],
        ),
        Case::new(
            "hard link to what is below it",
            t().file("a/b", "").hard_link("a", "a/b").end(),
            &["entry 2 `a`"],
        ),
        Case::new(
            "symlink to nothing",
            t().symlink("a", "").end(),
            &["an empty component"],
        ),
        Case::new(
            "endless target",
            t().long(b'K', &[b'x'; 4096]).symlink("a", "").end(),
            &["too long"],
        ),
        Case::new(
            "NUL in a target",
            t().x("linkpath", b"a\0b").symlink("a", "b").end(),
            &["a NUL byte"],
        ),
    ]
}

fn specials() -> Vec<Case> {
    let t = Tar::new;
    let white = &[
        "entry 1 `w`",
        "a character device 0/0, an overlayfs whiteout",
    ][..];
    vec![
        Case::new(
            "character device",
            t().device(b'3', "null", 1, 3).end(),
            &["a character device cannot stand"],
        ),
        Case::new(
            "block device",
            t().device(b'4', "sda", 8, 0).end(),
            &["a block device cannot stand"],
        ),
        Case::new(
            "fifo",
            t().device(b'6', "f", 0, 0).end(),
            &["a fifo cannot stand"],
        ),
        Case::new("0/0", t().device(b'3', "w", 0, 0).end(), white),
        Case::new(
            "0/0 in rootfs",
            t().device(b'3', "w", 0, 0).file("a", "").end(),
            white,
        )
        .in_rootfs(),
    ]
}
