//! Every way in which a command or its machine can end, and that nothing is left then.

use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};

use super::support::Sandbox;
use super::world::{Running, world};

#[test]
fn a_signal_goes_to_the_command() {
    let sandbox = world();
    let mut running = Running::start(
        &sandbox,
        "trap 'echo caught; exit 3' TERM; echo ready; while :; do sleep 1; done",
    );
    running.signal(Signal::TERM);
    // The shell takes it when what it waits for has ended, mostly of the same signal.
    assert_eq!(running.line(), "caught\n");
    assert_eq!(running.finish(), (Some(3), String::new()));
}

#[test]
fn what_was_said_before_the_time_was_up_is_kept() {
    let sandbox = world();
    let words = [
        "run",
        "tiny",
        "--json",
        "--timeout-seconds",
        "1",
        "--",
        "sh",
        "-c",
    ];
    let line = "echo partial; echo more >&2; exec sleep 1000";
    let ended = sandbox
        .pyro(words.into_iter().chain([line]))
        .run()
        .code(124);
    let document = ended.document(&sandbox);
    assert_eq!(document["stdout"], "partial\n");
    assert_eq!(document["stderr"], "more\n");
    assert_eq!(
        (&document["timed_out"], &document["exit_code"]),
        (&true.into(), &124.into())
    );
    assert_eq!(document["signal"], 15);
}

#[test]
fn a_machine_that_is_switched_off_is_a_failure() {
    let sandbox = world();
    let line = "echo partial; poweroff -f; sleep 1000";
    let ended = sandbox
        .pyro(["run", "tiny", "--", "sh", "-c", line])
        .run()
        .code(125);
    assert_eq!(ended.stdout, "partial\n");
    let told = "error: the machine ended beneath the command\n";
    assert!(ended.stderr.contains(told), "{ended}");
}

/// All paths below a folder.
pub fn paths(folder: &Path) -> Vec<String> {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name();
    let paths = entries.into_iter().map(|entry| entry.unwrap().into_path());
    paths.map(|path| path.display().to_string()).collect()
}

/// The processes that were started by this one.
pub fn children(pid: u32) -> Vec<Pid> {
    let tasks = fs_err::read_dir(format!("/proc/{pid}/task")).unwrap();
    let lists = tasks.map(|task| task.unwrap().path().join("children"));
    let text: String = lists
        .map(|list| fs_err::read_to_string(list).unwrap())
        .collect();
    text.split_whitespace()
        .map(|pid| Pid::from_raw(pid.parse().unwrap()).unwrap())
        .collect()
}

#[test]
fn a_pyro_that_is_killed_leaves_no_process_and_no_file() {
    let sandbox: Sandbox = world();
    sandbox.pyro(["realize"]).run().code(0);
    let before = paths(&sandbox.path(""));
    let mut running = Running::start(&sandbox, "echo ready; sleep 1000");
    // Not even while it runs is there a file.
    assert_eq!(paths(&sandbox.path("")), before);
    let machines = children(running.child.id());
    assert_eq!(machines.len(), 1);
    let machine = pidfd_open(machines[0], PidfdFlags::empty()).unwrap();
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    // Readable once it has ended; it needs nobody to tell it.
    poll(&mut [PollFd::new(&machine, PollFlags::IN)], None).unwrap();
    assert_eq!(paths(&sandbox.path("")), before);
}
