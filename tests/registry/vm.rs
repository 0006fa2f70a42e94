//! A VM environment, a kernel and a file system, from every kind of source.

use std::path::Path;

use serde_json::Value;

use crate::support::images::layer::Compression;
use crate::support::images::push::{Blob, Push, push_artifact};
use crate::support::images::vm::{self, VmEnvironment};
use crate::support::registry::{Access, Registry};
use crate::support::scene::{Scene, envs_toml};

const ARTIFACTS: &str = "artifacts = { kernel = \"vmlinux\", rootfs = \"rootfs.ext4\" }";

fn assert_same_file(found: &Value, expected: &[u8]) {
    let found = Path::new(found.as_str().unwrap());
    assert!(
        fs_err::read(found).unwrap() == expected,
        "{}",
        found.display()
    );
}

#[test]
fn two_gzip_layers_give_a_kernel_and_a_file_system() {
    let environment = VmEnvironment::get();
    let layout = environment.layout();
    let registry = Registry::start(&Access::Open);
    Push::default().copy(&layout, vm::TAG, &registry, "example/vm");
    let reference = registry.reference("example/vm", vm::TAG);
    let scene = Scene::declaring(&envs_toml(ARTIFACTS, &[("oci", &reference)]));
    assert_eq!(scene.json(&["env", "inspect", "env"])["installed"], false);

    let pulled = scene.json(&["env", "pull", "env"]);
    let digest = layout.digest_of(vm::TAG);
    assert_eq!(
        pulled["source"],
        format!("oci://{}/example/vm@{digest}", registry.address())
    );
    assert_eq!(pulled["source_digest"], digest);
    assert_eq!(pulled["oci_registry"], registry.address().to_string());
    assert_eq!(
        (&pulled["oci_repository"], &pulled["installed"]),
        (&"example/vm".into(), &true.into())
    );
    assert_same_file(&pulled["kernel_image"], &environment.kernel());
    assert_same_file(&pulled["rootfs_image"], &environment.rootfs());
    scene.assert_sound();

    let kernel = scene
        .run(&["path", "env", "kernel", "--profile", "pulled"])
        .code(0);
    assert_eq!(
        kernel.raw_stdout.trim_end(),
        pulled["kernel_image"].as_str().unwrap()
    );
    // 64 MiB, mostly holes, stay holes.
    let rootfs = fs_err::metadata(pulled["rootfs_image"].as_str().unwrap()).unwrap();
    let taken = std::os::unix::fs::MetadataExt::blocks(&rootfs) * 512;
    assert!(
        taken < rootfs.len() * 3 / 4,
        "{taken} of {} bytes on disk",
        rootfs.len()
    );
}

#[test]
fn every_kind_of_source_gives_one_path_stored_once() {
    let environment = VmEnvironment::get();
    let registry = Registry::start(&Access::Open);
    Push::default().copy(&environment.layout(), vm::TAG, &registry, "image");
    let (kernel, rootfs) = (environment.kernel(), environment.rootfs());
    let blobs = [("vmlinux", &kernel), ("rootfs.ext4", &rootfs)];
    let blobs = blobs.map(|(title, content)| Blob { title, content });
    let artifact = push_artifact(&registry, "artifact", "1", &blobs);
    let text = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
    let sources = [
        ("local", text(environment.folder())),
        ("archive", text(environment.archive(Compression::None))),
        ("archive", text(environment.archive(Compression::Gzip))),
        ("archive", text(environment.archive(Compression::Zstd))),
        ("oci", registry.reference("image", vm::TAG)),
        ("oci", registry.reference("artifact", "1")),
        ("oci", registry.reference("artifact", &artifact)),
        (
            "oci",
            format!(
                "oci-layout:{}:{}",
                environment.layout().folder().display(),
                vm::TAG
            ),
        ),
    ];
    let first = Scene::new();
    let mut paths = Vec::new();
    for (kind, place) in &sources {
        let scene = Scene::beside(&first);
        scene.declare(&envs_toml(ARTIFACTS, &[(kind, place)]));
        let realized = scene.realize();
        println!("{} from {}", realized.status, realized.source);
        paths.push(realized.path);
    }
    paths.dedup();
    assert_eq!(
        (paths.len(), first.store_names().len()),
        (1, 1),
        "{paths:?}"
    );
    first.assert_sound();
}
