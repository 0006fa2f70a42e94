//! Files with holes: where the data of a member belongs.
//!
//! Four formats, all of GNU tar: its own type `S` (regions in the header and in blocks after it), PAX 0.0 (one
//! record each), PAX 0.1 (one record for all) and PAX 1.0 (text before the data). In each, the regions ascend, do
//! not overlap, and hold just what the member stores. A region whose length is no multiple of 512, unless it is
//! the last, is padded by some writers and not by others: refused.

use std::io::{self, Read};

use super::error::Fault;
use super::header::{BLOCK, number};
use super::pax::decimal;

/// More regions than any honest file has; each costs 16 bytes of memory.
const REGIONS: usize = 1 << 20;

/// Some bytes of a file that are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Region {
    offset: u64,
    length: u64,
}

/// Where the stored bytes of a file belong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SparseMap {
    regions: Vec<Region>,
    size: u64,
}

impl SparseMap {
    /// Checks that `regions` lie within `size` and hold `stored` bytes.
    fn new(regions: Vec<Region>, size: u64, stored: u64) -> Result<Self, Fault> {
        let (mut end, mut held) = (0_u64, 0_u64);
        for region in &regions {
            if region.offset < end {
                return Err(Fault::Sparse("its regions overlap or go back"));
            }
            if region.length > 0 && held % BLOCK as u64 != 0 {
                return Err(Fault::Sparse(
                    "a region before the last is no multiple of 512 bytes",
                ));
            }
            let region_end = region
                .offset
                .checked_add(region.length)
                .filter(|end| *end <= size);
            end = region_end.ok_or(Fault::Sparse("a region lies beyond its end"))?;
            held += region.length;
        }
        if held != stored {
            return Err(Fault::Sparse(
                "its regions hold more or less than is stored",
            ));
        }
        Ok(Self { regions, size })
    }

    /// The length of the file, holes and all.
    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

fn push(regions: &mut Vec<Region>, offset: u64, length: u64) -> Result<(), Fault> {
    if regions.len() == REGIONS {
        return Err(Fault::Sparse("more than 1,048,576 regions"));
    }
    regions.push(Region { offset, length });
    Ok(())
}

/// What PAX records say about holes.
#[derive(Debug, Default)]
pub(super) struct PaxSparse {
    pub(super) name: Option<Vec<u8>>,
    version: (Option<u64>, Option<u64>),
    size: Option<u64>,
    count: Option<u64>,
    regions: Vec<Region>,
    offset: Option<u64>,
    any: bool,
}

/// Where the regions of a PAX sparse file are.
#[derive(Debug)]
pub(super) enum PaxMap {
    /// In the records.
    Known(SparseMap),
    /// Before the data, which is `size` bytes long with its holes.
    BeforeData { size: u64 },
}

impl PaxSparse {
    /// Takes the record `GNU.sparse.<key>`.
    pub(super) fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        self.any = true;
        let slot = match key {
            b"name" if self.name.is_none() => {
                self.name = Some(value.to_vec());
                return Ok(());
            }
            b"numbytes" => {
                let offset = self
                    .offset
                    .take()
                    .ok_or(Fault::Sparse("a length without an offset"))?;
                return push(&mut self.regions, offset, decimal(value)?);
            }
            b"map" if self.regions.is_empty() => return self.take_map(value),
            b"offset" => &mut self.offset,
            b"major" => &mut self.version.0,
            b"minor" => &mut self.version.1,
            b"size" | b"realsize" => &mut self.size,
            b"numblocks" => &mut self.count,
            _ => return Err(Fault::Sparse("a record that is not known, or there twice")),
        };
        if slot.is_some() {
            return Err(Fault::Sparse("a record is there twice"));
        }
        *slot = Some(decimal(value)?);
        Ok(())
    }

    fn take_map(&mut self, value: &[u8]) -> Result<(), Fault> {
        if value.is_empty() {
            return Ok(());
        }
        let mut numbers = value.split(|&byte| byte == b',');
        while let Some(offset) = numbers.next() {
            let length = numbers.next().ok_or(Fault::Sparse("a length is missing"))?;
            push(&mut self.regions, decimal(offset)?, decimal(length)?)?;
        }
        Ok(())
    }

