//! Every call fails in turn, once or from then on, or transfers half of its bytes.
//!
//! The command then says so in one line and with the right exit code, or it found another way and did all it should.
//! What was there is intact, and without the fault the next command goes through.

use std::path::Path;

use rustix::io::Errno;

use crate::debris::debris;
use crate::points::{class, ends, is_reading};
use crate::rows::{self, Row};
use crate::shown::Shown;
use crate::support::needs::full_size;
use crate::support::stepper::{Call, Calls, Deed, Step, Stepped};
use crate::world::World;

/// Where there is no room first.
const ERRORS: [Errno; 4] = [Errno::NOSPC, Errno::DQUOT, Errno::IO, Errno::MFILE];

/// Calls that a signal may interrupt, and that are begun anew then.
const INTERRUPTIBLE: [&str; 9] = [
    "open",
    "read",
    "pread64",
    "write",
    "pwrite64",
    "fsync",
    "fchmod",
    "ftruncate",
    "flock",
];

/// Makes the row's command fail at its steps; so many faults must have been met.
fn withstands(row: &'static Row, floor: usize) {
    let Some(world) = World::new(row) else {
        return;
    };
    let mut met = 0;
    let trace = world.trace(Calls::All);
    for (n, (call, _)) in ends(&trace).into_iter().enumerate() {
        let at = call.number;
        for deed in deeds(call, n) {
            let calls = Calls::All;
            let ended = world.run(Step { at, deed, calls });
            if let Some(call) = &ended.hit {
                println!(
                    "{deed:?} {at}: {}: {} {}",
                    class(call),
                    ended.code,
                    ended.stderr
                );
                assert_right_answer(&world, deed, call, &ended);
                assert_eq!(world.wrong(), [""; 0]);
                world.assert_goes_on();
                met += 1;
            }
            world.reset();
        }
    }
    println!("{met} faults at {} steps, all withstood", trace.len());
    assert!(met >= floor);
}

#[test]
fn a_file_that_cannot_be_written_is_named_though_others_came_after_it() {
    // Those after the first files are written by a thread.
    let late = |call: &Call| written_file(call).filter(|number| *number > 64);
    let named = |file: usize| {
        let name = format!("folder{}/{file}", file % 3);
        let number = file + 1;
        [format!("entry {number} `{name}`"), format!("/{name}")]
    };
    each_late_file_is_named(&rows::MANY, late, named);
}

#[test]
fn a_file_of_a_folder_that_cannot_be_written_is_named_though_others_came_after_it() {
    // Folders are copied one after the other, and the first has more than the first files.
    let late = |call: &Call| written_file(call).filter(|number| number % 3 != 0);
    let named = |file: usize| {
        let name = format!("/folder{}/{file}", file % 3);
        [format!("sources/many{name}"), name]
    };
    each_late_file_is_named(&rows::MANY_LOCAL, late, named);
}

#[test]
fn a_file_of_which_a_part_is_written_at_once_gets_the_rest() {
    let Some(world) = World::new(&rows::MANY) else {
        return;
    };
    let calls = Calls::Changing;
    let trace = world.trace(calls);
    let is_content = |call: &&Call| written_file(call).is_some();
    let mut met = 0;
    for call in trace.iter().filter(is_content).step_by(8) {
        let at = call.number;
        let deed = Deed::Short;
        let ended = world.run(Step { at, deed, calls });
        // Another thread may have come to this step, with a call that writes nothing.
        if ended.hit.as_ref().is_some_and(|call| is_content(&call)) {
            assert_eq!(ended.code, 0, "{at}: {}", ended.stderr);
            assert!(Shown::now(&world.scene) == world.new);
            assert_eq!(world.wrong(), [""; 0]);
            met += 1;
        }
        world.reset();
    }
    println!("{met} writes cut short, all gone on with");
    assert!(met >= 5);
}

