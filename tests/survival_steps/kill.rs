//! Killed at every step, as the call begins and as it has ended.

use crate::points::ends;
use crate::rows::{self, Row};
use crate::support::needs::full_size;
use crate::support::stepper::{Calls, Deed, Step};
use crate::world::World;

/// Kills the row's command at its steps; at least so many kills must have happened.
fn survives(row: &'static Row, floor: usize) {
    let Some(world) = World::new(row) else {
        return;
    };
    let trace = world.trace(Calls::Changing);
    let mut killed = 0;
    for (first, last) in ends(&trace) {
        let mut kills = vec![(first.number, Deed::KillBefore)];
        // The end of one call is nearly the beginning of the next, which is of another class.
        if full_size() || first != last {
            kills.push((last.number, Deed::KillAfter));
        }
        for (at, deed) in kills {
            let calls = Calls::Changing;
            let ended = world.run(Step { at, deed, calls });
            // Threads share the work, so that a run may have a step less than another.
            let Some(call) = ended.hit else {
                world.reset();
                continue;
            };
            println!("{deed:?} {at}: {} {} {}", call.name, call.path, call.other);
            assert_eq!(ended.code, 128 + 9);
            world.assert_survived();
            world.reset();
            killed += 1;
        }
    }
    println!("{killed} kills at {} steps, all survived", trace.len());
    assert!(killed >= floor);
}

#[test]
fn a_first_realize() {
    survives(&rows::FIRST, 110);
}

#[test]
fn a_first_realize_that_is_given_up() {
    survives(&rows::GIVEN_UP, 100);
}

#[test]
fn an_update() {
    survives(&rows::UPDATE, 80);
}

#[test]
fn a_tree_of_many_files() {
    survives(&rows::MANY, 85);
}

#[test]
fn a_large_file() {
    survives(&rows::LARGE, 90);
}

#[test]
fn an_image() {
    survives(&rows::IMAGE, 55);
}

#[test]
fn an_out_link_with_its_own_profile() {
    survives(&rows::OWN_LINK, 80);
}

#[test]
fn an_out_link_that_moves_to_another_profile() {
    survives(&rows::LINK_MOVES, 100);
}

#[test]
fn a_repair_by_realize() {
    survives(&rows::REPAIR, 60);
}

#[test]
fn a_repair_by_verify() {
    survives(&rows::VERIFY, 55);
}

#[test]
fn a_rollback() {
    survives(&rows::ROLLBACK, 20);
}

#[test]
fn a_switch() {
    survives(&rows::SWITCH, 20);
}

#[test]
fn a_pull() {
    survives(&rows::PULL, 50);
}

#[test]
fn a_deleted_profile() {
    survives(&rows::DELETE, 10);
}

#[test]
fn a_prune() {
    survives(&rows::PRUNE, 65);
}

#[test]
fn a_collection() {
    survives(&rows::GC, 55);
}