    /// What kind of map the member has, that stores `stored` bytes; `None` where it is no sparse file.
    pub(super) fn map(self, stored: u64) -> Result<Option<PaxMap>, Fault> {
        if !self.any {
            return Ok(None);
        }
        let size = self.size.ok_or(Fault::Sparse("its size is missing"))?;
        match self.version {
            (Some(1), Some(0))
                if self.regions.is_empty() && self.offset.is_none() && self.count.is_none() =>
            {
                Ok(Some(PaxMap::BeforeData { size }))
            }
            (None, None) | (Some(0), Some(0 | 1)) => {
                if self.offset.is_some() || self.count != Some(self.regions.len() as u64) {
                    return Err(Fault::Sparse("its regions are not as many as announced"));
                }
                SparseMap::new(self.regions, size, stored).map(|map| Some(PaxMap::Known(map)))
            }
            _ => Err(Fault::Sparse("a version that is not known")),
        }
    }
}

/// Reads the map before the data of format 1.0: decimal lines (how many regions, then offset and length of each),
/// padded to a block. `stored` is what map and data take together.
pub(super) fn map_before_data(
    data: &mut dyn Read,
    size: u64,
    stored: u64,
) -> io::Result<Result<SparseMap, Fault>> {
    let mut lines = Lines {
        data,
        block: [0; BLOCK],
        at: BLOCK,
        taken: 0,
        stored,
    };
    let count = match lines.number()? {
        Ok(count) => count,
        Err(fault) => return Ok(Err(fault)),
    };
    let mut regions = Vec::new();
    for _ in 0..count {
        let region = (lines.number()?, lines.number()?);
        let pushed = match region {
            (Ok(offset), Ok(length)) => push(&mut regions, offset, length),
            (Err(fault), _) | (_, Err(fault)) => Err(fault),
        };
        if let Err(fault) = pushed {
            return Ok(Err(fault));
        }
    }
    Ok(SparseMap::new(regions, size, stored - lines.taken))
}

struct Lines<'d> {
    data: &'d mut dyn Read,
    block: [u8; BLOCK],
    at: usize,
    taken: u64,
    stored: u64,
}

impl Lines<'_> {
    fn number(&mut self) -> io::Result<Result<u64, Fault>> {
        let mut digits = Vec::with_capacity(20);
        loop {
            if self.at == BLOCK {
                if self.stored - self.taken < BLOCK as u64 {
                    return Ok(Err(Fault::Sparse("its map is longer than what is stored")));
                }
                self.data.read_exact(&mut self.block)?;
                self.taken += BLOCK as u64;
                self.at = 0;
            }
            let byte = self.block[self.at];
            self.at += 1;
            match byte {
                b'\n' => return Ok(decimal(&digits)),
                b'0'..=b'9' if digits.len() < 20 => digits.push(byte),
                _ => return Ok(Err(Fault::Sparse("its map is not made of numbers"))),
            }
        }
    }
}

/// Reads the map of a GNU member of type `S`: four regions in its header, more in blocks between it and the data.
pub(super) fn gnu_map(
    header: &tar::GnuHeader,
    stored: u64,
    mut next_block: impl FnMut() -> io::Result<[u8; BLOCK]>,
) -> io::Result<Result<SparseMap, Fault>> {
    /// Where, in a block of regions, it says whether another one follows.
    const MORE: usize = 21 * 24;
    let mut regions = Vec::new();
    let first = header
        .sparse
        .iter()
        .flat_map(|region| [&region.offset, &region.numbytes]);
    let first: Vec<u8> = first.flatten().copied().collect();
    let mut taken = take_regions(&mut regions, &first);
    let mut more = header.isextended[0] != 0;
    while more && taken.is_ok() {
        let block = next_block()?;
        taken = take_regions(&mut regions, &block[..MORE]);
        more = block[MORE] != 0;
    }
    Ok(taken.and_then(|()| {
        let size = number(&header.realsize).ok_or(Fault::Sparse("its size is no number"))?;
        SparseMap::new(regions, size, stored)
    }))
}

