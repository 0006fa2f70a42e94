//! A registry that lies, or whose bytes are damaged on the way: 65, nothing visible, and the next honest run succeeds.

use crate::support::http::{Request, Response};
use crate::support::images::layer::{Compression, LayerBuilder};
use crate::support::images::layout::{Descriptor, HOST, Layout, MANIFEST, for_platform};
use crate::support::images::push::{Push, put_blob, put_manifest};
use crate::support::proxy::{Delivery, Proxy};
use crate::support::registry::{Access, Registry};
use crate::support::scene::{Scene, envs_toml};

struct Pushed {
    registry: Registry,
    /// The image that the index names, and its layer.
    image: Descriptor,
    layer: Descriptor,
    /// Another image of the same repository, for the same platform.
    impostor: Vec<u8>,
}

fn pushed() -> Pushed {
    let temp = tempfile::tempdir().unwrap();
    let layout = Layout::create(temp.path());
    let image_of = |text: &[u8]| {
        // Noise, so that the layer is some hundred KiB after compression too.
        let mut noise = vec![0; 300_000];
        blake3::Hasher::new()
            .update(text)
            .finalize_xof()
            .fill(&mut noise);
        let mut layer = LayerBuilder::new();
        layer.file(b"text", 0o644, text);
        layer.file(b"noise", 0o644, &noise);
        let layer = layer.finish(Compression::Gzip);
        let descriptor = Descriptor::of(layer.compression.media_type(), &layer.blob);
        (layout.image(HOST, &[layer]), descriptor)
    };
    let ((image, layer), (impostor, _)) = (image_of(b"honest"), image_of(b"impostor"));
    let index = layout.index(&[(image.clone(), for_platform(HOST))]);
    layout.tag(&[("index", &index), ("impostor", &impostor)]);
    let registry = Registry::start(&Access::Open);
    let push = Push {
        whole_index: true,
        ..Push::default()
    };
    push.copy(&layout, "index", &registry, "some");
    push.copy(&layout, "impostor", &registry, "some");
    Pushed {
        impostor: fs_err::read(layout.blob_path(&impostor.digest)).unwrap(),
        registry,
        image,
        layer,
    }
}

/// Realizes through a proxy that follows `rule`, which must fail with `code` and leave nothing; then honestly.
fn refused(
    pushed: &Pushed,
    code: i32,
    rule: impl Fn(&Request, &mut Response) -> Delivery + Send + Sync + 'static,
) -> String {
    let proxy = Proxy::start(pushed.registry.address(), rule);
    let through = format!("{}/some:index", proxy.address());
    let scene = Scene::new();
    // A second source must not hide what is wrong with the first.
    fs_err::create_dir(scene.project().join("fallback")).unwrap();
    fs_err::write(scene.project().join("fallback/text"), "fallback").unwrap();
    let sources = [("oci", through.as_str()), ("local", "fallback")];
    scene.declare(&envs_toml(
        "",
        if code == 65 { &sources } else { &sources[..1] },
    ));
    let error = scene.error(&["realize"], code);
    assert_eq!(scene.store_names(), [""; 0], "{error}");
    assert!(!scene.project().join("envs.lock").exists());
    scene.assert_sound();

    let honest = pushed.registry.reference("some", "index");
    scene.declare(&envs_toml("", &[("oci", &honest)]));
    let realized = scene.realize();
    assert_eq!(
        fs_err::read_to_string(realized.path.join("text")).unwrap(),
        "honest"
    );
    scene.assert_sound();
    error
}

#[test]
fn a_child_manifest_must_have_the_digest_that_the_index_says() {
    let pushed = pushed();
    let (asked, impostor) = (pushed.image.digest.clone(), pushed.impostor.clone());
    let error = refused(&pushed, 65, move |request, answer| {
        if request.target.ends_with(&asked) {
            // The header still names the digest that was asked for.
            answer.headers.retain(|(name, _)| name != "content-length");
            answer.body.clone_from(&impostor);
        }
        Delivery::Whole
    });
    assert!(error.contains(&pushed.image.digest), "{error}");
}

