//! One fault each: the exit code, what is said, how often is asked, how much comes, and that nothing is left that counts.

use crate::shelf::{Play, Shelf};
use crate::support::scene::{Scene, envs_toml, remove_sealed};

const SIZE: usize = 600_000;

/// What a fault shall come to.
struct Case {
    plays: Vec<Play>,
    /// 0 where it is overcome.
    code: i32,
    /// Stands in the error, or among the remarks.
    says: &'static str,
    requests: usize,
    /// Most bytes of bodies, in hundredths of the archive's size.
    served: usize,
    settings: &'static [(&'static str, &'static str)],
}

const CASE: Case = Case {
    plays: Vec::new(),
    code: 0,
    says: "",
    requests: 1,
    served: 100,
    settings: &[("PYRO_HTTP_RETRIES", "2")],
};

/// A pinned archive is read as it comes: all of these play while it is unpacked.
fn pinned(shelf: &Shelf, scene: &Scene) {
    let declared = envs_toml("", &[("archive", &shelf.url())]);
    scene.declare(&declared);
    scene.run(&["lock"]).code(0);
    // What the lock was made of is in the spool.
    remove_sealed(scene.store());
}

#[track_caller]
fn assert_case(name: &str, case: &Case) {
    let shelf = Shelf::of(SIZE, &[Play::Well]);
    let scene = Scene::new();
    pinned(&shelf, &scene);
    shelf.play(&case.plays);
    let mut command = scene.command(&[], &["realize"]);
    command.envs(case.settings.iter().copied());
    let ended = command.output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    let seen = shelf.seen();
    assert_eq!(ended.status.code(), Some(case.code), "{name}: {said}");
    assert!(said.contains(case.says), "{name}: {said}");
    assert_eq!(seen.len(), case.requests, "{name}: {seen:?}\n{said}");
    let most = case.served * shelf.size() / 100;
    assert!(shelf.served() <= most, "{name}: {seen:?}");
    if case.code != 0 {
        assert_eq!(scene.store_names(), [""; 0], "{name}");
        assert!(said.contains(&shelf.url()), "{name}: {said}");
    }
    scene.assert_sound();
    // The next one finds a server that is well, and whatever is left helps or is not believed.
    shelf.play(&[Play::Well]);
    let realized = scene.realize();
    let content = fs_err::read(realized.path.join("noise")).unwrap();
    assert_eq!(content.len(), SIZE, "{name}");
    scene.assert_sound();
}

/// Plays all of these, and there must be so many.
#[track_caller]
fn assert_cases(cases: &[(&str, Case)], floor: usize) {
    for (name, case) in cases {
        assert_case(name, case);
    }
    println!("{} faults of a web server", cases.len());
    assert!(cases.len() >= floor);
}

fn status(status: u16, name: &'static str, value: &str) -> Play {
    Play::Status(status, name, value.to_owned())
}

#[test]
fn connections_that_end() {
    assert_cases(
        &[
            (
                "a cut",
                Case {
                    plays: vec![Play::Cut(200_000), Play::Well],
                    says: "trying again in",
                    requests: 2,
                    ..CASE
                },
            ),
            (
                "many cuts, each with progress",
                Case {
                    plays: vec![
                        Play::Cut(100_000),
                        Play::Cut(100_000),
                        Play::Cut(100_000),
                        Play::Cut(100_000),
                        Play::Cut(100_000),
                        Play::Well,
                    ],
                    requests: 6,
                    ..CASE
                },
            ),
            (
                "cuts without progress",
                Case {
                    plays: vec![Play::Cut(0)],
                    code: 75,
                    says: "tried 3 times",
                    requests: 3,
                    ..CASE
                },
            ),
            (
                "no retries",
                Case {
                    plays: vec![Play::Cut(100)],
                    code: 75,
                    says: "broke off",
                    settings: &[("PYRO_HTTP_RETRIES", "0")],
                    ..CASE
                },
            ),
            (
                "an end without a length",
                Case {
                    plays: vec![Play::CutWithoutLength(200_000), Play::Well],
                    says: "ended after 200000 bytes",
                    requests: 2,
                    ..CASE
                },
            ),
            (
                "a cut in chunks",
                Case {
                    plays: vec![Play::CutInChunks(200_000), Play::Well],
                    requests: 2,
                    ..CASE
                },
            ),
        ],
        6,
    );
}

