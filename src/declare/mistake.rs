//! What is wrong with a text somebody wrote, where it stands and what to write instead.
//!
//! [`Mistakes`] is never empty and holds the text, so that it can show the lines later without reading the file again.

use std::fmt;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::model::escape::Escaped;

/// How many mistakes are shown with their lines; the others are counted.
const SHOWN: usize = 20;

/// Whether a report for people carries terminal colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Text only.
    Plain,
    /// ANSI colours.
    Coloured,
}

/// One mistake.
///
/// ```
/// use pyro::declare;
/// let mistakes = declare::parse("schema = 1\nprofil = 'ci'\n", "envs.toml".as_ref()).unwrap_err();
/// let mistake = mistakes.first();
/// assert_eq!((mistake.line(), mistake.column()), (2, 1));
/// assert_eq!(mistake.hint(), Some("did you mean `profile`?"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) span: Range<usize>,
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Mistake {
    /// What is wrong: one line, lower-case, no full stop.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The bytes of the text that it is about; can be empty.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The character in the line, from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }
}

/// Whether a report may quote the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excerpts {
    Quoted,
    /// The text holds a password, and reports end up in logs.
    Withheld,
}

/// Everything that is wrong with one text, in the order of the text; at least one.
///
/// ```
/// use pyro::declare::{self, Style};
/// let mistakes = declare::parse("schema = 1\nprofile = 3\n", "envs.toml".as_ref()).unwrap_err();
/// assert_eq!(mistakes.to_string(), "expected a string, found an integer: envs.toml:2:11");
/// assert!(mistakes.render(Style::Plain).contains(" --> envs.toml:2:11"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Mistakes(Box<Report>);

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) file: PathBuf,
    pub(super) text: String,
    pub(super) excerpts: Excerpts,
    pub(super) first: Mistake,
    pub(super) rest: Vec<Mistake>,
}

impl From<Report> for Mistakes {
    fn from(report: Report) -> Self {
        Self(Box::new(report))
    }
}

/// Without the text, which may hold a password.
impl fmt::Debug for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mistakes")
            .field("file", &self.0.file)
            .field("first", &self.0.first)
            .field("rest", &self.0.rest)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Mistakes {}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.first.message)?;
        match self.0.rest.len() {
            0 => {}
            1 => write!(f, " (and one more mistake)")?,
            n => write!(f, " (and {n} more mistakes)")?,
        }
        let Mistake { line, column, .. } = self.0.first;
        write!(f, ": {}:{line}:{column}", self.0.shown_file())
    }
}

impl Mistakes {
    /// The file that the text was read from.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.0.file
    }

    /// The mistake that stands first in the text.
    #[must_use]
    pub fn first(&self) -> &Mistake {
        &self.0.first
    }

    /// All of them, in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        std::iter::once(&self.0.first).chain(&self.0.rest)
    }

    /// The report for people: each mistake with its place, its line, a caret and its hint.
    ///
    /// Shows twenty at most and counts the others. Quotes nothing where the text holds a password.
    #[must_use]
    pub fn render(&self, style: Style) -> String {
        let renderer = match style {
            Style::Plain => Renderer::plain(),
            Style::Coloured => Renderer::styled(),
        };
        let mut reports: Vec<String> = self
            .iter()
            .take(SHOWN)
            .map(|mistake| renderer.render(&[self.0.about(mistake)]))
            .collect();
        let hidden = self.iter().count().saturating_sub(SHOWN);
        if hidden > 0 {
            reports.push(format!("and {hidden} more in {}", self.0.shown_file()));
        }
        reports.join("\n\n")
    }
}

impl Report {
    fn about<'a>(&'a self, mistake: &'a Mistake) -> Group<'a> {
        let title = Level::ERROR.primary_title(&mistake.message);
        let file = self.shown_file();
        let report = match self.excerpts {
            Excerpts::Quoted => title.element(
                Snippet::source(&self.text)
                    .path(file)
                    .annotation(AnnotationKind::Primary.span(self.first_line_of(&mistake.span))),
            ),
            Excerpts::Withheld => title.element(
                Origin::path(file)
                    .line(mistake.line)
                    .char_column(mistake.column),
            ),
        };
        match &mistake.hint {
            Some(hint) => report.element(Level::HELP.with_name("hint").message(hint)),
            None => report,
        }
    }

    /// A span that ends with its line: nobody needs a whole list underlined.
    fn first_line_of(&self, span: &Range<usize>) -> Range<usize> {
        let rest = &self.text[span.start..span.end];
        let length = rest.find(['\r', '\n']).unwrap_or(rest.len());
        span.start..span.start + length
    }

    fn shown_file(&self) -> String {
        Escaped(self.file.as_os_str().as_bytes()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declare::Ledger;
    use proptest::prelude::*;

    fn mistakes(text: &str, span: Range<usize>) -> Mistakes {
        let mut ledger = Ledger::new();
        ledger.note_with_hint(span, "wrong", "write it right");
        ledger.into_mistakes(Path::new("envs.toml"), text)
    }

    #[test]
    fn the_report_names_file_line_and_column_and_points() {
        let report = mistakes("a = 1\né = \"x\"\n", 11..14).render(Style::Plain);
        insta::assert_snapshot!(report, @r#"
        error: wrong
         --> envs.toml:2:5
          |
        2 | é = "x"
          |     ^^^
          |
          = hint: write it right
        "#);
    }

    #[test]
    fn colours_only_when_asked_and_never_the_text_s_own() {
        let found = mistakes("a = '\u{1b}[31m'\n", 4..10);
        assert!(!found.render(Style::Plain).contains('\u{1b}'));
        assert!(!found.render(Style::Coloured).contains("\u{1b}[31m'"));
        assert!(found.render(Style::Coloured).contains('\u{1b}'));
    }

    #[test]
    fn a_password_is_not_quoted() {
        let mut ledger = Ledger::new();
        ledger.withhold_excerpts();
        ledger.note(4..5, "a password");
        let found = ledger.into_mistakes(Path::new("envs.toml"), "a = 'https://u:hunter2@h/'\n");
        let report = found.render(Style::Plain);
        assert!(report.contains("envs.toml:1:5"), "{report}");
        assert!(!report.contains("hunter2"), "{report}");
        assert!(!format!("{found:?}").contains("hunter2"));
    }

    #[test]
    fn a_report_ends_after_twenty() {
        let mut ledger = Ledger::new();
        for _ in 0..25 {
            ledger.note(0..1, "wrong");
        }
        let found = ledger.into_mistakes(Path::new("envs.toml"), "a");
        let report = found.render(Style::Plain);
        assert_eq!(report.matches("error: wrong").count(), 20);
        assert!(report.ends_with("and 5 more in envs.toml"), "{report}");
        assert_eq!(
            found.to_string(),
            "wrong (and 24 more mistakes): envs.toml:1:1"
        );
    }

    proptest! {
        #[test]
        fn any_span_of_any_text_can_be_shown(text in any::<String>(), start in 0usize..60, length in 0usize..60) {
            let found = mistakes(&text, start..start + length);
            prop_assert!(found.render(Style::Plain).contains("envs.toml"));
        }
    }
}
