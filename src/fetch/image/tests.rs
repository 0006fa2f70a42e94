//! The same scenarios against a registry and an OCI layout.

use std::io::Read as _;

use serde_json::{Value, json};

use super::super::server::{Content, Recorder, Server, TAR, digest};
use super::super::{Network, Settings};
use super::*;
use crate::model::path::EntryPath;

const AMD64: &str = "linux/amd64";

fn platform(descriptor: &Value, os: &str, architecture: &str) -> Value {
    let mut described = descriptor.clone();
    described["platform"] = json!({"os": os, "architecture": architecture});
    described
}

/// Runs `scenario` with each place that can hold `content`.
fn everywhere(content: &Content, scenario: impl Fn(&Fetcher<'_>, &OciSource)) {
    let top = tempfile::tempdir().unwrap();
    let recorder = Recorder::default();
    let settings = |network| Settings {
        network,
        retries: 0,
        ..Settings::default()
    };
    let spool = top.path().join("spool");

    let layout = top.path().join("layout");
    fs_err::create_dir(&layout).unwrap();
    content.write(&layout);
    let source = format!("oci-layout:{}:t", layout.display())
        .parse()
        .unwrap();
    let offline = Fetcher::new(settings(Network::Forbidden), spool.clone(), &recorder);
    scenario(&offline, &source);
    assert!(!spool.exists());

    let kept = content.clone();
    let server = Server::start(move |request| kept.answer(&request.path));
    let source = format!("{}/team/tools:t", server.address).parse().unwrap();
    let online = Fetcher::new(settings(Network::Allowed), spool, &recorder);
    scenario(&online, &source);
}

fn resolve_for(fetcher: &Fetcher<'_>, source: &OciSource, wanted: &str) -> Result<Image, Error> {
    fetcher.image(source, "/".as_ref(), &wanted.parse().unwrap(), None)
}

fn refused(content: &Content, wanted: &str, check: impl Fn(&Error) -> bool) {
    everywhere(content, |fetcher, source| {
        let error = resolve_for(fetcher, source, wanted).unwrap_err();
        assert!(check(&error), "{source}: {error}");
    });
}

fn integrity(error: &Error) -> bool {
    matches!(error, Error::Integrity { .. })
}

/// An index with amd64, arm64 and an attestation; returns the amd64 manifest's descriptor.
fn several() -> (Content, Value) {
    let mut content = Content::default();
    let base = content.put(TAR, b"base");
    let amd64 = content.manifest(
        &json!({"rootfs": {"diff_ids": [digest(b"x").to_string()]}}),
        &[base],
    );
    let top = content.put(TAR, b"other");
    let arm64 = content.manifest(&json!({}), &[top]);
    let statement = content.manifest(&json!({"note": 1}), &[]);
    content.root = content.index(&[
        platform(&statement, "unknown", "unknown"),
        platform(&arm64, "linux", "arm64"),
        platform(&amd64, "linux", "amd64"),
    ]);
    (content, amd64)
}

#[test]
fn the_platforms_manifest_is_found_in_an_index() {
    let (content, amd64) = several();
    everywhere(&content, |fetcher, source| {
        let image = resolve_for(fetcher, source, AMD64).unwrap();
        assert_eq!(
            image.digest().to_string(),
            amd64["digest"].as_str().unwrap()
        );
        assert!(image.source().ends_with(&format!("@{}", image.digest())));
        assert_eq!(image.layers()[0].diff_id(), Some(digest(b"x")));
        let mut bytes = Vec::new();
        let mut layers = fetcher.layers("e", &image).unwrap();
        let mut layer = layers.next().unwrap().unwrap();
        layer.read_to_end(&mut bytes).unwrap();
        assert_eq!(layer.finish().unwrap().source, image.source());
        assert_eq!(bytes, b"base");
        assert!(layers.next().unwrap().is_none());
        let offered = fetcher.offered_platforms(source, "/".as_ref()).unwrap();
        let names: Vec<_> = offered.iter().map(Platform::as_str).collect();
        assert_eq!(names, ["linux/arm64", AMD64]);
        // With the pin, the index is not asked.
        let pinned = fetcher.image(
            source,
            "/".as_ref(),
            &AMD64.parse().unwrap(),
            Some(&image.digest()),
        );
        assert_eq!(pinned.unwrap(), image);
    });
}

#[test]
fn a_platform_that_is_not_offered_is_absent_with_those_that_are() {
    let (content, _) = several();
    refused(
        &content,
        "linux/riscv64",
        |error| matches!(error, Error::Absent { why, .. } if why.contains("linux/arm64, linux/amd64")),
    );
}

#[test]
fn a_child_that_is_not_what_its_index_says_is_refused_whatever_the_header_claims() {
    let (mut content, amd64) = several();
    content.spoil(&amd64);
    refused(&content, AMD64, integrity);
    // The right digest with a wrong size is refused too.
    let (mut content, amd64) = several();
    let mut short = platform(&amd64, "linux", "amd64");
    short["size"] = json!(amd64["size"].as_u64().unwrap() - 1);
    content.root = content.index(&[short]);
    refused(&content, AMD64, integrity);
}

#[test]
fn a_spoilt_config_or_layer_is_refused() {
    let mut content = Content::default();
    let layer = content.put(TAR, b"layer");
    content.root = content.manifest(
        &json!({"os": "linux", "architecture": "amd64"}),
        std::slice::from_ref(&layer),
    );
    let mut spoilt = content.clone();
    let config = content
        .blobs
        .iter()
        .find(|(_, bytes)| bytes.starts_with(b"{\"arch"))
        .unwrap();
    spoilt.spoil(&json!({"digest": config.0}));
    refused(&spoilt, AMD64, integrity);
    content.spoil(&layer);
    everywhere(&content, |fetcher, source| {
        let image = resolve_for(fetcher, source, AMD64).unwrap();
        let layer = fetcher.layers("e", &image).unwrap().next().unwrap();
        let error = layer.unwrap().finish().unwrap_err();
        assert!(integrity(&error), "{error}");
    });
}

#[test]
fn a_manifest_without_index_is_taken_unless_its_config_names_another_platform() {
    for (config, taken) in [
        (json!({}), true),
        (json!({"os": "", "architecture": ""}), true),
        (json!({"os": "linux", "architecture": "amd64"}), true),
        (
            json!({"os": "linux", "architecture": "arm64", "variant": "v8"}),
            false,
        ),
        (json!({"os": "Windows!", "architecture": "x"}), false),
    ] {
        let mut content = Content::default();
        let layer = content.put(TAR, b"layer");
        content.root = content.manifest(&config, &[layer]);
        everywhere(&content, |fetcher, source| {
            match resolve_for(fetcher, source, AMD64) {
                Ok(_) => assert!(taken, "{source} {config}"),
                Err(Error::Absent { why, .. }) => {
                    let stated = config["architecture"].as_str().unwrap();
                    assert!(!taken && why.contains(stated), "{source} {why}");
                }
                Err(error) => panic!("{source} {error}"),
            }
        });
    }
}

#[test]
fn nested_indexes_are_followed_to_a_limit() {
    let (mut content, _) = several();
    let inner = content.root.clone();
    content.root = content.index(&[inner]);
    everywhere(&content, |fetcher, source| {
        resolve_for(fetcher, source, AMD64).unwrap();
    });
    for _ in 0..2 {
        let inner = content.root.clone();
        content.root = content.index(&[inner]);
    }
    refused(&content, AMD64, |error| {
        matches!(error, Error::Unsupported { .. })
    });
}

#[test]
fn files_of_an_artifact_are_named_by_their_titles() {
    let mut content = Content::default();
    let titled = |content: &mut Content, media_type, title: &str, bytes: &[u8]| {
        let mut descriptor = content.put(media_type, bytes);
        descriptor["annotations"] = json!({"org.opencontainers.image.title": title});
        descriptor
    };
    let kernel = titled(
        &mut content,
        "application/octet-stream",
        "boot/vmlinux",
        b"k",
    );
    let tar = titled(&mut content, TAR, "rootfs.tar.gz", b"t");
    content.root = content.manifest(&json!({}), &[kernel.clone(), tar]);
    everywhere(&content, |fetcher, source| {
        let image = resolve_for(fetcher, source, AMD64).unwrap();
        let title = EntryPath::new(b"boot/vmlinux").unwrap();
        assert_eq!(image.layers()[0].kind(), &LayerKind::Blob { title });
        assert_eq!(image.layers()[1].kind(), &LayerKind::Tar);
        assert_eq!(
            image.layers()[1].title().unwrap().as_bytes(),
            b"rootfs.tar.gz"
        );
    });
    content.root = content.manifest(&json!({}), &[kernel.clone(), kernel]);
    refused(&content, AMD64, integrity);
    let climbing = titled(&mut content, "application/octet-stream", "../vmlinux", b"k");
    content.root = content.manifest(&json!({}), &[climbing]);
    refused(&content, AMD64, integrity);
    let nameless = content.put("application/octet-stream", b"k");
    content.root = content.manifest(&json!({}), &[nameless]);
    refused(&content, AMD64, |error| {
        matches!(error, Error::Unsupported { .. })
    });
}

#[test]
fn layers_that_are_elsewhere_or_not_counted_right_are_refused() {
    let mut content = Content::default();
    let mut layer = content.put(TAR, b"layer");
    let ids = json!({"rootfs": {"diff_ids": []}});
    content.root = content.manifest(&ids, std::slice::from_ref(&layer));
    refused(&content, AMD64, integrity);
    layer["urls"] = json!(["https://example.org/layer"]);
    content.root = content.manifest(&json!({}), &[layer]);
    refused(&content, AMD64, |error| {
        matches!(error, Error::Unsupported { .. })
    });
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let foreign = content.put(foreign, b"layer");
    content.root = content.manifest(&json!({}), &[foreign]);
    refused(&content, AMD64, |error| {
        matches!(error, Error::Unsupported { .. })
    });
}

#[test]
fn a_pin_is_never_an_index() {
    let (content, _) = several();
    let index = content.root["digest"].as_str().unwrap().parse().unwrap();
    everywhere(&content, |fetcher, source| {
        let wanted = AMD64.parse().unwrap();
        let error = fetcher
            .image(source, "/".as_ref(), &wanted, Some(&index))
            .unwrap_err();
        assert!(integrity(&error), "{error}");
    });
}
