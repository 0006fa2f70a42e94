//! Digests, one type for each kind of thing that is named by one.
//!
//! All BLAKE3 ids are 32 bytes and 64 lower-case hex digits as text; they differ only in what they name, so that
//! the hash of a file can never be taken for the name of a store path.

use std::fmt;
use std::str::FromStr;

use super::string_form::string_form;

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Wrong length or a character outside `0-9a-f`.
    #[error("expected {expected} lower-case hex digits, found `{found}`")]
    Hex {
        /// How many digits the algorithm has.
        expected: usize,
        /// What stood there, shortened.
        found: String,
    },
    /// An algorithm other than sha256 and sha512.
    #[error("unknown digest algorithm in `{found}`, expected sha256:… or sha512:…")]
    Algorithm {
        /// What stood there, shortened.
        found: String,
    },
}

fn shortened(text: &str) -> String {
    text.chars()
        .take(80)
        .flat_map(char::escape_default)
        .collect()
}

fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], DigestError> {
    let bytes = text.as_bytes();
    let mut out = [0; N];
    let wrong = || DigestError::Hex {
        expected: 2 * N,
        found: shortened(text),
    };
    if bytes.len() != 2 * N {
        return Err(wrong());
    }
    // Every digest of a lock and of a manifest comes through here: no branch on a digit, one at the end.
    let mut seen = 0;
    for (byte, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
        let (high, low) = (VALUES[usize::from(pair[0])], VALUES[usize::from(pair[1])]);
        seen |= high | low;
        *byte = high << 4 | (low & 15);
    }
    if seen > 15 { Err(wrong()) } else { Ok(out) }
}

/// The value of each lower-case hex digit; more than 15 for every other byte.
const VALUES: [u8; 256] = {
    let mut values = [0xff; 256];
    let mut value = 0_u8;
    while value < 16 {
        values[DIGITS[value as usize] as usize] = value;
        value += 1;
    }
    values
};
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Decodes an even number of lower-case hex digits, as in the manifest's `path_hex`; `None` for anything else.
pub(crate) fn decode_hex(text: &str) -> Option<Vec<u8>> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| {
            parse_hex::<1>(std::str::from_utf8(pair).ok()?)
                .ok()
                .map(|[byte]| byte)
        })
        .collect()
}

/// The lower-case hex digits of `bytes`.
pub(crate) fn encode_hex(bytes: &[u8]) -> String {
    let mut text = vec![0; bytes.len() * 2];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    // Digits only, so nothing is ever replaced.
    String::from_utf8(text).unwrap_or_default()
}

macro_rules! hash_type {
    ($(#[$about:meta])* $type:ident, $schema:literal) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type([u8; 32]);

        impl $type {
            /// Takes the 32 bytes as they are.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&encode_hex(&self.0))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($type), "({})"), self)
            }
        }

        impl FromStr for $type {
            type Err = DigestError;

            fn from_str(text: &str) -> Result<Self, DigestError> {
                parse_hex(text).map(Self)
            }
        }

        string_form!($type, $schema, "^[0-9a-f]{64}$", "64 lower-case hex digits");
    };
}

