//! Events in plain words, the same in every style of progress.

use std::path::Path;

use crate::cli::presentation::Volume;
use crate::model::escape::{Escaped, Line};
use crate::progress::{Event, Phase};

/// The word for a phase: `pull` speaks of `install` where others resolve.
#[must_use]
pub fn phase_word(verb: &str, phase: Phase) -> &'static str {
    match (verb, phase) {
        ("pull", Phase::Resolve) => "install",
        (_, phase) => phase.as_str(),
    }
}

/// The sentence for an event that is neither a phase nor a transfer, where the volume allows it.
#[must_use]
pub fn remark(event: Event<'_>, volume: Volume) -> Option<String> {
    let heard = volume > Volume::Quiet;
    match event {
        Event::Phase { .. } | Event::Transfer { .. } => None,
        // Neither is ever silent.
        Event::Skipped {
            environment,
            source,
            why,
        } => Some(format!(
            "{}: skipped source {}: {}",
            escaped(environment),
            escaped(source),
            Line(why)
        )),
        Event::Repaired { path, why } => {
            Some(format!("repaired {}: {}", escaped_path(path), Line(why)))
        }
        Event::Retry {
            what,
            why,
            pause,
            attempt,
            most,
        } => heard.then(|| {
            format!(
                "{}: {}; trying again in {:.1} s ({attempt} of {most})",
                escaped(what),
                Line(why),
                pause.as_secs_f64()
            )
        }),
        Event::Note { text } => heard.then(|| format!("note: {}", Line(text))),
        Event::Waiting { lock, holder } => heard.then(|| match holder {
            Some((pid, command)) => format!(
                "waiting for {}, held by process {pid} ({})",
                escaped_path(lock),
                escaped(command)
            ),
            None => format!(
                "waiting for {}, held by another process",
                escaped_path(lock)
            ),
        }),
    }
}

/// A text from outside as one harmless line.
#[must_use]
pub fn escaped(text: &str) -> Escaped<'_> {
    Escaped(text.as_bytes())
}

/// A path as one harmless line.
#[must_use]
pub fn escaped_path(path: &Path) -> Escaped<'_> {
    Escaped(path.as_os_str().as_encoded_bytes())
}
