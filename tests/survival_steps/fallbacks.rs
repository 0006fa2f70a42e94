//! Where a file system cannot do something, or has no room for it, there is another way to the same end.

use rustix::fs::RenameFlags;
use rustix::io::Errno;

use crate::debris::debris;
use crate::points::class;
use crate::rows::{self, Row};
use crate::shown::Shown;
use crate::support::stepper::{Call, Calls, Deed, Step};
use crate::world::World;

const FULL: [Errno; 2] = [Errno::NOSPC, Errno::DQUOT];

/// Lets each call of the row's command that `is_it` fail with each of `errors`; the command does all it should.
fn finds_another_way(row: &'static Row, is_it: fn(&Call) -> bool, errors: &[Errno], floor: usize) {
    let Some(world) = World::new(row) else {
        return;
    };
    let mut found = 0;
    for call in world
        .trace(Calls::Changing)
        .iter()
        .filter(|call| is_it(call))
    {
        for error in errors {
            let deed = Deed::Fail(error.raw_os_error());
            let (at, calls) = (call.number, Calls::Changing);
            let ended = world.run(Step { at, deed, calls });
            let met_it = ended.hit.as_ref().is_some_and(is_it);
            println!("{error:?} {at}: {}: {}", class(call), ended.stderr);
            // Threads share the work, so that the call may have had another number this time.
            if met_it {
                assert_eq!(ended.code, 0);
                assert_eq!(Shown::now(&world.scene), world.new);
                assert_eq!(world.wrong(), [""; 0]);
                if world.collects() {
                    assert_eq!(debris(&world.scene), [""; 0]);
                }
                world.assert_goes_on();
                found += 1;
            }
            world.reset();
        }
    }
    println!("{found} calls failed, and all was done in another way");
    assert!(found >= floor);
}

/// Whether a call renames something to a name that begins like this.
fn renames(call: &Call, to: &str) -> bool {
    let name = call.other.rsplit('/').next().unwrap_or_default();
    call.name.starts_with("rename") && name.starts_with(to)
}

#[test]
fn without_an_exchange_a_path_is_repaired_in_place() {
    let exchanges = |call: &Call| {
        call.name == "renameat2" && call.flags == u64::from(RenameFlags::EXCHANGE.bits())
    };
    let errors = [
        Errno::XDEV,
        Errno::INVAL,
        Errno::NOSPC,
        Errno::DQUOT,
        Errno::NOSYS,
    ];
    finds_another_way(&rows::VERIFY, exchanges, &errors, 10);
}

#[test]
fn without_a_name_for_trash_a_path_is_collected_in_place() {
    let errors = [Errno::NOSPC, Errno::DQUOT, Errno::XDEV];
    finds_another_way(&rows::GC, |call| renames(call, ".t-"), &errors, 3);
}

#[test]
fn without_room_a_generation_is_dropped_in_place() {
    finds_another_way(&rows::GC, |call| renames(call, ".g-"), &FULL, 4);
}

#[test]
fn without_room_a_pulled_generation_is_dropped_in_place() {
    finds_another_way(&rows::PULL, |call| renames(call, ".g-"), &FULL, 2);
}

#[test]
fn without_room_a_profile_is_deleted_in_place() {
    finds_another_way(&rows::DELETE, |call| renames(call, ".d-"), &FULL, 2);
}

#[test]
fn without_room_for_a_generation_a_prune_makes_room_first() {
    let makes = |call: &Call| {
        let is_sync = call.name == "fsync" || call.name == "flock";
        call.path.contains("/pulled/generations/.g-") && !is_sync && !renames(call, ".g-")
    };
    finds_another_way(&rows::PRUNE, makes, &FULL, 12);
}

#[test]
fn without_hard_links_a_twin_is_copied() {
    let links = |call: &Call| call.name == "linkat" && call.path.contains("/.s-");
    let errors = [Errno::MLINK, Errno::PERM, Errno::OPNOTSUPP];
    finds_another_way(&rows::PULL, links, &errors, 3);
}