#[test]
fn a_layer_that_ends_early_is_refused() {
    let pushed = pushed();
    let asked = pushed.layer.digest.clone();
    let error = refused(&pushed, 65, move |request, answer| {
        if request.target.ends_with(&asked) {
            // As HTTP all is well: the length is that of what comes.
            answer.headers.retain(|(name, _)| name != "content-length");
            answer.body.truncate(100_000);
        }
        Delivery::Whole
    });
    assert!(error.contains("100000"), "{error}");
}

#[test]
fn a_layer_with_a_changed_byte_or_one_too_many_is_refused() {
    let pushed = pushed();
    for longer in [false, true] {
        let asked = pushed.layer.digest.clone();
        let error = refused(&pushed, 65, move |request, answer| {
            if request.target.ends_with(&asked) && longer {
                answer.headers.retain(|(name, _)| name != "content-length");
                answer.body.push(0);
            } else if request.target.ends_with(&asked) {
                let middle = answer.body.len() / 2;
                answer.body[middle] ^= 1;
            }
            Delivery::Whole
        });
        assert!(error.contains(&pushed.layer.digest), "{error}");
    }
}

#[test]
fn a_connection_that_breaks_is_temporary() {
    let pushed = pushed();
    let asked = pushed.layer.digest.clone();
    refused(&pushed, 75, move |request, _| {
        if request.target.ends_with(&asked) {
            Delivery::Cut { after: 0 }
        } else {
            Delivery::Whole
        }
    });
}

#[test]
fn what_a_registry_says_of_the_next_source_is_reported() {
    let pushed = pushed();
    let proxy = Proxy::start(pushed.registry.address(), |_, answer| {
        *answer = Response::new(503, "text/plain", "come back later");
        Delivery::Whole
    });
    let broken = format!("{}/some:index", proxy.address());
    let honest = pushed.registry.reference("some", "index");
    let scene = Scene::declaring(&envs_toml("", &[("oci", &broken), ("oci", &honest)]));
    let document = scene.json(&["realize"]);
    let skipped = &document["environments"][0]["skipped"];
    assert_eq!(skipped.as_array().unwrap().len(), 1, "{document:#}");
    assert!(
        skipped[0]["source"].as_str().unwrap().contains(&broken),
        "{skipped}"
    );
    assert!(
        skipped[0]["why"].as_str().unwrap().contains("503"),
        "{skipped}"
    );
}

#[test]
fn a_config_must_have_a_diff_id_for_each_layer_or_none() {
    let registry = Registry::start(&Access::Open);
    let mut layer = LayerBuilder::new();
    layer.file(b"text", 0o644, b"honest");
    let layer = layer.finish(Compression::Gzip);
    let blob = put_blob(
        &registry,
        "some",
        layer.compression.media_type(),
        &layer.blob,
    );
    let type_of_config = "application/vnd.oci.image.config.v1+json";
    let ids = |ids: &str| format!("{{\"rootfs\":{{\"type\":\"layers\",\"diff_ids\":[{ids}]}}}}");
    let id = format!("\"{}\"", layer.diff_id);
    let both = format!("{id},{id}");
    for (tag, config, code) in [
        ("right", ids(&id), 0),
        ("none", "{}".to_owned(), 0),
        ("more", ids(&both), 65),
        ("fewer", ids(""), 65),
        ("array", "[]".to_owned(), 65),
    ] {
        let config = put_blob(&registry, "some", type_of_config, config.as_bytes());
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config.json(), "layers": [blob.json()],
        });
        put_manifest(
            &registry,
            "some",
            tag,
            MANIFEST,
            manifest.to_string().as_bytes(),
        );
        let scene = Scene::declaring(&envs_toml("", &[("oci", &registry.reference("some", tag))]));
        let ended = scene.run(&["realize"]).code(code);
        assert_eq!(
            scene.store_names().len(),
            usize::from(code == 0),
            "{tag}: {ended}"
        );
    }
}
