//! `run`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Document;
use crate::model::name::{EnvName, Version};

/// `pyro run ENV -- CMD`, once the command was started. A failure before that is an error whose `exit_code` is the finer
/// one; the process then ends with 125, or with 126 and 127 where the command could not be run.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Run {
    /// A name for this machine, of which there is never a second one.
    pub vm_id: String,
    /// The environment.
    pub environment: EnvName,
    /// Its version.
    pub environment_version: Version,
    /// The store path that it was run from.
    pub install_dir: String,
    /// The program and its arguments; what is no text is replaced.
    pub command: Vec<String>,
    /// What the command said; what is no text is replaced.
    pub stdout: String,
    /// The same byte for byte, in base64; absent where `stdout` is exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout_base64: Option<String>,
    /// What it complained with.
    pub stderr: String,
    /// The same byte for byte, in base64; absent where `stderr` is exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr_base64: Option<String>,
    /// Whether one of the two was longer than what is kept here, and was cut.
    pub truncated: bool,
    /// The exit code of the process: the command's own; 124 where its time was up, 125 where the machine was lost, 128 and
    /// the number where a signal ended it.
    pub exit_code: u8,
    /// The signal that the command died of, whoever sent it.
    pub signal: Option<u8>,
    /// Whether its time was up.
    pub timed_out: bool,
    /// How long the command ran.
    pub duration_ms: u64,
    /// How long the machine took to come up.
    pub boot_ms: u64,
    /// How the machine was executed: `firecracker`, `qemu-kvm`, `qemu-tcg`, `namespace`.
    pub execution_mode: &'static str,
    /// What did it: `qemu`, `namespace`.
    pub engine: &'static str,
    /// What became of the machine.
    pub cleanup: Cleanup,
}

/// What became of a machine.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Cleanup {
    /// Whether it is gone; always so.
    pub deleted: bool,
    /// Why: `post_exec_cleanup` once the command was started, whatever its end.
    pub reason: &'static str,
}

impl Document for Run {
    const NAME: &'static str = "run";
}
