//! What machines are like where a run does not say.

use std::num::NonZeroU32;

use super::SettingsError;
use super::config_file::RunSection;
use super::files::Files;
use super::origin::{Origin, Sourced};
use super::variable;
use crate::cli::args::EngineChoice;
use crate::cli::quantity::Size;
use crate::cli::surroundings::Surroundings;

/// `--engine`, `--vcpu-count`, `--mem-mib`, `--scratch-size`, `--boot-timeout-seconds`, `--timeout-seconds`.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunFlags {
    /// `--engine`.
    pub engine: Option<EngineChoice>,
    /// `--vcpu-count`.
    pub vcpu_count: Option<NonZeroU32>,
    /// `--mem-mib`.
    pub mem_mib: Option<NonZeroU32>,
    /// `--scratch-size`.
    pub scratch_size: Option<Size>,
    /// `--boot-timeout-seconds`.
    pub boot_timeout_seconds: Option<NonZeroU32>,
    /// `--timeout-seconds`.
    pub timeout_seconds: Option<NonZeroU32>,
}

/// `[run]`, each with its origin.
#[derive(Debug, Clone)]
pub struct RunSettings {
    /// What runs the machine.
    pub engine: Sourced<EngineChoice>,
    /// How many processors it has.
    pub vcpu_count: Sourced<NonZeroU32>,
    /// How much memory, in MiB.
    pub mem_mib: Sourced<NonZeroU32>,
    /// How much may be written; half of the memory where nothing is said.
    pub scratch_size: Sourced<Option<Size>>,
    /// How many seconds it may take to come up.
    pub boot_timeout_seconds: Sourced<NonZeroU32>,
    /// How many seconds the command may take.
    pub timeout_seconds: Sourced<Option<NonZeroU32>>,
}

const MEM_MIB: NonZeroU32 = NonZeroU32::new(512).unwrap();
const BOOT_SECONDS: NonZeroU32 = NonZeroU32::new(60).unwrap();

impl RunSettings {
    pub(super) fn resolve(
        flags: RunFlags,
        files: &Files,
        around: &Surroundings,
    ) -> Result<Self, SettingsError> {
        let seek = Seek { files, around };
        Ok(Self {
            engine: Sourced::first(
                seek.said(
                    (flags.engine, "--engine"),
                    (variable::choice(around, "PYRO_ENGINE")?, "PYRO_ENGINE"),
                    |run| run.engine,
                ),
                EngineChoice::default,
            ),
            vcpu_count: Sourced::first(
                seek.parsed(
                    (flags.vcpu_count, "--vcpu-count"),
                    "PYRO_VCPU_COUNT",
                    |run| run.vcpu_count,
                )?,
                || NonZeroU32::MIN,
            ),
            mem_mib: Sourced::first(
                seek.parsed((flags.mem_mib, "--mem-mib"), "PYRO_MEM_MIB", |run| {
                    run.mem_mib
                })?,
                || MEM_MIB,
            ),
            scratch_size: optional(seek.parsed(
                (flags.scratch_size, "--scratch-size"),
                "PYRO_SCRATCH_SIZE",
                |run| run.scratch_size,
            )?),
            boot_timeout_seconds: Sourced::first(
                seek.parsed(
                    (flags.boot_timeout_seconds, "--boot-timeout-seconds"),
                    "PYRO_BOOT_TIMEOUT_SECONDS",
                    |run| run.boot_timeout_seconds,
                )?,
                || BOOT_SECONDS,
            ),
            timeout_seconds: optional(seek.parsed(
                (flags.timeout_seconds, "--timeout-seconds"),
                "PYRO_TIMEOUT_SECONDS",
                |run| run.timeout_seconds,
            )?),
        })
    }
}

/// Where one of them may be said.
#[derive(Clone, Copy)]
struct Seek<'s> {
    files: &'s Files,
    around: &'s Surroundings,
}

impl Seek<'_> {
    fn said<T>(
        self,
        flag: (Option<T>, &'static str),
        of_variable: (Option<T>, &'static str),
        get: impl Fn(&RunSection) -> Option<T>,
    ) -> Vec<(Option<T>, Origin)> {
        let here = [
            (flag.0, Origin::Flag(flag.1)),
            (of_variable.0, Origin::Variable(of_variable.1)),
        ];
        let there = self.files.each(|file| get(&file.run));
        here.into_iter().chain(there).collect()
    }

    fn parsed<T>(
        self,
        flag: (Option<T>, &'static str),
        name: &'static str,
        get: impl Fn(&RunSection) -> Option<T>,
    ) -> Result<Vec<(Option<T>, Origin)>, SettingsError>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        let value = variable::parsed(self.around, name)?;
        Ok(self.said(flag, (value, name), get))
    }
}

fn optional<T>(said: Vec<(Option<T>, Origin)>) -> Sourced<Option<T>> {
    let said = said.into_iter();
    Sourced::first(
        said.map(|(value, origin)| (value.map(Some), origin)),
        || None,
    )
}
