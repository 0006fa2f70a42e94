//! What file system an image holds, told by its content.

use std::fmt;
use std::os::unix::fs::FileExt as _;

use fs_err::File;

use super::error::Error;

/// A type of file system that a root can be.
///
/// ```
/// use pyro::run::FileSystemType;
/// assert_eq!(FileSystemType::Ext4.to_string(), "ext4");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystemType {
    /// ext2, ext3 or ext4.
    Ext4,
    /// EROFS.
    Erofs,
    /// SquashFS.
    Squashfs,
    /// XFS.
    Xfs,
    /// Btrfs.
    Btrfs,
}

/// Where each has its mark, and what it is.
const MARKS: [(FileSystemType, u64, &[u8]); 5] = [
    (FileSystemType::Ext4, 1080, &[0x53, 0xef]),
    (FileSystemType::Erofs, 1024, &[0xe2, 0xe1, 0xf5, 0xe0]),
    (FileSystemType::Squashfs, 0, b"hsqs"),
    (FileSystemType::Xfs, 0, b"XFSB"),
    (FileSystemType::Btrfs, 65600, b"_BHRfS_M"),
];

impl FileSystemType {
    /// That of an image.
    pub(super) fn of(image: &File) -> Result<Self, Error> {
        for (kind, at, mark) in MARKS {
            let mut bytes = [0; 8];
            let bytes = &mut bytes[..mark.len()];
            match image.file().read_exact_at(bytes, at) {
                Ok(()) if bytes == mark => return Ok(kind),
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {}
                Err(error) => return Err(Error::io("read", image.path(), error)),
            }
        }
        let path = image.path().to_owned();
        Err(Error::UnknownImage { path })
    }

    /// The module that reads it, which is also the word for mounting it.
    pub(super) const fn module(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Erofs => "erofs",
            Self::Squashfs => "squashfs",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
        }
    }
}

impl fmt::Display for FileSystemType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.module())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_by_its_mark_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        let of = |bytes: &[u8]| {
            fs_err::write(&path, bytes).unwrap();
            FileSystemType::of(&File::open(&path).unwrap())
        };
        for (kind, at, mark) in MARKS {
            let mut bytes = vec![0; usize::try_from(at).unwrap()];
            bytes.extend_from_slice(mark);
            assert_eq!(of(&bytes).unwrap(), kind);
            bytes.pop();
            assert!(
                matches!(of(&bytes), Err(Error::UnknownImage { .. })),
                "{kind}"
            );
        }
        assert!(of(b"").unwrap_err().to_string().contains("/image"));
    }
}
