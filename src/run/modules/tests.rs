//! Modules that are made here: an ELF header, a table of sections, `.modinfo`.

use std::io::Write as _;

use proptest::prelude::*;

use super::modinfo::ModInfo;
use super::{Error, Modules};

/// The smallest file that says these texts of itself.
fn elf(texts: &[&str]) -> Vec<u8> {
    let names = b"\0.shstrtab\0.modinfo\0";
    let info: Vec<u8> = texts
        .iter()
        .flat_map(|text| [text.as_bytes(), b"\0"].concat())
        .collect();
    let mut file = b"\x7fELF\x02\x01".to_vec();
    file.resize(0x40, 0);
    let names_at = file.len();
    file.extend_from_slice(names);
    let info_at = file.len();
    file.extend_from_slice(&info);
    let table = file.len();
    let header = |name: u32, at: usize, size: usize| {
        let mut header = vec![0; 0x40];
        header[..4].copy_from_slice(&name.to_le_bytes());
        header[0x18..0x20].copy_from_slice(&(at as u64).to_le_bytes());
        header[0x20..0x28].copy_from_slice(&(size as u64).to_le_bytes());
        header
    };
    file.extend(header(0, 0, 0));
    file.extend(header(1, names_at, names.len()));
    file.extend(header(11, info_at, info.len()));
    file[0x28..0x30].copy_from_slice(&(table as u64).to_le_bytes());
    file[0x3a..0x40].copy_from_slice(&[0x40, 0, 3, 0, 1, 0]);
    file
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn module(self, path: &str, bytes: &[u8]) -> Self {
        let path = self.0.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
        self
    }

    fn order(&self, release: Option<&str>, wanted: &[&str]) -> Result<Vec<String>, Error> {
        let modules = Modules::find(self.0.path(), release)?.load(wanted)?;
        Ok(modules.into_iter().map(|module| module.name).collect())
    }
}

#[test]
fn each_comes_after_what_it_needs_and_once() {
    let folder = Folder::new()
        .module(
            "6.1/kernel/d/virtio_blk.ko",
            &elf(&["license=GPL", "depends=virtio,virtio_ring"]),
        )
        .module("6.1/kernel/virtio.ko", &elf(&["depends="]))
        .module("6.1/kernel/virtio-ring.ko", &elf(&["depends=virtio"]))
        .module(
            "6.1/kernel/ext4.ko",
            &elf(&["softdep=pre: crc32c virtio-ring post: other", "depends="]),
        )
        .module("6.1/kernel/other.ko", &elf(&["depends="]))
        .module("6.1/modules.dep", b"");
    let order = folder.order(None, &["ext4", "virtio_blk", "built_in"]);
    assert_eq!(
        order.unwrap(),
        ["virtio", "virtio_ring", "ext4", "virtio_blk"]
    );
}

#[test]
fn packed_ones_are_unpacked() {
    let plain = elf(&["depends="]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&plain).unwrap();
    let folder = Folder::new()
        .module("6.1/a.ko.gz", &gzip.finish().unwrap())
        .module("6.1/b.ko.xz", &xz.finish().unwrap())
        .module("6.1/c.ko.zst", &zstd::encode_all(&plain[..], 1).unwrap());
    let modules = Modules::find(folder.0.path(), None).unwrap();
    let modules = modules.load(&["a", "b", "c"]).unwrap();
    assert_eq!(modules.len(), 3);
    assert!(modules.iter().all(|module| module.bytes == plain));
}

#[test]
fn what_is_damaged_or_missing_is_named() {
    let folder = Folder::new()
        .module("6.1/a.ko", &elf(&["depends=gone"]))
        .module("6.1/b.ko", b"no module")
        .module("6.1/c.ko.xz", b"no xz");
    let why = |name| folder.order(None, &[name]).unwrap_err().to_string();
    assert!(why("a").contains("it needs `gone`, which is not there") && why("a").contains("a.ko"));
    assert!(why("b").contains("no ELF file") && why("b").contains("b.ko"));
    assert!(why("c").contains("cannot read") && why("c").contains("c.ko.xz"));
}

#[test]
fn of_several_kernels_the_one_that_is_booted_counts() {
    let folder = Folder::new()
        .module("6.1/kernel/a.ko", &elf(&["depends=b"]))
        .module("6.1/kernel/b.ko", &elf(&["depends="]))
        .module("6.5/kernel/a.ko", &elf(&["depends="]));
    assert_eq!(folder.order(Some("6.1"), &["a"]).unwrap(), ["b", "a"]);
    assert_eq!(folder.order(Some("6.5"), &["a"]).unwrap(), ["a"]);
    for unknown in [None, Some("6.2")] {
        let error = folder.order(unknown, &["a"]).unwrap_err();
        assert!(
            error.to_string().contains("has modules of 6.1, 6.5"),
            "{error}"
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = ModInfo::read(&bytes);
    }

    #[test]
    fn a_damaged_module_is_read_or_refused(at in 0..400_usize, byte in any::<u8>()) {
        let mut bytes = elf(&["depends=a,b"]);
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = ModInfo::read(&bytes);
        let _ = ModInfo::read(&bytes[..at]);
    }
}
