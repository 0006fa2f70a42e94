//! Progress for programs: one JSON object a line on stderr.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::events::phase_word;
use crate::progress::{Event, Observer};

/// Writes each event as it comes; `event` names its kind.
pub struct JsonLines<W> {
    verb: &'static str,
    out: Mutex<W>,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`.
    pub fn new(verb: &'static str, out: W) -> Self {
        Self {
            verb,
            out: Mutex::new(out),
        }
    }

    fn object(&self, event: Event<'_>) -> Value {
        let verb = self.verb;
        match event {
            Event::Phase { environment, phase } => {
                let phase = phase_word(verb, phase);
                json!({"event": "phase", "verb": verb, "environment": environment, "phase": phase})
            }
            Event::Transfer {
                environment,
                what,
                done,
                total,
            } => json!({
                "event": "transfer", "verb": verb, "environment": environment, "what": what,
                "done": done, "total": total,
            }),
            Event::Skipped {
                environment,
                source,
                why,
            } => json!({
                "event": "skipped", "verb": verb, "environment": environment, "source": source, "why": why,
            }),
            Event::Retry {
                what,
                why,
                pause,
                attempt,
                most,
            } => json!({
                "event": "retry", "verb": verb, "what": what, "why": why,
                "pause_seconds": pause.as_secs_f64(), "attempt": attempt, "most": most,
            }),
            Event::Repaired { path, why } => {
                json!({"event": "repaired", "verb": verb, "path": path.to_string_lossy(), "why": why})
            }
            Event::Note { text } => json!({"event": "note", "verb": verb, "text": text}),
            Event::Waiting { lock, holder } => json!({
                "event": "waiting", "verb": verb, "lock": lock.to_string_lossy(),
                "pid": holder.map(|(pid, _)| pid), "command": holder.map(|(_, command)| command),
            }),
        }
    }
}

impl<W: Write + Send> Observer for JsonLines<W> {
    fn event(&self, event: Event<'_>) {
        let line = format!("{}\n", self.object(event));
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // Progress that nobody can read is no reason to fail.
        let _nobody_reads = out.write_all(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Phase;

    #[test]
    fn each_event_is_one_object_on_one_line() {
        let lines = JsonLines::new("realize", Vec::new());
        lines.event(Event::Phase {
            environment: "a\n",
            phase: Phase::Fetch,
        });
        lines.event(Event::Note { text: "b" });
        let text = String::from_utf8(lines.out.into_inner().unwrap()).unwrap();
        let objects: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(objects.len(), 2);
        assert_eq!(
            (&objects[0]["event"], &objects[0]["environment"]),
            (&json!("phase"), &json!("a\n"))
        );
    }
}
