//! The generator: every hostile archive of the tables, in a row.

use crate::stand::{Case, Stand};
use crate::{headers, names, sparse};

/// How many there must be at the least.
const FLOOR: usize = 110;

fn all(stand: &Stand) -> Vec<Case> {
    let mut all = names::hostile(stand.sentinel());
    all.extend(headers::hostile());
    all.extend(headers::packed());
    all.extend(sparse::hostile());
    all
}

#[test]
fn every_hostile_archive_is_refused_and_leaves_nothing() {
    let stand = Stand::new();
    let all = all(&stand);
    let names: std::collections::BTreeSet<&str> = all.iter().map(|case| case.name).collect();
    let bytes: std::collections::BTreeSet<&[u8]> =
        all.iter().map(|case| case.bytes.as_slice()).collect();
    for case in &all {
        let ended = stand.realize(case.layout, &case.bytes);
        stand.assert_refused(case.name, &ended, &case.words);
    }
    println!("{} hostile archives, {} distinct", all.len(), bytes.len());
    assert_eq!(names.len(), all.len(), "two have the same name");
    assert!(bytes.len() >= FLOOR, "{} are too few", bytes.len());
}
