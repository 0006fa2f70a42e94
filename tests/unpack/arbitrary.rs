//! Whatever the bytes are: a tree or an error, never a panic.

use std::io::Read;

use proptest::prelude::*;
use pyro::model::recipe::Layout;

use super::fixture::{Tar, archive, layers};

/// An archive with one of everything, in pieces of one block.
fn blocks() -> Vec<[u8; 512]> {
    let tar = Tar::new()
        .dir("d")
        .x("path", b"d/long")
        .file("f", "some content")
        .long(b'L', b"g")
        .file("f", "more")
        .symlink("l", "d")
        .hard_link("h", "g")
        .device(b'3', "n", 1, 3)
        .pax(
            b'x',
            &[
                ("GNU.sparse.major", b"1"),
                ("GNU.sparse.minor", b"0"),
                ("GNU.sparse.realsize", b"5000"),
            ],
        )
        .file("s", &format!("{:\0<512}x", "2\n0\n1\n5000\n0\n"))
        .file("d/.wh..wh..opq", "")
        .file(".wh.x", "")
        .end();
    tar.chunks_exact(512)
        .map(|block| block.try_into().unwrap())
        .collect()
}

fn try_all(bytes: &[u8]) {
    let _ = archive(Layout::Files, 0, bytes);
    let _ = archive(Layout::Rootfs, 1, bytes);
    let _ = layers(&[bytes.to_vec(), bytes.to_vec()]);
    if let Ok((_, mut reader)) = pyro::unpack::decompress::reader(Box::new(bytes)) {
        let _ = reader.read_to_end(&mut Vec::new());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        try_all(&bytes);
    }

    #[test]
    fn shuffled_and_damaged_blocks(
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0..512_usize, any::<u8>()), 0..6),
    ) {
        let blocks = blocks();
        let mut chosen: Vec<[u8; 512]> = order.iter().map(|index| *index.get(&blocks)).collect();
        if chosen.is_empty() {
            chosen.clone_from(&blocks);
        }
        for (index, at, byte) in &damage {
            let index = index.index(chosen.len());
            let block = &mut chosen[index];
            block[*at] = *byte;
            // A damaged header whose sum is right gets further.
            let mut header = tar::Header::from_byte_slice(block).clone();
            if &block[257..262] == b"ustar" {
                header.set_cksum();
                *block = *header.as_bytes();
            }
        }
        try_all(&chosen.concat());
    }

    #[test]
    fn damaged_compressed_bytes(
        magic in prop::sample::select(vec![&b"\x1f\x8b\x08\0"[..], b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh9", b"\x50\x2a\x4d\x18"]),
        bytes in prop::collection::vec(any::<u8>(), 0..1024),
    ) {
        try_all(&[magic, &bytes].concat());
    }
}
