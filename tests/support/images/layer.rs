//! One layer: a tar archive, compressed or not.

use std::io::Write;

use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// The media type of such a layer in an OCI image.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::None => "application/vnd.oci.image.layer.v1.tar",
            Self::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }

    /// Compresses quickly rather than well.
    pub fn apply(self, plain: &[u8]) -> Vec<u8> {
        match self {
            Self::None => plain.to_vec(),
            Self::Gzip => {
                let level = flate2::Compression::fast();
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(plain).unwrap();
                encoder.finish().unwrap()
            }
            Self::Zstd => zstd::encode_all(plain, 1).unwrap(),
        }
    }
}

/// A finished layer.
pub struct Layer {
    pub compression: Compression,
    pub blob: Vec<u8>,
    /// The digest of the archive before compression.
    pub diff_id: String,
}

impl Layer {
    pub fn of(archive: &[u8], compression: Compression) -> Self {
        Self {
            compression,
            blob: compression.apply(archive),
            diff_id: digest(archive),
        }
    }
}

/// `sha256:` and the hex digits.
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

/// Writes the archive of a layer; names are bytes, without a leading slash.
pub struct LayerBuilder {
    tar: tar::Builder<Vec<u8>>,
}

impl LayerBuilder {
    pub fn new() -> Self {
        Self {
            tar: tar::Builder::new(Vec::new()),
        }
    }

    pub fn directory(&mut self, path: &[u8], mode: u32) {
        let mut header = header(EntryType::Directory, mode, 0);
        self.tar
            .append_data(&mut header, name(path), &[][..])
            .unwrap();
    }

    pub fn file(&mut self, path: &[u8], mode: u32, content: &[u8]) {
        let mut header = header(EntryType::Regular, mode, content.len());
        self.tar
            .append_data(&mut header, name(path), content)
            .unwrap();
    }

    pub fn symlink(&mut self, path: &[u8], target: &[u8]) {
        let mut header = header(EntryType::Symlink, 0o777, 0);
        self.tar
            .append_link(&mut header, name(path), name(target))
            .unwrap();
    }

    /// A second name for a file of this layer or an earlier one.
    pub fn hard_link(&mut self, path: &[u8], file: &[u8]) {
        let mut header = header(EntryType::Link, 0o644, 0);
        self.tar
            .append_link(&mut header, name(path), name(file))
            .unwrap();
    }

    /// Removes what an earlier layer has there.
    pub fn whiteout(&mut self, path: &[u8]) {
        let at = path
            .iter()
            .rposition(|byte| *byte == b'/')
            .map_or(0, |slash| slash + 1);
        self.file(&[&path[..at], b".wh.", &path[at..]].concat(), 0o644, b"");
    }

    /// Removes all that earlier layers have in a folder.
    pub fn opaque(&mut self, folder: &[u8]) {
        self.file(&[folder, b"/.wh..wh..opq"].concat(), 0o644, b"");
    }

    /// The archive as it is.
    pub fn archive(self) -> Vec<u8> {
        self.tar.into_inner().unwrap()
    }

    pub fn finish(self, compression: Compression) -> Layer {
        Layer::of(&self.archive(), compression)
    }
}

fn header(kind: EntryType, mode: u32, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size as u64);
    header.set_mtime(1_700_000_000);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn name(bytes: &[u8]) -> &std::path::Path {
    use std::os::unix::ffi::OsStrExt as _;
    std::ffi::OsStr::from_bytes(bytes).as_ref()
}
