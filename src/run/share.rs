//! A folder of this machine, served to a virtual one: the file system is here, and the guest's kernel asks it.
//!
//! What is spoken is FUSE, as its kernel speaks it with `/dev/fuse`; the agent passes it on over a port of its own. Each
//! message says its length first, so nothing else is needed between them.
//!
//! ```text
//! command -- kernel of the guest -- /dev/fuse -- agent -- port -- [serve] -- folder
//! ```
//!
//! The guest is not trusted: names are resolved one at a time below the folder, by the library that virtual machine
//! monitors use for this, and [`request`] decides before it what may be asked at all.

use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err::File;
use fuse_backend_rs::api::server::Server;
use fuse_backend_rs::passthrough::{Config, PassthroughFs};
use fuse_backend_rs::transport::{FuseBuf, FuseDevWriter, Reader};
use rustix::fs::{MemfdFlags, Mode, OFlags};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::process::{Resource, getegid, geteuid, getrlimit};

use super::error::Error;
use super::reach::{Access, Mount};

mod answer;
mod request;

use request::{HEADER, Verdict};

/// Longest message: 1 MiB of data, and what stands before it.
const LIMIT: usize = (1 << 20) + (64 << 10);

/// How long a guest may take a name and what is behind it for unchanged.
const BELIEVED: Duration = Duration::from_secs(1);

/// A folder that was opened to be served.
#[derive(Debug)]
pub(super) struct Share {
    folder: OwnedFd,
    source: PathBuf,
    pub(super) target: String,
    pub(super) access: Access,
}

impl Share {
    /// Opens it.
    pub(super) fn open(mount: &Mount) -> Result<Self, Error> {
        Ok(Self {
            folder: folder(&mount.source)?,
            source: mount.source.clone(),
            target: mount.target.clone(),
            access: mount.access,
        })
    }

    /// Serves it on `socket` until that is closed.
    pub(super) fn serve(&self, socket: UnixStream) -> Result<(), Error> {
        let failed = |error| Error::io("serve", &self.source, error);
        let again = self.folder.try_clone().map_err(failed)?;
        let served = Served::new(again, self.access, socket).map_err(failed)?;
        let source = self.source.clone();
        std::thread::spawn(move || {
            let served = keep_umask().and_then(|umask| served.go_on(umask));
            if let Err(error) = served {
                tracing::debug!(source = %source.display(), %error, "the guest's files ended");
            }
        });
        Ok(())
    }
}

/// Opens a folder, whatever it is called from now on.
pub(super) fn folder(path: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty());
    opened.map_err(|error| Error::io("mount", path, io::Error::from(error)))
}

/// So many descriptors are left to the rest of pyro.
const LEFT: u64 = 64;

/// Whether so many descriptors are in use that a guest gets no more.
fn is_nearly_full(any: &UnixStream) -> bool {
    let Some(limit) = getrlimit(Resource::Nofile).current else {
        return false;
    };
    // The lowest free number tells how many are in use, or nearly so.
    match fcntl_dupfd_cloexec(any, 0) {
        Ok(fd) => u64::try_from(fd.as_raw_fd()).unwrap_or_default() + LEFT > limit,
        Err(_none_left) => true,
    }
}

/// Gives this thread a umask of its own, that of the process: the library changes it.
#[expect(
    unsafe_code,
    reason = "unshare has no safe form, since it can do other things than this"
)]
fn keep_umask() -> io::Result<Mode> {
    // SAFETY: current folder, root and umask become this thread's own; descriptors stay shared.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::FS) }?;
    let umask = rustix::process::umask(Mode::empty());
    rustix::process::umask(umask);
    Ok(umask)
}

struct Served {
    server: Server<PassthroughFs<()>>,
    access: Access,
    socket: UnixStream,
    /// User and group of this account.
    own: (u32, u32),
    /// An answer is written here, in as many pieces as the library likes.
    answer: File,
    /// Looked up again whenever the guest begins anew.
    _folder: OwnedFd,
}

impl Served {
    fn new(folder: OwnedFd, access: Access, socket: UnixStream) -> io::Result<Self> {
        let config = Config {
            // Itself, and not the link to it.
            root_dir: format!("/proc/self/fd/{}/.", folder.as_raw_fd()),
            allow_direct_io: false,
            entry_timeout: BELIEVED,
            attr_timeout: BELIEVED,
            ..Config::default()
        };
        let files = PassthroughFs::new(config)?;
        let answer = rustix::fs::memfd_create("pyro-files", MemfdFlags::CLOEXEC)?;
        Ok(Self {
            server: Server::new(files),
            access,
            socket,
            own: (geteuid().as_raw(), getegid().as_raw()),
            answer: File::from_parts(answer.into(), "answer"),
            _folder: folder,
        })
    }

    fn go_on(mut self, umask: Mode) -> io::Result<()> {
        let mut message = vec![0; LIMIT];
        let mut room = vec![0; LIMIT];
        loop {
            let mut length = [0; 4];
            match self.socket.read_exact(&mut length) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
            let count = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
            let within = (HEADER..=LIMIT).contains(&count);
            let message = message.get_mut(..count).filter(|_| within);
            let message = message.ok_or(io::ErrorKind::InvalidData)?;
            message[..4].copy_from_slice(&length);
            self.socket.read_exact(&mut message[4..])?;
            match request::judge(message, self.access) {
                Verdict::Pass if request::holds(message) && is_nearly_full(&self.socket) => {
                    let refusal = request::refusal(message, Errno::MFILE);
                    self.socket.write_all(&refusal)?;
                }
                Verdict::Pass => {
                    self.pass(message, &mut room)?;
                    // The library takes it away when a guest begins; the guest's kernel has applied its own.
                    rustix::process::umask(umask);
                }
                Verdict::Refuse(refusal) => self.socket.write_all(&refusal)?,
                Verdict::Ignore => {}
            }
        }
    }

    fn pass(&mut self, question: &mut [u8], room: &mut [u8]) -> io::Result<()> {
        self.answer.rewind()?;
        let reader = Reader::<()>::from_fuse_buffer(FuseBuf::new(question));
        let reader = reader.map_err(io::Error::other)?;
        let writer = FuseDevWriter::<()>::new(self.answer.as_raw_fd(), room);
        let writer = writer.map_err(io::Error::other)?;
        let handled = self
            .server
            .handle_message(reader, writer.into(), None, None);
        let count = self.answer.stream_position()?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count == 0 {
            // What cannot be understood is not answered by the library; somebody may wait for it.
            return match handled {
                Err(_nonsense) if request::is_answered(question) => self
                    .socket
                    .write_all(&request::refusal(question, Errno::IO)),
                _ => Ok(()),
            };
        }
        let answer = room.get_mut(..count).ok_or(io::ErrorKind::InvalidData)?;
        self.answer.rewind()?;
        self.answer.read_exact(answer)?;
        answer::mend(question, answer, self.own);
        self.socket.write_all(answer)
    }
}

#[cfg(test)]
mod tests;
