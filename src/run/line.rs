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
