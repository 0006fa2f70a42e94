//! Layers over layers: whiteouts that name what is not there, those that climb, and layers that write through links.

#![expect(clippy::too_many_lines, reason = "tables of scenarios")]

use std::path::Path;

use crate::stand::Stand;
use crate::tar_bytes::Tar;

/// The lower layer of them all.
fn lower() -> Tar {
    Tar::new()
        .file("a", "1")
        .dir("d")
        .file("d/s/x", "1")
        .file("d/y", "")
        .symlink("l", "d")
        .symlink("out", "../../../outside")
}

fn hostile() -> Vec<(&'static str, Tar, &'static str)> {
    let t = Tar::new;
    vec![
        (
            "names nothing",
            t().file(".wh.", ""),
            "entry 1 of layer 2 `.wh.`: bad whiteout: it names nothing",
        ),
        (
            "the folder itself",
            t().file("d/.wh..", ""),
            "bad whiteout: it climbs",
        ),
        (
            "the folder above",
            t().file("d/.wh...", ""),
            "bad whiteout: it climbs",
        ),
        ("climbing folder", t().file("../.wh.a", ""), "`.` or `..`"),
        (
            "climbing opaque",
            t().file("d/../.wh..wh..opq", ""),
            "`.` or `..`",
        ),
        ("absolute", t().file("/.wh.a", ""), "an absolute name"),
        ("through a link", t().file("l/.wh.y", ""), "through `l`"),
        (
            "through a link outside",
            t().file("out/.wh.sentinel", ""),
            "through `out`",
        ),
        (
            "opaque through a link outside",
            t().file("out/.wh..wh..opq", ""),
            "through `out`",
        ),
        (
            "opaque below a file",
            t().file("a/b/.wh..wh..opq", ""),
            "through `a`",
        ),
        (
            "hides a whiteout",
            t().file(".wh..wh.plnk", ""),
            "it hides a whiteout",
        ),
        (
            "used as a folder",
            t().file(".wh.d/x", ""),
            "it is used as a folder",
        ),
        (
            "below another",
            t().file(".wh.d/.wh.x", ""),
            "it stands below another",
        ),
        (
            "with content",
            t().file(".wh.a", "x"),
            "it is no empty file",
        ),
        ("as a folder", t().dir(".wh.a"), "it is no empty file"),
        (
            "as a link",
            t().symlink(".wh.a", "/"),
            "it is no empty file",
        ),
        (
            "as a hard link",
            t().hard_link(".wh.a", "a"),
            "it is no empty file",
        ),
        (
            "twice",
            t().file(".wh.a", "").file(".wh.a", ""),
            "entry 1 has the same name",
        ),
        (
            "hard link to what is hidden",
            t().file(".wh.a", "").hard_link("b", "a"),
            "a hard link to `a`",
        ),
        (
            "hard link to a lower folder",
            t().hard_link("b", "d"),
            "a hard link to `d`",
        ),
        (
            "hard link into what it replaces",
            t().hard_link("d", "d/y"),
            "a hard link to `d/y`",
        ),
        (
            "file through a lower link",
            t().file("out/sentinel", "x"),
            "entry 1 of layer 2 `out/sentinel`",
        ),
        (
            "file through its own link",
            t().symlink("d", "/").file("d/y", ""),
            "through `d`",
        ),
        (
            "file through a lower file",
            t().file("a/y", ""),
            "through `a`",
        ),
        ("0/0", t().device(b'3', "a", 0, 0), "a character device 0/0"),
        (
            "file twice in a layer",
            t().file("a", "").file("a", ""),
            "entry 2 of layer 2 `a`: entry 1",
        ),
        ("climbing file", t().file("../a", ""), "`.` or `..`"),
        ("cut off", t().file("b", "x"), "cut off"),
    ]
}

#[test]
fn every_hostile_layer_is_refused_and_leaves_nothing() {
    let stand = Stand::new();
    let all = hostile();
    for (name, upper, words) in &all {
        let upper = match *name {
            "cut off" => upper.0.clone(),
            _ => upper.clone().end(),
        };
        let ended = stand.realize_image(&[lower().end(), upper]);
        stand.assert_refused(name, &ended, &[(*words).to_owned()]);
    }
    println!("{} hostile layers", all.len());
    assert!(all.len() >= 28, "{}", all.len());
}

/// Every path below a folder, with a mark for what it is.
fn lines(top: &Path) -> Vec<String> {
    let walk = walkdir::WalkDir::new(top).min_depth(1).sort_by_file_name();
    walk.into_iter()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry
                .path()
                .strip_prefix(top)
                .unwrap()
                .display()
                .to_string();
            match entry.file_type() {
                kind if kind.is_dir() => name + "/",
                kind if kind.is_symlink() => name + "@",
                _ => name,
            }
        })
        .collect()
}

#[test]
fn honest_whiteouts_hide_what_is_below_and_nothing_else() {
    let t = Tar::new;
    let cases: [(&str, Tar, &[&str]); 6] = [
        (
            "a file",
            t().file(".wh.a", ""),
            &["d/", "d/s/", "d/s/x", "d/y", "l@", "out@"],
        ),
        (
            "a link, not what it shows",
            t().file(".wh.out", ""),
            &["a", "d/", "d/s/", "d/s/x", "d/y", "l@"],
        ),
        (
            "what is not there",
            t().file(".wh.z", "")
                .file("z/q/.wh.z", "")
                .file("z/.wh..wh..opq", "")
                .file(".wh.d", ""),
            &["a", "l@", "out@"],
        ),
        (
            "opaque",
            t().dir("d").file("d/.wh..wh..opq", "").file("d/n", ""),
            &["a", "d/", "d/n", "l@", "out@"],
        ),
        (
            "opaque after",
            t().file("d/n", "").file("d/.wh..wh..opq", ""),
            &["a", "d/", "d/n", "l@", "out@"],
        ),
        (
            "opaque top",
            t().file("n", "").file(".wh..wh..opq", ""),
            &["n"],
        ),
    ];
    let stand = Stand::new();
    for (name, upper, expected) in cases {
        let ended = stand.realize_image(&[lower().end(), upper.end()]);
        let content = Stand::content(crate::stand::As::Rootfs, ended);
        assert_eq!(lines(&content), expected, "{name}");
        stand.assert_untouched(name);
    }
    stand.scene.assert_sound();
}
