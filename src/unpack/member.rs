//! One member of a tar archive: what it is called, what it is, and how its type byte becomes that.

use super::error::Fault;
use super::header::Checked;
use super::sparse::SparseMap;

/// What a member is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    /// `size` counts the holes.
    File {
        size: u64,
        map: Option<SparseMap>,
    },
    Symlink {
        target: Vec<u8>,
    },
    HardLink {
        target: Vec<u8>,
    },
    CharDevice {
        major: u64,
        minor: u64,
    },
    BlockDevice,
    Fifo,
    VolumeLabel,
}

/// One member.
#[derive(Debug)]
pub(super) struct Member {
    /// Counted from 1.
    pub(super) number: u64,
    /// As it came.
    pub(super) name: Vec<u8>,
    pub(super) kind: Kind,
    /// Permission bits and setuid, setgid and sticky.
    pub(super) mode: u32,
    /// Whether extended attributes came with it.
    pub(super) xattrs: bool,
}

impl Member {
    /// What a link names; empty for anything else.
    pub(super) fn target(&self) -> &[u8] {
        match &self.kind {
            Kind::Symlink { target } | Kind::HardLink { target } => target,
            _ => &[],
        }
    }
}

/// What the type byte says; only files have content, and a name that ends in a slash is a folder's.
pub(super) fn kind(
    header: &Checked<'_>,
    name: &[u8],
    size: u64,
    map: Option<SparseMap>,
    target: Vec<u8>,
) -> Result<Kind, Fault> {
    let slash = name.ends_with(b"/");
    let (kind, called) = match header.kind() {
        // The oldest format has no type for folders, just the slash.
        0 if slash && map.is_none() => (Kind::Directory, "folder"),
        0 | b'0' | b'7' | b'S' if slash => {
            return Err(Fault::Header("a file whose name ends like a folder's"));
        }
        0 | b'0' | b'7' | b'S' => {
            let size = map.as_ref().map_or(size, SparseMap::size);
            return Ok(Kind::File { size, map });
        }
        _ if map.is_some() => return Err(Fault::Sparse("it is no file")),
        b'1' => (Kind::HardLink { target }, "hard link"),
        b'2' => (Kind::Symlink { target }, "symlink"),
        b'3' => {
            let (major, minor) = header.device()?;
            (Kind::CharDevice { major, minor }, "character device")
        }
        b'4' => (Kind::BlockDevice, "block device"),
        b'5' => (Kind::Directory, "folder"),
        b'6' => (Kind::Fifo, "fifo"),
        b'V' => (Kind::VolumeLabel, "volume label"),
        other => return Err(Fault::Type(other)),
    };
    if slash && !matches!(kind, Kind::Directory) {
        return Err(Fault::Header("a name that ends like a folder's"));
    }
    if size > 0 {
        return Err(Fault::Body(called, size));
    }
    Ok(kind)
}
