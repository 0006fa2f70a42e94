//! What the lock pins stays, whatever becomes of the tag and of the registry; what is there needs no network.

use std::ffi::OsStr;

use crate::support::images::layer::{Compression, LayerBuilder};
use crate::support::images::layout::{HOST, Layout};
use crate::support::images::many_files::{self, many_files};
use crate::support::images::push::Push;
use crate::support::registry::{Access, Registry};
use crate::support::scene::{Realized, Scene, envs_toml};

/// Pushes an image of one file that says `text`, as `moving:1`; gives its digest.
fn push(registry: &Registry, text: &str) -> String {
    let temp = tempfile::tempdir().unwrap();
    let layout = Layout::create(temp.path());
    let mut layer = LayerBuilder::new();
    layer.file(b"text", 0o644, text.as_bytes());
    let image = layout.image(HOST, &[layer.finish(Compression::Gzip)]);
    layout.tag(&[("1", &image)]);
    Push::default().copy(&layout, "1", registry, "moving");
    image.digest
}

fn text_in(realized: &Realized) -> String {
    fs_err::read_to_string(realized.path.join("text")).unwrap()
}

#[test]
fn a_pin_holds_after_its_tag_moved() {
    let registry = Registry::start(&Access::Open);
    let envs = envs_toml("", &[("oci", &registry.reference("moving", "1"))]);
    let first = push(&registry, "first");
    let scene = Scene::declaring(&envs);
    assert_eq!(text_in(&scene.realize()), "first");
    let locked = scene.lock();
    assert!(locked.contains(&first), "{locked}");

    let second = push(&registry, "second");
    // In an empty store all has to be fetched: by the pin, not by the tag.
    for words in [
        &["realize"][..],
        &["realize", "--locked"],
        &["realize", "--frozen"],
    ] {
        let clone = Scene::declaring(&envs);
        fs_err::write(clone.project().join("envs.lock"), &locked).unwrap();
        let realized = Realized::only(&clone.json(words));
        assert_eq!(text_in(&realized), "first", "{words:?}");
        assert_eq!(realized.source_digest.as_deref(), Some(first.as_str()));
        assert_eq!(clone.lock(), locked, "{words:?} changed the lock");
    }
    let pulled = scene.json(&["env", "pull", "env"]);
    assert_eq!(pulled["source_digest"], first);

    scene.json(&["lock", "--upgrade"]);
    assert!(scene.lock().contains(&second), "{}", scene.lock());
    assert_eq!(text_in(&scene.realize()), "second");
}

#[test]
fn policy_refuses_with_79() {
    let registry = Registry::start(&Access::Open);
    push(&registry, "first");
    let reference = registry.reference("moving", "1");
    let scene = Scene::declaring(&envs_toml("", &[("oci", &reference)]));
    scene.error(&["realize", "--locked"], 79);
    scene.error(&["realize", "--offline"], 79);
    assert_eq!(scene.store_names(), [""; 0]);

    scene.json(&["lock"]);
    scene.json(&["realize", "--dry-run"]);
    scene.run(&["lock", "--check"]).code(0);
    scene.error(&["realize", "--locked", "--offline"], 79);
    scene.json(&["realize", "--locked"]);
    scene.declare(&envs_toml("layout = \"rootfs\"", &[("oci", &reference)]));
    scene.run(&["lock", "--check"]).code(1);
    scene.error(&["realize", "--locked"], 79);
}

#[test]
fn a_registry_that_is_down_is_temporary() {
    let mut registry = Registry::start(&Access::Open);
    push(&registry, "first");
    let scene = Scene::declaring(&envs_toml(
        "",
        &[("oci", &registry.reference("moving", "1"))],
    ));
    registry.stop();
    scene.error(&["realize"], 75);
    assert_eq!(scene.store_names(), [""; 0]);
}

#[test]
fn what_is_there_needs_neither_network_nor_content() {
    let mut registry = Registry::start(&Access::Open);
    Push::default().copy(
        &many_files(Compression::Gzip),
        many_files::TAG,
        &registry,
        "many",
    );
    let reference = registry.reference("many", many_files::TAG);
    let scene = Scene::declaring(&envs_toml("layout = \"rootfs\"", &[("oci", &reference)]));
    let built = scene.realize();
    assert_eq!(built.status, "built");
    registry.stop();
    let locked = scene.lock();
    for words in [
        &["realize"][..],
        &["realize", "--locked"],
        &["realize", "--offline"],
    ] {
        let again = Realized::only(&scene.json(words));
        assert_eq!(
            (again.status.as_str(), &again.path),
            ("ready", &built.path),
            "{words:?}"
        );
        assert_eq!(again.source, built.source);
    }
    assert_eq!(scene.lock(), locked);

    let log = scene.path("strace.log");
    let calls = "trace=%network,open,openat,openat2,clone,clone3,fork,vfork";
    let strace = [
        "strace",
        "-f",
        "-y",
        "-o",
        log.to_str().unwrap(),
        "-e",
        calls,
    ];
    let traced = scene
        .command(&strace.map(OsStr::new), &["realize"])
        .output()
        .unwrap();
    assert!(traced.status.success(), "{traced:?}");
    let log = fs_err::read_to_string(log).unwrap();
    let opened: Vec<_> = log.lines().filter_map(opened).collect();
    let inside = |path: &&str| path.starts_with(built.path.to_str().unwrap());
    let inside: Vec<_> = opened.into_iter().filter(inside).collect();
    assert_eq!(
        inside,
        [built.path.join("environment.json").to_str().unwrap()],
        "{log}"
    );
    for call in ["socket(", "connect(", "clone", "fork("] {
        assert!(!log.contains(call), "{call}: {log}");
    }
}

/// The path of a file, not a folder, that a line of strace's says was opened.
fn opened(line: &str) -> Option<&str> {
    let (call, result) = line.split_once(") = ")?;
    let path = result.split_once('<')?.1.strip_suffix('>')?;
    (call.contains("open") && !call.contains("O_DIRECTORY")).then_some(path)
}