macro_rules! blake3_type {
    ($(#[$about:meta])* $type:ident, $schema:literal) => {
        hash_type!($(#[$about])* $type, $schema);

        impl $type {
            /// Hashes `bytes`.
            #[must_use]
            pub fn of(bytes: &[u8]) -> Self {
                Self(*blake3::hash(bytes).as_bytes())
            }
        }

        impl From<blake3::Hash> for $type {
            fn from(hash: blake3::Hash) -> Self {
                Self(*hash.as_bytes())
            }
        }
    };
}

blake3_type!(
    /// Names a store path: BLAKE3 of the bytes of its manifest.
    ///
    /// ```
    /// use pyro::model::digest::StoreHash;
    /// let hash = StoreHash::of(b"{}");
    /// assert_eq!(hash.to_string().parse::<StoreHash>()?, hash);
    /// # Ok::<(), pyro::model::digest::DigestError>(())
    /// ```
    StoreHash,
    "StoreHash"
);
blake3_type!(
    /// BLAKE3 of the content of one file of a store path.
    ///
    /// ```
    /// use pyro::model::digest::FileHash;
    /// assert!(FileHash::of(b"").to_string().starts_with("af1349b9"));
    /// ```
    FileHash,
    "FileHash"
);
blake3_type!(
    /// Names a realisation: BLAKE3 of the canonical JSON of a pinned input.
    ///
    /// ```
    /// use pyro::model::digest::InputHash;
    /// assert_ne!(InputHash::of(b"a"), InputHash::of(b"b"));
    /// ```
    InputHash,
    "InputHash"
);
blake3_type!(
    /// Tells whether a lock block is stale: BLAKE3 of what its declaration says about the result.
    ///
    /// ```
    /// use pyro::model::digest::DeclarationHash;
    /// assert_eq!(DeclarationHash::of(b"a"), DeclarationHash::of(b"a"));
    /// ```
    DeclarationHash,
    "DeclarationHash"
);
blake3_type!(
    /// BLAKE3 of the record of a local folder: what an `lstat` of each of its files says.
    ///
    /// ```
    /// use pyro::model::digest::RecordHash;
    /// assert_eq!(RecordHash::of(b"").to_string().len(), 64);
    /// ```
    RecordHash,
    "RecordHash"
);
hash_type!(
    /// SHA-256 of the bytes of an archive, as declared or locked.
    ///
    /// ```
    /// use pyro::model::digest::Sha256;
    /// assert!("e3b0".parse::<Sha256>().is_err());
    /// ```
    Sha256,
    "Sha256"
);

/// A registry's digest, `sha256:…` or `sha512:…`: what an OCI descriptor names content by.
///
/// ```
/// use pyro::model::digest::OciDigest;
/// let text = format!("sha256:{}", "0".repeat(64));
/// assert_eq!(text.parse::<OciDigest>()?.to_string(), text);
/// assert!("md5:00".parse::<OciDigest>().is_err());
/// # Ok::<(), pyro::model::digest::DigestError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OciDigest {
    /// `sha256:` and 64 hex digits.
    Sha256(Sha256),
    /// `sha512:` and 128 hex digits.
    Sha512([u8; 64]),
}

impl OciDigest {
    /// The algorithm's name as registries write it.
    #[must_use]
    pub const fn algorithm(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "sha256",
            Self::Sha512(_) => "sha512",
        }
    }

    /// The hex digits without the algorithm.
    #[must_use]
    pub fn hex(&self) -> String {
        match self {
            Self::Sha256(hash) => hash.to_string(),
            Self::Sha512(bytes) => encode_hex(bytes),
        }
    }
}

impl From<Sha256> for OciDigest {
    fn from(hash: Sha256) -> Self {
        Self::Sha256(hash)
    }
}

impl fmt::Display for OciDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm(), self.hex())
    }
}

impl FromStr for OciDigest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        match text.split_once(':') {
            Some(("sha256", hex)) => Ok(Self::Sha256(hex.parse()?)),
            Some(("sha512", hex)) => Ok(Self::Sha512(parse_hex(hex)?)),
            _ => Err(DigestError::Algorithm {
                found: shortened(text),
            }),
        }
    }
}

string_form!(
    OciDigest,
    "OciDigest",
    "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$",
    "algorithm, colon and lower-case hex digits"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_case_and_wrong_lengths_are_refused() {
        let upper = "A".repeat(64);
        assert!(upper.parse::<StoreHash>().is_err());
        assert!("a".repeat(63).parse::<StoreHash>().is_err());
        assert!("é".repeat(32).parse::<StoreHash>().is_err());
        assert_eq!(decode_hex("00fF"), None);
        assert_eq!(decode_hex("00f"), None);
        assert_eq!(decode_hex("00ff"), Some(vec![0, 255]));
    }
}
