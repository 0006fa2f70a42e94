//! One command stands still at a step while another runs to its end; then it goes on.
//!
//! Whatever the step is, it must come out as if one of the two had run after the other.

use crate::points::ends;
use crate::rows::{self, COLLECT, Row};
use crate::shown::Shown;
use crate::support::stepper::{Calls, Deed, Step};
use crate::world::World;

/// What the exit code of a command may be that meets another.
const BUSY: i32 = 75;

/// Lets the row's command stand still at its steps while `other` runs; so many of these must have gone through.
fn meet(row: &'static Row, other: &[&str], floor: usize) {
    let Some(world) = World::new(row) else {
        return;
    };
    let serial = [
        world.shown_after(&[row.words, other, COLLECT]),
        world.shown_after(&[other, row.words, COLLECT]),
    ];
    // Somebody who stands still holds his locks: waiting for them would never end.
    let impatient = [other, &["--lock-timeout", "0"]].concat();
    let trace = world.trace(Calls::Changing);
    let (mut stood, mut went_through) = (0, 0);
    for (call, _) in ends(&trace) {
        let at = call.number;
        let (deed, calls) = (Deed::Stand, Calls::Changing);
        let mut code = None;
        let ended = world.step(Step { at, deed, calls }, row.words, |call| {
            println!("{at}: {} {} {}", call.name, call.path, call.other);
            let met = world.scene.run(&impatient);
            assert!([0, BUSY].contains(&met.code), "{met}");
            code = Some(met.code);
            Shown::now(&world.scene);
            assert_eq!(world.wrong(), [""; 0]);
        });
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        Shown::now(&world.scene);
        if let Some(code) = code {
            if code == BUSY {
                world.scene.run(other).code(0);
            }
            stood += 1;
            went_through += usize::from(code == 0);
            world.assert_finished();
            world.assert_collects();
            let shown = Shown::now(&world.scene);
            assert!(serial.contains(&shown), "{shown:?} instead of {serial:?}");
        }
        world.reset();
    }
    println!("stood still at {stood} steps, {went_through} times the other went through");
    assert!(stood >= floor && went_through >= floor / 2);
}

#[test]
fn realize_and_the_same_realize() {
    meet(&rows::FIRST, rows::FIRST.words, 60);
}

#[test]
fn realize_and_another_realize() {
    meet(&rows::UPDATE, rows::ELSEWHERE, 65);
}

#[test]
fn a_first_realize_and_a_prune() {
    meet(&rows::FIRST, COLLECT, 60);
}

#[test]
fn an_out_link_in_the_making_and_a_prune() {
    meet(&rows::OWN_LINK, COLLECT, 60);
}

#[test]
fn a_moving_out_link_and_a_prune() {
    meet(&rows::LINK_MOVES, COLLECT, 60);
}

#[test]
fn a_prune_and_a_realize_of_what_it_collects() {
    meet(&rows::PRUNE, rows::ELSEWHERE, 65);
}

#[test]
fn two_prunes() {
    meet(&rows::PRUNE, COLLECT, 65);
}

#[test]
fn a_realize_and_a_collection() {
    meet(&rows::UPDATE, rows::GC.words, 60);
}

#[test]
fn a_collection_and_a_rollback() {
    meet(&rows::GC, rows::ROLLBACK.words, 40);
}

#[test]
fn two_repairs() {
    meet(&rows::REPAIR, rows::REPAIR.words, 40);
}

#[test]
fn a_repair_by_verify_and_one_by_realize() {
    meet(&rows::VERIFY, rows::REPAIR.words, 40);
}

#[test]
fn a_repair_and_a_prune() {
    meet(&rows::REPAIR, COLLECT, 40);
}

#[test]
fn two_pulls() {
    meet(&rows::PULL, rows::PULL.words, 40);
}

#[test]
fn two_pulls_of_different_environments() {
    meet(&rows::PULL, &["env", "pull", "tool"], 40);
}

#[test]
fn a_rollback_and_a_prune() {
    meet(&rows::ROLLBACK, COLLECT, 10);
}

#[test]
fn a_deleted_profile_and_a_realize_of_it() {
    meet(&rows::DELETE, &["realize", "--profile", "other"], 10);
}

#[test]
fn a_deleted_profile_and_a_prune() {
    meet(&rows::DELETE, COLLECT, 10);
}
