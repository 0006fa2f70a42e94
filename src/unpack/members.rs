//! The members of a tar archive, one after the other, as all readers of tar would have to agree they are.
//!
//! The `tar` crate knows the fields of a header; the walk from header to header is done here, because it is what
//! attacks on tar readers are made of: what says how long the content is must also say where the next header is.
//!
//! 1. Extended headers (PAX `x` and `g`, GNU `L` and `K`) are gathered; each kind may come once before a member.
//! 2. The PAX size, where there is one, is the size: of the content and of the way to the next header. A header that
//!    gives another size, other than 0 or the largest that it can hold, is refused.
//! 3. A block of zeros ends the archive; one more block and padding of zeros may follow, nothing else. An archive
//!    without such a block has been cut off.

use std::io::{self, BufReader, Read};

use super::error::{EndedEarly, Error, Fault, Place};
use super::header::{BLOCK, Checked, is_zero};
use super::limits::Allowance;
use super::member::{Member, kind};
use super::member_name;
use super::pax::Extended;
use super::sparse::{self, Expanded, PaxMap, SparseMap};

/// Bytes read at once.
const BUFFER: usize = 256 * 1024;
/// Largest GNU long name; no name that can be used is longer than some ten thousand bytes.
const LONG_NAME: u64 = 1 << 20;
/// Largest PAX header: room for the map of a sparse file.
const PAX: u64 = 32 << 20;
/// Zeros after the end that nothing is made of: writers fill up their record, which is of 10 KiB if not told otherwise.
const RECORD: u64 = 1 << 20;
/// The largest size that a header can hold in octal: what some writers put there for all larger files.
const OCTAL_MAX: u64 = 0o77_777_777_777;

/// An archive that is being read.
pub(super) struct Members<'r> {
    bytes: BufReader<&'r mut dyn Read>,
    allowance: &'r Allowance,
    layer: Option<u32>,
    number: u64,
    /// Bytes of the current member's content that have not been read.
    content: u64,
    padding: u64,
    global_xattrs: bool,
}