fn take_regions(regions: &mut Vec<Region>, fields: &[u8]) -> Result<(), Fault> {
    for pair in fields.chunks_exact(24) {
        let (offset, length) = pair.split_at(12);
        if offset[0] == 0 || length[0] == 0 {
            break;
        }
        let pair = number(offset)
            .zip(number(length))
            .ok_or(Fault::Sparse("a region is no number"))?;
        push(regions, pair.0, pair.1)?;
    }
    Ok(())
}

/// A sparse file as it reads: zeros where it has holes.
pub(super) struct Expanded<'m, R> {
    data: R,
    regions: std::slice::Iter<'m, Region>,
    current: Option<Region>,
    position: u64,
    size: u64,
}

impl<'m, R: Read> Expanded<'m, R> {
    pub(super) fn new(map: &'m SparseMap, data: R) -> Self {
        let mut regions = map.regions.iter();
        let current = regions.next().copied();
        Self {
            data,
            regions,
            current,
            position: 0,
            size: map.size,
        }
    }
}

impl<R: Read> Read for Expanded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(region) = self.current {
            if self.position < region.offset + region.length {
                break;
            }
            self.current = self.regions.next().copied();
        }
        let until = |end: u64| {
            usize::try_from(end - self.position)
                .unwrap_or(usize::MAX)
                .min(buffer.len())
        };
        let count = match self.current {
            Some(region) if region.offset <= self.position => {
                let part = until(region.offset + region.length);
                self.data.read(&mut buffer[..part])?
            }
            gap => {
                let part = until(gap.map_or(self.size, |region| region.offset));
                buffer[..part].fill(0);
                part
            }
        };
        self.position += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(regions: &[(u64, u64)], size: u64, stored: u64) -> Result<SparseMap, Fault> {
        let regions = regions
            .iter()
            .map(|&(offset, length)| Region { offset, length })
            .collect();
        SparseMap::new(regions, size, stored)
    }

    #[test]
    fn regions_must_ascend_fit_and_hold_what_is_stored() {
        assert!(map(&[(0, 512), (1024, 3), (2000, 0)], 2000, 515).is_ok());
        assert!(map(&[(1024, 512), (0, 512)], 2000, 1024).is_err());
        assert!(map(&[(0, 1024), (512, 512)], 2000, 1536).is_err());
        assert!(map(&[(1990, 512)], 2000, 512).is_err());
        assert!(map(&[(u64::MAX, 512)], u64::MAX, 512).is_err());
        assert!(map(&[(0, 512)], 2000, 511).is_err());
        assert!(map(&[(0, 3), (1024, 512)], 2000, 515).is_err());
    }

    #[test]
    fn holes_read_as_zeros() {
        let map = map(&[(2, 512), (600, 2)], 610, 514).unwrap();
        let data: Vec<u8> = std::iter::repeat_n(b'x', 514).collect();
        let mut all = Vec::new();
        Expanded::new(&map, &data[..])
            .read_to_end(&mut all)
            .unwrap();
        let parts = [&[0; 2][..], &[b'x'; 512], &[0; 86], b"xx", &[0; 8]];
        assert_eq!(all, parts.concat());
    }

    #[test]
    fn a_map_before_the_data_is_read_strictly() {
        let read = |text: &str, stored: u64| {
            let mut block = text.as_bytes().to_vec();
            block.resize(BLOCK, 0);
            map_before_data(&mut &block[..], 5000, stored).unwrap()
        };
        assert!(read("1\n0\n512\n", 1024).is_ok());
        assert!(read("2\n0\n512\n5000\n0\n", 1024).is_ok());
        assert!(read("2\n0\n512\n", 1024).is_err());
        assert!(read("1\n-1\n512\n", 1024).is_err());
        assert!(read("999999999999999999999999\n", 1024).is_err());
        assert!(read("1\n0\n512\n", 2048).is_err());
        assert!(read("1\n0\n512\n", 100).is_err());
    }
}
