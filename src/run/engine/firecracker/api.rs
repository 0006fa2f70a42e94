//! Firecracker's API: HTTP over a socket, one request after the other, each with an answer.
//!
//! What comes back is not trusted: an answer has so many bytes and so much time, and no more. `204` says yes; a refusal is
//! `400` with a `fault_message`.

use std::io::{self, Read as _, Write as _};
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};

/// What one answer may have: more than any that Firecracker gives.
const MOST: usize = 64 << 10;

/// The headers that one answer may have.
const HEADERS: usize = 32;

/// How long to wait before the next look whether it listens.
const PAUSE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 1_000_000,
};

/// A request, whose fields are those of its document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(in crate::run) enum Request {
    /// How large the machine is.
    Machine {
        /// Its processors.
        vcpu_count: u32,
        /// Its memory.
        mem_size_mib: u32,
    },
    /// What it boots.
    Boot {
        /// The kernel.
        kernel_image_path: String,
        /// Its first file system.
        initrd_path: String,
        /// What the kernel is told.
        boot_args: String,
    },
    /// Its disk.
    Drive {
        /// The disk's name, which the path has as well.
        drive_id: &'static str,
        /// The image.
        path_on_host: String,
        /// Whether the kernel is told to mount it.
        is_root_device: bool,
        /// Whether it may not be written.
        is_read_only: bool,
    },
    /// Its vsock.
    Vsock {
        /// Its address there.
        guest_cid: u32,
        /// The socket that stands for it; calls for a port go to this name, `_` and the port.
        uds_path: &'static str,
    },
    /// A source of random numbers.
    Entropy {},
    /// That it starts.
    Start {
        /// `InstanceStart`.
        action_type: &'static str,
    },
}

impl Request {
    /// What is asked, in the words of HTTP.
    pub(in crate::run) const fn asked(&self) -> &'static str {
        match self {
            Self::Machine { .. } => "PUT /machine-config",
            Self::Boot { .. } => "PUT /boot-source",
            Self::Drive { .. } => "PUT /drives/rootfs",
            Self::Vsock { .. } => "PUT /vsock",
            Self::Entropy {} => "PUT /entropy",
            Self::Start { .. } => "PUT /actions",
        }
    }

    /// The whole request.
    pub(in crate::run) fn bytes(&self) -> io::Result<Vec<u8>> {
        let body = serde_json::to_string(self)?;
        let head = format!(
            "{} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            self.asked(),
            body.len()
        );
        Ok((head + &body).into_bytes())
    }
}

