//! The only printer: results on stdout, everything else on stderr.
//!
//! With `--json` stdout gets exactly one document, also when the command fails. Whoever reads stdout may leave
//! before the end (`pyro env list | head -1`): that is no error.

use std::io::{self, ErrorKind, Write as _};

use serde::Serialize;

pub mod bars;
pub mod events;
pub mod json_lines;
pub mod plain;
pub mod table;

use super::failure::{Failure, Kind, render};
use super::json::Document;
use super::json::error::ErrorDocument;
use super::presentation::{Output, Paint, Presentation, ProgressStyle, Volume};
use crate::progress::Observer;

/// How a command that did its work ends.
///
/// ```
/// use pyro::cli::report::Outcome;
/// assert_eq!(Outcome::Damaged.exit_code(), 65);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All is well.
    Done,
    /// It was asked a question (`--check`), and the answer is no.
    No,
    /// It looked for damage and found some.
    Damaged,
    /// It found none, but could not look at everything, and why.
    Unknown(Kind),
    /// It looked for what keeps it from working, and found something of this kind.
    Unfit(Kind),
    /// It ran a command, which ended with this code.
    Exited(u8),
}

impl Outcome {
    /// The exit code.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::Damaged => 65,
            Self::Unknown(kind) | Self::Unfit(kind) => kind.exit_code(),
            Self::Exited(code) => code,
        }
    }
}

/// Prints as one presentation asks.
#[derive(Debug, Clone)]
pub struct Report {
    presentation: Presentation,
}

/// A document under its name and version.
#[derive(Serialize)]
struct Envelope<'a, T> {
    schema: String,
    #[serde(flatten)]
    body: &'a T,
}

impl Report {
    /// A printer.
    #[must_use]
    pub const fn new(presentation: Presentation) -> Self {
        Self { presentation }
    }

    /// How it prints.
    #[must_use]
    pub const fn presentation(&self) -> &Presentation {
        &self.presentation
    }

    /// Prints the one answer of a command: its document, or what `text` makes of it for people.
    ///
    /// # Errors
    /// When stdout cannot be written, but for a reader that left.
    pub fn answer<D: Document>(
        &self,
        document: &D,
        text: impl FnOnce(&D) -> String,
    ) -> Result<(), Failure> {
        let text = match self.presentation.output {
            Output::Text => text(document),
            Output::Json => enveloped(D::NAME, document)?,
        };
        print(&text)
    }

    /// Prints help or the version, which clap has made; it ends the program well.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn help(&self, help: &clap::Error) -> Result<Outcome, Failure> {
        let text = match self.presentation.stdout {
            Paint::Colored => help.render().ansi().to_string(),
            Paint::Plain => help.render().to_string(),
        };
        print(&text).map(|()| Outcome::Done)
    }

    /// What a verb should report to, if it calls itself `verb` (`realize`, `pull`).
    #[must_use]
    pub fn observer(&self, verb: &'static str) -> Box<dyn Observer> {
        let volume = self.presentation.volume;
        match self.presentation.progress {
            ProgressStyle::Bars => Box::new(bars::Bars::new(verb, volume)),
            ProgressStyle::Plain => Box::new(plain::Plain::new(verb, volume, io::stderr())),
            ProgressStyle::Json => Box::new(json_lines::JsonLines::new(verb, io::stderr())),
            ProgressStyle::None => Box::new(plain::Plain::remarks_only(verb, volume, io::stderr())),
        }
    }

    /// Says one sentence on stderr, unless quiet.
    pub fn note(&self, text: &str) {
        if self.presentation.volume > Volume::Quiet {
            complain(&format!("note: {}\n", crate::model::escape::Line(text)));
        }
    }

    /// Says in one line how a command ended that was run, where phases are shown to people too.
    pub fn summary(&self, text: &str) {
        if matches!(
            self.presentation.progress,
            ProgressStyle::Plain | ProgressStyle::Bars
        ) {
            complain(&format!("{}\n", crate::model::escape::Line(text)));
        }
    }

    /// Says on stderr what went wrong with something that has an answer all the same.
    pub fn complaint(&self, failure: &Failure) {
        complain(&render::render(failure, self.presentation.stderr));
    }

    /// Ends a run: prints the failure if there is one, and gives the exit code.
    #[must_use]
    pub fn ending(&self, name: impl AsRef<str>, ended: Result<Outcome, Failure>) -> u8 {
        match ended {
            Ok(outcome) => outcome.exit_code(),
            Err(failure) => self.failure(name, &failure),
        }
    }

    /// Prints a failure of the command `name`, and gives the exit code.
    #[must_use]
    pub fn failure(&self, name: impl AsRef<str>, failure: &Failure) -> u8 {
        complain(&render::render(failure, self.presentation.stderr));
        if self.presentation.output == Output::Json {
            let document = ErrorDocument::from(failure);
            let printed = enveloped(name.as_ref(), &document).and_then(|text| print(&text));
            if let Err(broken) = printed {
                complain(&render::render(&broken, self.presentation.stderr));
            }
        }
        failure.exit_code()
    }
}

fn enveloped<T: Serialize>(name: &str, body: &T) -> Result<String, Failure> {
    let schema = super::schemas::document_id(name);
    let mut text = serde_json::to_string_pretty(&Envelope { schema, body })
        .map_err(|error| Failure::of(super::failure::Kind::Unclassified, &error))?;
    text.push('\n');
    Ok(text)
}

/// Writes to stdout; a reader that left has seen what it wanted.
fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let failure = Failure::from(error);
            Err(Failure {
                causes: vec![failure.message],
                message: "cannot write to stdout".into(),
                ..Failure::new(failure.kind, "")
            })
        }
        _ => Ok(()),
    }
}

/// Writes to stderr. Where even that fails there is nobody left to tell.
fn complain(text: &str) {
    let _nobody_left = io::stderr().lock().write_all(text.as_bytes());
}
