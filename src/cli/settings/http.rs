//! How patient the network is waited for.

use std::num::NonZeroU32;
use std::time::Duration;

use super::SettingsError;
use super::config_file::HttpSection;
use super::files::Files;
use super::origin::{Origin, Sourced};
use super::variable;
use crate::cli::quantity::Size;
use crate::cli::surroundings::Surroundings;

const CONNECT: NonZeroU32 = NonZeroU32::new(10).unwrap();
const IDLE: NonZeroU32 = NonZeroU32::new(30).unwrap();
const MIN_RATE: Size = Size::of_bytes(1 << 10);
const RETRIES: u32 = 5;
const HELPER: NonZeroU32 = NonZeroU32::new(30).unwrap();

/// `[http]`, each with its origin.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Seconds that a connection may take to stand.
    pub connect_seconds: Sourced<NonZeroU32>,
    /// Seconds in which at least `min_rate` must come.
    pub idle_seconds: Sourced<NonZeroU32>,
    /// Bytes a second that a transfer must have not to count as stalled.
    pub min_rate: Sourced<Size>,
    /// How often in a row the same is tried again.
    pub retries: Sourced<u32>,
    /// Seconds that a credential helper may take.
    pub helper_seconds: Sourced<NonZeroU32>,
}

impl HttpSettings {
    pub(super) fn resolve(files: &Files, around: &Surroundings) -> Result<Self, SettingsError> {
        Ok(Self {
            connect_seconds: first(
                variable::parsed(around, "PYRO_HTTP_CONNECT_SECONDS")?,
                "PYRO_HTTP_CONNECT_SECONDS",
                files,
                |http| http.connect_seconds,
                CONNECT,
            ),
            idle_seconds: first(
                variable::parsed(around, "PYRO_HTTP_IDLE_SECONDS")?,
                "PYRO_HTTP_IDLE_SECONDS",
                files,
                |http| http.idle_seconds,
                IDLE,
            ),
            min_rate: first(
                variable::parsed(around, "PYRO_HTTP_MIN_RATE")?,
                "PYRO_HTTP_MIN_RATE",
                files,
                |http| http.min_rate,
                MIN_RATE,
            ),
            retries: first(
                variable::parsed(around, "PYRO_HTTP_RETRIES")?,
                "PYRO_HTTP_RETRIES",
                files,
                |http| http.retries,
                RETRIES,
            ),
            helper_seconds: first(
                variable::parsed(around, "PYRO_HTTP_HELPER_SECONDS")?,
                "PYRO_HTTP_HELPER_SECONDS",
                files,
                |http| http.helper_seconds,
                HELPER,
            ),
        })
    }

    /// `connect-seconds` as a duration.
    #[must_use]
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_seconds.value.get().into())
    }

    /// `idle-seconds` as a duration.
    #[must_use]
    pub fn idle_timeout(&self) -> Duration {
        Duration::from_secs(self.idle_seconds.value.get().into())
    }

    /// `helper-seconds` as a duration.
    #[must_use]
    pub fn helper_timeout(&self) -> Duration {
        Duration::from_secs(self.helper_seconds.value.get().into())
    }
}

fn first<T>(
    of_variable: Option<T>,
    name: &'static str,
    files: &Files,
    get: impl Fn(&HttpSection) -> Option<T>,
    usual: T,
) -> Sourced<T> {
    let said = [(of_variable, Origin::Variable(name))];
    let said = said.into_iter().chain(files.each(|file| get(&file.http)));
    Sourced::first(said, || usual)
}
