//! How output looks: JSON or text, colours, progress, how much is said. Known before anything can fail.

use std::ffi::OsString;

use clap::ValueEnum as _;

use super::args::{ColorChoice, PresentationFlags, ProgressChoice};
use super::settings::{SettingsError, variable};
use super::surroundings::{Stream, Surroundings};

/// What stdout carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Text for people and pipes.
    Text,
    /// Exactly one JSON document.
    Json,
}

/// Whether a stream gets colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Escapes for colour.
    Colored,
    /// No escapes at all.
    Plain,
}

/// How progress is shown, decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressStyle {
    /// Bars that redraw.
    Bars,
    /// Lines.
    Plain,
    /// One JSON object a line.
    Json,
    /// Nothing.
    None,
}

/// How much is said on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volume {
    /// Errors, repairs, sources that could not be used.
    Quiet,
    /// And notes, waits.
    Normal,
    /// And a log of this level: 1 info, 2 debug, 3 trace.
    Verbose(u8),
}

/// All of it, decided.
///
/// ```
/// use pyro::cli::{args::PresentationFlags, surroundings::Surroundings};
/// use pyro::cli::presentation::{Presentation, ProgressStyle};
/// let around = Surroundings::bare("/").on_terminal().with("CI", "true");
/// let presentation = Presentation::resolve(&PresentationFlags::default(), &around)?;
/// assert_eq!(presentation.progress, ProgressStyle::Plain);
/// # Ok::<(), pyro::cli::settings::SettingsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presentation {
    /// What stdout carries.
    pub output: Output,
    /// Colours on stderr.
    pub stderr: Paint,
    /// Colours on stdout.
    pub stdout: Paint,
    /// How progress is shown.
    pub progress: ProgressStyle,
    /// How much is said.
    pub volume: Volume,
}

impl Presentation {
    /// Decides by flag, then variable, then what the streams are.
    ///
    /// # Errors
    /// When a variable holds something that its flag would not take.
    pub fn resolve(
        flags: &PresentationFlags,
        around: &Surroundings,
    ) -> Result<Self, SettingsError> {
        let json = flags.json || variable::switch(around, "PYRO_JSON")?.unwrap_or(false);
        let quiet = flags.quiet
            || (flags.verbose == 0 && variable::switch(around, "PYRO_QUIET")?.unwrap_or(false));
        let verbose = match flags.verbose {
            0 if flags.quiet => 0,
            0 => variable::parsed(around, "PYRO_VERBOSE")?.unwrap_or(0),
            level => level,
        };
        let color = match flags.color {
            Some(choice) => choice,
            None => variable::choice(around, "PYRO_COLOR")?.unwrap_or_default(),
        };
        let progress = match flags.progress {
            Some(choice) => choice,
            None => variable::choice(around, "PYRO_PROGRESS")?.unwrap_or_default(),
        };
        let output = if json { Output::Json } else { Output::Text };
        let volume = match (quiet, verbose) {
            (true, _) => Volume::Quiet,
            (false, 0) => Volume::Normal,
            (false, level) => Volume::Verbose(level),
        };
        Ok(Self {
            output,
            stderr: paint(color, around.stderr(), around),
            stdout: paint(color, around.stdout(), around),
            progress: progress_style(progress, output, volume, around),
            volume,
        })
    }

    /// The best guess from words that may not be a command line at all.
    #[must_use]
    pub fn guess(args: &[OsString], around: &Surroundings) -> Self {
        let words: Vec<&str> = args
            .iter()
            .skip(1)
            .filter_map(|arg| arg.to_str())
            .take_while(|word| *word != "--")
            .collect();
        let color = words.iter().enumerate().find_map(|(n, word)| {
            let value = match word.strip_prefix("--color")? {
                "" => words.get(n + 1)?,
                rest => rest.strip_prefix('=')?,
            };
            ColorChoice::from_str(value, false).ok()
        });
        let flags = PresentationFlags {
            json: words.contains(&"--json"),
            color,
            ..PresentationFlags::default()
        };
        // A bad variable is told once the words are understood.
        Self::resolve(&flags, around).unwrap_or(Self {
            output: if flags.json {
                Output::Json
            } else {
                Output::Text
            },
            stderr: Paint::Plain,
            stdout: Paint::Plain,
            progress: ProgressStyle::None,
            volume: Volume::Normal,
        })
    }

