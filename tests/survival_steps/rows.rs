//! The commands that are stepped through, each with what is there before and what is run after it.

use crate::inside;
use crate::support::scene::{Realized, Scene, envs_toml};

/// One command.
pub struct Row {
    /// Makes what is there before; the sources are there already.
    pub seed: fn(&Scene),
    pub words: &'static [&'static str],
    /// What is run afterwards, and must go through: the same, where that may be done twice.
    pub next: &'static [&'static str],
}

/// How what nothing holds is removed.
pub const COLLECT: &[&str] = &["env", "prune"];

/// Writes a declaration for [`ELSEWHERE`].
pub fn declare_elsewhere(scene: &Scene) {
    let file = scene.project().join("elsewhere.toml");
    fs_err::write(file, declaration(3)).unwrap();
}

/// A realize of that other declaration, for another profile.
pub const ELSEWHERE: &[&str] = &["realize", "elsewhere.toml", "--profile", "elsewhere"];

const REALIZE: &[&str] = &["realize", "--profile", "ci", "--out-link", "result"];

/// A first realize of two environments, from an archive and from a local folder, by two threads.
pub const FIRST: Row = Row {
    seed: |scene| declare(scene, 2),
    words: REALIZE,
    next: REALIZE,
};

/// The same, given up: another profile shows them then.
pub const GIVEN_UP: Row = Row {
    seed: |scene| declare(scene, 2),
    words: &["realize", "--profile", "ci"],
    next: &["realize", "--profile", "other"],
};

/// The same over an older version.
pub const UPDATE: Row = Row {
    seed: |scene| {
        realize(scene, 1);
        declare(scene, 2);
    },
    words: REALIZE,
    next: REALIZE,
};

/// An environment of more files than are synced one by one.
pub const MANY: Row = Row {
    seed: |scene| scene.declare(&envs_toml("", &[("archive", "sources/many.tar")])),
    words: REALIZE,
    next: REALIZE,
};

/// The same from a folder.
pub const MANY_LOCAL: Row = Row {
    seed: |scene| scene.declare(&envs_toml("", &[("local", "sources/many")])),
    words: REALIZE,
    next: REALIZE,
};

/// An environment of a file that is copied by several threads.
pub const LARGE: Row = Row {
    seed: |scene| scene.declare(&envs_toml("", &[("local", "sources/large")])),
    words: REALIZE,
    next: REALIZE,
};

/// An image whose second layer takes away what the first one has.
pub const IMAGE: Row = Row {
    seed: |scene| {
        let envs =
            |tag: &str| envs_toml("", &[("oci", &format!("oci-layout:sources/image:{tag}"))]);
        scene.declare(&envs("1"));
        scene.quick_json(REALIZE);
        scene.declare(&envs("2"));
    },
    words: REALIZE,
    next: REALIZE,
};

/// Without a profile, over an older version: the link is the profile.
pub const OWN_LINK: Row = Row {
    seed: |scene| {
        declare(scene, 1);
        scene.quick_json(OWN);
        declare(scene, 2);
    },
    words: OWN,
    next: OWN,
};
const OWN: &[&str] = &["realize", "--out-link", "result"];

/// An out-link that leaves the profile of its own for another.
pub const LINK_MOVES: Row = Row {
    seed: OWN_LINK.seed,
    words: REALIZE,
    next: REALIZE,
};

/// Two paths, both damaged, are realized again.
pub const REPAIR: Row = Row {
    seed: |scene| {
        realize(scene, 2);
        damage(scene);
    },
    words: REALIZE,
    next: REALIZE,
};

/// Two paths, both damaged, are verified and replaced.
pub const VERIFY: Row = Row {
    seed: REPAIR.seed,
    words: &["verify", "--full", "--repair"],
    next: &["verify", "--full", "--repair"],
};

/// Back to what was live before.
pub const ROLLBACK: Row = Row {
    seed: |scene| {
        realize(scene, 1);
        realize(scene, 2);
    },
    words: &["profile", "rollback", "--profile", "ci"],
    // A second rollback would go back further.
    next: &["profile", "switch", "1", "--profile", "ci"],
};

/// To a generation by its number.
pub const SWITCH: Row = Row {
    seed: ROLLBACK.seed,
    words: ROLLBACK.next,
    next: ROLLBACK.next,
};

/// An environment that was pulled before, in an older version.
pub const PULL: Row = Row {
    seed: |scene| {
        declare(scene, 1);
        scene.quick_json(&["env", "pull", "env"]);
        declare(scene, 2);
        scene.quick_json(&["env", "pull", "tool"]);
    },
    words: &["env", "pull", "env"],
    next: &["env", "pull", "env"],
};

/// A profile goes.
pub const DELETE: Row = Row {
    seed: |scene| {
        realize(scene, 1);
        scene.quick_json(&["realize", "--profile", "other"]);
    },
    words: &["profile", "delete", "other", "--yes"],
    next: &["realize", "--profile", "ci"],
};

/// A store with everything that a collection removes.
pub const PRUNE: Row = Row {
    seed: litter,
    words: COLLECT,
    next: COLLECT,
};

