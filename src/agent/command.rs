//! Starting the command.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use super::message::{Exec, Stage};
use super::sys;

/// A command that runs.
pub struct Running {
    /// Its process, which leads a session and a process group.
    pub pid: u32,
    /// Where it reads, until that is over.
    pub stdin: Option<File>,
    /// What it says.
    pub stdout: Option<File>,
    /// What it complains with; none with a terminal.
    pub stderr: Option<File>,
    /// Its terminal, to be resized.
    pub terminal: Option<File>,
}

/// Starts it.
///
/// The error tells what could not be done, and what the system said.
pub fn start(exec: &Exec) -> Result<Running, (Stage, io::Error)> {
    let word = |bytes: &'_ Vec<u8>| OsStr::from_bytes(bytes).to_owned();
    let mut words = exec.argv.iter().map(word);
    let cwd = word(&exec.cwd);
    // A folder that is not there must not pass for a program that is not there.
    let folder = fs::metadata(&cwd).map_err(|error| (Stage::Folder, error))?;
    if !folder.is_dir() {
        let error = io::Error::from(io::ErrorKind::NotADirectory);
        return Err((Stage::Folder, error));
    }
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).current_dir(cwd).env_clear();
    command.envs(
        exec.env
            .iter()
            .map(|(name, value)| (word(name), word(value))),
    );
    if exec.uid != 0 || exec.gid != 0 {
        command.uid(exec.uid).gid(exec.gid);
    }
    sys::lead_session(&mut command, exec.terminal.is_some());
    match exec.terminal {
        None => with_pipes(command),
        Some((rows, columns)) => with_terminal(command, rows, columns),
    }
}

fn with_pipes(mut command: Command) -> Result<Running, (Stage, io::Error)> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| (Stage::Program, error))?;
    let file = |fd: OwnedFd| File::from(fd);
    let stdin = child.stdin.take().map(|pipe| file(pipe.into()));
    if let Some(stdin) = &stdin {
        sys::never_wait(stdin).map_err(|error| (Stage::Streams, error))?;
    }
    Ok(Running {
        pid: child.id(),
        stdin,
        stdout: child.stdout.take().map(|pipe| file(pipe.into())),
        stderr: child.stderr.take().map(|pipe| file(pipe.into())),
        terminal: None,
    })
}

fn with_terminal(
    mut command: Command,
    rows: u16,
    columns: u16,
) -> Result<Running, (Stage, io::Error)> {
    let streams = |error| (Stage::Streams, error);
    let (ours, theirs) = sys::terminal(rows, columns).map_err(streams)?;
    let again = || theirs.try_clone().map_err(streams);
    command.stdin(again()?).stdout(again()?).stderr(again()?);
    let child = command.spawn().map_err(|error| (Stage::Program, error))?;
    Ok(Running {
        pid: child.id(),
        stdin: Some(ours.try_clone().map_err(streams)?),
        stdout: Some(ours.try_clone().map_err(streams)?),
        stderr: None,
        terminal: Some(ours),
    })
}
