//! What sources are limited to. There are no flags: a limit is raised for a machine or a job, not for one command.

use super::SettingsError;
use super::config_file::LimitsSection;
use super::files::Files;
use super::origin::{Origin, Sourced};
use super::variable;
use crate::cli::quantity::Size;
use crate::cli::surroundings::Surroundings;
use crate::fetch;
use crate::unpack::Limits;

/// The limits, each with its origin.
#[derive(Debug, Clone)]
pub struct LimitSettings {
    /// How many entries one source may have.
    pub max_entries: Sourced<u64>,
    /// How many bytes one source may have when it is unpacked.
    pub max_unpacked: Sourced<Size>,
    /// How many bytes may be written for each that was read.
    pub max_ratio: Sourced<u64>,
    /// How long a manifest, index or config of an image may be.
    pub max_manifest: Sourced<Size>,
}

impl LimitSettings {
    pub(super) fn resolve(files: &Files, around: &Surroundings) -> Result<Self, SettingsError> {
        let usual = Limits::default();
        Ok(Self {
            max_entries: first(
                variable::parsed(around, "PYRO_LIMITS_MAX_ENTRIES")?,
                "PYRO_LIMITS_MAX_ENTRIES",
                files,
                |limits| limits.max_entries,
                usual.max_entries,
            ),
            max_unpacked: first(
                variable::parsed(around, "PYRO_LIMITS_MAX_UNPACKED")?,
                "PYRO_LIMITS_MAX_UNPACKED",
                files,
                |limits| limits.max_unpacked,
                Size::of_bytes(usual.max_unpacked),
            ),
            max_ratio: first(
                variable::parsed(around, "PYRO_LIMITS_MAX_RATIO")?,
                "PYRO_LIMITS_MAX_RATIO",
                files,
                |limits| limits.max_ratio,
                usual.max_ratio,
            ),
            max_manifest: first(
                variable::parsed(around, "PYRO_LIMITS_MAX_MANIFEST")?,
                "PYRO_LIMITS_MAX_MANIFEST",
                files,
                |limits| limits.max_manifest,
                Size::of_bytes(fetch::Settings::default().max_manifest),
            ),
        })
    }

    /// As unpacking takes them.
    #[must_use]
    pub fn of_source(&self) -> Limits {
        Limits {
            max_entries: self.max_entries.value,
            max_unpacked: self.max_unpacked.value.bytes(),
            max_ratio: self.max_ratio.value,
        }
    }
}

fn first<T>(
    of_variable: Option<T>,
    name: &'static str,
    files: &Files,
    get: impl Fn(&LimitsSection) -> Option<T>,
    usual: T,
) -> Sourced<T> {
    let said = [(of_variable, Origin::Variable(name))];
    let said = said.into_iter().chain(files.each(|file| get(&file.limits)));
    Sourced::first(said, || usual)
}
