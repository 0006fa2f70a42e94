//! kill -9 while something gets its mode: the other account of the group goes on as if nothing had been.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use crate::accounts::{ALICE, BOB, Team, not_run, there_are_accounts};
use crate::inside;
use crate::tree::Tree;

/// The calls that set a mode.
const CALLS: [&str; 3] = ["chmod", "fchmod", "fchmodat"];
/// Locks, folders and records of one realization; the sealed files come on top.
const FLOOR: usize = 12;

/// What was made and got no name.
fn unnamed(store: &Path) -> Vec<String> {
    let all = walkdir::WalkDir::new(store).into_iter().map(Result::unwrap);
    let names = all.map(|entry| entry.file_name().to_str().unwrap().to_owned());
    names.filter(|name| name.starts_with(".new-")).collect()
}

/// Runs a realization that strace kills as it sets a mode for this time; whether it came to that.
fn killed(team: &Team, call: &str, time: usize) -> bool {
    let inject = format!("inject=?{call}:signal=KILL:when={time}");
    let trace = format!("trace=?{call}");
    let log = team.sandbox().path("strace.log");
    let log = log.to_str().unwrap();
    let above = [
        "strace", "-f", "-qq", "-o", log, "-e", &trace, "-e", &inject,
    ];
    let ended = team
        .command(ALICE, "077", &above, &["realize"])
        .output()
        .unwrap();
    let killed = ended.status.signal() == Some(9) || ended.status.code() == Some(128 + 9);
    assert!(killed || ended.status.success(), "{call} {time}: {ended:?}");
    killed
}

#[test]
fn who_is_killed_leaves_nothing_that_the_other_account_may_not_use() {
    if !there_are_accounts() {
        return;
    }
    if std::process::Command::new("strace")
        .arg("-V")
        .output()
        .is_err()
    {
        return not_run("strace");
    }
    let mut points = 0;
    for call in CALLS {
        for time in 1.. {
            let team = Team::new(0o2775);
            team.declare("1", &Tree::vm(1));
            if !killed(&team, call, time) {
                break;
            }
            let ended = team.run(BOB, "077", &["realize"]);
            assert_eq!(ended.code, 0, "{call} {time}: {ended}");
            // What was begun holds nothing and hides nothing from the other one's collector.
            team.run(BOB, "077", &["env", "prune"]).code(0);
            let delete = ["profile", "delete", "p", "--yes"];
            team.run(BOB, "077", &delete).code(0);
            team.run(BOB, "077", &["env", "prune"]).code(0);
            let pruned = team.run(ALICE, "077", &["env", "prune"]).code(0);
            assert!(!pruned.stderr.contains("left"), "{call} {time}: {pruned}");
            for folder in ["store", "leases", "profiles"] {
                let names = inside::names(&team.store().join(folder));
                assert_eq!(names, [""; 0], "{call} {time}: {folder}");
            }
            assert_eq!(unnamed(team.store()), [""; 0], "{call} {time}");
            points += 1;
        }
    }
    println!("{points} kill points");
    assert!(points >= FLOOR);
}
