//! The parts themselves: a fixture that is wrong would make every other test here wrong.

use crate::support::http::Request;
use crate::support::images::layer::{Compression, LayerBuilder};
use crate::support::images::layout::{HOST, Layout, layers_in};
use crate::support::images::many_files::{self, many_files};
use crate::support::images::push::{Format, Push};
use crate::support::images::vm::VmEnvironment;
use crate::support::registry::{Access, Login, Registry};
use crate::support::token_issuer::TokenIssuer;

fn small_image(folder: &std::path::Path) -> Layout {
    let mut layer = LayerBuilder::new();
    layer.file(b"hello", 0o644, b"hello\n");
    let layout = Layout::create(folder);
    let image = layout.image(HOST, &[layer.finish(Compression::Gzip)]);
    layout.tag(&[("1", &image)]);
    layout
}

/// The status of a request for a manifest, with an `Authorization` or without.
fn status(registry: &Registry, repository: &str, authorization: Option<&str>) -> u16 {
    let target = format!("/v2/{repository}/manifests/1");
    let accept = "application/vnd.oci.image.manifest.v1+json";
    let mut request = Request::new("GET", &target).with("accept", accept);
    if let Some(authorization) = authorization {
        request = request.with("authorization", authorization);
    }
    request.send(registry.address()).unwrap().status
}

#[test]
fn a_registry_with_passwords_wants_the_right_one() {
    let temp = tempfile::tempdir().unwrap();
    let registry = Registry::start(&Access::Password(&Login::ALICE));
    let push = Push {
        login: Some(&Login::ALICE),
        ..Push::default()
    };
    push.copy(&small_image(temp.path()), "1", &registry, "some/where");
    let basic = |login: &Login| format!("Basic {}", login.base64());
    assert_eq!(status(&registry, "some/where", None), 401);
    assert_eq!(
        status(&registry, "some/where", Some(&basic(&Login::WRONG))),
        401
    );
    assert_eq!(
        status(&registry, "some/where", Some(&basic(&Login::ALICE))),
        200
    );
}

#[test]
fn a_registry_behind_a_token_server_wants_a_token_of_it() {
    let temp = tempfile::tempdir().unwrap();
    let issuer = TokenIssuer::start(&Login::ALICE);
    let registry = Registry::start(&Access::Token(&issuer));
    let push = Push {
        login: Some(&Login::ALICE),
        ..Push::default()
    };
    push.copy(&small_image(temp.path()), "1", &registry, "public/some");
    assert!(
        issuer
            .take_seen()
            .iter()
            .any(|seen| seen.header("authorization").is_some())
    );
    assert_eq!(status(&registry, "public/some", None), 401);
}

#[test]
fn what_skopeo_pushes_are_the_bytes_of_the_layout() {
    let registry = Registry::start(&Access::Open);
    for (compression, format) in [
        (Compression::Gzip, Format::Oci),
        (Compression::Zstd, Format::Oci),
        (Compression::Gzip, Format::DockerSchema2),
    ] {
        let layout = many_files(compression);
        let push = Push {
            format,
            ..Push::default()
        };
        push.copy(&layout, many_files::TAG, &registry, "many");
        let answer = registry.manifest("many", many_files::TAG);
        let docker = answer.header("content-type")
            == Some("application/vnd.docker.distribution.manifest.v2+json");
        assert_eq!(
            docker,
            format == Format::DockerSchema2,
            "{:?}",
            answer.headers
        );
        let pushed = layers_in(&serde_json::from_slice(&answer.body).unwrap());
        let image = layout.digest_of(many_files::TAG);
        assert_eq!(
            pushed,
            layers_in(&layout.document(&image)),
            "{compression:?} {format:?}"
        );
    }
}

#[test]
fn the_vm_environment_is_a_kernel_and_a_file_system() {
    let vm = VmEnvironment::get();
    // The Linux boot protocol's mark; elsewhere kernels are compressed in other ways.
    #[cfg(target_arch = "x86_64")]
    assert_eq!(&vm.kernel()[0x202..0x206], b"HdrS");
    // ext4's magic number, 56 bytes into the superblock at 1024.
    let rootfs = vm.rootfs();
    assert_eq!(&rootfs[1080..1082], [0x53, 0xef]);
    assert_eq!(rootfs.len(), 64 << 20);
}