/// Lets files fail that a thread writes: the error has all that `named` says.
fn each_late_file_is_named(
    row: &'static Row,
    late: impl Fn(&Call) -> Option<usize>,
    named: impl Fn(usize) -> [String; 2],
) {
    let Some(world) = World::new(row) else {
        return;
    };
    let calls = Calls::Changing;
    let deed = Deed::Fail(Errno::IO.raw_os_error());
    let trace = world.trace(calls);
    let mut met = 0;
    for call in trace.iter().filter(|call| late(call).is_some()).step_by(4) {
        let ended = world.run(Step {
            at: call.number,
            deed,
            calls,
        });
        // The threads may have come to their calls in another order this time.
        if let Some(file) = ended.hit.as_ref().and_then(&late) {
            assert_eq!(ended.code, 74);
            for name in named(file) {
                assert!(ended.stderr.contains(&name), "{name}: {}", ended.stderr);
            }
            met += 1;
        }
        world.reset();
    }
    println!("{met} files failed late, all named");
    assert!(met >= 5);
}

/// The number of the file whose content a call writes.
fn written_file(call: &Call) -> Option<usize> {
    let is_content = call.name == "pwrite64" && call.path.contains("/folder");
    let number = call.path.rsplit('/').next()?.parse().ok()?;
    is_content.then_some(number)
}

/// What is done at a call: all that can be at full size, else one of it, another at each call; a sync fails always.
fn deeds(call: &Call, n: usize) -> Vec<Deed> {
    // Nothing that reads needs room.
    let errors = &ERRORS[if is_reading(call) { 2.. } else { 0.. }];
    let errors = errors.iter().map(|error| error.raw_os_error());
    let mut deeds: Vec<Deed> = errors
        .flat_map(|error| [Deed::Fail(error), Deed::FailForGood(error)])
        .collect();
    if is_interruptible(call) {
        deeds.push(Deed::Fail(Errno::INTR.raw_os_error()));
    }
    if call.name.contains("write") {
        deeds.push(Deed::Short);
    }
    if full_size() {
        return deeds;
    }
    let mut some = vec![deeds[n % deeds.len()]];
    if is_sync(call) {
        some.push(Deed::Fail(Errno::IO.raw_os_error()));
    }
    if call.name.contains("write") {
        some.push(Deed::Short);
    }
    some.dedup();
    some
}

/// The command did all, or failed as it should.
#[track_caller]
fn assert_right_answer(world: &World, deed: Deed, call: &Call, ended: &Stepped) {
    let shown = Shown::now(&world.scene);
    shown.assert_between(&world.old, &world.new);
    let says = |words: &str| ended.stderr.lines().any(|line| line.contains(words));
    if ended.code == 0 {
        let told = says("note: kept ") || (world.collects() && says("note: left "));
        assert!(told || shown == world.new, "not done: {shown:?}");
        assert!(told || may_pass(world, deed, call), "not told");
        return;
    }
    if world.words() == rows::VERIFY.words && ended.code == 65 {
        // It goes on with the next path, and lists what it could not read or repair.
        return assert!(ended.stdout.contains("-2.0.0"), "{}", ended.stdout);
    }
    // For good, what cannot be read in a store path counts as not installed wherever it is looked at later.
    let cannot_be_read = deed == Deed::FailForGood(Errno::IO.raw_os_error())
        || deed == Deed::FailForGood(Errno::MFILE.raw_os_error());
    let is_not_valid = cannot_be_read && ended.code == 69 && says("-1.0.0, which is not valid");
    assert!(is_not_valid || codes(deed, call).contains(&ended.code));
    if world.words() == rows::VERIFY.words && ended.stdout.contains("not checked") {
        // A path that could not be looked at is in the report, beside those that could.
        return;
    }
    assert_eq!(ended.stdout, "");
    let errors = ended
        .stderr
        .lines()
        .filter(|line| line.starts_with("error: "));
    assert_eq!(errors.count(), 1);
    assert!(
        says("/") || says("-1.0.0, which is not valid"),
        "no path is named"
    );
    if matches!(deed, Deed::Fail(_)) && !world.collects() {
        // Nothing kept it from taking away what it had begun.
        world.assert_finished();
    }
}

