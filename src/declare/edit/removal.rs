//! Which lines of a text belong to one environment.

use std::ops::Range;

use toml_edit::{Document, Item, Key};

use crate::model::name::EnvName;

/// `text` without the lines of `name`; `None` when they cannot be told from those of others.
pub(super) fn without(text: &str, name: &EnvName) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let environments = document.get("environments")?.as_table()?;
    let (key, item) = environments.get_key_value(name.as_str())?;
    let mut spans = Vec::new();
    statements(key, item, &mut spans)?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut gone = vec![false; lines.len()];
    for span in spans {
        for line in lines_of(text, &span) {
            *gone.get_mut(line)? = true;
        }
    }
    take_comments(&lines, &mut gone);
    Some(joined(&lines, &gone))
}

/// The places of the headers and values below `item`, however it is written.
fn statements(key: &Key, item: &Item, found: &mut Vec<Range<usize>>) -> Option<()> {
    match item {
        Item::None => {}
        Item::Value(value) => found.push(key.span()?.start..value.span()?.end),
        Item::Table(table) => {
            if !table.is_implicit() && !table.is_dotted() {
                found.push(table.span()?);
            }
            for (name, _) in table {
                let (key, item) = table.get_key_value(name)?;
                statements(key, item, found)?;
            }
        }
        Item::ArrayOfTables(tables) => {
            for table in tables {
                found.push(table.span()?);
                for (name, _) in table {
                    let (key, item) = table.get_key_value(name)?;
                    statements(key, item, found)?;
                }
            }
        }
    }
    Some(())
}

/// The numbers of the lines that `span` touches, from 0.
fn lines_of(text: &str, span: &Range<usize>) -> std::ops::RangeInclusive<usize> {
    let line = |at: usize| text[..at].matches('\n').count();
    line(span.start)..=line(span.end)
}

/// Adds what stands among the lines that go and the comments directly above them.
fn take_comments(lines: &[&str], gone: &mut [bool]) {
    let is_comment = |line: &str| line.trim_start().starts_with('#');
    let mut last_gone = None;
    for at in 0..lines.len() {
        if !gone[at] {
            continue;
        }
        let first_above = last_gone.map_or(0, |last: usize| last + 1);
        let among = last_gone.is_some()
            && lines[first_above..at]
                .iter()
                .all(|line| is_comment(line) || line.trim().is_empty());
        if among {
            gone[first_above..at].fill(true);
        } else {
            let above = (first_above..at)
                .rev()
                .take_while(|line| is_comment(lines[*line]));
            for line in above {
                gone[line] = true;
            }
        }
        last_gone = Some(at);
    }
}

/// The lines that stay, with one gap where two would meet.
fn joined(lines: &[&str], gone: &[bool]) -> String {
    let is_blank = |line: &str| line.trim().is_empty();
    let mut kept: Vec<&str> = Vec::with_capacity(lines.len());
    let mut at_seam = false;
    for (line, gone) in lines.iter().zip(gone) {
        if *gone {
            at_seam = true;
        } else if !(at_seam && is_blank(line) && kept.last().is_none_or(|last| is_blank(last))) {
            kept.push(line);
            at_seam = false;
        }
    }
    while at_seam && kept.last().is_some_and(|last| is_blank(last)) {
        kept.pop();
    }
    kept.concat()
}
