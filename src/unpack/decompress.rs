//! Decompression, told by content: what a name or a media type says is not looked at.
//!
//! Each format may be several streams after each other (gzip members, zstd frames, xz streams, bzip2 streams).
//! Anything after the last one is an error, also zeros (only xz allows those), and so is an end within one.

use std::fmt;
use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use liblzma::stream::{CONCATENATED, Stream};

use super::error::{Error, Place};
use super::header;

/// Bytes of compressed data that are read at once.
const BUFFER: usize = 256 * 1024;
/// What an xz stream may make the decoder allocate: `xz -9` needs 65 MiB.
const XZ_MEMORY: u64 = 512 << 20;
/// Bytes that are looked at to tell what they are: one tar header.
const HEAD: usize = 512;
/// How many of them an error shows.
const SHOWN: usize = 16;

/// How bytes are compressed.
///
/// ```
/// use pyro::unpack::decompress::Compression;
/// assert_eq!(Compression::of(b"\x1f\x8b\x08\0"), Compression::Gzip);
/// assert_eq!(Compression::of(b"boot/"), Compression::None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all, or in a way that is not known.
    None,
    /// gzip, one member or more.
    Gzip,
    /// Zstandard, one frame or more, skippable ones too.
    Zstd,
    /// xz, one stream or more.
    Xz,
    /// bzip2, one stream or more.
    Bzip2,
}

impl Compression {
    /// By the first bytes.
    #[must_use]
    pub fn of(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            _ => Self::None,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        })
    }
}

/// Compressed data that cannot be decompressed: damaged, cut off, or followed by something else.
///
/// It stands inside the `io::Error` of the reader; an error of the underlying bytes is passed on as it is.
#[derive(Debug, thiserror::Error)]
#[error("bad {compression} data (damaged, cut off or followed by something else)")]
pub struct Corrupt {
    /// What it was taken for.
    pub compression: Compression,
    /// What the decoder said.
    #[source]
    pub source: io::Error,
}

/// Whether bytes that begin like `first` may be a tar archive, packed or not: `false` only if they cannot be one.
///
/// ```
/// use pyro::unpack::decompress::may_be_archive;
/// assert!(may_be_archive(&[0; 1024]));
/// assert!(!may_be_archive(b"a kernel, say"));
/// ```
#[must_use]
pub fn may_be_archive(first: &[u8]) -> bool {
    !matches!(reader(Box::new(first)), Err(Error::NotTar { .. }))
}

/// The tar archive in `bytes`, and how it was compressed.
///
/// # Errors
/// When `bytes` is neither a tar archive nor a compressed one, or cannot be read.
///
/// ```
/// use pyro::unpack::decompress::{self, Compression};
/// let (compression, tar) = decompress::reader(Box::new(&[0_u8; 1024][..]))?;
/// assert_eq!(compression, Compression::None);
/// assert!(decompress::reader(Box::new(&b"<html>"[..])).is_err());
/// # Ok::<(), pyro::unpack::Error>(())
/// ```
pub fn reader<'r>(
    bytes: Box<dyn Read + Send + 'r>,
) -> Result<(Compression, Box<dyn Read + Send + 'r>), Error> {
    let source_failed = Arc::new(AtomicBool::new(false));
    let mut source = Source {
        bytes,
        failed: Arc::clone(&source_failed),
    };
    let first = head(&mut source)?;
    let compression = Compression::of(&first);
    let all = BufReader::with_capacity(BUFFER, Cursor::new(first.clone()).chain(source));
    let decoder = decoder(compression, all)?;
    if compression == Compression::None {
        check_tar(compression, &first)?;
        return Ok((compression, decoder));
    }
    let mut tar = Decoded {
        decoder,
        compression,
        source_failed,
    };
    let first = head(&mut tar)?;
    check_tar(compression, &first)?;
    Ok((compression, Box::new(Cursor::new(first).chain(tar))))
}

fn decoder<'r>(
    compression: Compression,
    bytes: impl io::BufRead + Send + 'r,
) -> Result<Box<dyn Read + Send + 'r>, Error> {
    let place = Place::Entry {
        layer: None,
        number: 0,
    };
    let failed = |source| Error::Read { place, source };
    Ok(match compression {
        Compression::None => Box::new(bytes),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(bytes)),
        Compression::Zstd => {
            Box::new(zstd::stream::read::Decoder::with_buffer(bytes).map_err(failed)?)
        }
        Compression::Xz => {
            let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED);
            let stream = stream.map_err(|error| failed(error.into()))?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(bytes, stream))
        }
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(bytes)),
    })
}

fn check_tar(compression: Compression, first: &[u8]) -> Result<(), Error> {
    if header::is_plausible(first) {
        return Ok(());
    }
    Err(Error::NotTar {
        compression,
        first: first[..first.len().min(SHOWN)].to_vec(),
    })
}

fn head(bytes: &mut dyn Read) -> Result<Vec<u8>, Error> {
    let mut first = Vec::with_capacity(HEAD);
    let place = Place::Entry {
        layer: None,
        number: 0,
    };
    bytes
        .take(HEAD as u64)
        .read_to_end(&mut first)
        .map_err(|source| Error::Read { place, source })?;
    Ok(first)
}

/// The compressed bytes; remembers that it was they that failed and not the decoder.
struct Source<'r> {
    bytes: Box<dyn Read + Send + 'r>,
    failed: Arc<AtomicBool>,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer);
        if read
            .as_ref()
            .is_err_and(|error| error.kind() != io::ErrorKind::Interrupted)
        {
            self.failed.store(true, Ordering::Relaxed);
        }
        read
    }
}

