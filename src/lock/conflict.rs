//! Takes a text with git's conflict markers apart into the texts of both sides.
//!
//! ```text
//! <<<<<<< ours          both sides keep every byte where it was: what belongs to the other side, to the common
//! ...                   ancestor (diff3) or to the markers becomes spaces, so that a mistake found in one side
//! ||||||| ancestor      still points to its place in the whole text
//! ...
//! =======
//! ...
//! >>>>>>> theirs
//! ```

use std::ops::Range;

use crate::declare::Ledger;

/// Both sides of a conflict, each a whole text.
pub(super) struct Sides {
    pub(super) ours: String,
    pub(super) theirs: String,
}

/// Which part of the text a line belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Shared,
    Ours,
    Ancestor,
    Theirs,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Marker {
    Begin,
    Ancestor,
    Middle,
    End,
}

impl Marker {
    /// The marker that `line` is: seven equal signs and the end of the line or a space and a label.
    fn of(line: &str) -> Option<Self> {
        let line = line.trim_end_matches(['\r', '\n']);
        let (sign, rest) = line.split_at_checked(7)?;
        if !(rest.is_empty() || rest.starts_with(' ')) {
            return None;
        }
        match sign {
            "<<<<<<<" => Some(Self::Begin),
            "|||||||" => Some(Self::Ancestor),
            "=======" => Some(Self::Middle),
            ">>>>>>>" => Some(Self::End),
            _ => None,
        }
    }
}

/// The two sides of `text`, which are equal where it has no markers.
///
/// Gives nothing back and notes why when the markers do not fit together.
pub(super) fn sides(text: &str, ledger: &mut Ledger) -> Option<Sides> {
    let mut sides = Sides {
        ours: String::with_capacity(text.len()),
        theirs: String::with_capacity(text.len()),
    };
    let mut part = Part::Shared;
    let mut begun = 0..0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let span = at..at + line.trim_end().len();
        at += line.len();
        let Some(marker) = Marker::of(line) else {
            sides.push(line, part);
            continue;
        };
        part = match (part, marker) {
            (Part::Shared, Marker::Begin) => {
                begun = span;
                Part::Ours
            }
            (Part::Ours, Marker::Ancestor) => Part::Ancestor,
            (Part::Ours | Part::Ancestor, Marker::Middle) => Part::Theirs,
            (Part::Theirs, Marker::End) => Part::Shared,
            _ => return broken(span, "a conflict marker out of place", ledger),
        };
        blank(line, &mut sides.ours);
        blank(line, &mut sides.theirs);
    }
    if part == Part::Shared {
        Some(sides)
    } else {
        broken(begun, "this conflict does not end", ledger)
    }
}

/// Whether a line of `text` is a conflict marker.
pub(super) fn is_conflicted(text: &str) -> bool {
    text.lines().any(|line| Marker::of(line).is_some())
}

fn broken(span: Range<usize>, message: &str, ledger: &mut Ledger) -> Option<Sides> {
    let hint = "take one side back with `git checkout --ours` or `--theirs`, then run `pyro lock`";
    ledger.note_with_hint(span, message, hint);
    None
}

impl Sides {
    fn push(&mut self, line: &str, part: Part) {
        match part {
            Part::Shared | Part::Ours => self.ours.push_str(line),
            Part::Ancestor | Part::Theirs => blank(line, &mut self.ours),
        }
        match part {
            Part::Shared | Part::Theirs => self.theirs.push_str(line),
            Part::Ancestor | Part::Ours => blank(line, &mut self.theirs),
        }
    }
}

/// As many spaces as `line` has bytes, with its line end.
fn blank(line: &str, side: &mut String) {
    let content = line.trim_end_matches(['\r', '\n']);
    side.extend(std::iter::repeat_n(' ', content.len()));
    side.push_str(&line[content.len()..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squeezed(text: &str) -> String {
        text.split_whitespace().collect()
    }

    fn split(text: &str) -> Option<(String, String)> {
        let mut ledger = Ledger::new();
        let sides = sides(text, &mut ledger)?;
        assert_eq!(
            (sides.ours.len(), sides.theirs.len()),
            (text.len(), text.len())
        );
        Some((squeezed(&sides.ours), squeezed(&sides.theirs)))
    }

    #[test]
    fn several_hunks_with_and_without_an_ancestor() {
        let text = "a\n<<<<<<< HEAD\nb\n||||||| 1234567\n<<<<<<<<< nested\nc\n=======\né\n>>>>>>> topic\ne\n\
            <<<<<<<\r\n=======\r\nf\r\n>>>>>>> topic\r\ng";
        assert_eq!(split(text), Some(("abeg".to_owned(), "aéefg".to_owned())));
    }

    #[test]
    fn markers_that_do_not_fit_are_told() {
        for text in [
            "<<<<<<< a\n",
            "<<<<<<< a\n=======\n",
            "=======\n",
            ">>>>>>> a\n",
            "<<<<<<< a\n>>>>>>> b\n",
            "<<<<<<< a\n<<<<<<< b\n=======\n>>>>>>> b\n",
            "<<<<<<< a\n=======\n=======\n>>>>>>> b\n",
            "||||||| a\n",
        ] {
            assert!(is_conflicted(text), "{text}");
            assert_eq!(split(text), None, "{text}");
        }
    }

    #[test]
    fn other_lines_are_no_markers() {
        for text in [
            "======== \n",
            "=====\n",
            " =======\n",
            "<<<<<<<x\n",
            "# =======\n",
            "ééééé\n",
        ] {
            assert!(!is_conflicted(text), "{text}");
        }
    }
}
