//! What happens while a verb works, as values: the verbs emit, the command line prints.

use std::path::Path;
use std::time::Duration;

/// Where a realization of one environment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Finding out which bytes the sources name.
    Resolve,
    /// Bytes on their way.
    Fetch,
    /// Bytes becoming a staging tree.
    Unpack,
    /// Modes, times, manifest, sync.
    Seal,
    /// The rename.
    Publish,
    /// Valid and about to be shown by the profile.
    Ready,
    /// A machine is made of it.
    Create,
    /// That machine comes up.
    Start,
    /// A command runs in it.
    Execute,
}

impl Phase {
    /// The word in phase lines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Fetch => "fetch",
            Self::Unpack => "unpack",
            Self::Seal => "seal",
            Self::Publish => "publish",
            Self::Ready => "ready",
            Self::Create => "create",
            Self::Start => "start",
            Self::Execute => "execute",
        }
    }
}

/// Something worth telling; texts come from outside and are escaped by whoever prints them.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// An environment entered a phase.
    Phase {
        /// Its name.
        environment: &'a str,
        /// The phase.
        phase: Phase,
    },
    /// Bytes of one transfer have arrived; `done == total` ends it.
    Transfer {
        /// The environment that they are for.
        environment: &'a str,
        /// Digest or URL, without credentials.
        what: &'a str,
        /// Bytes so far.
        done: u64,
        /// All bytes, where known.
        total: Option<u64>,
    },
    /// A source that could not be used, and why; the next one is tried.
    Skipped {
        /// The environment.
        environment: &'a str,
        /// The source as declared.
        source: &'a str,
        /// The reason.
        why: &'a str,
    },
    /// A request or transfer that failed is tried again.
    Retry {
        /// Digest or URL, without credentials.
        what: &'a str,
        /// What happened.
        why: &'a str,
        /// How long is waited before.
        pause: Duration,
        /// The how-manieth time in a row this is, from 1.
        attempt: u32,
        /// How many there may be in a row.
        most: u32,
    },
    /// A damaged path was replaced by a good one.
    Repaired {
        /// The store path.
        path: &'a Path,
        /// What was wrong with it.
        why: &'a str,
    },
    /// Something was left out or put right, and the user should know.
    Note {
        /// One sentence.
        text: &'a str,
    },
    /// Somebody else holds a lock for more than a second.
    Waiting {
        /// The lock file.
        lock: &'a Path,
        /// Process id and command of the holder, where the system tells.
        holder: Option<(u32, &'a str)>,
    },
}

/// Receives events, from several threads at once.
pub trait Observer: Sync {
    /// Takes one event; must not block for long.
    fn event(&self, event: Event<'_>);
}

/// Nobody is watching.
///
/// ```
/// use pyro::progress::{Event, Observer, Silent};
/// Silent.event(Event::Note { text: "nobody hears this" });
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _event: Event<'_>) {}
}
