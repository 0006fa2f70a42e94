//! What is read without TOML is what TOML reads.

use super::super::{plain, text, wire};
use super::*;
use crate::declare::Ledger;

/// A lock with one of every form.
fn every_form() -> Lock {
    let digest = Sha256::from_bytes([5; 32]);
    let archive_pin = |output| Pin::Archive {
        sha256: digest,
        size: 30_720,
        output,
    };
    let no_layer = Pin::Oci {
        digest: OciDigest::Sha256(digest),
        layers: Vec::new(),
        output: None,
    };
    let pinned = [
        (local("rootfs"), Some(local_pin(1))),
        (archive(&["a.tar"]), Some(archive_pin(Some(hash(1))))),
        (
            archive(&["https://a.example/é.tar", "b.tar"]),
            Some(archive_pin(None)),
        ),
        (oci("r.example/a/b:1"), Some(oci_pin(3, Some(hash(1))))),
        (oci("r.example/a/b:2"), Some(no_layer)),
    ];
    let unpinned = pinned.clone().map(|(source, _)| (source, None));
    lock(&[
        ("all", "linux/amd64", block(7, &pinned)),
        ("none", "linux/amd64", block(8, &unpinned)),
        ("none", "linux/arm64", block(8, &unpinned[..1])),
    ])
}

fn as_toml(text: &str) -> Option<Lock> {
    let mut ledger = Ledger::new();
    wire::read(text, &mut ledger)
}

#[test]
fn what_is_written_is_read_plainly() {
    let lock = every_form();
    let text = text::of(&lock);
    assert_eq!(plain::read(&text).as_ref(), Some(&lock));
    assert_eq!(as_toml(&text), Some(lock));
}

#[test]
fn what_needs_an_escape_is_read_as_toml() {
    let lock = lock(&[(
        "a",
        "linux/amd64",
        block(7, &[(local("a\\b\"\n\u{7}"), None)]),
    )]);
    let text = text::of(&lock);
    assert_eq!(plain::read(&text), None);
    assert_eq!(read(&text).unwrap().lock, lock);
}

#[test]
fn a_text_that_is_read_plainly_is_the_same_in_toml() {
    let inserted = [
        "\"", "\\", "\n", "\r", "\t", "#", "0", "9", "a", " ", "\u{7f}", "é", "\u{85}", ",",
    ];
    let whole = text::of(&every_form());
    let (mut tried, mut taken) = (0, 0);
    let mut try_it = |text: &str| {
        tried += 1;
        if let Some(lock) = plain::read(text) {
            taken += 1;
            assert_eq!(Some(lock), as_toml(text), "{text}");
        }
    };
    for (at, c) in whole.char_indices() {
        let (before, after) = whole.split_at(at);
        let less = &after[c.len_utf8()..];
        try_it(before);
        try_it(&format!("{before}{less}"));
        for inserted in inserted {
            try_it(&format!("{before}{inserted}{after}"));
            try_it(&format!("{before}{inserted}{less}"));
        }
    }
    // A line where another one stands, and twice.
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    for from in 0..lines.len() {
        for to in 0..lines.len() {
            let mut moved = lines.clone();
            moved.insert(to, lines[from]);
            try_it(&moved.concat());
            moved.remove(if to <= from { from + 1 } else { from });
            try_it(&moved.concat());
        }
    }
    println!("{tried} texts tried, {taken} of them read plainly");
    assert!(tried > 50_000 && taken > 500);
}

#[test]
fn what_toml_refuses_is_not_read_plainly() {
    let whole = text::of(&every_form());
    let twice = format!("{whole}{}", &whole[text::HEADER.len()..]);
    let large = whole.replacen("size = 1 }", "size = 99999999999999999999 }", 1);
    let zero = whole.replacen("size = 1 }", "size = 01 }", 1);
    for text in [&twice, &large, &zero] {
        assert_ne!(text, &whole);
        assert_eq!(plain::read(text), None, "{text}");
        assert_eq!(as_toml(text), None, "{text}");
    }
}
