//! Errors of the settings.

use super::{Excerpt, Failure, Kind};
use crate::cli::settings::SettingsError;

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::File {
                path,
                mistake,
                text,
            } => Self::mistakes(vec![Excerpt {
                file: path,
                text,
                span: mistake.span,
                message: mistake.message,
            }])
            .hint("`pyro schema config` prints what the file may say"),
            SettingsError::Unreadable(cause) if !is_no_text_file(&cause) => {
                Self::of(Kind::of_io(&cause), &SettingsError::Unreadable(cause))
            }
            error => {
                let hint = match &error {
                    SettingsError::NoHome => Some("name a folder with --store or PYRO_STORE"),
                    SettingsError::Conflict { .. } => Some("unset one of them, or use a flag"),
                    SettingsError::NoCurrentDir { .. } => {
                        Some("use absolute paths, or go elsewhere")
                    }
                    _ => None,
                };
                let failure = Self::of(Kind::Configuration, &error);
                hint.map_or(failure.clone(), |hint| failure.hint(hint))
            }
        }
    }
}

/// Whether what stands at a file's place is the mistake, and not the system's failure to read it.
fn is_no_text_file(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, IsADirectory, NotADirectory};
    matches!(error.kind(), InvalidData | IsADirectory | NotADirectory)
}