    /// Lets the log of `-v` begin; without it there is none.
    pub fn start_log(&self) {
        let level = match self.volume {
            Volume::Quiet | Volume::Normal => return,
            Volume::Verbose(1) => "pyro=info",
            Volume::Verbose(2) => "pyro=debug",
            Volume::Verbose(_) => "pyro=trace,debug",
        };
        let started = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::new(level))
            .with_writer(std::io::stderr)
            .with_ansi(self.stderr == Paint::Colored)
            .without_time()
            .try_init();
        // A second log in one process (a test) keeps the first.
        drop(started);
    }
}

fn paint(choice: ColorChoice, stream: Stream, around: &Surroundings) -> Paint {
    let colored = match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            stream == Stream::Terminal && !around.is_dumb() && around.variable("NO_COLOR").is_none()
        }
    };
    if colored {
        Paint::Colored
    } else {
        Paint::Plain
    }
}

fn progress_style(
    choice: ProgressChoice,
    output: Output,
    volume: Volume,
    around: &Surroundings,
) -> ProgressStyle {
    let can_redraw = around.stderr() == Stream::Terminal && !around.is_dumb() && !around.is_ci();
    match choice {
        ProgressChoice::Json => ProgressStyle::Json,
        ProgressChoice::None => ProgressStyle::None,
        ProgressChoice::Auto if output == Output::Json || volume == Volume::Quiet => {
            ProgressStyle::None
        }
        // A log between bars would tear them.
        ProgressChoice::Auto if can_redraw && volume == Volume::Normal => ProgressStyle::Bars,
        ProgressChoice::Plain | ProgressChoice::Auto => ProgressStyle::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(around: &Surroundings) -> Presentation {
        Presentation::resolve(&PresentationFlags::default(), around).unwrap()
    }

    #[test]
    fn a_terminal_gets_colours_and_bars_unless_told_otherwise() {
        let terminal = Surroundings::bare("/").on_terminal();
        assert_eq!(resolve(&terminal).stderr, Paint::Colored);
        assert_eq!(resolve(&terminal).progress, ProgressStyle::Bars);
        assert_eq!(
            resolve(&terminal.clone().with("NO_COLOR", "1")).stderr,
            Paint::Plain
        );
        let dumb = terminal.clone().with("TERM", "dumb");
        assert_eq!(resolve(&dumb).stderr, Paint::Plain);
        assert_eq!(resolve(&dumb).progress, ProgressStyle::Plain);
        assert_eq!(
            resolve(&terminal.with("CI", "true")).progress,
            ProgressStyle::Plain
        );
        assert_eq!(
            resolve(&Surroundings::bare("/")).progress,
            ProgressStyle::Plain
        );
    }

    #[test]
    fn json_silences_progress_that_nobody_asked_for() {
        let around = Surroundings::bare("/").with("PYRO_JSON", "1");
        assert_eq!(resolve(&around).progress, ProgressStyle::None);
        let asked = around.with("PYRO_PROGRESS", "json");
        assert_eq!(resolve(&asked).progress, ProgressStyle::Json);
    }

    #[test]
    fn a_flag_wins_over_its_variable() {
        let around = Surroundings::bare("/").with("PYRO_COLOR", "never");
        let flags = PresentationFlags {
            color: Some(ColorChoice::Always),
            ..PresentationFlags::default()
        };
        assert_eq!(
            Presentation::resolve(&flags, &around).unwrap().stdout,
            Paint::Colored
        );
    }

    #[test]
    fn a_bad_variable_is_named() {
        let around = Surroundings::bare("/").with("PYRO_PROGRESS", "loud");
        let error = Presentation::resolve(&PresentationFlags::default(), &around).unwrap_err();
        assert_eq!(
            error.to_string(),
            "PYRO_PROGRESS is `loud`: expected auto, plain, json or none"
        );
    }
}
