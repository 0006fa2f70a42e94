//! Archives made byte by byte, so that they can say what no writer of archives would.

/// An archive in the making.
#[derive(Clone, Default)]
pub struct Tar(pub Vec<u8>);

/// A ustar header with these fields and a right checksum.
pub fn header(kind: u8, name: &[u8], target: &[u8], size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    let old = header.as_old_mut();
    old.name[..name.len()].copy_from_slice(name);
    old.linkname[..target.len()].copy_from_slice(target);
    old.linkflag = [kind];
    header.set_size(size);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    header
}

impl Tar {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Bytes and their padding.
    pub fn data(self, bytes: &[u8]) -> Self {
        let padding = vec![0; bytes.len().next_multiple_of(512) - bytes.len()];
        self.raw(bytes).raw(&padding)
    }

    pub fn member(self, kind: u8, name: impl AsRef<[u8]>, target: &str, content: &[u8]) -> Self {
        let mode = if kind == b'5' { 0o755 } else { 0o644 };
        let header = header(
            kind,
            name.as_ref(),
            target.as_bytes(),
            content.len() as u64,
            mode,
        );
        self.raw(header.as_bytes()).data(content)
    }

    pub fn file(self, name: impl AsRef<[u8]>, content: &str) -> Self {
        self.member(b'0', name, "", content.as_bytes())
    }

    pub fn mode(self, name: &str, mode: u32) -> Self {
        self.raw(header(b'0', name.as_bytes(), b"", 0, mode).as_bytes())
    }

    pub fn dir(self, name: impl AsRef<[u8]>) -> Self {
        self.member(b'5', name, "", b"")
    }

    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.member(b'2', name, target, b"")
    }

    pub fn hard_link(self, name: &str, target: &str) -> Self {
        self.member(b'1', name, target, b"")
    }

    pub fn device(self, kind: u8, name: &str, major: u32, minor: u32) -> Self {
        let mut header = header(kind, name.as_bytes(), b"", 0, 0o644);
        header.set_device_major(major).unwrap();
        header.set_device_minor(minor).unwrap();
        header.set_cksum();
        self.raw(header.as_bytes())
    }

    /// An extended header of type `x` or `g`.
    pub fn pax(self, kind: u8, records: &[(&str, &[u8])]) -> Self {
        let mut data = Vec::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let mut length = rest + 1;
            while rest + length.to_string().len() != length {
                length += 1;
            }
            data.extend_from_slice(format!("{length} {key}=").as_bytes());
            data.extend_from_slice(value);
            data.push(b'\n');
        }
        self.member(kind, "pax", "", &data)
    }

    pub fn x(self, key: &str, value: &[u8]) -> Self {
        self.pax(b'x', &[(key, value)])
    }

    /// A GNU member of type `S`: a file of `size` bytes that stores `content` in these regions, at most four.
    pub fn gnu_sparse(self, name: &str, size: u64, regions: &[(u64, u64)], content: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        let gnu = header.as_gnu_mut().unwrap();
        gnu.name[..name.len()].copy_from_slice(name.as_bytes());
        gnu.typeflag = [b'S'];
        gnu.set_real_size(size);
        for (slot, (offset, length)) in gnu.sparse.iter_mut().zip(regions) {
            slot.set_offset(*offset);
            slot.set_length(*length);
        }
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.raw(header.as_bytes()).data(content)
    }

    /// A GNU long name (`L`) or long link target (`K`).
    pub fn long(self, kind: u8, name: &[u8]) -> Self {
        self.member(kind, "././@LongLink", "", &[name, b"\0"].concat())
    }

    pub fn end(self) -> Vec<u8> {
        self.raw(&[0; 1024]).0
    }
}