/// The same store with more generations, and limits that drop some and let no path stay that nothing holds.
pub const GC: Row = Row {
    seed: |scene| {
        litter(scene);
        for version in [3, 2, 1, 2] {
            realize(scene, version);
        }
    },
    words: &["gc", "--keep", "1", "--max-size", "0"],
    next: &["gc", "--keep", "1", "--max-size", "0"],
};

/// Declares two environments in this version.
fn declare(scene: &Scene, version: u8) {
    scene.declare(&declaration(version));
}

fn declaration(version: u8) -> String {
    format!(
        r#"schema = 1
profile = "own"
[environments.env]
version = "{version}.0.0"
artifacts = {{ kernel = "vmlinux" }}
[[environments.env.sources]]
archive = "sources/env-{version}.tar"
[environments.tool]
version = "{version}.0.0"
[[environments.tool.sources]]
local = "sources/tool-{version}"
"#
    )
}

/// Declares and realizes them.
fn realize(scene: &Scene, version: u8) {
    declare(scene, version);
    scene.quick_json(REALIZE);
}

/// Shortens a file of every store path.
fn damage(scene: &Scene) {
    for name in scene.store_names() {
        let path = scene.store().join("store").join(name);
        for file in ["vmlinux", "tool"] {
            if path.join(file).exists() {
                inside::overwrite(&path.join(file), "short");
            }
        }
    }
}

/// Makes a root of this kind that alone holds a path.
fn root(scene: &Scene, kind: &str, n: usize) {
    let version = format!("9.0.{n}");
    let file = format!("{kind}.toml");
    let toml = format!(
        "schema = 1\n[environments.rooted]\nversion = \"{version}\"\n\
         [[environments.rooted.sources]]\nlocal = \"sources/tool-1\"\n"
    );
    fs_err::write(scene.project().join(&file), toml).unwrap();
    let path = Realized::only(&scene.quick_json(&["realize", &file, "--profile", "x"])).path;
    let subject = match kind {
        "lock" => scene.project().join("lock.lock"),
        "path" => path,
        _ => {
            let link = scene.project().join("sources/rooted");
            fs_err::os::unix::fs::symlink(path, &link).unwrap();
            link
        }
    };
    scene.quick_json(&["gc", "roots", "add", subject.to_str().unwrap()]);
    scene.quick_json(&["profile", "delete", "x", "--yes"]);
}

/// Leaves all kinds of litter beside what `ci` shows.
fn litter(scene: &Scene) {
    // An out-link that is gone and one that is not, and an entry of `pulled` that nobody declares any more.
    declare(scene, 3);
    scene.quick_json(&["realize", "--out-link", "gone"]);
    fs_err::remove_file(scene.project().join("gone")).unwrap();
    scene.quick_json(&["env", "pull", "tool"]);
    declare(scene, 1);
    scene.quick_json(&["realize", "--out-link", "kept"]);
    realize(scene, 2);
    scene.quick_json(&["env", "pull", "env"]);
    // Roots of every kind: each holds a path that nothing else does.
    for (n, kind) in ["link", "lock", "path"].iter().enumerate() {
        root(scene, kind, n);
    }

    let store = scene.store();
    let path = Realized::only(&scene.quick_json(&["realize", "env", "--profile", "x"])).path;
    scene.quick_json(&["profile", "delete", "x", "--yes"]);
    let hash = &path.file_name().unwrap().to_str().unwrap()[..64];
    let id = "0123456789abcdef";
    // A dead staging tree with its lock, and trash.
    for name in [format!(".s-{id}"), format!(".t-{hash}-{id}")] {
        let tree = store.join("store").join(name);
        fs_err::create_dir_all(tree.join("folder")).unwrap();
        fs_err::write(tree.join("folder/file"), "left").unwrap();
    }
    // What writers were killed at, and locks that guard nothing.
    fs_err::create_dir(store.join(format!("profiles/ci/generations/.g-{id}"))).unwrap();
    let link = store.join(format!("profiles/ci/.current-{id}"));
    fs_err::os::unix::fs::symlink("generations/1", link).unwrap();
    // A profile that was half deleted, and a download that will not be resumed.
    let doomed = store.join(format!("profiles/.d-{id}"));
    fs_err::create_dir_all(doomed.join("generations/1")).unwrap();
    fs_err::write(doomed.join("generations/1/file"), "").unwrap();
    let uid = rustix::process::geteuid().as_raw();
    let download = store.join(format!("downloads/{uid}/sha256-{}", "3".repeat(64)));
    fs_err::create_dir_all(download.parent().unwrap()).unwrap();
    fs_err::write(&download, "half").unwrap();
    crate::debris::make_old(&download);
    for file in [
        format!("roots/.x.json-{id}"),
        format!("realisations/{uid}/.x.json-{id}"),
        format!(".layout-{id}"),
        format!("leases/staging-{id}"),
        format!("leases/{}", "1".repeat(64)),
        format!("leases/{}.w", "2".repeat(64)),
    ] {
        fs_err::write(store.join(file), "").unwrap();
    }
    crate::debris::age(scene);
}
