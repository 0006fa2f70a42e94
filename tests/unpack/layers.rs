//! Image layers: what replaces, what hides, what is refused.

#![expect(clippy::too_many_lines, reason = "tables of scenarios")]

use super::fixture::Expected::{Refused, Tree};
use super::fixture::{Expected, Tar, check, layers};

type Scenario = (&'static str, Tar, Tar, Expected);

fn replacing() -> Vec<Scenario> {
    let t = Tar::new;
    let lower = t()
        .file("a", "1")
        .dir("d")
        .file("d/x", "1")
        .symlink("l", "d");
    vec![
        (
            "file over file",
            lower.clone(),
            t().file("a", "22"),
            Tree(&["f a 2", "d d", "f d/x 1", "l l -> d"]),
        ),
        (
            "file over folder",
            lower.clone(),
            t().file("d", "22"),
            Tree(&["f a 1", "f d 2", "l l -> d"]),
        ),
        (
            "folder over file",
            lower.clone(),
            t().dir("a"),
            Tree(&["d a", "d d", "f d/x 1", "l l -> d"]),
        ),
        (
            "folder over folder",
            lower.clone(),
            t().dir("d").file("d/y", ""),
            Tree(&["f a 1", "d d", "f d/x 1", "f d/y 0", "l l -> d"]),
        ),
        (
            "folder over link",
            lower.clone(),
            t().dir("l").file("l/y", ""),
            Tree(&["f a 1", "d d", "f d/x 1", "d l", "f l/y 0"]),
        ),
        (
            "file over link",
            lower.clone(),
            t().file("l", ""),
            Tree(&["f a 1", "d d", "f d/x 1", "f l 0"]),
        ),
        (
            "device over file",
            lower.clone(),
            t().device(b'3', "a", 1, 3),
            Tree(&["d d", "f d/x 1", "l l -> d"]),
        ),
        (
            "hard link to a lower layer",
            lower.clone(),
            t().hard_link("b", "d/x"),
            Tree(&["f a 1", "f b 1", "d d", "f d/x 1", "l l -> d"]),
        ),
        (
            "through a lower link",
            lower.clone(),
            t().file("l/y", ""),
            Refused("entry 1 of layer 2 `l/y`: it would be written through `l`"),
        ),
        (
            "through a lower file",
            lower.clone(),
            t().file("a/y", ""),
            Refused("it would be written through `a`"),
        ),
        (
            "through a link of its own",
            lower.clone(),
            t().symlink("d", "/").file("d/y", ""),
            Refused("it would be written through `d`"),
        ),
        (
            "twice in one layer",
            lower.clone(),
            t().file("a", "").file("a", ""),
            Refused("entry 2 of layer 2 `a`: entry 1 has the same name"),
        ),
        (
            "folder that is used, then file",
            lower.clone(),
            t().file("d/y", "").file("d", ""),
            Refused("entry 1 has the same name"),
        ),
        (
            "hard link to itself",
            lower.clone(),
            t().hard_link("a", "a"),
            Refused("a hard link to `a`"),
        ),
        (
            "hard link into what it replaces",
            lower.clone(),
            t().hard_link("d", "d/x"),
            Refused("a hard link to `d/x`"),
        ),
        (
            "hard link to a lower folder",
            lower.clone(),
            t().hard_link("b", "d"),
            Refused("a hard link to `d`"),
        ),
        (
            "0/0",
            lower.clone(),
            t().device(b'3', "a", 0, 0),
            Refused("a character device 0/0"),
        ),
        (
            "climbing",
            lower,
            t().file("../a", ""),
            Refused("`.` or `..`"),
        ),
    ]
}

fn hiding() -> Vec<Scenario> {
    let t = Tar::new;
    let lower = t()
        .file("a", "1")
        .dir("d")
        .file("d/s/x", "1")
        .file("d/y", "")
        .symlink("l", "d");
    vec![
        (
            "file",
            lower.clone(),
            t().file(".wh.a", ""),
            Tree(&["d d", "d d/s", "f d/s/x 1", "f d/y 0", "l l -> d"]),
        ),
        (
            "link",
            lower.clone(),
            t().file(".wh.l", "").file(".wh.d", ""),
            Tree(&["f a 1"]),
        ),
        (
            "folder",
            lower.clone(),
            t().file("./.wh.d", ""),
            Tree(&["f a 1", "l l -> d"]),
        ),
        (
            "what is not there",
            lower.clone(),
            t().file(".wh.z", "")
                .file("z/q/.wh.z", "")
                .file(".wh.a", "")
                .file(".wh.d", "")
                .file("z/.wh..wh..opq", ""),
            Tree(&["l l -> d"]),
        ),
        (
            "opaque",
            lower.clone(),
            t().dir("d").file("d/.wh..wh..opq", ""),
            Tree(&["f a 1", "d d", "l l -> d"]),
        ),
        (
            "opaque top",
            lower.clone(),
            t().file("n", "").file(".wh..wh..opq", ""),
            Tree(&["f n 0"]),
        ),
        (
            "opaque after",
            lower.clone(),
            t().file("d/s/new", "")
                .file("d/.wh..wh..opq", "")
                .file("d/late", ""),
            Tree(&[
                "f a 1",
                "d d",
                "f d/late 0",
                "d d/s",
                "f d/s/new 0",
                "l l -> d",
            ]),
        ),
        (
            "opaque before",
            lower.clone(),
            t().file("d/.wh..wh..opq", "").file("d/s/new", ""),
            Tree(&["f a 1", "d d", "d d/s", "f d/s/new 0", "l l -> d"]),
        ),
        (
            "whiteout after its own file",
            lower.clone(),
            t().file("a", "22").file(".wh.a", ""),
            Tree(&["f a 2", "d d", "d d/s", "f d/s/x 1", "f d/y 0", "l l -> d"]),
        ),
        (
            "whiteout before its own folder",
            lower.clone(),
            t().file(".wh.d", "").file("d/n", ""),
            Tree(&["f a 1", "d d", "f d/n 0", "l l -> d"]),
        ),
        (
            "whiteout after its own folder",
            lower.clone(),
            t().file("d/n", "").file(".wh.d", ""),
            Tree(&["f a 1", "d d", "f d/n 0", "l l -> d"]),
        ),
        (
            "nothing",
            lower.clone(),
            t().file(".wh.", ""),
            Refused("entry 1 of layer 2 `.wh.`: bad whiteout: it names nothing"),
        ),
        (
            "the folder itself",
            lower.clone(),
            t().file("d/.wh..", ""),
            Refused("bad whiteout: it climbs"),
        ),
        (
            "the folder above",
            lower.clone(),
            t().file("d/.wh...", ""),
            Refused("bad whiteout: it climbs"),
        ),
        (
            "climbing folder",
            lower.clone(),
            t().file("../.wh.a", ""),
            Refused("`.` or `..`"),
        ),
        (
            "climbing opaque",
            lower.clone(),
            t().file("d/../.wh..wh..opq", ""),
            Refused("`.` or `..`"),
        ),
        (
            "below a link",
            lower.clone(),
            t().file("l/.wh.y", ""),
            Refused("through `l`"),
        ),
        (
            "opaque below a link",
            lower.clone(),
            t().file("l/.wh..wh..opq", ""),
            Refused("through `l`"),
        ),
        (
            "opaque below a file",
            lower.clone(),
            t().file("a/b/.wh..wh..opq", ""),
            Refused("through `a`"),
        ),
        (
            "a whiteout",
            lower.clone(),
            t().file(".wh..wh.plnk", ""),
            Refused("bad whiteout: it hides a whiteout"),
        ),
        (
            "used as a folder",
            lower.clone(),
            t().file(".wh.d/x", ""),
            Refused("bad whiteout: it is used as a folder"),
        ),
        (
            "below another",
            lower.clone(),
            t().file(".wh.d/.wh.x", ""),
            Refused("bad whiteout: it stands below another"),
        ),
        (
            "with content",
            lower.clone(),
            t().file(".wh.a", "x"),
            Refused("bad whiteout: it is no empty file"),
        ),
        (
            "as a folder",
            lower.clone(),
            t().dir(".wh.a"),
            Refused("bad whiteout: it is no empty file"),
        ),
        (
            "as a link",
            lower.clone(),
            t().symlink(".wh.a", "/"),
            Refused("bad whiteout: it is no empty file"),
        ),
        (
            "twice",
            lower.clone(),
            t().file(".wh.a", "").file(".wh.a", ""),
            Refused("entry 1 has the same name"),
        ),
        (
            "a hard link to what is hidden",
            lower,
            t().file(".wh.a", "").hard_link("b", "a"),
            Refused("a hard link to `a`"),
        ),
    ]
}

#[test]
fn each_scenario_ends_as_expected() {
    for (name, lower, upper, expected) in replacing().into_iter().chain(hiding()) {
        check(name, &expected, layers(&[lower.end(), upper.end()]));
    }
}

#[test]
fn notes_say_which_layer() {
    let outcome = layers(&[
        Tar::new()
            .device(b'3', "dev/null", 1, 3)
            .file("a", "")
            .end(),
        Tar::new()
            .device(b'3', "dev/null", 1, 3)
            .device(b'6', "f", 0, 0)
            .end(),
    ]);
    let expected = [
        "layer 1: 1 device node left out",
        "layer 2: 1 device node left out",
        "layer 2: 1 fifo left out",
    ];
    assert_eq!(outcome.unwrap().notes, expected);
}

#[test]
fn a_layer_may_hide_very_much() {
    let mut lower = Tar::new().file("f", "x");
    for number in 0..20_000 {
        lower = lower.hard_link(&format!("w/{number}"), "f");
    }
    let outcome = layers(&[
        lower.end(),
        Tar::new().dir("w").file("w/.wh..wh..opq", "").end(),
    ])
    .unwrap();
    assert_eq!(outcome.lines, ["f f 1", "d w"]);
}
