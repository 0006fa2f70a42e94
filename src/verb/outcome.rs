//! What came of one environment, and which sources could not be used on the way.

use std::fmt;

use crate::model::pin::Pin;
use crate::store::Published;

/// Why a source could not be used; the next one may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is not there, is empty, or lacks an artifact.
    Absent,
    /// It may work later.
    Temporary,
    /// Credentials are missing or wrong.
    Denied,
    /// The network is forbidden.
    Offline,
    /// The lock has no pin for it, and none may be made.
    Unpinned,
}

/// A source that was passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// As declared.
    pub source: String,
    /// The reason in one line.
    pub reason: String,
    /// The reason's kind.
    pub why: Why,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.reason)
    }
}

/// A valid path, and how it was come by.
#[derive(Debug)]
pub struct Outcome {
    /// The path, leased.
    pub published: Published,
    /// Where its bytes came from: `oci://…@digest`, `https://…`, `file://…`, `local:…`.
    pub source: String,
    /// The digest that the source is pinned by.
    pub source_digest: Option<String>,
    /// Which of the declared sources it was.
    pub index: usize,
    /// That source's pin, with its output.
    pub pin: Pin,
    /// Sources that were tried before.
    pub skipped: Vec<Skipped>,
}
