//! The hash of a large file from pieces that several threads take at once.
//!
//! A piece is a subtree of BLAKE3's own tree and gives a chaining value; those of one file are merged to its hash.

use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root,
};

use crate::model::digest::FileHash;

/// Bytes of one piece: a power of two, so that each piece is a whole subtree. The last one may be shorter.
pub(super) const PIECE: u64 = 8 << 20;

/// A hasher for the piece at `offset`, whose end is [`HasherExt::finalize_non_root`].
pub(super) fn hasher(offset: u64) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(offset);
    hasher
}

/// The hash of a file from the chaining values of its pieces, two or more.
pub(super) fn root(values: &[ChainingValue]) -> FileHash {
    let (left, right) = values.split_at(left_of(values.len()));
    merge_subtrees_root(&subtree(left), &subtree(right), Mode::Hash).into()
}

fn subtree(values: &[ChainingValue]) -> ChainingValue {
    if let [one] = values {
        return *one;
    }
    let (left, right) = values.split_at(left_of(values.len()));
    merge_subtrees_non_root(&subtree(left), &subtree(right), Mode::Hash)
}

/// How many of `pieces` stand left of the top: the largest power of two that is less.
fn left_of(pieces: usize) -> usize {
    pieces.next_power_of_two() / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_pieces_give_the_hash_of_the_whole() {
        let bytes: Vec<u8> = (0..40 * 1024_u32).map(|n| (n % 251) as u8).collect();
        for length in (1025..bytes.len()).step_by(509) {
            let whole = &bytes[..length];
            let values: Vec<ChainingValue> = whole
                .chunks(1024)
                .enumerate()
                .map(|(n, piece)| hasher(n as u64 * 1024).update(piece).finalize_non_root())
                .collect();
            assert_eq!(root(&values), FileHash::of(whole), "{length} bytes");
        }
    }
}