/// The exit codes that a command may have which fails.
fn codes(deed: Deed, call: &Call) -> &'static [i32] {
    let (Deed::Fail(error) | Deed::FailForGood(error)) = deed else {
        return &[];
    };
    match Errno::from_raw_os_error(error) {
        Errno::NOSPC | Errno::DQUOT => &[73],
        // A signal is no reason to give up.
        Errno::INTR if is_interruptible(call) => &[],
        // What cannot be read in a store path counts as not installed.
        Errno::IO | Errno::MFILE
            if class(call).contains("/store/store/#-") && !call.name.starts_with("open") =>
        {
            &[74, 69]
        }
        Errno::IO if class(call).contains("/store/store/#-") => &[74, 69],
        // For good, that is so of every store path that is looked at later.
        Errno::IO | Errno::MFILE if matches!(deed, Deed::FailForGood(_)) => &[74, 69],
        _ => &[74],
    }
}

/// Whether a command may do without what this call would have done, and need not say so.
fn may_pass(world: &World, deed: Deed, call: &Call) -> bool {
    let class = class(call);
    let error = match deed {
        Deed::Fail(error) | Deed::FailForGood(error) => Errno::from_raw_os_error(error),
        _ => return true,
    };
    if error == Errno::INTR {
        return true;
    }
    if world.collects() {
        // It found another way, if nothing is left. How large paths are is only remembered.
        let is_memory = class.contains("/realisations/");
        return (is_memory || !is_sync(call)) && debris(&world.scene).is_empty();
    }
    let is_full = matches!(error, Errno::NOSPC | Errno::DQUOT);
    // What cannot be read is found out in another way, made anew, or found damaged and replaced.
    is_reading(call)
        // The folders above the store are there: that they cannot be made means nothing.
        || (call.name == "mkdir" && world.scene.store().ancestors().skip(1).any(|above| above == Path::new(&call.path)))
        // The last use of a path, and the try for a reflink.
        || (call.name == "utimensat" && class.contains("/leases/"))
        || call.name == "ioctl"
        // Without an exchange a path is replaced in place; without room for another name it is removed in place.
        || (is_full && call.name.starts_with("renameat") && removes(&class))
        // Something empty that the next collection takes.
        || (call.name == "rmdir" && class.contains("/.d-"))
        || (call.name.starts_with("unlink") && class.contains("/.new-"))
}

/// Whether a rename takes something out of the way.
fn removes(class: &str) -> bool {
    ["/.t-", "/.d-", "/.g-"]
        .iter()
        .any(|name| class.contains(name))
}

fn is_sync(call: &Call) -> bool {
    ["fsync", "fdatasync", "syncfs"].contains(&call.name.as_str())
}

/// Whether pyro must begin the call anew after a signal; folders are opened by the C library too, which does not.
fn is_interruptible(call: &Call) -> bool {
    let of_folder = call.flags & u64::from(rustix::fs::OFlags::DIRECTORY.bits()) != 0;
    INTERRUPTIBLE.contains(&call.name.as_str())
        || (call.name == "openat" && !of_folder)
        || call.name == "syncfs"
}

#[test]
fn a_first_realize() {
    withstands(&rows::GIVEN_UP, 160);
}

#[test]
fn an_update() {
    withstands(&rows::UPDATE, 120);
}

#[test]
fn a_tree_of_many_files() {
    withstands(&rows::MANY, 150);
}

#[test]
fn a_large_file() {
    withstands(&rows::LARGE, 160);
}

#[test]
fn an_image() {
    withstands(&rows::IMAGE, 110);
}

#[test]
fn an_out_link_that_moves_to_another_profile() {
    withstands(&rows::LINK_MOVES, 160);
}

#[test]
fn a_repair_by_realize() {
    withstands(&rows::REPAIR, 120);
}

#[test]
fn a_repair_by_verify() {
    withstands(&rows::VERIFY, 100);
}

#[test]
fn a_rollback() {
    withstands(&rows::ROLLBACK, 50);
}

#[test]
fn a_pull() {
    withstands(&rows::PULL, 100);
}

#[test]
fn a_deleted_profile() {
    withstands(&rows::DELETE, 30);
}

#[test]
fn a_prune() {
    withstands(&rows::PRUNE, 180);
}

#[test]
fn a_collection() {
    withstands(&rows::GC, 200);
}
