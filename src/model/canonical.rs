//! Canonical JSON (RFC 8785) for values whose members are declared in sorted order.
//!
//! `serde_json` writes strings exactly as RFC 8785 asks, and no type that goes through here holds a float or a map
//! with keys outside ASCII, so sorted members are all that is left to do. A test holds every such type against an
//! implementation of the RFC.

use serde::Serialize;

/// The canonical JSON bytes of `value`, whose members must be declared in sorted order.
///
/// # Panics
/// Never for the types of this crate: none has a map with keys that are not strings.
#[must_use]
pub fn to_vec<T: Serialize>(value: &T) -> Vec<u8> {
    #[expect(
        clippy::expect_used,
        reason = "none of our types can fail to serialize"
    )]
    serde_json::to_vec(value).expect("a plain value serializes")
}
