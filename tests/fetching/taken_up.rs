//! A download that ended in the middle is taken up where it ended, by the same run or by the next, and never believed.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use crate::shelf::{Play, Shelf, archive, noise};
use crate::support::http::Server;
use crate::support::images::layer::{Compression, LayerBuilder};
use crate::support::images::layout::{HOST, Layout};
use crate::support::images::push::Push;
use crate::support::needs::full_size;
use crate::support::registry::{Access, Registry};
use crate::support::scene::{Scene, envs_toml, remove_sealed};

/// What the spool of the only account of a scene has.
fn spool(scene: &Scene) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let Ok(accounts) = fs_err::read_dir(scene.store().join("downloads")) else {
        return files;
    };
    for account in accounts.map(Result::unwrap) {
        for file in fs_err::read_dir(account.path())
            .unwrap()
            .map(Result::unwrap)
        {
            let name = file.file_name().into_string().unwrap();
            files.push((name, fs_err::read(file.path()).unwrap()));
        }
    }
    files
}

/// A scene whose lock knows the shelf's archive, with an empty store.
fn locked(shelf: &Shelf) -> Scene {
    let scene = Scene::declaring(&envs_toml("", &[("archive", &shelf.url())]));
    scene.run(&["lock"]).code(0);
    remove_sealed(scene.store());
    scene
}

