//! From an index to one platform: this machine's, or the one that is asked for.

use serde_json::json;

use crate::support::images::layer::{Compression, LayerBuilder};
use crate::support::images::layout::{Descriptor, HOST, Layout, MANIFEST, OTHER, for_platform};
use crate::support::images::push::{Format, Push};
use crate::support::registry::{Access, Registry};
use crate::support::scene::{Realized, Scene, envs_toml};

fn image(layout: &Layout, platform: &str) -> Descriptor {
    let mut layer = LayerBuilder::new();
    layer.file(b"platform", 0o644, platform.as_bytes());
    layout.image(platform, &[layer.finish(Compression::Gzip)])
}

/// What buildkit adds to an index: a manifest that is no image.
fn attestation(layout: &Layout, about: &Descriptor) -> (Descriptor, serde_json::Value) {
    let statement = layout.blob("application/vnd.in-toto+json", b"{}");
    let config = layout.blob(
        "application/vnd.oci.image.config.v1+json",
        br#"{"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"]}}"#,
    );
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config.json(), "layers": [statement.json()],
    });
    let manifest = layout.blob(MANIFEST, manifest.to_string().as_bytes());
    let mut entry = for_platform("unknown/unknown");
    entry["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": about.digest,
    });
    (manifest, entry)
}

struct Pushed {
    registry: Registry,
    host: Descriptor,
    other: Descriptor,
}

/// An index for both platforms with an attestation before them.
fn pushed() -> Pushed {
    let temp = tempfile::tempdir().unwrap();
    let layout = Layout::create(temp.path());
    let (host, other) = (image(&layout, HOST), image(&layout, OTHER));
    let index = layout.index(&[
        attestation(&layout, &host),
        (other.clone(), for_platform(OTHER)),
        (host.clone(), for_platform(HOST)),
    ]);
    layout.tag(&[("1", &index)]);
    let registry = Registry::start(&Access::Open);
    let push = Push {
        whole_index: true,
        ..Push::default()
    };
    push.copy(&layout, "1", &registry, "both");
    Pushed {
        registry,
        host,
        other,
    }
}

fn platform_in(realized: &Realized) -> String {
    fs_err::read_to_string(realized.path.join("platform")).unwrap()
}

#[test]
fn an_index_gives_this_machines_platform_or_the_one_asked_for() {
    let Pushed {
        registry,
        host,
        other,
    } = pushed();
    let scene = Scene::declaring(&envs_toml("", &[("oci", &registry.reference("both", "1"))]));
    let ours = scene.realize();
    assert_eq!(
        (platform_in(&ours).as_str(), &ours.manifest()["platform"]),
        (HOST, &json!(HOST))
    );
    let at = |image: &Descriptor| format!("oci://{}/both@{}", registry.address(), image.digest);
    assert_eq!(ours.source, at(&host));
    assert_eq!(ours.source_digest.as_deref(), Some(host.digest.as_str()));

    let document = scene.json(&["realize", "--platform", OTHER]);
    let theirs = Realized::only(&document);
    assert_eq!(
        (
            platform_in(&theirs).as_str(),
            &theirs.manifest()["platform"]
        ),
        (OTHER, &json!(OTHER))
    );
    assert_eq!(theirs.source, at(&other));
    let link = format!("env@{}", OTHER.replace('/', "-"));
    assert_eq!(document["environments"][0]["link"], link);
    scene.assert_sound();

    // The profile shows both now.
    let profile = document["profile"].as_str().unwrap();
    let current = scene.store().join("profiles").join(profile).join("current");
    for (link, realized) in [("env", &ours), (link.as_str(), &theirs)] {
        assert_eq!(
            fs_err::canonicalize(current.join(link)).unwrap(),
            realized.path,
            "{link}"
        );
    }
}

#[test]
fn a_lock_has_both_platforms_and_names_images_not_the_index() {
    let Pushed {
        registry,
        host,
        other,
    } = pushed();
    let scene = Scene::declaring(&envs_toml("", &[("oci", &registry.reference("both", "1"))]));
    let document = scene.json(&["lock"]);
    let blocks = document["blocks"].as_array().unwrap();
    let pin_of = |platform: &str| {
        let block = blocks
            .iter()
            .find(|block| block["platform"] == platform)
            .unwrap();
        block["sources"][0]["pin"].as_str().unwrap().to_owned()
    };
    assert_eq!((pin_of(HOST), pin_of(OTHER)), (host.digest, other.digest));
    assert_eq!(blocks.len(), 2, "{document:#}");
    assert_eq!(
        scene.store_names(),
        [""; 0],
        "nothing is unpacked to lock an image"
    );
}

#[test]
fn an_image_for_another_platform_only_is_no_source() {
    let temp = tempfile::tempdir().unwrap();
    let layout = Layout::create(temp.path());
    let other = image(&layout, OTHER);
    let index = layout.index(&[(other.clone(), for_platform(OTHER))]);
    layout.tag(&[("alone", &other), ("index", &index)]);
    let registry = Registry::start(&Access::Open);
    let push = Push {
        whole_index: true,
        ..Push::default()
    };
    for tag in ["alone", "index"] {
        push.copy(&layout, tag, &registry, "other");
        let scene = Scene::declaring(&envs_toml(
            "",
            &[("oci", &registry.reference("other", tag))],
        ));
        let error = scene.error(&["realize"], 69);
        assert!(error.contains(HOST) && error.contains(OTHER), "{error}");
    }
}

#[test]
fn a_docker_manifest_list_is_an_index() {
    let temp = tempfile::tempdir().unwrap();
    let layout = Layout::create(temp.path());
    let images = [OTHER, HOST].map(|platform| (image(&layout, platform), for_platform(platform)));
    layout.tag(&[("1", &layout.index(&images))]);
    let registry = Registry::start(&Access::Open);
    let push = Push {
        format: Format::DockerSchema2,
        whole_index: true,
        ..Push::default()
    };
    push.copy(&layout, "1", &registry, "list");
    let list = registry.manifest("list", "1");
    assert_eq!(
        list.header("content-type"),
        Some("application/vnd.docker.distribution.manifest.list.v2+json")
    );
    let scene = Scene::declaring(&envs_toml("", &[("oci", &registry.reference("list", "1"))]));
    assert_eq!(platform_in(&scene.realize()), HOST);
}
