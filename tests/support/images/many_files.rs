//! A real image of some thousand files: installed packages in three layers, the last of which takes away and replaces.

use super::kept::kept;
use super::layer::{Compression, Layer, LayerBuilder};
use super::layout::{HOST, Layout};
use super::packages::{Installed, content, installed};

/// Essential packages, on every Debian.
const BASE: &[&str] = &[
    "base-files",
    "bash",
    "coreutils",
    "diffutils",
    "dpkg",
    "findutils",
    "grep",
    "libc-bin",
    "perl-base",
    "sed",
    "tar",
    "util-linux",
];
/// What comes on top; the tests want these anyway, or they are common.
const MORE: &[&str] = &["git", "tzdata", "xz-utils", "zstd", "e2fsprogs", "perl"];
/// Raised when the recipe below changes.
const RECIPE: u32 = 1;

/// The tag of the image in its layout.
pub const TAG: &str = "1.0.0";

/// The layout of the image with layers of one compression.
pub fn many_files(compression: Compression) -> Layout {
    let (base, more) = (installed(BASE), installed(MORE));
    let key = format!("{RECIPE} {base:?} {more:?}");
    let folder = kept("many-files", &key, |folder| make(folder, &base, &more));
    Layout::at(&folder.join(format!("{compression:?}").to_lowercase()))
}

type Packages = [(String, String)];

fn make(folder: &std::path::Path, base: &Packages, more: &Packages) {
    let (base, more) = (Installed::by(base), Installed::by(more));
    let layers = [of_packages(&base), of_packages(&more), changes(&base)];
    let archives = layers.map(LayerBuilder::archive);
    for compression in [Compression::Gzip, Compression::Zstd] {
        let name = format!("{compression:?}").to_lowercase();
        let layout = Layout::create(&folder.join(name));
        let layers: Vec<Layer> = archives
            .iter()
            .map(|archive| Layer::of(archive, compression))
            .collect();
        let image = layout.image(HOST, &layers);
        layout.tag(&[(TAG, &image)]);
    }
}

fn of_packages(packages: &Installed) -> LayerBuilder {
    let mut layer = LayerBuilder::new();
    packages.write(&mut layer);
    layer
}

/// Takes away, hides, replaces by another kind, links to earlier layers, and brings names that are no text.
fn changes(base: &Installed) -> LayerBuilder {
    let mut layer = LayerBuilder::new();
    // Single files, here and there; a whole folder; a name that is in no layer.
    let perl = base.folder_named("unicore");
    let perl_base = &perl[..perl.len() - b"/unicore".len()];
    for module in base
        .files_below(perl_base)
        .filter(|path| path.ends_with(b".pm"))
        .step_by(7)
    {
        layer.whiteout(module);
    }
    layer.whiteout(base.folder_named("unicore/To"));
    layer.whiteout(b"usr/bin/never-was-there");
    // An opaque folder keeps what this layer brings, before the mark and after it.
    let opaque = base.folder_named("unicore/lib");
    layer.directory(opaque, 0o755);
    layer.file(&[opaque, b"/before.pl"].concat(), 0o644, b"before\n");
    layer.opaque(opaque);
    layer.file(&[opaque, b"/after.pl"].concat(), 0o755, b"after\n");
    // Other kinds: file by link, file by folder, folder by file, link by file, the same with another mode.
    layer.symlink(b"usr/bin/cat", b"busybox");
    layer.directory(b"usr/bin/dircolors", 0o700);
    layer.file(b"usr/bin/dircolors/inside", 0o600, b"inside\n");
    layer.file(base.folder_named("perl-base/File"), 0o644, b"now a file\n");
    layer.file(b"usr/bin/rbash", 0o755, b"#!/bin/bash -r\n");
    layer.file(b"usr/bin/tac", 0o644, &content(b"usr/bin/tac"));
    layer.directory(b"srv", 0o755);
    // A second name for a file of the first layer, then for one of this.
    layer.hard_link(b"usr/bin/list", b"usr/bin/ls");
    layer.file(b"srv/one", 0o4755, b"set-user-id\n");
    layer.hard_link(b"srv/two", b"srv/one");
    // Names that are bytes, and contents at the edges.
    layer.file(b"srv/new\nline", 0o644, b"a name of two lines\n");
    layer.file(b"srv/caf\xe9", 0o644, b"latin-1\n");
    layer.file("srv/caf\u{e9}".as_bytes(), 0o644, b"composed\n");
    layer.file("srv/cafe\u{301}".as_bytes(), 0o644, b"decomposed\n");
    layer.symlink(b"srv/dangling", b"../../nowhere/\xff");
    layer.file(b"srv/empty", 0o644, b"");
    layer.file(b"srv/zeros", 0o644, &vec![0; 1 << 20]);
    layer.directory(b"srv/empty-folder", 0o700);
    let long = "long/".repeat(40) + "name";
    layer.file(format!("srv/{long}").as_bytes(), 0o644, b"deep\n");
    layer
}
