//! As much of Markdown as the documents use: fenced blocks, headings, inline links.

use std::path::{Path, PathBuf};

/// A fenced block.
pub struct Block {
    /// The word behind the opening fence.
    pub language: String,
    /// The number of its first line of text, from 1.
    pub line: usize,
    pub text: String,
}

/// The root of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All documents: those at the top, and those in folders that are ours.
pub fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["", "docs", "docs/decisions", "store-schema", "examples"] {
        let folder = root().join(folder);
        for entry in fs_err::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The fenced blocks of a document, and its other lines with their numbers.
pub fn split(text: &str) -> (Vec<Block>, Vec<(usize, &str)>) {
    let (mut blocks, mut prose) = (Vec::new(), Vec::new());
    let mut open: Option<Block> = None;
    for (n, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                open = Some(Block {
                    language: language.to_owned(),
                    line: n + 2,
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.text.extend([line, "\n"]),
            (None, None) => prose.push((n + 1, line)),
        }
    }
    assert!(open.is_none(), "a block without an end");
    (blocks, prose)
}

/// The targets of inline links, with the line that each stands in.
pub fn links(text: &str) -> Vec<(usize, String)> {
    let (_, prose) = split(text);
    let mut found = Vec::new();
    for (line, text) in prose {
        for part in text.split("](").skip(1) {
            let target = part.split(')').next().unwrap();
            found.push((line, target.to_owned()));
        }
    }
    found
}

/// Whether a document has a heading that `#anchor` leads to.
pub fn has_anchor(document: &Path, anchor: &str) -> bool {
    let text = fs_err::read_to_string(document).unwrap();
    let (_, prose) = split(&text);
    prose.iter().any(|(_, line)| {
        line.starts_with('#') && anchor_of(line.trim_start_matches('#').trim()) == anchor
    })
}

/// As the usual renderers make it: small letters, digits, `-` for blanks, nothing else.
fn anchor_of(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    let lower = heading.to_lowercase();
    lower
        .chars()
        .filter(kept)
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}
