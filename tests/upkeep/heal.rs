//! Repair takes any source that is pinned to give just the path, and says what it took.

use serde_json::json;

use super::inside::{self, unlink};
use super::support::Sandbox;
use super::support::images::layer::{Compression, LayerBuilder};
use super::support::images::layout::{HOST, Layout};
use super::tree::{Packing, Tree};
use super::world::{ask, declare, entry, path_of, rot, run};

#[test]
fn the_next_pinned_source_serves_where_the_first_is_gone() {
    let sandbox = Sandbox::new();
    let work = sandbox.work();
    Tree::vm(1).pack(&work.join("a.tar"), Packing::Plain);
    Tree::vm(1).pack(&work.join("b.tar.xz"), Packing::Xz);
    declare(
        &sandbox,
        &[("vm", &["archive = \"a.tar\"", "archive = \"b.tar.xz\""])],
    );
    run(&sandbox, &["lock", "--outputs"]).code(0);
    run(&sandbox, &["realize"]).code(0);
    let path = path_of(&sandbox, "vm");
    rot(&path.join("vmlinux"), 1);
    let document = ask(&sandbox, &["verify", "--repair"], 0);
    let size = |name: &str| fs_err::metadata(work.join(name)).unwrap().len();
    let healed = entry(&document, "vm");
    assert_eq!(
        healed["source"],
        json!(format!("file://{}/a.tar", work.display()))
    );
    assert_eq!(healed["fetched_bytes"], json!(size("a.tar")));
    fs_err::remove_file(work.join("a.tar")).unwrap();
    rot(&path.join("vmlinux"), 1);
    let ended = run(&sandbox, &["verify", "--repair"]).code(0);
    let line = format!(
        "\n  fetched {} B from file://[WORK]/b.tar.xz\n",
        size("b.tar.xz")
    );
    assert!(ended.stdout.contains(&line), "{ended}");
    rot(&path.join("vmlinux"), 1);
    let document = ask(&sandbox, &["verify", "--repair"], 0);
    let healed = entry(&document, "vm");
    assert_eq!(healed["fetched_bytes"], json!(size("b.tar.xz")));
    assert_eq!(healed["findings"][0]["what"], "has the wrong content");
    run(&sandbox, &["verify"]).code(0);
    // By name, a path that is gone comes back as well.
    fs_err::rename(&path, path.with_file_name(".t-moved-away")).unwrap();
    run(&sandbox, &["verify", "vm"]).code(65);
    let document = ask(&sandbox, &["verify", "vm", "--repair"], 0);
    assert_eq!(entry(&document, "vm")["status"], "repaired");
}

#[test]
fn what_cannot_be_healed_is_told_and_the_rest_is_healed() {
    let sandbox = Sandbox::new();
    let work = sandbox.work();
    Tree::vm(1).pack(&work.join("a.tar"), Packing::Plain);
    Tree::vm(2).write(&work.join("b"));
    Tree::vm(3).pack(&work.join("c.tar"), Packing::Plain);
    let sources = [
        ("a", &["archive = \"a.tar\""][..]),
        ("b", &["local = \"b\""]),
        ("c", &["archive = \"c.tar\""]),
    ];
    declare(&sandbox, &sources);
    run(&sandbox, &["realize"]).code(0);
    for name in ["a", "b", "c"] {
        rot(&path_of(&sandbox, name).join("vmlinux"), 1);
    }
    fs_err::remove_file(work.join("a.tar")).unwrap();
    sandbox.write("b/vmlinux", "another kernel");
    let before = inside::paths(&sandbox);
    let document = ask(&sandbox, &["verify", "--repair"], 65);
    assert_eq!(
        (&document["valid"], &document["damaged"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(entry(&document, "c")["status"], "repaired");
    let reasons = |name: &str| entry(&document, name)["reasons"].to_string();
    assert!(
        reasons("a").contains("a.tar: ") && reasons("a").contains("no such file"),
        "{}",
        reasons("a")
    );
    assert!(
        reasons("b").contains("b: the folder changed since it was locked"),
        "{}",
        reasons("b")
    );
    // Nothing else came into the store on the way.
    assert_eq!(inside::paths(&sandbox), before);
    let ended = run(&sandbox, &["verify", "--repair"]).code(65);
    assert!(
        ended.stderr.contains("note: add a source that gives"),
        "{ended}"
    );
}

#[test]
fn a_path_is_healed_wherever_the_command_runs() {
    let sandbox = Sandbox::new();
    Tree::vm(1).write(&sandbox.work().join("vm"));
    declare(&sandbox, &[("vm", &["local = \"vm\""])]);
    run(&sandbox, &["realize"]).code(0);
    let path = path_of(&sandbox, "vm");
    rot(&path.join("vmlinux"), 1);
    let elsewhere = sandbox
        .pyro(["verify", "--repair"])
        .cwd(sandbox.path("home"));
    let ended = elsewhere.run().code(0);
    assert!(ended.stdout.contains(" from local:[WORK]/vm\n"), "{ended}");
    // A declaration that is gone is named.
    rot(&path.join("vmlinux"), 1);
    fs_err::remove_file(sandbox.work().join("envs.toml")).unwrap();
    let elsewhere = sandbox
        .pyro(["verify", "--repair"])
        .cwd(sandbox.path("home"));
    let ended = elsewhere.run().code(65);
    assert!(
        ended.stdout.contains("[WORK]/envs.toml: cannot find"),
        "{ended}"
    );
    // Nobody knows where a path comes from that no generation shows.
    run(&sandbox, &["profile", "delete", "p", "--yes"]).code(0);
    let ended = run(&sandbox, &["verify", "--repair"]).code(65);
    assert!(
        ended.stdout.contains("no source of a declaration at hand"),
        "{ended}"
    );
}

#[test]
fn an_earlier_generation_is_healed_by_the_digest_that_it_was_made_from() {
    let sandbox = Sandbox::new();
    let layout = Layout::create(&sandbox.work().join("images"));
    let image = |text: &str| {
        let mut layer = LayerBuilder::new();
        layer.file(b"text", 0o644, text.as_bytes());
        layout.image(HOST, &[layer.finish(Compression::Gzip)])
    };
    declare(&sandbox, &[("vm", &["oci = \"oci-layout:images:1\""])]);
    let (first, second) = (image("first"), image("second"));
    layout.tag(&[("1", &first)]);
    run(&sandbox, &["realize"]).code(0);
    let path = path_of(&sandbox, "vm");
    layout.tag(&[("1", &second)]);
    run(&sandbox, &["lock", "--upgrade"]).code(0);
    run(&sandbox, &["realize"]).code(0);
    assert_eq!(inside::paths(&sandbox).len(), 2);
    unlink(&path.join("text"));
    let document = ask(&sandbox, &["verify", "--repair", path.to_str().unwrap()], 0);
    let source = document["paths"][0]["source"].as_str().unwrap();
    assert!(source.ends_with(&first.digest), "{source}");
    assert!(document["paths"][0]["fetched_bytes"].as_u64().unwrap() > 0);
    assert_eq!(fs_err::read_to_string(path.join("text")).unwrap(), "first");
    run(&sandbox, &["verify"]).code(0);
}
