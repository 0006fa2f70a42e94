//! The law of the rooms: the table in `src/lib.rs` lists them from the bottom up, and each uses only what stands
//! before it there. Two things of the outside world are named in one room each.

#[cfg(test)]
mod tests {
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

    #[test]
    fn imports_point_down() {
        let rooms = rooms();
        let rank = |name: &str| rooms.iter().position(|room| room == name);
        let mut upwards = Vec::new();
        for (file, text) in sources() {
            let Some(own) = rank(room(&file)) else {
                continue;
            };
            for (n, line) in text.lines().enumerate() {
                for path in line.split("crate::").skip(1) {
                    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_');
                    let used = &path[..end.unwrap_or(path.len())];
                    if rank(used).is_some_and(|used| used > own) {
                        upwards.push(format!("{file}:{}: {}", n + 1, line.trim()));
                    }
                }
            }
        }
        assert!(upwards.is_empty(), "{}", upwards.join("\n"));
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
}
