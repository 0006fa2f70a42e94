//! What `pyro run` says of a command that was started.

use base64::Engine as _;

use super::RunArgs;
use super::capture::Captured;
use crate::cli::json::run::{Cleanup, Run};
use crate::model::escape::Escaped;
use crate::run::Ending;
use crate::verb::{Found, Ran};

pub(super) fn document(
    args: &RunArgs,
    found: Found<'_>,
    ran: &Ran,
    captured: Option<&(Captured, Captured)>,
) -> Run {
    let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let (stdout, stderr) = captured
        .map(|(out, err)| (out.take(), err.take()))
        .unwrap_or_default();
    let truncated = stdout.1 || stderr.1;
    let (stdout, stdout_base64) = text(stdout.0, stdout.1);
    let (stderr, stderr_base64) = text(stderr.0, stderr.1);
    let words = args.command.iter();
    Run {
        vm_id: vm_id(),
        environment: found.environment.name.clone(),
        environment_version: found.environment.version.clone(),
        install_dir: ran.outcome.published.path().display().to_string(),
        command: words
            .map(|word| word.to_string_lossy().into_owned())
            .collect(),
        stdout,
        stdout_base64,
        stderr,
        stderr_base64,
        truncated,
        exit_code: ran.ended.ending.exit_code(),
        signal: ran.ended.signal,
        timed_out: ran.ended.ending == Ending::TimedOut,
        duration_ms: millis(ran.ended.ran),
        boot_ms: millis(ran.ended.boot),
        execution_mode: ran.mode.as_str(),
        engine: ran.mode.engine(),
        cleanup: Cleanup {
            deleted: true,
            reason: "post_exec_cleanup",
        },
    }
}

/// The line for people.
pub(super) fn summary(run: &Run) -> String {
    format!(
        "[run] environment={} execution_mode={} exit_code={} duration_ms={}",
        Escaped(run.environment.as_str().as_bytes()),
        run.execution_mode,
        run.exit_code,
        run.duration_ms
    )
}

/// Bytes as text, and as base64 where that loses something.
fn text(bytes: Vec<u8>, truncated: bool) -> (String, Option<String>) {
    let error = match String::from_utf8(bytes) {
        Ok(text) => return (text, None),
        Err(error) => error,
    };
    // What was cut in the middle of a letter is text all the same.
    let whole = error.utf8_error();
    if truncated && whole.error_len().is_none() {
        let mut bytes = error.into_bytes();
        bytes.truncate(whole.valid_up_to());
        return (String::from_utf8(bytes).unwrap_or_default(), None);
    }
    let bytes = error.into_bytes();
    let base64 = base64::engine::general_purpose::STANDARD.encode(&bytes);
    (String::from_utf8_lossy(&bytes).into_owned(), Some(base64))
}

/// 16 random hex digits.
fn vm_id() -> String {
    let mut bytes = [0; 8];
    let _no_entropy_yet =
        rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_there_twice() {
        assert_eq!(text(b"plain".to_vec(), false), ("plain".into(), None));
        let (shown, exact) = text(b"a\xff".to_vec(), false);
        assert_eq!(
            (shown.as_str(), exact.as_deref()),
            ("a\u{fffd}", Some("Yf8="))
        );
        assert_eq!(text(b"a\xc3".to_vec(), true), ("a".into(), None));
        assert!(text(b"a\xc3".to_vec(), false).1.is_some());
    }

    #[test]
    fn machines_are_told_apart() {
        assert_eq!(vm_id().len(), 16);
        assert_ne!(vm_id(), vm_id());
    }
}
