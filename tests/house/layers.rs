//! The layer law: a room names only rooms of its own rank or below, and a few things of the world have one owner each.

use std::path::Path;

/// Each room's rank; a file or folder directly below `src/` is a room.
const RANKS: [(&str, u32); 13] = [
    ("model", 0),
    ("progress", 0),
    ("declare", 1),
    ("lock", 1),
    ("store", 2),
    ("fetch", 3),
    ("unpack", 3),
    ("profile", 4),
    ("gc", 4),
    ("run", 4),
    ("verb", 5),
    ("cli", 6),
    ("main", 7),
];

/// Words, and the only places below `src/` that may say them.
const OWNERS: [(&str, &[&str]); 6] = [
    ("tokio", &["fetch"]),
    ("reqwest", &["fetch/http"]),
    ("std::env", &["cli", "main"]),
    ("current_dir(", &["cli"]),
    ("SystemTime::now", &["cli"]),
    ("Timestamp::now", &["cli"]),
];

fn rank(room: &str) -> Option<u32> {
    let known = RANKS.iter().find(|(name, _)| *name == room);
    known.map(|(_, rank)| *rank)
}

/// What `text`, the file `name` below `src/`, does against the law.
fn offences(name: &str, text: &str) -> Vec<String> {
    let room = name.split(['/', '.']).next().unwrap();
    let own = rank(room).unwrap_or_else(|| panic!("src/{name}: `{room}` has no rank"));
    let mut offences = Vec::new();
    for (line, code) in (1..).zip(text.lines()) {
        let code = code.split("//").next().unwrap();
        for import in code.split("crate::").skip(1) {
            // One name, or the first names of a group.
            for name_of in import
                .trim_start_matches('{')
                .split("::")
                .next()
                .unwrap()
                .split(',')
            {
                let other: String = name_of
                    .trim()
                    .chars()
                    .take_while(char::is_ascii_lowercase)
                    .collect();
                if rank(&other).is_some_and(|rank| rank > own) {
                    offences.push(format!(
                        "src/{name}:{line}: {room} names {other}, which is above it"
                    ));
                }
            }
        }
        for (word, owners) in OWNERS {
            let is_owner = owners.iter().any(|owner| name.starts_with(owner));
            if code.replace("std::env::consts", "").contains(word) && !is_owner {
                offences.push(format!(
                    "src/{name}:{line}: `{word}` belongs to {}",
                    owners.join(", ")
                ));
            }
        }
    }
    offences
}

fn all_below(folder: &Path, name: &str) -> Vec<String> {
    let mut offences = Vec::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{name}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            offences.extend(all_below(&entry.path(), &format!("{path}/")));
        } else if path.ends_with(".rs") && path != "lib.rs" {
            offences.extend(self::offences(
                &path,
                &fs_err::read_to_string(entry.path()).unwrap(),
            ));
        }
    }
    offences
}

#[test]
fn the_layer_law_holds() {
    let found = all_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_layer_law_sees_what_breaks_it() {
    let up = |text: &str| offences("store/seal.rs", text).len();
    assert_eq!(
        up("use crate::model::name::EnvName;\nuse crate::progress::Phase;"),
        0
    );
    assert_eq!(up("use crate::verb::pull;"), 1);
    assert_eq!(
        up("fn f() { crate::cli::main(); crate::fetch::Error::x(); }"),
        2
    );
    assert_eq!(up("use crate::{fetch, model};"), 1);
    assert_eq!(
        up("// crate::cli may not be named here\npub(crate) fn f() {}"),
        0
    );
    assert_eq!(up("std::env::var_os(\"HOME\");"), 1);
    assert_eq!(up("std::env::consts::ARCH"), 0);
    assert_eq!(
        offences("fetch/token.rs", "use reqwest::Url;\nuse tokio::time;").len(),
        1
    );
    assert_eq!(
        offences("fetch/http/client.rs", "use reqwest::Url;").len(),
        0
    );
}
