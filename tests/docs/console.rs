//! Runs the `console` blocks of a document, in order, in one sandbox with a copy of the examples.
//!
//! A line `$ command` is run by bash; the lines below it are what it must print, stdout and stderr together, with exit
//! code 0. In a block `shell-session` only the first line is a command: its output shows commands itself. In output `...` stands for anything within a line, and a line of its own for any number of lines;
//! `[STORE]`, `[HASH]` and their like are what the sandbox puts in place of what differs from run to run.

use std::path::Path;

use super::markdown::{Block, root, split};
use super::shell::shell;
use super::support::{Sandbox, narrowed};

/// One command and what it shall print.
struct Step {
    line: usize,
    command: String,
    expected: String,
}

/// A sandbox in which the examples and the makefile lie as in a clone.
pub fn clone_of_examples() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["examples", "Makefile", "tests/gate"] {
        copy(&root().join(name), &sandbox.work().join(name));
    }
    sandbox
}

/// Copies a file, a link or a folder with all below it.
pub fn copy(from: &Path, to: &Path) {
    let kind = fs_err::symlink_metadata(from).unwrap().file_type();
    fs_err::create_dir_all(to.parent().unwrap()).unwrap();
    if kind.is_symlink() {
        let target = fs_err::read_link(from).unwrap();
        fs_err::os::unix::fs::symlink(target, to).unwrap();
    } else if kind.is_dir() {
        fs_err::create_dir_all(to).unwrap();
        for entry in fs_err::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else {
        fs_err::copy(from, to).unwrap();
    }
}

/// Whether a block is run and compared.
pub fn is_run(block: &Block) -> bool {
    matches!(block.language.as_str(), "console" | "shell-session")
}

fn steps(block: &Block) -> Vec<Step> {
    let one = block.language == "shell-session";
    let mut steps: Vec<Step> = Vec::new();
    for (n, line) in block.text.lines().enumerate() {
        let command = line.strip_prefix("$ ").filter(|_| n == 0 || !one);
        match (command, steps.last_mut()) {
            (Some(command), _) => steps.push(Step {
                line: block.line + n,
                command: command.to_owned(),
                expected: String::new(),
            }),
            (None, Some(step)) => step.expected.extend([line, "\n"]),
            (None, None) => panic!("line {}: output without a command", block.line + n),
        }
    }
    steps
}

/// Runs all blocks of one document; every step that prints something else is told at the end.
pub fn run(document: &Path) -> usize {
    let text = fs_err::read_to_string(document).unwrap();
    let (blocks, _) = split(&text);
    let steps: Vec<Step> = blocks
        .iter()
        .filter(|block| is_run(block))
        .flat_map(steps)
        .collect();
    let sandbox = clone_of_examples();
    let mut wrong = Vec::new();
    for step in &steps {
        let said = shell(&sandbox, &step.command);
        if said.code != 0 || !matches(&narrowed(&step.expected), &narrowed(&said.text)) {
            let place = format!("{}:{}", document.display(), step.line);
            wrong.push(format!("{place}: {said}\n$ {}\n", step.command));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
    steps.len()
}

/// Whether a text is what was expected.
fn matches(expected: &str, text: &str) -> bool {
    let expected: Vec<&str> = expected.lines().collect();
    let lines: Vec<&str> = text.lines().collect();
    glob(&expected, &lines, "...", line_matches)
}

fn line_matches(expected: &str, line: &str) -> bool {
    let pieces: Vec<&str> = expected.split("...").collect();
    let (first, rest) = pieces.split_first().unwrap();
    let Some(mut left) = line.strip_prefix(first) else {
        return false;
    };
    let Some((last, middle)) = rest.split_last() else {
        return left.is_empty();
    };
    for piece in middle {
        match left.find(piece) {
            Some(at) => left = &left[at + piece.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

/// Whether the items are those of the pattern, where `any` stands for any number of them.
fn glob(
    pattern: &[&str],
    items: &[&str],
    any: &str,
    one: impl Fn(&str, &str) -> bool + Copy,
) -> bool {
    match pattern.split_first() {
        None => items.is_empty(),
        Some((first, rest)) if *first == any => {
            (0..=items.len()).any(|skipped| glob(rest, &items[skipped..], any, one))
        }
        Some((first, rest)) => match items.split_first() {
            Some((item, others)) => one(first, item) && glob(rest, others, any, one),
            None => false,
        },
    }
}

#[test]
fn the_matcher_tells_apart() {
    assert!(matches("a\n...\nd\n", "a\nb\nc\nd\n"));
    assert!(matches("a\n...\nd\n", "a\nd\n"));
    assert!(!matches("a\n...\nd\n", "a\nb\n"));
    assert!(!matches("", "a\n"));
    assert!(!matches("a\n", ""));
    assert!(matches("in ... ms, ...\n", "in 12 ms, done\n"));
    assert!(!matches("in ... ms\n", "in 12 s\n"));
    assert!(!matches("a...a\n", "a\n"));
    assert!(!matches("abc\n", "abcd\n"));
}