/// Runs `realize` against a server that stalls after so many bytes, and kills it then.
fn killed_after(shelf: &Shelf, scene: &Scene, bytes: usize) {
    shelf.play(&[Play::Stall(bytes)]);
    let mut child = scene
        .command(&[], &["realize", "--progress", "json"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The bytes are in the spool before the stall is noticed; the transfer says so at the latest then.
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let arrived = || spool(scene).iter().any(|(_, held)| held.len() >= bytes);
    let mut lines = stderr.lines();
    while !arrived() {
        std::thread::yield_now();
        assert!(child.try_wait().unwrap().is_none());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    lines.by_ref().for_each(drop);
}

#[test]
fn the_next_location_sends_what_one_that_always_breaks_off_does_not() {
    let whole = Shelf::of(400_000, &[Play::Well]);
    let broken = Shelf::of(400_000, &[Play::Cut(1000)]);
    let urls = format!("archive = [{:?}, {:?}]", broken.url(), whole.url());
    let scene = Scene::declaring(&envs_toml("", &[]));
    let declare = |more: &str| {
        let source = format!("[[environments.x.sources]]\n{urls}\n{more}\n");
        scene.declare(&format!(
            "schema = 1\n[environments.x]\nversion = \"1\"\n{source}"
        ));
    };
    let sha256 = <sha2::Sha256 as sha2::Digest>::digest(archive(400_000));
    let sha256: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    declare(&format!("sha256 = \"{sha256}\""));
    scene.run(&["realize"]).code(0);
    let seen = whole.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].range.as_deref(), Some("bytes=1000-"));
    assert_eq!(
        (broken.seen().len(), seen[0].served),
        (1, whole.size() - 1000)
    );
    scene.assert_sound();
    // Without a digest nothing says that the rest is of the same bytes: the next is asked for all.
    remove_sealed(scene.store());
    fs_err::remove_file(scene.project().join("envs.lock")).unwrap();
    broken.play(&[Play::Cut(1000)]);
    whole.play(&[Play::Well]);
    declare("");
    scene.run(&["realize"]).code(0);
    assert_eq!(whole.seen()[0].range, None);
    scene.assert_sound();
}

#[test]
fn what_a_killed_run_got_is_not_fetched_again() {
    let shelf = Shelf::of(900_000, &[Play::Well]);
    let scene = locked(&shelf);
    let mut points = 0;
    for bytes in [1, 512, 300_000, 899_999] {
        killed_after(&shelf, &scene, bytes);
        // At most the staging tree of who was killed.
        assert!(scene.store_names().len() <= 1);
        let held = spool(&scene)[0].1.len();
        shelf.play(&[Play::Well]);
        assert_eq!(scene.realize().status, "built");
        let seen = shelf.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert_eq!(seen[0].range, Some(format!("bytes={held}-")));
        assert_eq!(seen[0].served, shelf.size() - held);
        assert_eq!(spool(&scene), []);
        scene.run(&["profile", "delete", "--yes"]);
        remove_sealed(scene.store());
        points += 1;
    }
    assert!(points >= 4, "{points}");
}

#[test]
fn what_was_kept_and_is_wrong_is_fetched_anew() {
    let shelf = Shelf::of(900_000, &[Play::Well]);
    let scene = locked(&shelf);
    killed_after(&shelf, &scene, 400_000);
    let (name, mut held) = spool(&scene).remove(0);
    held[1000] ^= 1;
    let account = fs_err::read_dir(scene.store().join("downloads"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    fs_err::write(account.path().join(&name), &held).unwrap();
    shelf.play(&[Play::Well]);
    let ended = scene.run(&["realize"]).code(0);
    assert!(ended.stderr.contains("does not fit"), "{ended}");
    let ranges: Vec<bool> = shelf
        .seen()
        .iter()
        .map(|seen| seen.range.is_some())
        .collect();
    assert_eq!(ranges, [true, false]);
    scene.assert_sound();
}

#[test]
fn a_server_that_forgot_ranges_sends_all_of_it_again() {
    let shelf = Shelf::of(900_000, &[Play::Well]);
    for play in [Play::IgnoreRange, Play::OtherRange, Play::NoRange] {
        shelf.play(&[Play::Well]);
        let scene = locked(&shelf);
        killed_after(&shelf, &scene, 400_000);
        shelf.play(&[play]);
        scene.run(&["realize"]).code(0);
        scene.assert_sound();
    }
}

#[test]
fn without_a_digest_only_what_has_the_same_tag_is_taken_up() {
    let shelf = Shelf::of(
        900_000,
        &[Play::Cut(300_000), Play::Cut(300_000), Play::Well],
    );
    let scene = Scene::declaring(&envs_toml("", &[("archive", &shelf.url())]));
    scene.run(&["realize"]).code(0);
    assert_eq!(shelf.served(), shelf.size());
    // The rest says nothing of its length, but the first answer did.
    shelf.play(&[
        Play::Cut(300_000),
        Play::CutWithoutLength(100_000),
        Play::Well,
    ]);
    let scene = Scene::declaring(&envs_toml("", &[("archive", &shelf.url())]));
    scene.run(&["realize"]).code(0);
    let ranges = shelf.seen().into_iter().map(|seen| seen.range);
    let expected = [None, Some(300_000), Some(400_000)];
    let expected = expected.map(|from: Option<u32>| from.map(|from| format!("bytes={from}-")));
    assert!(ranges.eq(expected));
    // No tag comes with these: what was there before may be of another version.
    shelf.play(&[
        Play::CutWithoutLength(300_000),
        Play::Cut(300_000),
        Play::Well,
    ]);
    let scene = Scene::declaring(&envs_toml("", &[("archive", &shelf.url())]));
    scene.run(&["realize"]);
    let first: Vec<bool> = shelf
        .seen()
        .iter()
        .map(|seen| seen.range.is_some())
        .collect();
    assert!(!first[0]);
    scene.assert_sound();
}

/// A layer of so many bytes through a connection that is cut ten times.
#[test]
fn ten_cuts_cost_no_more_than_their_buffers() {
    let size: usize = if full_size() { 2 << 30 } else { 64 << 20 };
    let registry = Registry::start(&Access::Open);
    let temp = tempfile::tempdir().unwrap();
    let layout = Layout::create(temp.path());
    let mut layer = LayerBuilder::new();
    layer.file(b"noise", 0o644, &noise("layer", size));
    let image = layout.image(HOST, &[layer.finish(Compression::None)]);
    layout.tag(&[("1", &image)]);
    Push::default().copy(&layout, "1", &registry, "some");

    let address = registry.address();
    let served = Arc::new(Mutex::new((0_usize, 0_usize)));
    let counted = Arc::clone(&served);
    let proxy = Server::start(move |request, stream| {
        let answer = request.send(address)?;
        let is_layer = request.target.contains("/blobs/") && answer.body.len() > 10_000;
        if !is_layer {
            return answer.write(&request.method, usize::MAX, stream);
        }
        let cut = {
            let (requests, _) = *counted.lock().unwrap();
            // Elevenths, so that the eleventh request brings the last.
            if requests < 10 { size / 11 } else { usize::MAX }
        };
        let bytes = cut.min(answer.body.len());
        let mut counted = counted.lock().unwrap();
        *counted = (counted.0 + 1, counted.1 + bytes);
        drop(counted);
        answer.write(&request.method, bytes, stream)
    });
    let reference = format!("{}/some:1", proxy.address());
    let scene = Scene::declaring(&envs_toml("", &[("oci", &reference)]));
    let realized = scene.realize();
    let (requests, bytes) = *served.lock().unwrap();
    println!("{requests} requests, {bytes} bytes for a layer of {size}");
    assert_eq!(requests, 11);
    assert!(bytes <= size + 4096 + (10 << 20), "{bytes}");
    let content = fs_err::metadata(realized.path.join("noise")).unwrap();
    assert_eq!(content.len(), size as u64);
}
