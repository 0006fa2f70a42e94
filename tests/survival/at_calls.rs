//! Killed at a system call: a first run counts the calls of each kind, then strace kills at some of each.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::process::ExitStatusExt;

use crate::stage::{Before, Stage, WORDS};

/// The calls that make and fill something.
const MAKING: &[&str] = &[
    "mkdir",
    "mkdirat",
    "open",
    "openat",
    "write",
    "pwrite64",
    "ftruncate",
    "symlink",
    "symlinkat",
    "link",
    "linkat",
];
/// The calls that finish it, show it, lock it or take it away.
const SHOWING: &[&str] = &[
    "fchmod",
    "fchmodat",
    "chmod",
    "utimensat",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "rmdir",
    "fsync",
    "fdatasync",
    "syncfs",
    "flock",
];
/// A test that kills nobody would pass.
const FLOOR: usize = 12;

/// How often a thread makes each call, at most.
fn counts(stage: &Stage, calls: &[&str]) -> BTreeMap<String, usize> {
    stage.reset();
    let log = stage.scene().path("strace.log");
    // With a question mark in front, a call that this architecture does not have is no error.
    let trace = format!("trace=?{}", calls.join(",?"));
    let strace = [
        "strace",
        "-f",
        "-qq",
        "-o",
        log.to_str().unwrap(),
        "-e",
        &trace,
    ];
    let traced = stage
        .scene()
        .command(&strace.map(OsStr::new), WORDS)
        .output()
        .unwrap();
    assert!(traced.status.success(), "{traced:?}");
    let mut threads: BTreeMap<(String, String), usize> = BTreeMap::new();
    for line in fs_err::read_to_string(&log).unwrap().lines() {
        let mut words = line.split_whitespace();
        let thread = words.next().unwrap();
        if let Some((call, _)) = words.next().and_then(|word| word.split_once('(')) {
            *threads
                .entry((call.to_owned(), thread.to_owned()))
                .or_default() += 1;
        }
    }
    let mut most = BTreeMap::new();
    for ((call, _), count) in threads {
        let known: &mut usize = most.entry(call).or_default();
        *known = count.max(*known);
    }
    most
}

/// Runs a realize that strace kills as a thread enters this call for this time; whether it came to that.
fn killed_at(stage: &Stage, call: &str, time: usize) -> bool {
    let inject = format!("inject={call}:signal=KILL:when={time}");
    let trace = format!("trace={call}");
    let strace = [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &trace,
        "-e",
        &inject,
    ];
    let ended = stage
        .scene()
        .command(&strace.map(OsStr::new), WORDS)
        .output()
        .unwrap();
    let killed = ended.status.signal() == Some(9) || ended.status.code() == Some(128 + 9);
    assert!(killed || ended.status.success(), "{call} {time}: {ended:?}");
    killed
}

/// Kills a realize at some of the calls of each kind.
fn survives(before: Before, calls: &[&str], times_of: impl Fn(usize) -> Vec<usize>) {
    let stage = Stage::new(before);
    let mut killed = 0;
    for (call, count) in counts(&stage, calls) {
        let mut times = times_of(count);
        times.sort_unstable();
        times.dedup();
        for time in times.into_iter().filter(|time| (1..=count).contains(time)) {
            stage.reset();
            // Threads share the work, so that a call may come once less often than it was counted.
            if killed_at(&stage, &call, time) {
                stage.assert_survived(&format!("{call} {time} of {count}"));
                killed += 1;
            }
        }
    }
    println!("{killed} kill points, all survived");
    assert!(killed >= FLOOR);
}

fn ends_and_middle(count: usize) -> Vec<usize> {
    vec![1, count / 2, count]
}

#[test]
fn an_update_survives_kill_9_as_it_makes_things() {
    survives(Before::Older, MAKING, ends_and_middle);
}

#[test]
fn an_update_survives_kill_9_as_it_shows_them() {
    survives(Before::Older, SHOWING, |count| {
        vec![1, 2, count / 2, count - 1, count]
    });
}

#[test]
fn a_first_realize_survives_kill_9_as_it_makes_things() {
    survives(Before::Nothing, MAKING, ends_and_middle);
}

#[test]
fn a_first_realize_survives_kill_9_as_it_shows_them() {
    survives(Before::Nothing, SHOWING, ends_and_middle);
}

#[test]
fn a_repair_survives_kill_9_as_it_shows_what_it_made() {
    survives(Before::Damaged, SHOWING, ends_and_middle);
}
