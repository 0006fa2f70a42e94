//! Which steps are tried: all at full size, else some of each class.
//!
//! A class is what the calls have in common that do the same to the same kind of thing: the write of a lock file, the
//! rename of a generation into place.

use std::collections::BTreeMap;

use crate::support::needs::full_size;
use crate::support::stepper::Call;

/// The first and the last call of each class, which may be the same; at full size every call is both.
pub fn ends(trace: &[Call]) -> Vec<(&Call, &Call)> {
    if full_size() {
        return trace.iter().map(|call| (call, call)).collect();
    }
    let mut classes: BTreeMap<String, (&Call, &Call)> = BTreeMap::new();
    for call in trace {
        let ends = classes.entry(class(call)).or_insert((call, call));
        ends.1 = call;
    }
    let mut ends: Vec<_> = classes.into_values().collect();
    ends.sort_by_key(|(first, _)| first.number);
    ends
}

/// What a call does to what: its name, and its paths without digests, random ids, numbers and names within trees.
pub fn class(call: &Call) -> String {
    let result = if call.result < 0 { " fails" } else { "" };
    format!(
        "{} {} {}{result}",
        call.name,
        plain(&call.path),
        plain(&call.other)
    )
}

fn plain(path: &str) -> String {
    let mut plain = String::new();
    let parts: Vec<String> = path.split('/').map(without_ids).collect();
    for (n, part) in parts.iter().enumerate() {
        let above = n.checked_sub(1).map_or("", |above| parts[above].as_str());
        let is_tree =
            above.starts_with(".s-") || above.starts_with(".t-") || above.starts_with("#-");
        // Below the top of a tree all names are alike, but for the manifest's.
        if is_tree && part != "environment.json" {
            return plain + "/*";
        }
        plain.push('/');
        plain.push_str(part);
    }
    plain
}

/// Runs of hex digits of the length of a digest or an id become `#`, and so does a number.
fn without_ids(part: &str) -> String {
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let words = part.split_inclusive(|c: char| !is_hex(c)).map(|word| {
        let digits = word.trim_end_matches(|c: char| !is_hex(c));
        let number = digits.chars().all(|c| c.is_ascii_digit()) && digits == part;
        match digits.len() {
            16 | 64 => format!("#{}", &word[digits.len()..]),
            _ if number && !digits.is_empty() => "#".to_owned(),
            _ => word.to_owned(),
        }
    });
    words.collect()
}

/// Whether a call changes nothing.
pub fn is_reading(call: &Call) -> bool {
    const READING: [&str; 6] = ["read", "pread", "getdents", "stat", "lstat", "access"];
    const WRITING: u64 = 0o3 | 0o100 | 0o1000; // O_ACCMODE, O_CREAT, O_TRUNC
    let name = call.name.as_str();
    let opens = name == "open" || name.starts_with("openat");
    (opens && call.flags & WRITING == 0)
        || READING.iter().any(|reading| name.starts_with(reading))
        || ["fstat", "newfstatat", "faccessat"].contains(&name)
}
