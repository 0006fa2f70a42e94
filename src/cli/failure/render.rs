//! How a failure looks to a person.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use clap::builder::styling::{AnsiColor, Style};

use super::{Excerpt, Failure, Subject};
use crate::cli::presentation::Paint;
use crate::model::escape::Line;

/// How many mistakes are shown with their text.
const SHOWN: usize = 20;
const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// `error: …`, each cause on a line of its own, then `hint: …`.
#[must_use]
pub fn render(failure: &Failure, paint: Paint) -> String {
    let mut out = String::new();
    let excerpts = failure.subject.excerpts();
    let (shown, rest) = excerpts.split_at(excerpts.len().min(SHOWN));
    if let Subject::Mistakes(mistakes) = &failure.subject {
        let style = match paint {
            Paint::Colored => crate::declare::Style::Coloured,
            Paint::Plain => crate::declare::Style::Plain,
        };
        let _infallible = writeln!(out, "{}", mistakes.render(style));
    } else if shown.is_empty() {
        line(&mut out, "", (ERROR, "error"), &failure.message, paint);
    }
    for excerpt in shown {
        let _infallible = writeln!(out, "{}", render_excerpt(excerpt, paint));
    }
    if !rest.is_empty() {
        let _infallible = writeln!(out, "  and {} more", rest.len());
    }
    for cause in &failure.causes {
        line(&mut out, "  ", (Style::new(), "caused by"), cause, paint);
    }
    if let Subject::Usage(usage) = &failure.subject {
        let _infallible = writeln!(out, "\n{usage}\n");
    }
    if let Some(hint) = &failure.hint {
        line(&mut out, "", (HINT, "hint"), hint, paint);
    }
    out
}

fn line(out: &mut String, indent: &str, (style, label): (Style, &str), text: &str, paint: Paint) {
    let text = Line(text);
    let _infallible = match paint {
        Paint::Colored => writeln!(out, "{indent}{style}{label}:{style:#} {text}"),
        Paint::Plain => writeln!(out, "{indent}{label}: {text}"),
    };
}

fn render_excerpt(excerpt: &Excerpt, paint: Paint) -> String {
    let renderer = match paint {
        Paint::Colored => Renderer::styled(),
        Paint::Plain => Renderer::plain(),
    };
    let file = Line(&excerpt.file.to_string_lossy()).to_string();
    let end = excerpt.text.len();
    let span = excerpt.span.start.min(end)..excerpt.span.end.min(end);
    let snippet = Snippet::source(excerpt.text.as_str())
        .path(file)
        .annotation(AnnotationKind::Primary.span(span));
    let title = Line(&excerpt.message).to_string();
    renderer.render(&[Level::ERROR.primary_title(title).element(snippet)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Kind;

    #[test]
    fn a_failure_reads_from_top_to_bottom() {
        let mut failure = Failure::new(Kind::Io, "cannot seal `a\x1b[2J`").hint("free some space");
        failure.causes = vec!["no space left on device".into()];
        insta::assert_snapshot!(render(&failure, Paint::Plain), @r"
        error: cannot seal `a\u{1b}[2J`
          caused by: no space left on device
        hint: free some space
        ");
        assert!(render(&failure, Paint::Colored).starts_with("\x1b["));
    }

    #[test]
    fn a_mistake_is_shown_in_its_text() {
        let excerpt = Excerpt {
            file: "/etc/pyro/config.toml".into(),
            text: "[store]\npaht = \"/x\"\n".into(),
            span: 8..12,
            message: "unknown field `paht`".into(),
        };
        let failure = Failure::mistakes(vec![excerpt]);
        insta::assert_snapshot!(render(&failure, Paint::Plain), @r#"
        error: unknown field `paht`
         --> /etc/pyro/config.toml:2:1
          |
        2 | paht = "/x"
          | ^^^^
        "#);
    }
}
