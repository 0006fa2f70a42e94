//! A store on a file system that takes `A` for `a`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::stand::{As, Stand};
use crate::support::needs;
use crate::tar_bytes::Tar;

/// A folding ext4, mounted until this is dropped.
struct Folding {
    at: PathBuf,
}

fn succeeds(command: &mut Command) -> bool {
    let command = command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let ended = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    ended.is_ok_and(|status| status.success())
}

impl Folding {
    /// Mounts one at `at`, whose top folds; `None` where the machine cannot, which is then said.
    fn mount(at: &Path, image: &Path) -> Option<Self> {
        if !needs::root("to mount a file system of its own")
            || !needs::met(Path::new("/dev/loop-control").exists(), "loop devices")
            || !needs::program("mkfs.ext4", "e2fsprogs")
        {
            return None;
        }
        let folds = Path::new("/sys/fs/ext4/features/casefold").exists();
        if !needs::kernel(folds, "whose ext4 folds case") {
            return None;
        }
        let file = fs_err::File::create(image).unwrap();
        file.set_len(32 << 20).unwrap();
        let made = succeeds(
            Command::new("mkfs.ext4")
                .args(["-q", "-O", "casefold"])
                .arg(image),
        );
        if !needs::met(made, "mkfs.ext4 with `-O casefold`") {
            return None;
        }
        let mounted = succeeds(
            Command::new("mount")
                .args(["-o", "loop"])
                .arg(image)
                .arg(at),
        );
        if !needs::kernel(mounted, "that mounts a folding ext4") {
            return None;
        }
        let mounted = Self { at: at.to_owned() };
        // The flag goes only on an empty folder, and what is made below has it too.
        fs_err::remove_dir(at.join("lost+found")).unwrap();
        let set = succeeds(Command::new("chattr").arg("+F").arg(at));
        needs::met(set, "chattr +F").then_some(mounted)
    }
}

impl Drop for Folding {
    fn drop(&mut self) {
        let done = succeeds(Command::new("umount").arg("-l").arg(&self.at));
        assert!(done, "{}", self.at.display());
    }
}

#[test]
fn names_that_the_file_system_folds_are_refused() {
    let stand = Stand::new();
    fs_err::create_dir(stand.scene.store()).unwrap();
    let image = stand.scene.path("work/folding.img");
    let Some(_folding) = Folding::mount(stand.scene.store(), &image) else {
        return;
    };
    let t = Tar::new;
    let cases = [
        (
            "files",
            t().file("b", "").file("readme", "1").file("README", "2"),
            "entry 3 `README`",
            "`readme`, entry 2",
        ),
        (
            "folders",
            t().dir("Lib").file("lib/x", ""),
            "entry 2 `lib/x`",
            "`Lib`, entry 1",
        ),
        (
            "links",
            t().symlink("L", "x").symlink("l", "y"),
            "entry 2 `l`",
            "`L`, entry 1",
        ),
        (
            "hard links",
            t().file("a", "").hard_link("B", "a").hard_link("b", "a"),
            "entry 3 `b`",
            "`B`, entry 2",
        ),
        (
            "beyond ASCII",
            t().file("\u{c9}", "").file("\u{e9}", ""),
            "entry 2 `\u{e9}`",
            "`\u{c9}`, entry 1",
        ),
        (
            "deep",
            t().file("d/e/X", "").file("d/e/x", ""),
            "entry 2 `d/e/x`",
            "`d/e/X`, entry 1",
        ),
        (
            "the manifest",
            t().file("Environment.json", ""),
            "`environment.json`",
            "`Environment.json`",
        ),
    ];
    for (name, tar, entry, other) in cases {
        let ended = stand.realize(As::Files, &tar.end());
        stand.assert_refused(name, &ended, &[entry.to_owned(), other.to_owned()]);
    }
    let folder = stand.scene.project().join("folder");
    fs_err::create_dir(&folder).unwrap();
    for name in ["a", "A"] {
        fs_err::write(folder.join(name), name).unwrap();
    }
    stand.scene.declare(&crate::support::scene::envs_toml(
        "",
        &[("local", "folder")],
    ));
    let ended = stand.scene.run(&["realize", "--json"]);
    stand.assert_refused(
        "a folder",
        &ended,
        &["takes its name for that of".to_owned()],
    );
    // What does not collide is as good here as anywhere.
    Stand::content(
        As::Files,
        stand.realize(As::Files, &t().file("A", "1").file("b", "2").end()),
    );
    stand.scene.assert_sound();
}
