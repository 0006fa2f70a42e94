//! What the environments of these tests are made from: small, and with every kind of entry.

use std::path::Path;

use fs_err::os::unix::fs::FileExt as _;

use crate::support::images::layer::{Compression, LayerBuilder};
use crate::support::images::layout::{HOST, Layout};
use crate::support::scene::Scene;

/// More files than are synced one by one, so many that the sync begins beside the second walk; but for the first ones a
/// thread makes them, in several batches.
const MANY: usize = 300;

/// Writes all versions of every source below `sources/` in the project.
pub fn write(scene: &Scene) {
    let folder = scene.project().join("sources");
    fs_err::create_dir(&folder).unwrap();
    for version in 1..=3 {
        fs_err::write(folder.join(format!("env-{version}.tar")), archive(version)).unwrap();
        tool(&folder.join(format!("tool-{version}")), version);
    }
    fs_err::write(folder.join("many.tar"), many()).unwrap();
    for name in names() {
        let file = folder.join("many").join(&name);
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
        fs_err::write(file, name).unwrap();
    }
    large(&folder.join("large"));
    image(&folder.join("image"));
}

/// A file of three pieces that are copied by several threads: data in the first and the last one, and over a border.
fn large(folder: &Path) {
    fs_err::create_dir(folder).unwrap();
    let file = fs_err::File::create_new(folder.join("disk")).unwrap();
    file.set_len((17 << 20) + 5).unwrap();
    for at in [4096, (8 << 20) - 5000, 17 << 20] {
        file.write_all_at(&[7; 5005][..], at).unwrap();
    }
}

/// An archive with a file that has two names, an artifact that may be executed, a hole, a link and a folder.
fn archive(version: u8) -> Vec<u8> {
    let mut tar = LayerBuilder::new();
    tar.directory(b"bin", 0o755);
    tar.file(b"bin/run", 0o755, format!("run {version}").as_bytes());
    tar.hard_link(b"bin/again", b"bin/run");
    tar.file(b"vmlinux", 0o755, &[version; 5000]);
    let hole = [&[version; 4096][..], &[0; 8192]].concat();
    tar.file(b"disk", 0o644, &hole);
    tar.symlink(b"latest", b"bin/run");
    tar.archive()
}

/// A local folder.
fn tool(folder: &Path, version: u8) {
    fs_err::create_dir_all(folder.join("share/tool")).unwrap();
    for name in ["tool", "share/tool/data"] {
        fs_err::write(folder.join(name), format!("{name} {version}")).unwrap();
    }
    fs_err::os::unix::fs::symlink("share/tool/data", folder.join("data")).unwrap();
}

fn many() -> Vec<u8> {
    let mut tar = LayerBuilder::new();
    for name in names() {
        tar.file(name.as_bytes(), 0o644, name.as_bytes());
    }
    tar.archive()
}

/// The names of many files, each of which is also its content.
fn names() -> impl Iterator<Item = String> {
    (0..MANY).map(|file| format!("folder{}/{file}", file % 3))
}

/// An image layout: the second version adds a layer that takes away and replaces.
fn image(folder: &Path) {
    let layout = Layout::create(folder);
    let mut below = LayerBuilder::new();
    for name in ["etc/keep", "etc/gone", "opt/all/a", "opt/all/b", "replaced"] {
        below.file(name.as_bytes(), 0o644, name.as_bytes());
    }
    let mut above = LayerBuilder::new();
    above.whiteout(b"etc/gone");
    above.opaque(b"opt/all");
    above.file(b"opt/all/c", 0o644, b"c");
    above.file(b"replaced", 0o755, b"anew");
    let layers = [
        below.finish(Compression::Gzip),
        above.finish(Compression::None),
    ];
    let old = layout.image(HOST, &layers[..1]);
    let new = layout.image(HOST, &layers);
    layout.tag(&[("1", &old), ("2", &new)]);
}
