//! Another program, asked one thing: input on stdin, an answer on stdout, and an end by a limit of time and of bytes.
//!
//! It is the leader of a process group of its own, and where a limit is passed all of that group is killed. Its stderr
//! goes nowhere: it might say what must not be seen. Threads write and read, so that neither a program that reads
//! nothing nor one that leaves its stdout to somebody else can hold up the caller beyond the limit.

use std::io::{self, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::super::secret::Secret;

/// Longest answer.
const LIMIT: u64 = 64 << 10;

/// What it said, once it has ended by itself.
pub(super) struct Answer {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
}

/// Why it gave no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    Start(io::Error),
    /// It took too long.
    Slow,
    /// It said too much.
    Long,
}

enum Heard {
    Output(Vec<u8>),
    Ended,
}

/// Runs `program word` to its end.
pub(super) fn ask(
    program: &Path,
    word: &str,
    input: Secret,
    limit: Duration,
) -> Result<Answer, Trouble> {
    let mut child = Command::new(program)
        .arg(word)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(Trouble::Start)?;
    let pid = Pid::from_child(&child);
    let deadline = Instant::now().checked_add(limit);
    let (say, hear) = mpsc::channel();
    if let Some(mut stdin) = child.stdin.take() {
        // An error means that it does not want to know.
        thread::spawn(move || stdin.write_all(input.expose().as_bytes()).ok());
    }
    if let Some(stdout) = child.stdout.take() {
        let say = say.clone();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _what_came = stdout.take(LIMIT + 1).read_to_end(&mut bytes);
            say.send(Heard::Output(bytes)).ok()
        });
    }
    thread::spawn(move || {
        // It stays a zombie, so that its number stands for nobody else while its group may still be killed.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(Errno::INTR) = waitid(WaitId::Pid(pid), options) {}
        say.send(Heard::Ended).ok()
    });
    let heard = listen(&hear, deadline);
    if heard.is_err() {
        // What is not there any more need not be killed.
        let _gone = kill_process_group(pid, Signal::KILL);
        let _gone = child.kill();
    }
    let status = child.wait().map_err(Trouble::Start)?;
    heard.map(|stdout| Answer { status, stdout })
}

/// Waits for both the end and all output.
fn listen(hear: &mpsc::Receiver<Heard>, deadline: Option<Instant>) -> Result<Vec<u8>, Trouble> {
    let (mut output, mut ended) = (None, false);
    loop {
        if ended && let Some(output) = output.take() {
            return Ok(output);
        }
        let left = deadline.map_or(Duration::MAX, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        });
        match hear.recv_timeout(left) {
            Ok(Heard::Ended) => ended = true,
            Ok(Heard::Output(bytes)) if bytes.len() as u64 > LIMIT => return Err(Trouble::Long),
            Ok(Heard::Output(bytes)) => output = Some(bytes),
            Err(_nothing_more) => return Err(Trouble::Slow),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENT: Duration = Duration::from_secs(600);

    /// The shell reads its program from stdin.
    fn shell(program: &str, limit: Duration) -> Result<Answer, Trouble> {
        ask("/bin/sh".as_ref(), "-s", Secret::new(program), limit)
    }

    #[test]
    fn what_it_says_and_how_it_ends() {
        let answer = shell("echo said; echo hidden >&2; exit 3", PATIENT).unwrap();
        assert_eq!(answer.stdout, b"said\n");
        assert_eq!(answer.status.code(), Some(3));
    }

    #[test]
    fn who_says_too_much_or_takes_too_long_is_killed() {
        let endless = shell("while :; do echo said; done", PATIENT);
        assert!(matches!(endless, Err(Trouble::Long)));
        // Also when only one that it left behind still has its stdout.
        for slow in ["sleep 600", "sleep 600 & exit"] {
            let slow = shell(slow, Duration::from_millis(100));
            assert!(matches!(slow, Err(Trouble::Slow)));
        }
        let missing = ask("/nonexistent/it".as_ref(), "", Secret::new(""), PATIENT);
        assert!(matches!(missing, Err(Trouble::Start(_))));
    }
}
