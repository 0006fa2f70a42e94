//! Maps of sparse files that lie.

#![expect(clippy::too_many_lines, reason = "tables of scenarios")]

use crate::stand::Case;
use crate::tar_bytes::Tar;

/// A PAX sparse file of these records that stores `content`.
fn pax(records: &[(&str, &[u8])], content: &str) -> Vec<u8> {
    let named: Vec<(String, &[u8])> = records
        .iter()
        .map(|(key, value)| (format!("GNU.sparse.{key}"), *value))
        .collect();
    let records: Vec<(&str, &[u8])> = named
        .iter()
        .map(|(key, value)| (key.as_str(), *value))
        .collect();
    Tar::new().pax(b'x', &records).file("a", content).end()
}

/// One of format 1.0, whose map is the beginning of the content.
fn one_zero(size: &[u8], map: &str, data: &str) -> Vec<u8> {
    let records: [(&str, &[u8]); 3] = [("major", b"1"), ("minor", b"0"), ("realsize", size)];
    pax(&records, &format!("{map:\0<512}{data}"))
}

pub fn hostile() -> Vec<Case> {
    let map = |size: &'static [u8], blocks: &'static [u8], map: &'static [u8]| {
        pax(&[("size", size), ("numblocks", blocks), ("map", map)], "x")
    };
    let gnu = |size, regions: &[(u64, u64)]| Tar::new().gnu_sparse("a", size, regions, b"x").end();
    let folder = Tar::new()
        .pax(
            b'x',
            &[("GNU.sparse.size", b"0"), ("GNU.sparse.numblocks", b"0")],
        )
        .dir("c")
        .end();
    let (beyond, stored) = (
        &["a region lies beyond its end"][..],
        &["more or less than is stored"][..],
    );
    let version: [(&str, &[u8]); 3] = [("major", b"2"), ("minor", b"0"), ("realsize", b"5")];
    let climbing: [(&str, &[u8]); 4] = [
        ("name", b"../c"),
        ("size", b"1"),
        ("numblocks", b"1"),
        ("map", b"0,1"),
    ];
    vec![
        Case::new(
            "sparse 0.1, beyond its end",
            map(b"5", b"1", b"5,1"),
            beyond,
        ),
        Case::new(
            "sparse 0.1, overflows",
            map(b"5", b"1", b"18446744073709551615,1"),
            beyond,
        ),
        Case::new("sparse 0.1, stores more", map(b"5", b"1", b"0,2"), stored),
        Case::new(
            "sparse 0.1, goes back",
            map(b"9", b"2", b"4,1,0,0"),
            &["overlap or go back"],
        ),
        Case::new(
            "sparse 0.1, miscounted",
            map(b"5", b"2", b"0,1"),
            &["not as many as announced"],
        ),
        Case::new(
            "sparse 0.1, half a region",
            map(b"5", b"1", b"0"),
            &["a length is missing"],
        ),
        Case::new(
            "sparse 0.1, no numbers",
            map(b"5", b"1", b"0,x"),
            &["a number is none"],
        ),
        Case::new(
            "sparse, no size",
            pax(&[("map", b"0,1")], "x"),
            &["its size is missing"],
        ),
        Case::new(
            "sparse 0.0, a lone length",
            pax(&[("size", b"5"), ("numbytes", b"1")], "x"),
            &["without an offset"],
        ),
        Case::new(
            "sparse 0.0, a lone offset",
            pax(&[("size", b"5"), ("offset", b"1")], "x"),
            &["as announced"],
        ),
        Case::new(
            "sparse, an unknown record",
            pax(&[("new", b"1")], "x"),
            &["not known"],
        ),
        Case::new(
            "sparse, an unknown version",
            pax(&version, "x"),
            &["a version that is not known"],
        ),
        Case::new(
            "sparse, a climbing name",
            pax(&climbing, "x"),
            &["entry 1 `../c`", "`.` or `..`"],
        ),
        Case::new("sparse folder", folder, &["it is no file"]),
        Case::new(
            "sparse 1.0, no map",
            pax(&[("major", b"1"), ("minor", b"0"), ("size", b"5")], "x"),
            &["its map is longer"],
        ),
        Case::new(
            "sparse 1.0, endless map",
            one_zero(b"5", "99999999\n", ""),
            &["not made of numbers"],
        ),
        Case::new(
            "sparse 1.0, no numbers",
            one_zero(b"5", "1\n-1\n1\n", "x"),
            &["not made of numbers"],
        ),
        Case::new(
            "sparse 1.0, beyond its end",
            one_zero(b"5", "1\n5\n1\n", "x"),
            beyond,
        ),
        Case::new(
            "sparse 1.0, stores more",
            one_zero(b"9", "1\n0\n4\n", "x"),
            stored,
        ),
        Case::new("GNU sparse, beyond its end", gnu(5, &[(5, 1)]), beyond),
        Case::new("GNU sparse, stores more", gnu(50, &[(5, 4)]), stored),
        Case::new(
            "GNU sparse, goes back",
            gnu(50, &[(5, 1), (0, 0)]),
            &["overlap or go back"],
        ),
        Case::new(
            "GNU sparse in ustar",
            Tar::new().member(b'S', "a", "", b"x").end(),
            &["not of GNU tar"],
        ),
        Case::new(
            "Solaris sparse",
            Tar::new().x("SUN.holesdata", b"0 1").file("a", "x").end(),
            &["not known"],
        ),
        Case::new(
            "a hole of 2^60",
            pax(&[("size", b"1152921504606846976"), ("numblocks", b"0")], ""),
            &["2^53-1"],
        ),
        // Not a byte is stored, and to hash so many zeros would take weeks.
        Case::new(
            "a hole of 2^52",
            pax(&[("size", b"4503599627370496"), ("numblocks", b"0")], ""),
            &[
                "entry 1 `a`",
                "more than 1099511627776 bytes unpacked",
                "max-unpacked",
            ],
        ),
    ]
}
