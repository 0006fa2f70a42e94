//! Mounting and making folders, with errors that say what could not be done.

use std::ffi::{CStr, CString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::sys::Mount;

pub const READ_ONLY: u32 = 1;
pub const NO_SUID: u32 = 2;
pub const NO_DEV: u32 = 4;
pub const NO_EXEC: u32 = 8;
pub const BIND: u32 = 4096;
pub const MOVE: u32 = 8192;
pub const RECURSIVE: u32 = 16384;
pub const PRIVATE: u32 = 1 << 18;

/// What cannot be done, as a line for people.
pub type Trouble = String;

/// Says what was being done where something fails.
pub trait Doing<T> {
    /// `cannot <what>: <error>`.
    fn doing(self, what: &str) -> Result<T, Trouble>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: &str) -> Result<T, Trouble> {
        self.map_err(|error| format!("cannot {what}: {error}"))
    }
}

/// The text for a system call.
pub fn text(text: &str) -> Result<CString, Trouble> {
    CString::new(text).map_err(|_nul| format!("`{}` has a NUL in it", text.escape_debug()))
}

/// The path for a system call.
pub fn path_text(path: &Path) -> Result<CString, Trouble> {
    let bytes = path.as_os_str().as_bytes();
    CString::new(bytes).map_err(|_nul| format!("`{}` has a NUL in it", path.display()))
}

/// Mounts `source` at `target`.
pub fn mount(
    source: &CStr,
    target: &str,
    kind: &CStr,
    flags: u32,
    options: &CStr,
) -> Result<(), Trouble> {
    let doing = format!("mount {} at {target}", source.to_string_lossy());
    let target = text(target)?;
    let mount = Mount {
        source,
        target: &target,
        kind,
        flags,
        options,
    };
    mount.mount().doing(&doing)
}

/// Makes a folder and those above it, where they are missing.
pub fn make_folder(path: &str) -> Result<(), Trouble> {
    fs::create_dir_all(path).doing(&format!("make {path}"))
}