#[test]
fn bytes_that_are_not_what_they_should_be() {
    assert_cases(
        &[
            (
                "nothing",
                Case {
                    plays: vec![Play::Well],
                    ..CASE
                },
            ),
            (
                "chunks",
                Case {
                    plays: vec![Play::Chunked],
                    ..CASE
                },
            ),
            (
                "a wrong length",
                Case {
                    plays: vec![Play::Short(300_000)],
                    code: 65,
                    says: "300000 bytes",
                    ..CASE
                },
            ),
            (
                "other bytes",
                Case {
                    plays: vec![Play::Other],
                    code: 65,
                    says: "sha256:",
                    ..CASE
                },
            ),
            (
                "other bytes in the rest",
                Case {
                    plays: vec![Play::Cut(200_000), Play::Other],
                    code: 65,
                    says: "sha256:",
                    requests: 2,
                    ..CASE
                },
            ),
            (
                "a content encoding",
                Case {
                    plays: vec![Play::Encoded],
                    ..CASE
                },
            ),
        ],
        6,
    );
}

#[test]
fn ranges_that_are_not_what_was_asked_for() {
    assert_cases(
        &[
            (
                "a range that is ignored",
                Case {
                    plays: vec![Play::Cut(200_000), Play::IgnoreRange],
                    requests: 2,
                    served: 140,
                    ..CASE
                },
            ),
            (
                "a range that is ignored, with other bytes",
                Case {
                    plays: vec![Play::Cut(200_000), Play::OtherWhole],
                    code: 65,
                    says: "the bytes that came before the connection broke",
                    requests: 2,
                    served: 140,
                    ..CASE
                },
            ),
            (
                "another range",
                Case {
                    plays: vec![Play::Cut(200_000), Play::OtherRange],
                    requests: 3,
                    served: 300,
                    ..CASE
                },
            ),
            (
                "no range",
                Case {
                    plays: vec![Play::Cut(200_000), Play::NoRange],
                    requests: 3,
                    served: 140,
                    ..CASE
                },
            ),
        ],
        4,
    );
}

#[test]
fn servers_that_are_slow() {
    assert_cases(
        &[
            (
                "a stall",
                Case {
                    plays: vec![Play::Stall(200_000), Play::Well],
                    says: "stalled",
                    requests: 2,
                    settings: &[("PYRO_HTTP_IDLE_SECONDS", "1")],
                    ..CASE
                },
            ),
            (
                "a drip",
                Case {
                    plays: vec![Play::Drip(1000), Play::Well],
                    says: "stalled",
                    requests: 2,
                    // One byte more may be on its way when it is given up.
                    served: 101,
                    settings: &[("PYRO_HTTP_IDLE_SECONDS", "2")],
                    ..CASE
                },
            ),
            (
                "silence",
                Case {
                    plays: vec![Play::Silence],
                    code: 75,
                    says: "no answer within 2 s",
                    requests: 1,
                    settings: &[
                        ("PYRO_HTTP_IDLE_SECONDS", "1"),
                        ("PYRO_HTTP_CONNECT_SECONDS", "1"),
                        ("PYRO_HTTP_RETRIES", "0"),
                    ],
                    ..CASE
                },
            ),
            (
                "429 with seconds",
                Case {
                    plays: vec![status(429, "retry-after", "1"), Play::Well],
                    says: "429",
                    requests: 2,
                    ..CASE
                },
            ),
            (
                "503 with a moment long ago",
                Case {
                    plays: vec![
                        status(503, "retry-after", "Sun, 06 Nov 1994 08:49:38 GMT"),
                        Play::Well,
                    ],
                    says: "503",
                    requests: 2,
                    ..CASE
                },
            ),
            (
                "429 for an hour",
                Case {
                    plays: vec![status(429, "retry-after", "3600")],
                    code: 75,
                    says: "left alone for 3600 s",
                    ..CASE
                },
            ),
            (
                "503 for good",
                Case {
                    plays: vec![status(503, "x", "y")],
                    code: 75,
                    says: "tried 3 times",
                    requests: 3,
                    ..CASE
                },
            ),
        ],
        7,
    );
}

#[test]
fn servers_that_say_no() {
    assert_cases(
        &[
            (
                "403",
                Case {
                    plays: vec![status(403, "x", "y")],
                    code: 77,
                    says: "403",
                    ..CASE
                },
            ),
            (
                "404",
                Case {
                    plays: vec![status(404, "x", "y")],
                    code: 69,
                    says: "404",
                    ..CASE
                },
            ),
            (
                "a redirect in a circle",
                Case {
                    plays: vec![status(302, "location", "/thing.tar")],
                    code: 77,
                    says: "redirects",
                    requests: 11,
                    ..CASE
                },
            ),
            (
                "a redirect that leaves https",
                Case {
                    plays: vec![status(302, "location", "http://example.invalid/")],
                    code: 77,
                    says: "plain http",
                    ..CASE
                },
            ),
        ],
        4,
    );
}
