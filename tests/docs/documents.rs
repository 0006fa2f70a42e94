//! The documents.

use std::path::Path;

use super::console;
use super::markdown::{documents, has_anchor, links, root, split};

#[test]
fn the_readme_shows_what_happens() {
    assert!(console::run(&root().join("README.md")) > 0);
}

#[test]
fn the_concepts_show_what_happens() {
    assert!(console::run(&root().join("docs/concepts.md")) > 0);
}

#[test]
fn the_text_on_the_lock_shows_what_happens() {
    assert!(console::run(&root().join("docs/lock.md")) > 0);
}

#[test]
fn the_text_on_the_store_shows_what_happens() {
    assert!(console::run(&root().join("docs/store.md")) > 0);
}

#[test]
fn the_text_on_handing_paths_on_shows_what_happens() {
    assert!(console::run(&root().join("docs/hold.md")) > 0);
}

#[test]
fn the_text_on_registries_shows_what_happens() {
    assert!(console::run(&root().join("docs/registries.md")) > 0);
}

/// A document with console blocks that no test runs would promise what nobody checks.
#[test]
fn every_document_with_console_blocks_is_run() {
    let run = [
        "README.md",
        "docs/concepts.md",
        "docs/hold.md",
        "docs/lock.md",
        "docs/registries.md",
        "docs/store.md",
    ];
    for document in documents() {
        let text = fs_err::read_to_string(&document).unwrap();
        let (blocks, _) = split(&text);
        let has = blocks.iter().any(console::is_run);
        let name = document.strip_prefix(root()).unwrap().to_str().unwrap();
        assert_eq!(has, run.contains(&name), "{name}");
    }
}

#[test]
fn the_rule_of_cleaning_up_is_the_same_wherever_it_is_said() {
    let rule = "`run` always cleans up after itself, with success or failure; what was pulled stays until `env prune` or `gc`.";
    for file in [
        "README.md",
        "docs/run.md",
        "examples/lifecycle.py",
        "examples/lifecycle.rs",
    ] {
        let text = fs_err::read_to_string(root().join(file)).unwrap();
        let words: Vec<_> = text.split_whitespace().collect();
        assert!(words.join(" ").contains(rule), "{file}");
    }
}

#[test]
fn links_resolve() {
    let mut dead = Vec::new();
    for document in documents() {
        let text = fs_err::read_to_string(&document).unwrap();
        for (line, target) in links(&text) {
            if !resolves(&document, &target) {
                dead.push(format!("{}:{line}: {target}", document.display()));
            }
        }
    }
    assert!(dead.is_empty(), "links to nothing:\n{}", dead.join("\n"));
}

/// Links to other sites are not followed: a test has no network.
fn resolves(document: &Path, target: &str) -> bool {
    if target.starts_with("https://") {
        return true;
    }
    let (path, anchor) = match target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (target, None),
    };
    let file = if path.is_empty() {
        document.to_owned()
    } else {
        document.parent().unwrap().join(path)
    };
    file.exists() && anchor.is_none_or(|anchor| has_anchor(&file, anchor))
}

/// Each is a declaration, a lock or a configuration, told apart as a reader would.
#[test]
fn toml_in_documents_can_be_read() {
    let mut seen = 0;
    for document in documents() {
        let text = fs_err::read_to_string(&document).unwrap();
        let (blocks, _) = split(&text);
        for block in blocks.iter().filter(|block| block.language == "toml") {
            seen += 1;
            let place = format!("{}:{}", document.display(), block.line);
            let text = block.text.as_str();
            let path = Path::new(&place);
            if text.contains("config.toml") {
                pyro::cli::settings::config_file::ConfigFile::parse(text).expect(&place);
            } else if text.contains("[[environment]]") {
                pyro::lock::Lock::parse(text, path, &|_, _| None).expect(&place);
            } else {
                pyro::declare::parse(text, path).expect(&place);
            }
        }
    }
    assert!(seen >= 4);
}