/// Extended headers of the member that comes next.
#[derive(Default)]
struct Gathered {
    pax: Option<Extended>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl<'r> Members<'r> {
    pub(super) fn new(
        bytes: &'r mut dyn Read,
        layer: Option<u32>,
        allowance: &'r Allowance,
    ) -> Self {
        let bytes = BufReader::with_capacity(BUFFER, bytes);
        Self {
            bytes,
            allowance,
            layer,
            number: 0,
            content: 0,
            padding: 0,
            global_xattrs: false,
        }
    }

    /// The layer of an image that is read.
    pub(super) fn layer(&self) -> Option<u32> {
        self.layer
    }

    /// Where the reading stands, for messages.
    pub(super) fn place(&self) -> Place {
        Place::Entry {
            layer: self.layer,
            number: self.number,
        }
    }

    /// The next member; `None` once all bytes to the end of the source have been read and are as they should be.
    pub(super) fn next(&mut self) -> Result<Option<Member>, Error> {
        let mut gathered = Gathered::default();
        self.skip_content()?;
        self.number += 1;
        loop {
            let mut block = [0; BLOCK];
            if !self.header(&mut block)? {
                self.number -= 1;
                return match gathered {
                    Gathered {
                        pax: None,
                        long_name: None,
                        long_link: None,
                    } => self.end().map(|()| None),
                    _ => Err(self.refused(&[], Fault::Extended("no member follows it"))),
                };
            }
            let header = Checked::new(&block).map_err(|fault| self.refused(&[], fault))?;
            if !self.gather(&header, &mut gathered)? {
                return self.member(&header, gathered).map(Some);
            }
        }
    }

    /// Reads a header; `false` where it is the end mark.
    fn header(&mut self, block: &mut [u8; BLOCK]) -> Result<bool, Error> {
        self.exactly(block)?;
        Ok(!is_zero(block))
    }

    fn exactly(&mut self, buffer: &mut [u8]) -> Result<(), Error> {
        self.bytes
            .read_exact(buffer)
            .map_err(|error| self.read_error(error))
    }

    /// `read_exact` and a reader of ours both say so when there is nothing more.
    fn read_error(&self, error: io::Error) -> Error {
        if error.kind() == io::ErrorKind::UnexpectedEof && error.get_ref().is_none() {
            return Error::CutOff {
                place: self.place(),
            };
        }
        Error::of_read(self.place(), error)
    }

    /// Takes an extended header; `false` where it is none.
    fn gather(&mut self, header: &Checked<'_>, gathered: &mut Gathered) -> Result<bool, Error> {
        let refused = |this: &Self, fault| this.refused(&header.name(), fault);
        let (largest, taken) = match header.kind() {
            b'x' => (PAX, gathered.pax.is_some()),
            b'g' => (PAX, false),
            b'L' => (LONG_NAME, gathered.long_name.is_some()),
            b'K' => (LONG_NAME, gathered.long_link.is_some()),
            _ => return Ok(false),
        };
        if taken {
            return Err(refused(
                self,
                Fault::Extended("two of the same type before one member"),
            ));
        }
        let size = header.size().map_err(|fault| refused(self, fault))?;
        if size > largest {
            return Err(refused(self, Fault::Extended("too large")));
        }
        // There may be any number of them, also of none of these bytes, and they make no entry.
        let taken = self.allowance.unpacked(BLOCK as u64 + size);
        taken.map_err(|limit| refused(self, limit.into()))?;
        let data = self.extension(size)?;
        let result = match header.kind() {
            b'x' => Extended::local(&data).map(|extended| gathered.pax = Some(extended)),
            b'g' => Extended::global(&data).map(|xattrs| self.global_xattrs |= xattrs),
            b'L' => long_name(data).map(|name| gathered.long_name = Some(name)),
            _ => long_name(data).map(|name| gathered.long_link = Some(name)),
        };
        result.map_err(|fault| refused(self, fault))?;
        Ok(true)
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>, Error> {
        let mut data = Vec::new();
        let read = (&mut self.bytes).take(size).read_to_end(&mut data);
        let read = read.map_err(|error| self.read_error(error))?;
        if read as u64 != size {
            return Err(Error::CutOff {
                place: self.place(),
            });
        }
        self.padding = padding(size);
        self.skip_content()?;
        Ok(data)
    }

    /// Makes a member of its header and what was gathered before.
    fn member(&mut self, header: &Checked<'_>, gathered: Gathered) -> Result<Member, Error> {
        let mut pax = gathered.pax.unwrap_or_default();
        let sparse_name = pax.sparse.name.take();
        let pax_name = sparse_name.or(pax.path);
        let name = pax_name
            .clone()
            .or_else(|| gathered.long_name.clone())
            .unwrap_or_else(|| header.name());
        let refused = |this: &Self, fault| Err(this.refused(&name, fault));
        if pax_name.is_some() && gathered.long_name.is_some() {
            return refused(self, Fault::Extended("both PAX and GNU give it a name"));
        }
        if pax.link_path.is_some() && gathered.long_link.is_some() {
            return refused(
                self,
                Fault::Extended("both PAX and GNU give it a link target"),
            );
        }
        let size = match stored_size(header, pax.size) {
            Ok(size) => size,
            Err(fault) => return refused(self, fault),
        };
        self.content = size;
        self.padding = padding(size);
        let map = match self.sparse_map(header, pax.sparse, size)? {
            Ok(map) => map,
            Err(fault) => return refused(self, fault),
        };
        let target = pax.link_path.or(gathered.long_link);
        let target = target.unwrap_or_else(|| header.link_name().to_vec());
        let parts =
            kind(header, &name, size, map, target).and_then(|kind| Ok((kind, header.mode()?)));
        match parts {
            Ok((kind, mode)) => {
                let xattrs = pax.xattrs || self.global_xattrs;
                Ok(Member {
                    number: self.number,
                    name,
                    kind,
                    mode,
                    xattrs,
                })
            }
            Err(fault) => refused(self, fault),
        }
    }

    fn sparse_map(
        &mut self,
        header: &Checked<'_>,
        pax: sparse::PaxSparse,
        stored: u64,
    ) -> Result<Result<Option<SparseMap>, Fault>, Error> {
        let pax = match pax.map(stored) {
            Ok(pax) => pax,
            Err(fault) => return Ok(Err(fault)),
        };
        let read = match (header.kind(), header.gnu(), pax) {
            (b'S', Some(gnu), None) => {
                let bytes = &mut self.bytes;
                sparse::gnu_map(gnu, stored, || {
                    let mut block = [0; BLOCK];
                    bytes.read_exact(&mut block).map(|()| block)
                })
            }
            (b'S', _, _) => Ok(Err(Fault::Sparse("its header is not of GNU tar"))),
            (_, _, None) => return Ok(Ok(None)),
            (_, _, Some(PaxMap::Known(map))) => Ok(Ok(map)),
            (_, _, Some(PaxMap::BeforeData { size })) => {
                sparse::map_before_data(&mut Stored(self), size, stored)
            }
        };
        read.map(|map| map.map(Some))
            .map_err(|error| self.read_error(error))
    }

    /// The content of the file that was met last.
    pub(super) fn content<'c>(&'c mut self, map: Option<&'c SparseMap>) -> Box<dyn Read + 'c>
    where
        'r: 'c,
    {
        match map {
            None => Box::new(Stored(self)),
            Some(map) => Box::new(Expanded::new(map, Stored(self))),
        }
    }

    /// Reads to the next header; what is skipped must be there.
    fn skip_content(&mut self) -> Result<(), Error> {
        let left =
            std::mem::take(&mut self.content).saturating_add(std::mem::take(&mut self.padding));
        if left == 0 {
            return Ok(());
        }
        let skipped = io::copy(&mut (&mut self.bytes).take(left), &mut io::sink());
        match skipped {
            Ok(count) if count == left => Ok(()),
            Ok(_short) => Err(Error::CutOff {
                place: self.place(),
            }),
            Err(error) => Err(self.read_error(error)),
        }
    }

    /// Reads what follows the end mark's first block.
    fn end(&mut self) -> Result<(), Error> {
        let mut buffer = [0; 4096];
        let mut usual = RECORD;
        loop {
            match self.bytes.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) if is_zero(&buffer[..count]) => {
                    let beyond = (count as u64).saturating_sub(usual);
                    usual = usual.saturating_sub(count as u64);
                    let taken = self.allowance.unpacked(beyond);
                    taken.map_err(|limit| Error::LongEnd {
                        place: self.place(),
                        limit,
                    })?;
                }
                Ok(_other) => {
                    return Err(Error::AfterEnd {
                        place: self.place(),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.read_error(error)),
            }
        }
    }

    pub(super) fn refused(&self, name: &[u8], fault: Fault) -> Error {
        // A megabyte of name is part of the attack, not of the message.
        let shown = &name[..name.len().min(member_name::LONGEST)];
        Error::Entry {
            place: self.place(),
            name: shown.to_vec(),
            fault,
        }
    }
}

/// The stored bytes of the current member.
struct Stored<'m, 'r>(&'m mut Members<'r>);

impl Read for Stored<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.0.content)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        match self.0.bytes.read(&mut buffer[..most])? {
            0 => Err(EndedEarly.into()),
            count => {
                self.0.content -= count as u64;
                Ok(count)
            }
        }
    }
}

fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK as u64) - size
}

/// The content of a GNU `L` or `K`: a name and its closing NUL.
fn long_name(mut data: Vec<u8>) -> Result<Vec<u8>, Fault> {
    let end = data
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(data.len());
    if !is_zero(&data[end..]) {
        return Err(Fault::Extended("a long name goes on after its end"));
    }
    data.truncate(end);
    Ok(data)
}

fn stored_size(header: &Checked<'_>, extended: Option<u64>) -> Result<u64, Fault> {
    let size = header.size()?;
    let stored = match extended {
        Some(extended)
            if size == 0 || size == extended || (size == OCTAL_MAX && extended > size) =>
        {
            extended
        }
        Some(extended) => {
            return Err(Fault::Sizes {
                header: size,
                extended,
            });
        }
        None => size,
    };
    // Keeps every sum with blocks and padding below from overflowing.
    if stored > i64::MAX as u64 {
        Err(Fault::Size)
    } else {
        Ok(stored)
    }
}