/// Why Firecracker does not run a machine; each is a sentence whose subject it is.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// It has gone before it listened.
    #[error("ended before it could be told anything")]
    Ended,
    /// It does not listen.
    #[error("did not listen within {} seconds", .0.as_secs_f64())]
    Deaf(Duration),
    /// It says no.
    #[error("refused `{asked}` ({status}): {why}")]
    Refused {
        /// What was asked.
        asked: &'static str,
        /// Its code.
        status: u16,
        /// What it says, and the file that it was to use.
        why: String,
    },
    /// It says nothing.
    #[error("did not answer `{asked}` within {} seconds", limit.as_secs_f64())]
    Silent {
        /// What was asked.
        asked: &'static str,
        /// How long it had.
        limit: Duration,
    },
    /// It hung up.
    #[error("hung up at `{asked}`")]
    HungUp {
        /// What was asked.
        asked: &'static str,
    },
    /// It says what cannot be understood.
    #[error("gave no answer to `{asked}`: {why}")]
    Garbage {
        /// What was asked.
        asked: &'static str,
        /// What is wrong with what it said.
        why: String,
    },
    /// The system refuses.
    #[error("cannot be asked `{asked}`: {error}")]
    Io {
        /// What was asked.
        asked: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

impl ApiError {
    /// With the file that was asked for, which the engine knows as a number.
    pub(super) fn of(mut self, path: Option<&Path>) -> Self {
        if let (Self::Refused { why, .. }, Some(path)) = (&mut self, path) {
            *why = format!("{why}: {}", path.display());
        }
        self
    }
}

/// A connection to the API.
#[derive(Debug)]
pub(in crate::run) struct Client {
    stream: UnixStream,
    limit: Duration,
    heard: Vec<u8>,
}

impl Client {
    /// Calls `socket` until `process` listens there or has ended; that and each answer may take `limit`.
    pub(super) fn connect(
        socket: &Path,
        process: BorrowedFd<'_>,
        limit: Duration,
    ) -> Result<Self, ApiError> {
        let until = Instant::now() + limit;
        loop {
            match UnixStream::connect(socket) {
                Ok(stream) => return Ok(Self::over(stream, limit)),
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                    ) => {}
                Err(error) => {
                    let asked = "to listen";
                    return Err(ApiError::Io { asked, error });
                }
            }
            // Its end cuts the pause short.
            let mut ended = [PollFd::from_borrowed_fd(process, PollFlags::IN)];
            if poll(&mut ended, Some(&PAUSE)).is_ok_and(|count| count > 0) {
                return Err(ApiError::Ended);
            }
            if Instant::now() >= until {
                return Err(ApiError::Deaf(limit));
            }
        }
    }

    /// One over a connection that stands.
    pub(in crate::run) fn over(stream: UnixStream, limit: Duration) -> Self {
        Self {
            stream,
            limit,
            heard: Vec::new(),
        }
    }

    /// Asks, and waits for a yes.
    pub(in crate::run) fn put(&mut self, request: &Request) -> Result<(), ApiError> {
        let asked = request.asked();
        let until = Instant::now() + self.limit;
        let bytes = request.bytes();
        let sent = bytes.and_then(|bytes| {
            self.stream.set_write_timeout(Some(self.limit))?;
            self.stream.write_all(&bytes)
        });
        match sent {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Err(ApiError::HungUp { asked });
            }
            Err(error) => return Err(self.trouble(asked, error)),
        }
        let answer = self.answer(asked, until)?;
        match answer.status {
            200..300 => Ok(()),
            status @ 400.. => Err(ApiError::Refused {
                asked,
                status,
                why: answer.fault(),
            }),
            status => Err(ApiError::Garbage {
                asked,
                why: format!("its status is {status}"),
            }),
        }
    }

    fn answer(&mut self, asked: &'static str, until: Instant) -> Result<Answer, ApiError> {
        let garbage = |why: String| ApiError::Garbage { asked, why };
        let mut piece = [0; 4096];
        loop {
            if let Some((answer, length)) = Answer::parse(&self.heard).map_err(garbage)? {
                self.heard.drain(..length);
                return Ok(answer);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let limit = self.limit;
                return Err(ApiError::Silent { asked, limit });
            }
            let read = self.stream.set_read_timeout(Some(left));
            match read.and_then(|()| self.stream.read(&mut piece)) {
                Ok(0) => return Err(ApiError::HungUp { asked }),
                Ok(read) => self.heard.extend_from_slice(&piece[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Err(ApiError::HungUp { asked });
                }
                Err(error) => return Err(self.trouble(asked, error)),
            }
            if self.heard.len() > MOST {
                return Err(garbage(format!("it is longer than {MOST} bytes")));
            }
        }
    }

    fn trouble(&self, asked: &'static str, error: io::Error) -> ApiError {
        if error.kind() == io::ErrorKind::WouldBlock {
            let limit = self.limit;
            return ApiError::Silent { asked, limit };
        }
        ApiError::Io { asked, error }
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The one at the beginning of `bytes` with its length; `None` where it is not complete.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, String> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let head = match response.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let mut length = 0;
        for header in response.headers.iter() {
            if header.name.eq_ignore_ascii_case("transfer-encoding") {
                return Err("it comes in chunks".to_owned());
            }
            if header.name.eq_ignore_ascii_case("content-length") {
                let text = std::str::from_utf8(header.value).unwrap_or_default();
                length = text
                    .trim()
                    .parse()
                    .map_err(|_none| "it has no length that is a number".to_owned())?;
            }
        }
        if length > MOST {
            return Err(format!("it is longer than {MOST} bytes"));
        }
        let end = head + length;
        let Some(body) = bytes.get(head..end) else {
            return Ok(None);
        };
        let answer = Self {
            status: response.code.unwrap_or_default(),
            body: body.to_owned(),
        };
        Ok(Some((answer, end)))
    }

    /// What a refusal says.
    pub(super) fn fault(&self) -> String {
        #[derive(Deserialize)]
        struct Fault {
            fault_message: String,
        }
        match serde_json::from_slice(&self.body) {
            Ok(Fault { fault_message }) => fault_message,
            Err(_other) => String::from_utf8_lossy(&self.body).into_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
