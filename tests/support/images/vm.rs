//! A real VM environment: a kernel of Debian's and an ext4 image, in each of the shapes that a source can have.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::kept::kept;
use super::layer::{Compression, Layer, LayerBuilder};
use super::layout::{HOST, Layout};
use super::packages::{Installed, installed};

const KERNEL: &str = "vmlinux";
const ROOTFS: &str = "rootfs.ext4";
const PACKAGES: &[&str] = &["base-files", "bash", "coreutils", "libc6", "libtinfo6"];
/// Raised when the recipe below changes.
const RECIPE: u32 = 1;

/// The tag of the image in its layout.
pub const TAG: &str = "1.0.0";

/// The environment on disk.
pub struct VmEnvironment {
    kept: PathBuf,
}

impl VmEnvironment {
    /// Makes it, or finds it as an earlier test made it.
    pub fn get() -> Self {
        let packages = installed(PACKAGES);
        let kernel = kernel();
        let key = format!("{RECIPE} {packages:?} {}", digest_of(&kernel));
        let kept = kept("vm", &key, |folder| make(folder, &kernel, &packages));
        Self { kept }
    }

    /// `vmlinux` and `rootfs.ext4`.
    pub fn folder(&self) -> PathBuf {
        self.kept.join("files")
    }

    pub fn kernel(&self) -> Vec<u8> {
        fs_err::read(self.folder().join(KERNEL)).unwrap()
    }

    pub fn rootfs(&self) -> Vec<u8> {
        fs_err::read(self.folder().join(ROOTFS)).unwrap()
    }

    /// Both in one archive: `vm.tar.gz`, `vm.tar.zst`.
    pub fn archive(&self, compression: Compression) -> PathBuf {
        self.kept.join(match compression {
            Compression::None => "vm.tar",
            Compression::Gzip => "vm.tar.gz",
            Compression::Zstd => "vm.tar.zst",
        })
    }

    /// An image of two gzip layers, one file in each.
    pub fn layout(&self) -> Layout {
        Layout::at(&self.kept.join("layout"))
    }
}

/// Where `tests/gate/setup.sh` puts the kernel that it gets from the Debian package.
pub(super) fn kernel() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let kernel = target.join("kernel/vmlinuz");
    assert!(
        kernel.exists(),
        "{} is not there; `make setup` gets it",
        kernel.display()
    );
    kernel
}

fn digest_of(file: &Path) -> String {
    blake3::hash(&fs_err::read(file).unwrap())
        .to_hex()
        .to_string()
}

fn make(folder: &Path, kernel: &Path, packages: &[(String, String)]) {
    let files = folder.join("files");
    fs_err::create_dir(&files).unwrap();
    fs_err::copy(kernel, files.join(KERNEL)).unwrap();
    ext4(&files.join(ROOTFS), packages);
    let contents = [KERNEL, ROOTFS].map(|name| (name, fs_err::read(files.join(name)).unwrap()));

    let mut both = LayerBuilder::new();
    for (name, content) in &contents {
        both.file(name.as_bytes(), 0o644, content);
    }
    let archive = both.archive();
    for (compression, name) in [
        (Compression::None, "vm.tar"),
        (Compression::Gzip, "vm.tar.gz"),
        (Compression::Zstd, "vm.tar.zst"),
    ] {
        fs_err::write(folder.join(name), compression.apply(&archive)).unwrap();
    }

    let layers: Vec<Layer> = contents
        .iter()
        .map(|(name, content)| {
            let mut layer = LayerBuilder::new();
            layer.file(name.as_bytes(), 0o644, content);
            layer.finish(Compression::Gzip)
        })
        .collect();
    let layout = Layout::create(&folder.join("layout"));
    let image = layout.image(HOST, &layers);
    layout.tag(&[(TAG, &image)]);
}

/// A file system of 64 MiB, mostly holes, with a small Debian in it.
fn ext4(image: &Path, packages: &[(String, String)]) {
    let tree = tempfile::tempdir().unwrap();
    Installed::by(packages).copy_to(tree.path());
    let path = std::env::var("PATH").unwrap_or_default();
    let made = Command::new("mke2fs")
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .args(["-q", "-t", "ext4", "-d"])
        .arg(tree.path())
        .arg(image)
        .arg("64M")
        .output()
        .expect("mke2fs is installed");
    assert!(made.status.success(), "mke2fs: {made:?}");
}
