//! Texts that git could not merge.

use super::*;

/// The text of `base` with the blocks of both sides in a conflict at its end, as git leaves them.
pub(super) fn conflict(base: &Lock, ours: &Lock, theirs: &Lock) -> String {
    let added = |lock: &Lock| {
        lock.to_text()
            .strip_prefix(&base.to_text())
            .unwrap()
            .to_owned()
    };
    format!(
        "{}<<<<<<< HEAD\n{}=======\n{}>>>>>>> topic\n",
        base.to_text(),
        added(ours),
        added(theirs)
    )
}

#[test]
fn both_sides_added_blocks_at_one_place() {
    let base = lock(&[(
        "a",
        "linux/amd64",
        block(1, &[(local("a"), Some(local_pin(1)))]),
    )]);
    let b = block(2, &[(local("b"), Some(local_pin(2)))]);
    let c = block(3, &[(oci("debian"), Some(oci_pin(3, None)))]);
    let builder = base.clone().into_builder();
    let ours = builder.block("b".parse().unwrap(), "linux/amd64".parse().unwrap(), b);
    let builder = base.clone().into_builder();
    let theirs = builder.block("c".parse().unwrap(), "linux/amd64".parse().unwrap(), c);
    let text = conflict(&base, &ours.build(), &theirs.build());
    let parsed = read(&text).unwrap();
    assert!(parsed.merged && parsed.contested.is_empty());
    let names: Vec<_> = parsed
        .lock
        .blocks()
        .map(|(name, _, _)| name.as_str())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(parsed.lock.to_text().matches("<<<<<<<").count(), 0);
}

/// `whole` with the first line that begins `key` in conflict, `ours` and `theirs` as its values.
fn line_conflict(key: &str, ours: &str, theirs: &str) -> String {
    let text = whole().to_text();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap();
    let hunk = format!(
        "<<<<<<< HEAD\n{key} = \"{ours}\"\n||||||| 1\n{line}\n=======\n{key} = \"{theirs}\"\n>>>>>>> topic"
    );
    text.replacen(line, &hunk, 1)
}

#[test]
fn a_conflict_inside_a_block_is_decided_by_its_declaration() {
    let digit = |n: u8| declared(n).to_string();
    let text = line_conflict("declaration", &digit(8), &digit(9));
    let key = || ("debian:12".parse().unwrap(), "linux/amd64".parse().unwrap());
    for n in [8, 9] {
        let parsed = read_preferring(&text, n);
        let (name, platform) = key();
        assert_eq!(
            parsed.lock.get(&name, &platform).unwrap().declaration(),
            declared(n)
        );
        assert_eq!(parsed.contested, [key()]);
        assert!(parsed.merged);
    }
}

#[test]
fn it_does_not_matter_who_merges_whom() {
    let one = line_conflict("output", &hash(8).to_string(), &hash(9).to_string());
    let other = line_conflict("output", &hash(9).to_string(), &hash(8).to_string());
    let one = read(&one).unwrap();
    assert_eq!(one, read(&other).unwrap());
    assert_eq!(one.contested.len(), 1);
}

#[test]
fn the_side_that_knows_more_wins() {
    let poor = block(1, &[(oci("debian"), Some(oci_pin(1, None)))]);
    let rich = block(1, &[(oci("debian"), Some(oci_pin(2, Some(hash(2)))))]);
    let base = Lock::default();
    for (ours, theirs) in [(&poor, &rich), (&rich, &poor)] {
        let side = |block: &Block| lock(&[("a", "linux/amd64", block.clone())]);
        let parsed = read(&conflict(&base, &side(ours), &side(theirs))).unwrap();
        assert_eq!(parsed.lock, side(&rich));
    }
}

#[test]
fn several_conflicts_are_all_read() {
    let both = line_conflict("output", &hash(8).to_string(), &hash(9).to_string()).replace(
        "name = \"tools\"",
        "<<<<<<< a\nname = \"ours\"\n=======\nname = \"theirs\"\n>>>>>>> b",
    );
    let parsed = read(&both).unwrap();
    let names: Vec<_> = parsed
        .lock
        .blocks()
        .map(|(name, _, _)| name.as_str())
        .collect();
    assert_eq!(names, ["debian:12", "debian:12", "ours", "theirs"]);
    assert_eq!(parsed.contested.len(), 1);
}

#[test]
fn a_mistake_in_one_side_points_into_the_whole_text() {
    let text = line_conflict("declaration", &declared(8).to_string(), "zz");
    let error = read(&text).unwrap_err();
    let line = text.lines().position(|line| line.contains("zz")).unwrap() + 1;
    assert_eq!(error.mistakes().first().line(), line);
    let report = error.mistakes().render(Style::Plain);
    assert!(report.contains("declaration = \"zz\""), "{report}");
    let error = read("schema = 1\n<<<<<<< HEAD\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "this conflict does not end: envs.lock:2:1"
    );
}
