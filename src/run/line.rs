//! The way to the agent: there from the start, or made when the agent dials.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, OnceLock};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// One socket to the agent, now or later.
#[derive(Debug)]
pub(super) enum Line {
    /// It is there.
    Open(UnixStream),
    /// The agent dials.
    Awaited(Awaited),
}

/// Where the agent is going to call.
#[derive(Debug)]
pub(super) struct Awaited {
    listener: UnixListener,
    /// Can be read when the machine has ended: then nobody will call.
    process: OwnedFd,
    called: Arc<OnceLock<UnixStream>>,
}

impl Line {
    /// One on which the agent of the machine `process` calls `listener`.
    pub(super) fn awaited(listener: UnixListener, process: OwnedFd) -> Self {
        Self::Awaited(Awaited {
            listener,
            process,
            called: Arc::default(),
        })
    }

    /// The same once more, to wait for it elsewhere.
    pub(super) fn again(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Open(socket) => Self::Open(socket.try_clone()?),
            Self::Awaited(awaited) => Self::Awaited(Awaited {
                listener: awaited.listener.try_clone()?,
                process: awaited.process.try_clone()?,
                called: Arc::clone(&awaited.called),
            }),
        })
    }

    /// The socket, when it is there; `None` when the machine has ended without a call. Only one may wait for that.
    pub(super) fn answer(self) -> io::Result<Option<UnixStream>> {
        let Awaited {
            listener,
            process,
            called,
        } = match self {
            Self::Open(socket) => return Ok(Some(socket)),
            Self::Awaited(awaited) => awaited,
        };
        loop {
            let mut fds = [
                PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN),
                PollFd::from_borrowed_fd(process.as_fd(), PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let [calls, ended] = fds.map(|fd| !fd.revents().is_empty());
            if calls {
                let (socket, _nameless) = listener.accept()?;
                // One call is all there is: the machine gets no second socket.
                rustix::net::shutdown(&listener, rustix::net::Shutdown::Both)?;
                let _first = called.set(socket.try_clone()?);
                return Ok(Some(socket));
            }
            if ended {
                return Ok(None);
            }
        }
    }

    /// Lets nobody wait for it any more, whoever else still has the other end; an awaited call ends with the machine.
    pub(super) fn close(&self) {
        let socket = match self {
            Self::Open(socket) => Some(socket),
            Self::Awaited(awaited) => awaited.called.get(),
        };
        if let Some(socket) = socket {
            let _closed = socket.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// A line on which a call may come, where that is, and what ends the machine when it is dropped.
    fn line(folder: &tempfile::TempDir) -> (Line, std::path::PathBuf, UnixStream) {
        let path = folder.path().join("vsock_1024");
        let (process, machine) = UnixStream::pair().unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        (Line::awaited(listener, process.into()), path, machine)
    }

    #[test]
    fn one_call_is_answered_and_no_second() {
        let folder = tempfile::tempdir().unwrap();
        let (line, path, _machine) = line(&folder);
        let mut caller = UnixStream::connect(&path).unwrap();
        let socket = line.again().unwrap().answer().unwrap();
        let refused = UnixStream::connect(&path).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        // Whoever else holds it, nobody waits any more.
        line.close();
        assert_eq!(caller.read(&mut [0]).unwrap(), 0);
        assert_eq!(socket.unwrap().read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn nobody_calls_from_a_machine_that_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let (line, _path, machine) = line(&folder);
        drop(machine);
        line.close();
        assert!(line.answer().unwrap().is_none());
    }
}
