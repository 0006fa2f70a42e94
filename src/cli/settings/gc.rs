//! What collections are limited to.

use std::time::Duration;

use super::SettingsError;
use super::config_file::GcSection;
use super::files::Files;
use super::origin::{Origin, Sourced};
use super::variable;
use crate::cli::quantity::{Size, Timespan};
use crate::cli::surroundings::Surroundings;
use crate::gc::Limits;

/// `--older-than`, `--max-size`, `--min-free`, `--keep`.
#[derive(Debug, Clone, Copy, Default)]
pub struct GcFlags {
    /// `--older-than`.
    pub older_than: Option<Timespan>,
    /// `--max-size`.
    pub max_size: Option<Size>,
    /// `--min-free`.
    pub min_free: Option<Size>,
    /// `--keep`.
    pub keep: Option<usize>,
}

/// The limits, each with its origin.
#[derive(Debug, Clone)]
pub struct GcSettings {
    /// How long generations and paths stay unused.
    pub older_than: Sourced<Option<Timespan>>,
    /// How much the store may take.
    pub max_size: Sourced<Option<Size>>,
    /// How much shall be free.
    pub min_free: Sourced<Option<Size>>,
    /// How many generations a profile keeps.
    pub keep: Sourced<Option<usize>>,
}

impl GcSettings {
    pub(super) fn resolve(
        flags: GcFlags,
        files: &Files,
        around: &Surroundings,
    ) -> Result<Self, SettingsError> {
        Ok(Self {
            older_than: first(
                (flags.older_than, "--older-than"),
                (
                    variable::parsed(around, "PYRO_OLDER_THAN")?,
                    "PYRO_OLDER_THAN",
                ),
                files,
                |gc| gc.older_than,
            ),
            max_size: first(
                (flags.max_size, "--max-size"),
                (variable::parsed(around, "PYRO_MAX_SIZE")?, "PYRO_MAX_SIZE"),
                files,
                |gc| gc.max_size,
            ),
            min_free: first(
                (flags.min_free, "--min-free"),
                (variable::parsed(around, "PYRO_MIN_FREE")?, "PYRO_MIN_FREE"),
                files,
                |gc| gc.min_free,
            ),
            keep: first(
                (flags.keep, "--keep"),
                (variable::parsed(around, "PYRO_KEEP")?, "PYRO_KEEP"),
                files,
                |gc| gc.keep,
            ),
        })
    }

    /// As a collection takes them.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            older_than: self
                .older_than
                .value
                .map(Timespan::duration as fn(_) -> Duration),
            max_size: self.max_size.value.map(Size::bytes),
            min_free: self.min_free.value.map(Size::bytes),
            keep: self.keep.value,
        }
    }
}

fn first<T>(
    flag: (Option<T>, &'static str),
    of_variable: (Option<T>, &'static str),
    files: &Files,
    get: impl Fn(&GcSection) -> Option<T>,
) -> Sourced<Option<T>> {
    let said = [
        (flag.0, Origin::Flag(flag.1)),
        (of_variable.0, Origin::Variable(of_variable.1)),
    ];
    let said = said.into_iter().chain(files.each(|file| get(&file.gc)));
    Sourced::first(
        said.map(|(value, origin)| (value.map(Some), origin)),
        || None,
    )
}
