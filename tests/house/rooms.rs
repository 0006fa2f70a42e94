//! The law of the rooms: the table in `src/lib.rs` lists them from the bottom up, and each uses only what stands
//! before it there. Two things of the outside world are named in one room each.

use std::path::PathBuf;

/// Every source file: its path below `src/` and its text.
fn sources() -> Vec<(String, String)> {
    let src = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = walkdir::WalkDir::new(&src).into_iter().map(Result::unwrap);
    files
        .filter(|entry| entry.path().extension().is_some_and(|e| e == "rs"))
        .map(|entry| {
            let name = entry.path().strip_prefix(&src).unwrap();
            let text = fs_err::read_to_string(entry.path()).unwrap();
            (name.to_str().unwrap().to_owned(), text)
        })
        .collect()
}

fn room(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The rooms in the order of the table.
fn rooms() -> Vec<String> {
    let sources = sources();
    let (_, lib) = sources.iter().find(|(file, _)| file == "lib.rs").unwrap();
    let rows = lib.lines().filter(|line| line.starts_with("//! | "));
    let cells = rows.filter_map(|row| row.split('|').nth(2));
    let rooms: Vec<String> = cells
        .flat_map(|cell| cell.split("[`").skip(1))
        .map(|name| name.split('`').next().unwrap().to_owned())
        .collect();
    for line in lib.lines() {
        if let Some(name) = line.strip_prefix("pub mod ") {
            let name = name.trim_end_matches(';').to_owned();
            assert!(rooms.contains(&name), "{name} is not in the table");
        }
    }
    rooms
}

/// The lines of `text`, a file of the room `rooms[own]`, that name a room above it.
fn upwards<'t>(rooms: &[String], own: usize, text: &'t str) -> Vec<(usize, &'t str)> {
    let is_above = |name: &str| rooms.iter().skip(own + 1).any(|room| room == name.trim());
    let names_above = |line: &str| {
        line.split("crate::").skip(1).any(|path| {
            // One path, or the first words of a group.
            let group = path
                .strip_prefix('{')
                .and_then(|group| group.split('}').next());
            group
                .unwrap_or(path)
                .split(',')
                .take(if group.is_some() { usize::MAX } else { 1 })
                .any(|path| {
                    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ' ');
                    is_above(&path[..end.unwrap_or(path.len())])
                })
        })
    };
    (1..)
        .zip(text.lines())
        .filter(|(_, line)| names_above(line))
        .collect()
}

#[test]
fn imports_point_down() {
    let rooms = rooms();
    for (file, text) in sources() {
        if let Some(own) = rooms.iter().position(|known| known == room(&file)) {
            assert_eq!(upwards(&rooms, own, &text), [], "src/{file}");
        }
    }
}

#[test]
fn an_import_that_points_up_is_seen() {
    let rooms = rooms();
    let store = rooms.iter().position(|room| room == "store").unwrap();
    let seen = |text: &str| upwards(&rooms, store, text).len();
    assert_eq!(
        seen("use crate::model::name::EnvName;\nuse crate::store::Lease;"),
        0
    );
    assert_eq!(
        seen("pub(crate) fn f(verb: u8) {}\nuse crate::{model, progress};"),
        0
    );
    assert_eq!(
        seen("use crate::verb::pull;\nfn f() { crate::cli::main() }"),
        2
    );
    assert_eq!(seen("use crate::{model, fetch::Error};"), 1);
}

/// Files that say `word` and stand in no place that may.
fn elsewhere(word: &str, places: &[&str]) -> Vec<String> {
    sources()
        .into_iter()
        .filter(|(file, text)| {
            text.contains(word) && !places.iter().any(|place| file.starts_with(place))
        })
        .map(|(file, _)| file)
        .collect()
}

#[test]
fn the_outside_world_is_named_in_one_room() {
    let none: Vec<String> = Vec::new();
    assert_eq!(elsewhere("reqwest", &["fetch/http"]), none);
    assert_eq!(elsewhere("tokio", &["fetch"]), none);
    for word in [
        "env::var",
        "env::current_dir",
        "Timestamp::now",
        "SystemTime::now",
    ] {
        assert_eq!(elsewhere(word, &["cli", "main.rs"]), none, "{word}");
    }
}