struct Decoded<'r> {
    decoder: Box<dyn Read + Send + 'r>,
    compression: Compression,
    source_failed: Arc<AtomicBool>,
}

impl Read for Decoded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.decoder.read(buffer).map_err(|error| {
            if error.kind() == io::ErrorKind::Interrupted
                || self.source_failed.load(Ordering::Relaxed)
            {
                return error;
            }
            let corrupt = Corrupt {
                compression: self.compression,
                source: error,
            };
            io::Error::new(io::ErrorKind::InvalidData, corrupt)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const ALL: [Compression; 4] = [
        Compression::Gzip,
        Compression::Zstd,
        Compression::Xz,
        Compression::Bzip2,
    ];

    /// An archive whose data does not compress to nothing.
    fn tar() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        let content: Vec<u8> = (0..3000_u32)
            .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder
            .append_data(&mut header, "data", &content[..])
            .unwrap();
        builder.into_inner().unwrap()
    }

    fn pack(compression: Compression, bytes: &[u8]) -> Vec<u8> {
        match compression {
            Compression::None => bytes.to_vec(),
            Compression::Gzip => {
                let mut encoder =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Zstd => zstd::encode_all(bytes, 1).unwrap(),
            Compression::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Bzip2 => {
                let mut encoder =
                    bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    fn unpack(bytes: &[u8]) -> Result<(Compression, Vec<u8>), Error> {
        let (compression, mut reader) = reader(Box::new(bytes))?;
        let mut all = Vec::new();
        let place = Place::Entry {
            layer: None,
            number: 0,
        };
        reader
            .read_to_end(&mut all)
            .map_err(|source| Error::Read { place, source })?;
        Ok((compression, all))
    }

    #[test]
    fn each_format_is_told_by_its_content() {
        for compression in ALL.into_iter().chain([Compression::None]) {
            assert_eq!(
                unpack(&pack(compression, &tar())).unwrap(),
                (compression, tar()),
                "{compression}"
            );
        }
    }

    #[test]
    fn several_streams_are_one() {
        let tar = tar();
        for compression in ALL {
            let parts = [&tar[..100], &tar[100..600], &[][..], &tar[600..]];
            let packed: Vec<u8> = parts
                .iter()
                .flat_map(|part| pack(compression, part))
                .collect();
            assert_eq!(
                unpack(&packed).unwrap(),
                (compression, tar.clone()),
                "{compression}"
            );
        }
    }

    #[test]
    fn skippable_frames_are_skipped() {
        let skippable = b"\x53\x2a\x4d\x18\x03\0\0\0abc";
        let packed = [skippable, &pack(Compression::Zstd, &tar())[..], skippable].concat();
        assert_eq!(unpack(&packed).unwrap(), (Compression::Zstd, tar()));
    }

    #[test]
    fn every_cut_is_an_error() {
        for compression in ALL {
            let packed = pack(compression, &tar());
            let near_the_ends = (0..200).chain(packed.len() - 200..packed.len());
            for end in near_the_ends.chain((200..packed.len() - 200).step_by(97)) {
                let error = unpack(&packed[..end])
                    .err()
                    .unwrap_or_else(|| panic!("{compression} cut at {end}"));
                assert!(
                    error.is_bad_source(),
                    "{compression} cut at {end}: {error:?}"
                );
            }
        }
    }

    #[test]
    fn trailing_garbage_is_an_error() {
        for compression in ALL {
            for garbage in [
                &b"x"[..],
                b"\0",
                b"garbage that is longer",
                &[0; 1000][..999],
                b"\x1f",
                b"BZh",
            ] {
                let packed = [&pack(compression, &tar())[..], garbage].concat();
                let error = unpack(&packed)
                    .err()
                    .unwrap_or_else(|| panic!("{compression} and {garbage:?}"));
                assert!(error.is_bad_source(), "{compression}: {error:?}");
            }
        }
    }

    #[test]
    fn what_is_no_archive_shows_its_first_bytes() {
        let error = unpack(b"<!DOCTYPE html><html></html>")
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "not a tar archive (plain, gzip, zstd, xz or bzip2): it begins `<!DOCTYPE html><`"
        );
        let error = unpack(&pack(Compression::Xz, b"\x7fELF"))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "not a tar archive (plain, gzip, zstd, xz or bzip2): xz data that begins `\\u{7f}ELF`"
        );
        assert!(unpack(b"").is_err());
        let nested = pack(Compression::Gzip, &pack(Compression::Gzip, &tar()));
        assert!(matches!(
            unpack(&nested),
            Err(Error::NotTar {
                compression: Compression::Gzip,
                ..
            })
        ));
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the line is dead")]
    struct DeadLine;

    struct Failing<'a>(&'a [u8]);

    impl Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::other(DeadLine)),
                count => Ok(count),
            }
        }
    }

    #[test]
    fn the_error_of_the_bytes_comes_through() {
        for compression in ALL.into_iter().chain([Compression::None]) {
            let packed = pack(compression, &tar());
            for end in [3, packed.len() / 2, packed.len()] {
                let result =
                    reader(Box::new(Failing(&packed[..end]))).and_then(|(_, mut reader)| {
                        let place = Place::Entry {
                            layer: None,
                            number: 0,
                        };
                        reader
                            .read_to_end(&mut Vec::new())
                            .map_err(|source| Error::Read { place, source })
                    });
                let error = result.unwrap_err();
                let inner = error.content_io().and_then(io::Error::get_ref);
                assert!(
                    inner
                        .and_then(|inner| inner.downcast_ref::<DeadLine>())
                        .is_some(),
                    "{compression} at {end}: {error:?}"
                );
                assert!(!error.is_bad_source());
            }
        }
    }
}
