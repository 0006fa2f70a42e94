//! Failures: the only map from errors to kind, hint and exit code.
//!
//! Each room's error becomes a [`Failure`] by one `From` in this folder. A new one is three lines: its kind, then
//! [`Failure::of`], which takes the message and the chain of causes from the error, then perhaps a hint.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};

mod doctor;
pub mod render;
mod rooms;
mod run;
mod settings;
pub mod usage;

/// What went wrong, in the coarse way that scripts need.
///
/// ```
/// use pyro::cli::failure::Kind;
/// assert_eq!((Kind::Integrity.exit_code(), Kind::Integrity.as_str()), (65, "integrity"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of no other kind.
    Unclassified,
    /// The command line makes no sense.
    Usage,
    /// Damaged, changed or unsafe bytes.
    Integrity,
    /// The source does not have it.
    Unavailable,
    /// No space or no inodes left.
    NoSpace,
    /// Reading or writing failed.
    Io,
    /// May well work later.
    Temporary,
    /// Permission denied.
    Denied,
    /// A bad declaration, lock or configuration.
    Configuration,
    /// What was asked for forbids what would be needed.
    Policy,
    /// The command that was to be run cannot be.
    CannotExecute,
    /// The command that was to be run is not there.
    NoCommand,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Unclassified,
        Self::Usage,
        Self::Integrity,
        Self::Unavailable,
        Self::NoSpace,
        Self::Io,
        Self::Temporary,
        Self::Denied,
        Self::Configuration,
        Self::Policy,
        Self::CannotExecute,
        Self::NoCommand,
    ];

    /// The word in JSON documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unclassified => "unclassified",
            Self::Usage => "usage",
            Self::Integrity => "integrity",
            Self::Unavailable => "unavailable",
            Self::NoSpace => "no-space",
            Self::Io => "io",
            Self::Temporary => "temporary",
            Self::Denied => "denied",
            Self::Configuration => "configuration",
            Self::Policy => "policy",
            Self::CannotExecute => "cannot-execute",
            Self::NoCommand => "no-command",
        }
    }

    /// The exit code; promised, so it never changes.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Unclassified => 1,
            Self::Usage => 2,
            Self::Integrity => 65,
            Self::Unavailable => 69,
            Self::NoSpace => 73,
            Self::Io => 74,
            Self::Temporary => 75,
            Self::Denied => 77,
            Self::Configuration => 78,
            Self::Policy => 79,
            Self::CannotExecute => 126,
            Self::NoCommand => 127,
        }
    }

    /// The kind of an error of the operating system on a local file.
    #[must_use]
    pub fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::NoSpace,
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::Denied,
            _ => Self::Io,
        }
    }
}

/// A place in a text that is shown with the mistake in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The file.
    pub file: PathBuf,
    /// Its whole text.
    pub text: String,
    /// The bytes that are meant.
    pub span: Range<usize>,
    /// What is wrong with them.
    pub message: String,
}

impl Excerpt {
    /// Line and column of the place, both from 1; columns count characters.
    #[must_use]
    pub fn line_and_column(&self) -> (usize, usize) {
        let before = self.text.get(..self.span.start).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }
}

/// Why a command failed, ready to be shown.
///
/// ```
/// use pyro::cli::failure::{Failure, Kind};
/// let failure = Failure::new(Kind::Configuration, "no envs.toml here or in a parent folder").hint("pyro init");
/// assert_eq!(failure.exit_code(), 78);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind, which decides the exit code.
    pub kind: Kind,
    /// One line, without what the causes say.
    pub message: String,
    /// Each one's own cause below it.
    pub causes: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// What is meant, where something can be pointed at.
    pub subject: Subject,
}

/// What a failure points at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Subject {
    /// Nothing.
    #[default]
    None,
    /// A file.
    File(PathBuf),
    /// Places in texts, each with its mistake; the first one is the message.
    Excerpts(Vec<Excerpt>),
    /// Mistakes in a declaration or lock; the first one is the message.
    Mistakes(Box<crate::declare::Mistakes>),
    /// The command line: how the command is called.
    Usage(String),
}

impl Subject {
    /// The places in texts.
    #[must_use]
    pub fn excerpts(&self) -> &[Excerpt] {
        match self {
            Self::Excerpts(excerpts) => excerpts,
            _ => &[],
        }
    }

    /// The file that is meant first.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file),
            Self::Mistakes(mistakes) => Some(mistakes.file()),
            _ => self.excerpts().first().map(|first| first.file.as_path()),
        }
    }
}

impl Failure {
    /// A failure that says `message`.
    #[must_use]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            causes: Vec::new(),
            hint: None,
            subject: Subject::None,
        }
    }

    /// A failure that says what `error` and its causes say.
    #[must_use]
    pub fn of(kind: Kind, error: &dyn Error) -> Self {
        let mut failure = Self::new(kind, error.to_string());
        let mut cause = error.source();
        while let Some(error) = cause {
            failure.causes.push(error.to_string());
            cause = error.source();
        }
        failure
    }

    /// Mistakes in texts that people wrote (78); the first one leads.
    #[must_use]
    pub fn mistakes(excerpts: Vec<Excerpt>) -> Self {
        let message = excerpts
            .first()
            .map_or_else(String::new, |first| first.message.clone());
        let mut failure = Self::new(Kind::Configuration, message);
        failure.subject = Subject::Excerpts(excerpts);
        failure
    }

    /// The same with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with the file that is meant.
    #[must_use]
    pub fn file(mut self, file: impl Into<PathBuf>) -> Self {
        self.subject = Subject::File(file.into());
        self
    }

    /// The exit code.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        self.kind.exit_code()
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::of(Kind::of_io(&error), &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(errno: i32) -> Kind {
        let plain = io::Error::from_raw_os_error(errno);
        // As fs_err wraps it: the number is gone, the kind is not.
        let wrapped = io::Error::new(plain.kind(), "failed to write `x`");
        assert_eq!(Kind::of_io(&plain), Kind::of_io(&wrapped));
        Kind::of_io(&plain)
    }

    #[test]
    fn errors_of_the_system_have_their_kind() {
        use rustix::io::Errno;
        for full in [Errno::NOSPC, Errno::DQUOT] {
            assert_eq!(kind_of(full.raw_os_error()), Kind::NoSpace);
        }
        for denied in [Errno::ACCESS, Errno::PERM, Errno::ROFS] {
            assert_eq!(kind_of(denied.raw_os_error()), Kind::Denied);
        }
        assert_eq!(kind_of(Errno::IO.raw_os_error()), Kind::Io);
    }

    #[test]
    fn causes_are_told_once_each() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot seal")]
        struct Outer(#[source] io::Error);
        let error = Outer(io::Error::other("disk on fire"));
        let failure = Failure::of(Kind::Io, &error);
        assert_eq!(
            (failure.message.as_str(), failure.causes),
            ("cannot seal", vec!["disk on fire".to_owned()])
        );
    }

    #[test]
    fn places_count_from_one_and_in_characters() {
        let place = |start| {
            let (file, message) = (PathBuf::new(), String::new());
            Excerpt {
                file,
                text: "é = 1\nab".into(),
                span: start..start,
                message,
            }
            .line_and_column()
        };
        assert_eq!(place(0), (1, 1));
        assert_eq!(place(3), (1, 3));
        assert_eq!(place(7), (2, 1));
        assert_eq!(place(99), (2, 3));
    }
}
