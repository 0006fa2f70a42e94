//! Killed while bytes are on their way: after each so many of every answer.

use crate::stage::{Before, Stage, StopAt};

/// A test that kills nobody would pass.
const FLOOR: usize = 25;

/// Where to stop within a layer: at both ends and in every fifth.
fn points(length: usize) -> Vec<usize> {
    let mut points: Vec<usize> = (0..5).map(|fifth| length * fifth / 5).collect();
    points.extend([1, length - 1]);
    points
}

fn survives(before: Before, points_of: impl Fn(usize) -> Vec<usize>) -> usize {
    let stage = Stage::new(before);
    let mut stops = Vec::new();
    // What the lock pins is not asked for by its tag.
    if before != Before::Damaged {
        stops.push(("manifests/new".to_owned(), vec![0, 100]));
        stops.push((stage.config.clone(), vec![0, 100]));
    }
    for layer in &stage.layers {
        stops.push((layer.digest.clone(), points_of(layer.size)));
    }
    let mut killed = 0;
    for (target, points) in stops {
        for after in points {
            let target = target.clone();
            let stop_at = StopAt { target, after };
            stage.reset();
            stage.kill_at_bytes(&stop_at);
            stage.assert_survived(&format!("{stop_at:?}"));
            killed += 1;
        }
    }
    killed
}

#[test]
fn an_update_survives_kill_9_at_every_fifth_of_every_layer() {
    let killed = survives(Before::Older, points);
    println!("{killed} kill points, all survived");
    assert!(killed >= FLOOR);
}

#[test]
fn a_first_realize_survives_kill_9_in_every_layer() {
    let killed = survives(Before::Nothing, |length| vec![0, length / 2]);
    println!("{killed} kill points, all survived");
    assert!(killed >= 8);
}

#[test]
fn a_repair_survives_kill_9_in_every_layer() {
    let killed = survives(Before::Damaged, |length| vec![0, length / 2]);
    println!("{killed} kill points, all survived");
    assert!(killed >= 6);
}
