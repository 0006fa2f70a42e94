//! A process of ours that is given descriptors, and ends when we do, however we end.
//!
//! `PR_SET_PDEATHSIG` fires when the *thread* ends that started the process: whoever holds a [`Child`] keeps to the
//! thread that made it, which the type demands by not being `Send`.

use std::io;
use std::marker::PhantomData;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, getppid, pidfd_open, set_parent_process_death_signal,
};

use super::enclosed::Enclosed;
use super::inherited::keep_only;

/// A running process; dropping it kills it, and waits until it is gone.
#[derive(Debug)]
pub(super) struct Child {
    process: Process,
    _of_this_thread: PhantomData<*const ()>,
}

#[derive(Debug)]
enum Process {
    Spawned(std::process::Child),
    Enclosed(Enclosed),
}

impl Child {
    /// One that has namespaces of its own.
    pub(super) fn enclosed(enclosed: Enclosed) -> Self {
        Self {
            process: Process::Enclosed(enclosed),
            _of_this_thread: PhantomData,
        }
    }

    /// Starts `command`, which keeps `inherited` under the numbers that they have here, and nothing else.
    pub(super) fn spawn(mut command: Command, inherited: &[BorrowedFd<'_>]) -> io::Result<Self> {
        // Signals of the terminal are ours to pass on.
        command.process_group(0);
        let numbers: Vec<RawFd> = inherited
            .iter()
            .map(std::os::fd::AsRawFd::as_raw_fd)
            .collect();
        prepare(&mut command, numbers);
        let child = command.spawn()?;
        Ok(Self {
            process: Process::Spawned(child),
            _of_this_thread: PhantomData,
        })
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        match &self.process {
            Process::Spawned(child) => child.id(),
            Process::Enclosed(enclosed) => enclosed.pid,
        }
    }

    /// What it says on stdout; once.
    pub(super) fn stdout(&mut self) -> Option<std::process::ChildStdout> {
        match &mut self.process {
            Process::Spawned(child) => child.stdout.take(),
            Process::Enclosed(_) => None,
        }
    }

    /// Something that can be read when it has ended.
    pub(super) fn watch(&self) -> io::Result<OwnedFd> {
        // It is not reaped before this is dropped, so the number is its own.
        let pid = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(Errno::SRCH)?;
        Ok(pidfd_open(pid, PidfdFlags::empty())?)
    }

    /// What it says on stderr; once.
    pub(super) fn stderr(&mut self) -> Option<std::process::ChildStderr> {
        match &mut self.process {
            Process::Spawned(child) => child.stderr.take(),
            Process::Enclosed(_) => None,
        }
    }

    /// Kills it, and waits until it is gone.
    pub(super) fn end(&mut self) -> io::Result<()> {
        match &mut self.process {
            Process::Spawned(child) => {
                // That it has ended already is no error here.
                let _gone = child.kill();
                child.wait().map(|_status| ())
            }
            Process::Enclosed(enclosed) => enclosed.end(),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _reaped = self.end();
    }
}

#[expect(
    unsafe_code,
    reason = "what a process needs between fork and exec has no safe form in std"
)]
fn prepare(command: &mut Command, inherited: Vec<RawFd>) {
    let parent = getpid();
    let in_child = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // Who died before the line above has taken nobody along.
        if getppid() != Some(parent) {
            return Err(Errno::SRCH.into());
        }
        Ok(keep_only(&inherited)?)
    };
    // SAFETY: only system calls are made, on memory that was allocated before the fork.
    unsafe {
        command.pre_exec(in_child);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::fd::{AsFd as _, AsRawFd as _};
    use std::os::unix::net::UnixStream;
    use std::process::Stdio;

    use super::*;

    #[test]
    fn it_gets_what_it_is_given_and_is_gone_when_dropped() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let (_, other) = UnixStream::pair().unwrap();
        // Like one that whoever started this process left open.
        rustix::io::fcntl_setfd(&other, rustix::io::FdFlags::empty()).unwrap();
        let mut command = Command::new("sh");
        let script = "[ -e /proc/self/fd/$1 ] && echo kept >&$0; echo given >&$0; exec sleep 1000";
        command.args(["-c", script]);
        command.arg(theirs.as_raw_fd().to_string());
        command.arg(other.as_raw_fd().to_string());
        command.stdin(Stdio::null());
        let child = Child::spawn(command, &[theirs.as_fd()]).unwrap();
        drop(theirs);
        let mut line = [0; 6];
        ours.read_exact(&mut line).unwrap();
        assert_eq!(&line, b"given\n");
        let id = child.id();
        drop(child);
        // Its end of the socket closed with it, without another word.
        let mut rest = Vec::new();
        ours.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"");
        assert!(!std::path::Path::new(&format!("/proc/{id}")).exists());
    }

    #[test]
    fn it_ends_with_the_thread_that_started_it() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let thread = std::thread::spawn(move || {
            let mut command = Command::new("sleep");
            command.arg("1000").stdin(Stdio::null());
            let child = Child::spawn(command, &[theirs.as_fd()]).unwrap();
            // As a process does that is killed.
            std::mem::forget(child);
        });
        thread.join().unwrap();
        assert_eq!(ours.read(&mut [0]).unwrap(), 0);
    }
}
