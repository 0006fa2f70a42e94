//! The document of a command that failed.

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::failure::{Excerpt, Failure, Subject};

/// What stands in the place of any command's document when it failed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ErrorDocument {
    /// The failure.
    pub error: ErrorObject,
}

/// A failure.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ErrorObject {
    /// One of unclassified, usage, integrity, unavailable, no-space, io, temporary, denied, configuration, policy,
    /// cannot-execute, no-command.
    pub kind: String,
    /// One line, without what the causes say.
    pub message: String,
    /// Each one's own cause below it; for several mistakes in one file, the others with their places.
    pub causes: Vec<String>,
    /// What to do next, where something helps.
    pub hint: Option<String>,
    /// The exit code of the process.
    pub exit_code: u8,
    /// The file that is meant; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in it, from 1; absent where unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column in it, from 1, in characters; absent where unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
}

impl From<&Failure> for ErrorDocument {
    fn from(failure: &Failure) -> Self {
        let excerpts = failure.subject.excerpts();
        let (line, column) = match &failure.subject {
            Subject::Mistakes(mistakes) => (
                Some(mistakes.first().line()),
                Some(mistakes.first().column()),
            ),
            _ => excerpts.first().map(Excerpt::line_and_column).unzip(),
        };
        let more = match &failure.subject {
            Subject::Mistakes(mistakes) => mistakes
                .iter()
                .skip(1)
                .map(|other| {
                    format!(
                        "{}:{}:{}: {}",
                        mistakes.file().display(),
                        other.line(),
                        other.column(),
                        other.message()
                    )
                })
                .collect(),
            _ => Vec::new(),
        };
        let others = excerpts.iter().skip(1).map(|other| {
            let (line, column) = other.line_and_column();
            format!(
                "{}:{line}:{column}: {}",
                other.file.display(),
                other.message
            )
        });
        let of_mistake = match &failure.subject {
            Subject::Mistakes(mistakes) => mistakes.first().hint().map(str::to_owned),
            _ => None,
        };
        Self {
            error: ErrorObject {
                kind: failure.kind.as_str().to_owned(),
                message: failure.message.clone(),
                causes: failure
                    .causes
                    .iter()
                    .cloned()
                    .chain(others)
                    .chain(more)
                    .collect(),
                hint: failure.hint.clone().or(of_mistake),
                exit_code: failure.exit_code(),
                file: failure
                    .subject
                    .file()
                    .map(|file| file.to_string_lossy().into_owned()),
                line,
                column,
            },
        }
    }
}
