//! Exact size and digest of bytes as they pass.

use sha2::{Digest as _, Sha256, Sha512};

use crate::model::digest::{self, OciDigest};

use super::error::Error;

/// What is known of bytes before they come.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Expected {
    pub(super) digest: Option<OciDigest>,
    pub(super) size: Option<u64>,
}

impl Expected {
    pub(super) fn exactly(digest: OciDigest, size: u64) -> Self {
        Self {
            digest: Some(digest),
            size: Some(size),
        }
    }
}

/// What bytes turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) digest: OciDigest,
    pub(super) size: u64,
}

#[derive(Clone)]
enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

/// Counts and hashes; fails at the first byte too many, or at the end.
#[derive(Clone)]
pub(super) struct Verifier {
    what: String,
    expected: Expected,
    hasher: Hasher,
    size: u64,
}

impl Verifier {
    /// `what` is named in errors.
    pub(super) fn new(what: impl Into<String>, expected: Expected) -> Self {
        Self {
            what: what.into(),
            expected,
            hasher: match expected.digest {
                Some(OciDigest::Sha512(_)) => Hasher::Sha512(Sha512::new()),
                Some(OciDigest::Sha256(_)) | None => Hasher::Sha256(Sha256::new()),
            },
            size: 0,
        }
    }

    /// How many bytes passed.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next bytes.
    pub(super) fn update(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.size += bytes.len() as u64;
        if let Some(size) = self.expected.size.filter(|&size| self.size > size) {
            return Err(Error::integrity(
                &self.what,
                format!("{size} bytes"),
                "more bytes than that",
            ));
        }
        match &mut self.hasher {
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha512(hasher) => hasher.update(bytes),
        }
        Ok(())
    }

    /// Compares everything that passed with what was expected.
    pub(super) fn finish(self) -> Result<Seen, Error> {
        if let Some(size) = self.expected.size.filter(|&size| self.size != size) {
            return Err(Error::integrity(
                self.what,
                format!("{size} bytes"),
                format!("{} bytes", self.size),
            ));
        }
        let digest = match self.hasher {
            Hasher::Sha256(hasher) => digest::Sha256::from_bytes(hasher.finalize().into()).into(),
            Hasher::Sha512(hasher) => OciDigest::Sha512(hasher.finalize().into()),
        };
        match self.expected.digest {
            Some(expected) if expected != digest => Err(Error::integrity(
                self.what,
                expected.to_string(),
                digest.to_string(),
            )),
            _ => Ok(Seen {
                digest,
                size: self.size,
            }),
        }
    }

    /// Checks bytes that are all there.
    pub(super) fn check(what: &str, expected: Expected, bytes: &[u8]) -> Result<Seen, Error> {
        let mut verifier = Self::new(what, expected);
        verifier.update(bytes)?;
        verifier.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn size_and_digest_must_both_be_right() {
        let expected = Expected::exactly(ABC.parse().unwrap(), 3);
        assert_eq!(Verifier::check("a", expected, b"abc").unwrap().size, 3);
        for wrong in [&b"ab"[..], b"abcd", b"abd", b""] {
            let error = Verifier::check("a", expected, wrong).unwrap_err();
            assert!(matches!(error, Error::Integrity { .. }), "{error}");
        }
    }

    #[test]
    fn the_first_byte_too_many_fails_before_the_end() {
        let mut verifier = Verifier::new("a", Expected::exactly(ABC.parse().unwrap(), 3));
        verifier.update(b"abc").unwrap();
        assert!(verifier.update(b"d").is_err());
    }

    #[test]
    fn sha512_is_computed_when_it_is_expected() {
        let wrong = OciDigest::Sha512([0; 64]);
        let expected = Expected {
            digest: Some(wrong),
            size: None,
        };
        let error = Verifier::check("a", expected, b"abc").unwrap_err();
        assert!(error.to_string().contains("sha512:ddaf35a1"), "{error}");
        assert_eq!(
            Verifier::check("a", Expected::default(), b"abc")
                .unwrap()
                .digest
                .to_string(),
            ABC
        );
    }
}
