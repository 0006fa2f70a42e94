//! Runs a command under the instrument `step`, which stops it at the system calls that change files.
//!
//! The instrument is one file of C, compiled once and kept in the build's folder for temporary files.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::needs;

const SOURCE: &str = include_str!("../instruments/step.c");

/// The compiled instrument.
#[derive(Debug, Clone)]
pub struct Stepper {
    program: PathBuf,
}

/// What is done at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Nothing: calls are counted, and told.
    Watch,
    /// The command is killed as the call begins.
    KillBefore,
    /// The command is killed as the call has ended.
    KillAfter,
    /// The call fails with this error, and does nothing.
    Fail(i32),
    /// All calls from this one on do.
    FailForGood(i32),
    /// The call transfers half of its bytes.
    Short,
    /// The thread stands still.
    Stand,
}

/// Which calls count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// Those that change something.
    Changing,
    /// Those that read something, too.
    All,
}

/// A deed at the call of this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// From 1.
    pub at: usize,
    pub deed: Deed,
    pub calls: Calls,
}

/// A call that counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub number: usize,
    pub name: String,
    pub path: String,
    /// Where something is renamed to, or where a symlink leads.
    pub other: String,
    /// The descriptor that was written to or synced.
    pub descriptor: i32,
    pub flags: u64,
    /// What the call gave, where it was watched; an error is negative.
    pub result: i64,
}

/// How the command ended.
#[derive(Debug)]
pub struct Stepped {
    /// Its exit code; 128 + the signal that ended it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    /// How many calls counted.
    pub steps: usize,
    /// The call at which the deed was done, if it came to that.
    pub hit: Option<Call>,
    /// Every call that counted, in the order in which they ended, where they were watched.
    pub trace: Vec<Call>,
}

impl Stepper {
    /// The instrument; `None` where it cannot work, which is said.
    pub fn new() -> Option<Self> {
        let there = needs::met(cfg!(target_arch = "x86_64"), "x86_64")
            && needs::program("cc", "build-essential");
        if !there {
            return None;
        }
        let stepper = Self {
            program: compiled(),
        };
        let tried = Command::new(&stepper.program)
            .args(["--", "true"])
            .stdin(Stdio::null())
            .status();
        needs::met(tried.unwrap().success(), "ptrace").then_some(stepper)
    }

    /// What stands before the words of a command that shall be stepped through.
    pub fn runner(&self, step: Step, below: &Path, trace: Option<&Path>) -> Vec<String> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let mut words = vec![text(&self.program), "-p".to_owned(), text(below)];
        let number = step.at.to_string();
        let errno;
        let deed: &[&str] = match step.deed {
            Deed::Watch => &[],
            Deed::KillBefore => &["-a", "before"],
            Deed::KillAfter => &["-a", "after"],
            Deed::Short => &["-a", "short"],
            Deed::Stand => &["-a", "stand"],
            Deed::Fail(error) => {
                errno = error.to_string();
                &["-a", "errno", "-e", &errno]
            }
            Deed::FailForGood(error) => {
                errno = error.to_string();
                &["-f", "-a", "errno", "-e", &errno]
            }
        };
        if step.deed != Deed::Watch {
            words.extend(["-n".to_owned(), number]);
        }
        words.extend(deed.iter().map(|&word| word.to_owned()));
        if step.calls == Calls::All {
            words.push("-r".to_owned());
        }
        if let Some(trace) = trace {
            words.extend(["-t".to_owned(), text(trace)]);
        }
        words.push("--".to_owned());
        words
    }
}

/// Runs a command that begins with the words of [`Stepper::runner`]; `standing` is called while a thread stands still.
pub fn follow(mut command: Command, mut standing: impl FnMut(&Call)) -> Stepped {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let child = command
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It holds the other end of the socket, which must close when the instrument ends.
    drop(command);
    let (mut steps, mut hit) = (None, None);
    for line in BufReader::new(&ours).lines() {
        let line = line.unwrap();
        let fields: Vec<&str> = line.split('\t').collect();
        match fields[0] {
            "at" => {
                standing(&call(fields[1], &fields[2..]));
                (&ours).write_all(b"\n").unwrap();
            }
            "done" => {
                steps = Some(fields[1].parse().unwrap());
                hit = (fields[2] == "1").then(|| call(fields[1], &fields[3..]));
            }
            _ => panic!("{line}"),
        }
    }
    let ended = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let stderr = text(ended.stderr);
    Stepped {
        code: ended.status.code().expect("the instrument was killed"),
        stdout: text(ended.stdout),
        steps: steps.unwrap_or_else(|| panic!("the instrument broke down: {stderr}")),
        stderr,
        hit,
        trace: Vec::new(),
    }
}

/// Reads what the instrument wrote about each call.
pub fn read_trace(file: &Path) -> Vec<Call> {
    let text = fs_err::read_to_string(file).unwrap();
    let line = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        Call {
            result: fields[7].parse().unwrap(),
            ..call(fields[0], &fields[2..])
        }
    };
    text.lines().map(line).collect()
}

fn call(number: &str, fields: &[&str]) -> Call {
    Call {
        number: number.parse().unwrap(),
        name: fields[0].to_owned(),
        path: fields[1].to_owned(),
        other: fields[2].to_owned(),
        descriptor: fields[3].parse().unwrap(),
        flags: u64::from_str_radix(fields[4].trim_start_matches("0x"), 16).unwrap(),
        result: 0,
    }
}

/// Compiles the instrument, unless just this source was compiled before.
fn compiled() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let digest = blake3::hash(SOURCE.as_bytes()).to_hex();
    let program = folder.join(format!("step-{}", &digest[..16]));
    if !program.exists() {
        // Other tests may be at it too: each makes its own, and the last one stays.
        let work = tempfile::tempdir_in(folder).unwrap();
        let (source, made) = (work.path().join("step.c"), work.path().join("step"));
        fs_err::write(&source, SOURCE).unwrap();
        let mut cc = Command::new("cc");
        cc.args(["-O1", "-Wall", "-Wextra", "-Werror", "-o"]);
        let built = cc.arg(&made).arg(&source).output().unwrap();
        assert!(built.status.success(), "{built:?}");
        fs_err::rename(&made, &program).unwrap();
    }
    program
}
