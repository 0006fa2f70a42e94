//! The verifying reader: what the rest of pyro gets instead of a finished file.

use std::io::{self, Read};

use fs_err::File;

use crate::model::digest::OciDigest;

use super::error::Error;
use super::meter::Meter;
use super::sharing::Keep;
use super::spool::{BLOCK, Used};
use super::transfer::{Next, Transfer};
use super::verify::{Seen, Verifier};

/// Where bytes came from and what they were, known once all of them passed.
///
/// ```
/// # fn show(fetched: pyro::fetch::Fetched<'_>) -> Result<(), pyro::fetch::Error> {
/// let provenance = fetched.finish()?;
/// println!("{} bytes from {}", provenance.size, provenance.source);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// `https://…`, `file://…`, `oci://REGISTRY/REPOSITORY@DIGEST` or `oci-layout:FOLDER@DIGEST`; no credentials.
    pub source: String,
    /// Digest of all bytes: sha256, unless the source named another.
    pub digest: OciDigest,
    /// Their number.
    pub size: u64,
}

enum Input<'a> {
    /// A file of this machine; hashed here.
    File { file: File, verifier: Box<Verifier> },
    /// A spool file that was hashed when it was found, and again here.
    Spool { used: Used, verifier: Box<Verifier> },
    /// A transfer; hashed by its task.
    Transfer(Box<Transfer<'a>>),
    /// All bytes passed and were right.
    Ended { seen: Seen, spool: Option<Used> },
    /// Something went wrong; said again to whoever asks again.
    Failed(Error),
}

/// Bytes that are checked as they pass: exact size and digest, where those are known.
///
/// Reading is blocking. The end of the stream (`Ok(0)`) is reported only after everything was right; whoever stops
/// earlier calls [`Fetched::finish`], which reads the rest. An error that reading returns carries an [`Error`], see
/// [`Error::from_io`].
///
/// ```
/// # fn copy(mut fetched: pyro::fetch::Fetched<'_>) -> std::io::Result<Vec<u8>> {
/// let mut bytes = Vec::new();
/// std::io::Read::read_to_end(&mut fetched, &mut bytes)?;
/// # Ok(bytes)
/// # }
/// ```
#[must_use = "the bytes count only once they were read to the end or `finish` returned"]
pub struct Fetched<'a> {
    source: String,
    input: Input<'a>,
    meter: Meter<'a>,
    /// For what came through the spool.
    keep: Option<Keep<'a>>,
}

impl<'a> Fetched<'a> {
    pub(super) fn of_file(
        source: String,
        file: File,
        verifier: Verifier,
        meter: Meter<'a>,
    ) -> Self {
        let verifier = Box::new(verifier);
        Self {
            source,
            input: Input::File { file, verifier },
            meter,
            keep: None,
        }
    }

    pub(super) fn of_spool(
        source: String,
        used: Used,
        verifier: Verifier,
        meter: Meter<'a>,
        keep: Keep<'a>,
    ) -> Self {
        let verifier = Box::new(verifier);
        Self {
            source,
            input: Input::Spool { used, verifier },
            meter,
            keep: Some(keep),
        }
    }

    pub(super) fn of_transfer(
        source: String,
        transfer: Transfer<'a>,
        meter: Meter<'a>,
        keep: Keep<'a>,
    ) -> Self {
        Self {
            source,
            input: Input::Transfer(Box::new(transfer)),
            meter,
            keep: Some(keep),
        }
    }

    /// Whoever holds this waits for its bytes from now on; `false` where they cannot come any more and must be asked for
    /// anew.
    pub(super) fn drive(&self) -> bool {
        match &self.input {
            Input::Transfer(transfer) => transfer.drive(),
            Input::Failed(_) => false,
            Input::File { .. } | Input::Spool { .. } | Input::Ended { .. } => true,
        }
    }

