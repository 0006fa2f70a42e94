//! One account downloads each blob once at a time, however many of its processes want it.

use crate::chance::rounds;
use crate::shop::{IMAGES, Shop};
use crate::support::scene::Scene;

#[test]
fn no_blob_is_downloaded_twice_at_the_same_time() {
    let shop = Shop::open();
    let first = Scene::new();
    let all: Vec<usize> = (0..IMAGES).collect();
    let mut downloads = 0;
    for _ in 0..rounds(3) {
        if first.store().exists() {
            first.run(&["store", "delete", "--yes"]).code(0);
        }
        std::thread::scope(|scope| {
            for n in 0..4_usize {
                let (shop, first, mut all) = (&shop, &first, all.clone());
                // In another order each, so that two may want two blobs crosswise.
                all.rotate_left(n);
                scope.spawn(move || {
                    let scene = Scene::beside(first);
                    scene.declare(&shop.declaration(&format!("p{n}"), &all));
                    scene.run(&["realize", "--jobs", "3"]).code(0);
                });
            }
        });
        first.assert_sound();
    }
    for (blob, seen) in shop.downloads() {
        assert_eq!(seen.at_once, 1, "{blob}: {seen:?}");
        downloads += seen.in_all;
    }
    println!("{downloads} downloads, none beside another of the same blob");
    // Each round needs every layer once at least: the shared one and one an image.
    assert!(downloads >= 3 * (IMAGES + 1), "{downloads}");
}
