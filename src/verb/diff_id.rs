//! The digest of a layer's uncompressed tar, which an image's config names: compared by the full check only.
//!
//! The compressed bytes are checked always; this finds a config that belongs to other layers.

use std::io::{self, Read};

use sha2::{Digest, Sha256, Sha512};

use super::error::Error;
use crate::fetch;
use crate::model::digest::OciDigest;
use crate::store::Depth;

/// Hashes what is read through it, where somebody wants to know.
pub(super) struct Uncompressed<R> {
    inner: R,
    expected: Option<OciDigest>,
    hasher: Hasher,
}

enum Hasher {
    None,
    Sha256(Sha256),
    Sha512(Sha512),
}

impl<R: Read> Uncompressed<R> {
    pub(super) fn new(inner: R, expected: Option<OciDigest>, depth: Depth) -> Self {
        let hasher = match (depth, expected) {
            (Depth::Quick, _) | (_, None) => Hasher::None,
            (Depth::Full, Some(OciDigest::Sha256(_))) => Hasher::Sha256(Sha256::new()),
            (Depth::Full, Some(OciDigest::Sha512(_))) => Hasher::Sha512(Sha512::new()),
        };
        Self {
            inner,
            expected,
            hasher,
        }
    }

    /// Compares what was read with the config's word.
    pub(super) fn finish(self, what: &str) -> Result<(), Error> {
        let found = match self.hasher {
            Hasher::None => return Ok(()),
            Hasher::Sha256(hasher) => format!(
                "sha256:{}",
                crate::model::digest::encode_hex(&hasher.finalize())
            ),
            Hasher::Sha512(hasher) => format!(
                "sha512:{}",
                crate::model::digest::encode_hex(&hasher.finalize())
            ),
        };
        match self.expected.map(|expected| expected.to_string()) {
            Some(expected) if expected != found => {
                let what = format!("{what}, uncompressed (its diff_id)");
                Err(fetch::Error::Integrity {
                    what,
                    expected,
                    found,
                }
                .into())
            }
            _ => Ok(()),
        }
    }
}

impl<R: Read> Read for Uncompressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match &mut self.hasher {
            Hasher::None => {}
            Hasher::Sha256(hasher) => hasher.update(&buffer[..count]),
            Hasher::Sha512(hasher) => hasher.update(&buffer[..count]),
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_full_check_looks_and_it_notices() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
            .parse()
            .unwrap();
        for (depth, bytes, fine) in [
            (Depth::Full, "", true),
            (Depth::Full, "x", false),
            (Depth::Quick, "x", true),
        ] {
            let mut reader = Uncompressed::new(bytes.as_bytes(), Some(empty), depth);
            io::copy(&mut reader, &mut io::sink()).unwrap();
            assert_eq!(
                reader.finish("a layer").is_ok(),
                fine,
                "{depth:?} {bytes:?}"
            );
        }
    }
}
