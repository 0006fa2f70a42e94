//! Small trees of files, as a folder and as archives of every kind.

use std::io::Write as _;
use std::path::Path;

/// Names and contents, in the order in which archives list them.
#[derive(Clone, Default)]
pub struct Tree {
    files: Vec<(String, Vec<u8>)>,
}

/// How an archive is compressed.
#[derive(Clone, Copy, Debug)]
pub enum Packing {
    Plain,
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

pub const PACKINGS: [Packing; 5] = [
    Packing::Plain,
    Packing::Gzip,
    Packing::Zstd,
    Packing::Xz,
    Packing::Bzip2,
];

impl Tree {
    pub fn new() -> Self {
        Self::default()
    }

    /// A kernel and a root file system; `seed` makes the content.
    pub fn vm(seed: u8) -> Self {
        Self::new()
            .file("rootfs.ext4", vec![seed; 40_000])
            .file("vmlinux", vec![seed.wrapping_add(1); 9_000])
    }

    /// The same and one more file.
    pub fn file(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((name.to_owned(), content.into()));
        self
    }

    /// The same below a folder.
    pub fn below(&self, folder: &str) -> Self {
        let files = self.files.iter();
        let files = files.map(|(name, content)| (format!("{folder}/{name}"), content.clone()));
        Self {
            files: files.collect(),
        }
    }

    /// Writes it as a folder.
    pub fn write(&self, folder: &Path) {
        fs_err::create_dir_all(folder).unwrap();
        for (name, content) in &self.files {
            let path = folder.join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, content).unwrap();
        }
    }

    /// Writes it as an archive.
    pub fn pack(&self, archive: &Path, packing: Packing) {
        fs_err::create_dir_all(archive.parent().unwrap()).unwrap();
        fs_err::write(archive, packing.pack(&self.tar())).unwrap();
    }

    fn tar(&self) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, content) in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, content.as_slice())
                .unwrap();
        }
        tar.into_inner().unwrap()
    }
}

impl Packing {
    pub fn pack(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => bytes.to_vec(),
            Self::Gzip => {
                let level = flate2::Compression::default();
                let mut out = flate2::write::GzEncoder::new(Vec::new(), level);
                out.write_all(bytes).unwrap();
                out.finish().unwrap()
            }
            Self::Zstd => zstd::encode_all(bytes, 3).unwrap(),
            Self::Xz => {
                let mut out = liblzma::write::XzEncoder::new(Vec::new(), 3);
                out.write_all(bytes).unwrap();
                out.finish().unwrap()
            }
            Self::Bzip2 => {
                let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                out.write_all(bytes).unwrap();
                out.finish().unwrap()
            }
        }
    }
}