    /// Reads what is left, and says what all of it was; the spool file is removed, unless another environment of this
    /// run needs it.
    ///
    /// # Errors
    /// When the bytes are not those that were named, or do not come.
    pub fn finish(mut self) -> Result<Provenance, Error> {
        let keep = self.keep.take();
        let (provenance, spool) = self.drain()?;
        match (spool, keep) {
            (Some(spool), Some(keep)) => keep.or_remove(provenance.digest, spool)?,
            (Some(spool), None) => spool.remove()?,
            (None, _) => {}
        }
        Ok(provenance)
    }

    /// Reads what is left and keeps the spool file for the next reader.
    pub(super) fn keep(mut self) -> Result<Provenance, Error> {
        if let Input::Transfer(transfer) = &mut self.input {
            let (seen, used) = transfer.complete(|arrived| self.meter.show(arrived))?;
            self.input = Input::Ended {
                seen,
                spool: Some(used),
            };
            self.meter.end_at(seen.size);
        }
        Ok(self.drain()?.0)
    }

    fn drain(mut self) -> Result<(Provenance, Option<Used>), Error> {
        let mut block = vec![0; BLOCK];
        while self.advance(&mut block)? > 0 {}
        match self.input {
            Input::Ended { seen, spool } => {
                let provenance = Provenance {
                    source: self.source,
                    digest: seen.digest,
                    size: seen.size,
                };
                Ok((provenance, spool))
            }
            Input::Failed(error) => Err(error),
            Input::File { .. } | Input::Spool { .. } | Input::Transfer(_) => Err(Error::temporary(
                self.source,
                "the bytes ended without an end",
            )),
        }
    }

    /// Reads, and remembers how it ended.
    fn advance(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        if buffer.is_empty() {
            return Ok(0);
        }
        match self.pull(buffer) {
            Ok(count) => {
                self.meter.advance(count as u64);
                Ok(count)
            }
            Err(error) => {
                self.input = Input::Failed(error.clone());
                Err(error)
            }
        }
    }

    fn pull(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        match &mut self.input {
            Input::File { file, verifier } => {
                let count = read_file(file, buffer)?;
                verifier.update(&buffer[..count])?;
                if count > 0 {
                    return Ok(count);
                }
            }
            Input::Spool { used, verifier } => {
                let count = read_file(used.file(), buffer)?;
                verifier.update(&buffer[..count])?;
                if count > 0 {
                    return Ok(count);
                }
            }
            Input::Transfer(transfer) => match transfer.read(buffer)? {
                Next::Bytes(count) => return Ok(count),
                Next::Done(seen, used) => {
                    self.input = Input::Ended {
                        seen,
                        spool: Some(used),
                    };
                    self.meter.end();
                    return Ok(0);
                }
            },
            Input::Ended { .. } => return Ok(0),
            Input::Failed(error) => return Err(error.clone()),
        }
        self.end()
    }

    /// The end of a file: the moment of truth.
    fn end(&mut self) -> Result<usize, Error> {
        let gone = Error::temporary(
            &self.source,
            "the reader stopped while it checked the bytes",
        );
        let (verifier, spool) = match std::mem::replace(&mut self.input, Input::Failed(gone)) {
            Input::File { verifier, .. } => (verifier, None),
            Input::Spool { verifier, used } => (verifier, Some(used)),
            other @ (Input::Transfer(_) | Input::Ended { .. } | Input::Failed(_)) => {
                self.input = other;
                return Ok(0);
            }
        };
        let seen = verifier.finish()?;
        self.input = Input::Ended { seen, spool };
        self.meter.end();
        Ok(0)
    }
}

fn read_file(file: &File, buffer: &mut [u8]) -> Result<usize, Error> {
    loop {
        match file.file().read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", file.path(), error)),
            Ok(count) => return Ok(count),
        }
    }
}

impl Read for Fetched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.advance(buffer).map_err(io::Error::other)
    }
}

impl std::fmt::Debug for Fetched<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetched")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
