//! What cannot fit is not begun.

use std::path::Path;
use std::process::Command;

use crate::shelf::{Play, Shelf};
use crate::support::needs;
use crate::support::scene::{Scene, envs_toml, remove_sealed};

/// A small disk of this machine's memory, for as long as it lives.
struct Small<'p>(&'p Path);

impl<'p> Small<'p> {
    fn mount(place: &'p Path, options: &str) -> Option<Self> {
        if !needs::root("to mount a file system of its own") {
            return None;
        }
        fs_err::create_dir_all(place).unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", options, "small"])
            .arg(place);
        let mounted = mount.output().unwrap();
        assert!(mounted.status.success(), "{mounted:?}");
        Some(Self(place))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.0).status();
        assert!(unmounted.unwrap().success());
    }
}

#[test]
fn too_little_room_is_told_before_the_first_byte() {
    let shelf = Shelf::of(3 << 20, &[Play::Well]);
    for (options, lack) in [
        ("size=2m,mode=755", "bytes on the file system"),
        ("size=8m,nr_inodes=12,mode=755", "inodes on the file system"),
    ] {
        let scene = Scene::declaring(&envs_toml("", &[("archive", &shelf.url())]));
        scene.run(&["lock"]).code(0);
        remove_sealed(scene.store());
        let Some(_small) = Small::mount(scene.store(), options) else {
            return;
        };
        shelf.play(&[Play::Well]);
        let error = scene.error(&["realize"], 73);
        assert!(
            error.contains(lack) && error.contains("at least"),
            "{error}"
        );
        assert!(error.contains("gc"), "no word on how to make room: {error}");
        assert_eq!(shelf.seen(), []);
        assert_eq!(scene.store_names(), [""; 0]);
    }
}
