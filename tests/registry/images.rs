//! Some thousand files in three layers: what comes out is what another unpacker makes of them.

use crate::support::images::layer::Compression;
use crate::support::images::many_files::{self, many_files};
use crate::support::images::push::{Format, Push};
use crate::support::oracle::{Seen, Tree, differences, tree_of, umoci};
use crate::support::registry::{Access, Registry};
use crate::support::scene::{Scene, envs_toml};

/// The image has to be one that is worth comparing.
fn assert_many(tree: &Tree) {
    let count = |kind: fn(&Seen) -> bool| tree.values().filter(|seen| kind(seen)).count();
    let files = count(|seen| matches!(seen, Seen::File { .. }));
    let executables = count(|seen| {
        matches!(
            seen,
            Seen::File {
                executable: true,
                ..
            }
        )
    });
    let links = count(|seen| matches!(seen, Seen::Symlink { .. }));
    let folders = count(|seen| matches!(seen, Seen::Directory));
    println!(
        "{files} files, {executables} of them executable, {links} symlinks, {folders} folders"
    );
    assert!(files > 1000 && executables > 100 && links > 10 && folders > 50);
    assert_eq!(tree.len(), files + links + folders);
}

#[test]
fn a_rootfs_is_what_umoci_makes_of_the_image() {
    let layout = many_files(Compression::Gzip);
    let registry = Registry::start(&Access::Open);
    Push::default().copy(&layout, many_files::TAG, &registry, "many");
    let reference = registry.reference("many", many_files::TAG);
    let scene = Scene::declaring(&envs_toml("layout = \"rootfs\"", &[("oci", &reference)]));
    let realized = scene.realize();
    let theirs = umoci(&layout, many_files::TAG);
    assert_many(&theirs);
    let different = differences(&tree_of(&realized.path.join("rootfs")), &theirs);
    assert_eq!(different, [""; 0]);
    scene.assert_sound();
}

#[test]
fn every_compression_and_format_gives_one_path() {
    let registry = Registry::start(&Access::Open);
    let scene = Scene::new();
    let mut paths = Vec::new();
    for (repository, compression, format) in [
        ("gzip", Compression::Gzip, Format::Oci),
        ("zstd", Compression::Zstd, Format::Oci),
        ("docker", Compression::Gzip, Format::DockerSchema2),
    ] {
        let push = Push {
            format,
            ..Push::default()
        };
        push.copy(
            &many_files(compression),
            many_files::TAG,
            &registry,
            repository,
        );
        let reference = registry.reference(repository, many_files::TAG);
        scene.declare(&envs_toml("layout = \"rootfs\"", &[("oci", &reference)]));
        paths.push(scene.realize().path);
    }
    let layout = many_files(Compression::Zstd);
    let folder = format!(
        "oci-layout:{}:{}",
        layout.folder().display(),
        many_files::TAG
    );
    scene.declare(&envs_toml("layout = \"rootfs\"", &[("oci", &folder)]));
    paths.push(scene.realize().path);
    paths.dedup();
    assert_eq!(
        (paths.len(), scene.store_names().len()),
        (1, 1),
        "{paths:?}"
    );
}
