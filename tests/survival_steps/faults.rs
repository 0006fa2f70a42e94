//! A call fails, once or from then on, or transfers half of its bytes.

use rustix::io::Errno;

use crate::points::{class, firsts};
use crate::rows::{self, Row};
use crate::shown::Shown;
use crate::support::stepper::{Call, Calls, Deed, Step, Stepped};
use crate::world::World;

const ERRORS: [Errno; 5] = [
    Errno::NOSPC,
    Errno::DQUOT,
    Errno::IO,
    Errno::MFILE,
    Errno::INTR,
];

fn withstands(row: &'static Row, floor: usize) {
    let Some(world) = World::new(row) else {
        return;
    };
    let trace = world.trace(Calls::All);
    let mut tried = 0;
    for at in firsts(&trace) {
        let mut deeds = vec![Deed::Short];
        for errno in ERRORS {
            deeds.push(Deed::Fail(errno.raw_os_error()));
            if errno != Errno::INTR {
                deeds.push(Deed::FailForGood(errno.raw_os_error()));
            }
        }
        for deed in deeds {
            let ended = world.run(Step {
                at,
                deed,
                calls: Calls::All,
            });
            let Some(call) = &ended.hit else {
                world.reset();
                continue;
            };
            let said = ended
                .stderr
                .lines()
                .filter(|line| line.starts_with("error:") || line.starts_with("note: left"))
                .collect::<Vec<_>>()
                .join(" | ");
            let r = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let shown = Shown::now(&world.scene);
                shown.assert_between(&world.old, &world.new);
                if ended.code == 0 {
                    assert_eq!(shown, world.new);
                }
                let wrong = world.wrong();
                assert!(wrong.is_empty(), "{wrong:?}");
                world.assert_goes_on();
            }));
            let r = match r {
                Ok(()) => String::new(),
                Err(e) => format!(
                    "PANIC {:?}",
                    e.downcast_ref::<String>().map(|s| s.replace('\n', " ; "))
                ),
            };
            println!(
                "@@ {} {deed:?} {} => {} {} {r}",
                at,
                class(&call),
                ended.code,
                said
            );
            world.reset();
            tried += 1;
        }
    }
    println!("{tried} faults at {} steps", trace.len());
    assert!(tried >= floor);
}

#[test]
fn f_first() {
    withstands(&rows::GIVEN_UP, 1);
}
#[test]
fn f_update() {
    withstands(&rows::UPDATE, 1);
}
#[test]
fn f_many() {
    withstands(&rows::MANY, 1);
}
#[test]
fn f_image() {
    withstands(&rows::IMAGE, 1);
}
#[test]
fn f_moves() {
    withstands(&rows::LINK_MOVES, 1);
}
#[test]
fn f_repair() {
    withstands(&rows::REPAIR, 1);
}
#[test]
fn f_verify() {
    withstands(&rows::VERIFY, 1);
}
#[test]
fn f_rollback() {
    withstands(&rows::ROLLBACK, 1);
}
#[test]
fn f_pull() {
    withstands(&rows::PULL, 1);
}
#[test]
fn f_delete() {
    withstands(&rows::DELETE, 1);
}
#[test]
fn f_prune() {
    withstands(&rows::PRUNE, 1);
}
