//! A store beneath another: used in place, never written, and no longer installed once it is away.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use fs_err::os::unix::fs::symlink;
use serde_json::{Value, json};

use crate::accounts::{
    ALICE, BOB, CAROL, Team, file_name, hide_damage, set_mode, there_are_accounts,
};
use crate::disk::Disk;
use crate::inside;
use crate::support::{Ended, Sandbox};
use crate::tree::{Packing, Tree};

/// A store `base` with `vm` of the declaration in it, beneath an empty store of the same sandbox.
struct Layers {
    sandbox: Sandbox,
}

impl Layers {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        Tree::vm(1).pack(&sandbox.work().join("vm.tar"), Packing::Plain);
        sandbox.write(
            "envs.toml",
            "schema = 1\nprofile = \"p\"\n[environments.vm]\nversion = \"1\"\n\
             artifacts = { kernel = \"vmlinux\" }\n\
             [[environments.vm.sources]]\narchive = \"vm.tar\"\n",
        );
        let layers = Self { sandbox };
        layers.alone(&["realize"]).code(0);
        layers
    }

    fn base(&self) -> PathBuf {
        self.sandbox.path("base")
    }

    /// The store path in the lower store.
    fn there(&self) -> PathBuf {
        let names = inside::names(&self.base().join("store")).into_iter();
        let names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        assert_eq!(names.len(), 1, "{names:?}");
        self.base().join("store").join(&names[0])
    }

    /// On the lower store by itself.
    fn alone(&self, words: &[&str]) -> Ended {
        let pyro = self.sandbox.pyro(words);
        pyro.env("PYRO_STORE", self.base()).run()
    }

    /// On the upper store, with the lower one beneath it.
    fn run(&self, words: &[&str]) -> Ended {
        self.sandbox
            .pyro(words)
            .env("PYRO_LOWER", self.base())
            .run()
    }

    #[track_caller]
    fn ask(&self, words: &[&str]) -> Value {
        let ended = self.run(&[words, &["--json"]].concat()).code(0);
        ended.document(&self.sandbox)
    }

    /// The status and the path of `vm` of a realization.
    #[track_caller]
    fn realize(&self, words: &[&str]) -> (String, PathBuf) {
        let document = self.ask(&[&["realize"], words].concat());
        let one = &document["environments"][0];
        let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
        (text("status"), text("path").into())
    }

    /// What the profile's link says.
    fn link(&self) -> PathBuf {
        fs_err::read_link(self.sandbox.store().join("profiles/p/current/vm")).unwrap()
    }

    fn generations(&self) -> usize {
        inside::names(&self.sandbox.store().join("profiles/p/generations")).len()
    }

    fn forget_source(&self) {
        fs_err::remove_file(self.sandbox.work().join("vm.tar")).unwrap();
    }
}

/// Name, inode, mode, size and both times of everything below a folder.
fn everything(folder: &Path) -> Vec<String> {
    let all = walkdir::WalkDir::new(folder).sort_by_file_name();
    let line = |entry: walkdir::DirEntry| {
        let meta = entry.metadata().unwrap();
        format!(
            "{} {} {:o} {} {}.{} {}.{}",
            entry.path().display(),
            meta.ino(),
            meta.mode(),
            meta.size(),
            meta.mtime(),
            meta.mtime_nsec(),
            meta.ctime(),
            meta.ctime_nsec()
        )
    };
    all.into_iter().map(|entry| line(entry.unwrap())).collect()
}

#[test]
fn what_is_valid_in_the_lower_store_is_used_in_place() {
    let layers = Layers::new();
    let there = layers.there();
    let before = everything(&layers.base());
    layers.forget_source();
    // By the output that the lock names: no source, nothing built.
    assert_eq!(
        layers.realize(&["--offline"]),
        ("ready".to_owned(), there.clone())
    );
    let name = file_name(&there);
    let id = inside::names(&layers.sandbox.store().join("lowers")).remove(0);
    let expected = format!("../../../../lowers/{id}/store/{name}");
    assert_eq!(layers.link(), Path::new(&expected));
    let shown = layers.sandbox.store().join("profiles/p/current/vm");
    assert_eq!(
        fs_err::canonicalize(shown).unwrap(),
        fs_err::canonicalize(&there).unwrap()
    );
    // The name of the link is that of the lower store's own path.
    let hash = blake3_of(layers.base().as_os_str().as_encoded_bytes());
    assert_eq!(id, hash);
    // Leased above, not below; not counted; again the same generation.
    assert_eq!(
        inside::names(&layers.sandbox.store().join("leases")),
        [&name[..64]]
    );
    assert_eq!(
        inside::names(&layers.sandbox.store().join("store")),
        [""; 0]
    );
    assert_eq!(layers.realize(&[]).0, "ready");
    assert_eq!(layers.generations(), 1);
    let path = layers.run(&["path", "vm", "kernel"]).code(0);
    assert_eq!(
        path.raw_stdout.trim_end(),
        there.join("vmlinux").to_str().unwrap()
    );
    let info = layers.ask(&["store", "info"]);
    assert_eq!(
        (&info["paths"], &info["lower"], &info["lower_exists"]),
        (&json!(0), &json!(layers.base()), &json!(true))
    );
    let found = layers.ask(&["env", "inspect", "vm"]);
    assert_eq!(
        (&found["installed"], &found["install_dir"]),
        (&json!(true), &json!(there))
    );
    let listed = layers.ask(&["env", "list"]);
    let listed = listed["environments"].as_array().unwrap();
    let listed = listed.iter().find(|one| one["name"] == "vm").unwrap();
    assert_eq!(listed["install_dir"], json!(there));
    let pulled = layers.ask(&["env", "pull", "vm"]);
    assert_eq!(pulled["install_dir"], json!(there));
    // All is verified without it.
    let verified = layers.ask(&["verify"]);
    assert_eq!(verified["paths"], json!([]));
    // But when it is named.
    for word in ["vm", there.to_str().unwrap()] {
        let verified = layers.ask(&["verify", word]);
        assert_eq!(verified["paths"][0]["path"], json!(there), "{word}");
        assert_eq!(verified["valid"], 1, "{word}");
    }
    // Nothing holds it here, and it is said why.
    for words in [
        &["why", "vm"][..],
        &["gc", "roots", "add", there.to_str().unwrap()],
    ] {
        let ended = layers.run(words).code(2);
        let told = "stands in the lower store, of which nothing is held or collected: [TEMP]/base";
        assert!(ended.stderr.contains(told), "{ended}");
    }
    // Collecting takes nothing of it, whatever is held above.
    for profile in ["p", "pulled"] {
        layers.run(&["profile", "delete", profile, "--yes"]).code(0);
        assert_eq!(layers.ask(&["env", "prune"])["count"], 0);
    }
    layers.run(&["store", "delete", "--yes"]).code(0);
    assert!(!layers.sandbox.store().exists());
    assert_eq!(everything(&layers.base()), before);
}

/// As the lower store of an image is: not even its root may write there.
#[test]
fn a_lower_store_on_a_read_only_file_system_serves() {
    let layers = Layers::new();
    let there = layers.there();
    // Off times are not set back, but remembered above.
    let kernel = fs_err::File::open(there.join("vmlinux")).unwrap();
    kernel.set_modified(std::time::SystemTime::now()).unwrap();
    let Some(mounted) = Disk::read_only(&layers.base()) else {
        return;
    };
    fs_err::write(layers.base().join("try"), "").unwrap_err();
    let copied = "was copied without its times";
    for (words, told) in [
        (&["realize"][..], true),
        (&["realize"], false),
        (&["verify", "vm"], false),
    ] {
        let ended = layers.run(words).code(0);
        assert_eq!(ended.stderr.contains(copied), told, "{ended}");
    }
    assert_eq!(layers.realize(&[]), ("ready".to_owned(), there));
    drop(mounted);
}

fn blake3_of(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

#[test]
fn what_a_source_gives_is_not_built_again_above_it() {
    let layers = Layers::new();
    let there = layers.there();
    // Without a lock the tree has to be made to learn its name.
    fs_err::remove_file(layers.sandbox.work().join("envs.lock")).unwrap();
    assert_eq!(layers.realize(&[]), ("ready".to_owned(), there));
    assert_eq!(
        inside::names(&layers.sandbox.store().join("store")),
        [""; 0]
    );
    let lowers = layers.sandbox.store().join("lowers");
    assert_eq!(inside::names(&lowers).len(), 1);
}

#[test]
fn a_lower_store_that_goes_away_is_not_installed() {
    let layers = Layers::new();
    layers.realize(&[]);
    let away = layers.sandbox.path("away");
    // Deleted, empty as a mount point without its mount, then there again; each time there is a way on.
    let gone = "is not there: nothing of it is installed";
    fs_err::rename(layers.base(), &away).unwrap();
    for empty in [false, true] {
        if empty {
            fs_err::create_dir(layers.base()).unwrap();
        }
        let ended = layers.run(&["path", "vm"]).code(if empty { 0 } else { 69 });
        assert!(ended.stderr.contains(gone), "{ended}");
        let info = layers.ask(&["store", "info"]);
        assert_eq!(info["lower_exists"], false);
        let (status, path) = layers.realize(&[]);
        assert!(path.starts_with(layers.sandbox.store()), "{path:?}");
        assert_eq!(status, if empty { "ready" } else { "built" });
        assert_eq!(layers.generations(), 2);
        assert!(layers.link().starts_with("../../../../store"));
    }
    // What is in the upper store is used before the lower one.
    fs_err::remove_dir(layers.base()).unwrap();
    fs_err::rename(&away, layers.base()).unwrap();
    assert!(layers.realize(&[]).1.starts_with(layers.sandbox.store()));
    assert_eq!(layers.generations(), 2);
    // The first generation holds nothing above, and is shown again where its path is.
    layers
        .run(&["profile", "rollback", "--profile", "p"])
        .code(0);
    assert!(layers.link().starts_with("../../../../store"));
    let verified = layers.ask(&["verify"]);
    assert_eq!(verified["paths"].as_array().unwrap().len(), 1);
}

#[test]
fn without_the_setting_a_path_says_where_it_was_shown() {
    let layers = Layers::new();
    layers.realize(&[]);
    let ended = layers.sandbox.pyro(["path", "vm"]).run().code(69);
    let told = "shows it in the lower store [TEMP]/base: `--lower` puts that beneath this one";
    assert!(ended.stderr.contains(told), "{ended}");
    let flag = ["path", "vm", "--lower", "../base"];
    let ended = layers.sandbox.pyro(flag).run().code(0);
    assert_eq!(
        ended.raw_stdout.trim_end(),
        layers.there().to_str().unwrap()
    );
    let text = format!("[store]\nlower = {:?}\n", layers.base());
    layers
        .sandbox
        .write("../home/.config/pyro/config.toml", &text);
    layers.sandbox.pyro(["path", "vm"]).run().code(0);
    let ended = layers.sandbox.pyro(["config", "--json"]).run().code(0);
    let config = ended.document(&layers.sandbox);
    let rows = config["settings"].as_array().unwrap();
    let row = rows
        .iter()
        .find(|row| row["name"] == "store.lower")
        .unwrap();
    assert_eq!(
        (&row["value"], &row["origin"]),
        (&json!(layers.base()), &json!("file"))
    );
}

#[test]
fn damage_below_is_said_and_built_above() {
    let layers = Layers::new();
    layers.realize(&[]);
    let there = layers.there();
    inside::overwrite(&there.join("vmlinux"), "short");
    let before = everything(&layers.base());
    let ended = layers.run(&["verify", "vm", "--repair"]).code(65);
    let told = "damaged: [TEMP]/base/store/";
    assert!(ended.stdout.starts_with(told), "{ended}");
    let ended = layers.run(&["realize"]).code(0);
    let told = "is in the lower store and not used: `vmlinux` has the wrong size";
    assert!(ended.stderr.contains(told), "{ended}");
    assert!(layers.link().starts_with("../../../../store"));
    assert_eq!(layers.generations(), 2);
    let (status, path) = layers.realize(&[]);
    assert_eq!(status, "ready");
    assert!(path.starts_with(layers.sandbox.store()));
    assert_eq!(everything(&layers.base()), before);
}

#[test]
fn damage_above_is_passed_over_for_the_lower_store_and_mended_on_request() {
    let layers = Layers::new();
    let there = layers.there();
    // Built above while nothing was beneath, then damaged there.
    layers.sandbox.pyro(["realize"]).run().code(0);
    let above = inside::path(&layers.sandbox);
    inside::overwrite(&above.join("vmlinux"), "short");
    assert_eq!(layers.realize(&[]), ("ready".to_owned(), there));
    assert!(layers.link().starts_with("../../../../lowers"));
    layers.run(&["verify"]).code(65);
    let repaired = layers.ask(&["verify", "--repair"]);
    assert_eq!(repaired["paths"][0]["status"], "repaired");
    assert_eq!(repaired["paths"][0]["path"], json!(above));
    layers.run(&["verify"]).code(0);
    // Every generation that shows it above holds it; then nothing does.
    assert_eq!(layers.ask(&["env", "prune"])["count"], 0);
    layers.realize(&[]);
    assert!(layers.link().starts_with("../../../../store"));
}

#[test]
fn links_of_another_lower_store_stay_and_hold_nothing_above() {
    let layers = Layers::new();
    layers.realize(&[]);
    let link = layers.link();
    // A second environment is realized without what is beneath: the first one's link is kept as it is.
    Tree::vm(2).write(&layers.sandbox.work().join("two"));
    let file = layers.sandbox.work().join("envs.toml");
    let text = fs_err::read_to_string(&file).unwrap()
        + "[environments.two]\nversion = \"1\"\n[[environments.two.sources]]\nlocal = \"two\"\n";
    fs_err::write(&file, text).unwrap();
    layers.sandbox.pyro(["realize", "two"]).run().code(0);
    assert_eq!((layers.link(), layers.generations()), (link, 2));
    // The same tree once more above, shown by nothing.
    layers
        .sandbox
        .pyro(["realize", "vm", "--profile", "q"])
        .run()
        .code(0);
    let delete = ["profile", "delete", "q", "--yes"];
    layers.sandbox.pyro(delete).run().code(0);
    let pruned = layers
        .sandbox
        .pyro(["env", "prune", "--json"])
        .run()
        .code(0);
    assert_eq!(pruned.document(&layers.sandbox)["count"], 1);
    assert_eq!(inside::paths(&layers.sandbox).len(), 1);
    // A link that somebody spoilt is made anew when something is shown through it.
    let lowers = layers.sandbox.store().join("lowers");
    let spoilt = lowers.join(&inside::names(&lowers)[0]);
    fs_err::remove_file(&spoilt).unwrap();
    symlink("/nowhere", &spoilt).unwrap();
    layers.ask(&["env", "pull", "vm"]);
    assert_eq!(fs_err::read_link(&spoilt).unwrap(), layers.base());
}

#[test]
fn what_is_no_lower_store_is_refused() {
    let layers = Layers::new();
    layers.realize(&[]);
    let refused = |lower: &Path, why: &str| {
        let pyro = layers.sandbox.pyro(["realize", "-q"]);
        let ended = pyro.env("PYRO_LOWER", lower).run().code(78);
        assert!(ended.stderr.contains(why), "{ended}");
        assert!(ended.stderr.contains("hint: "), "{ended}");
    };
    let own = "error: cannot be a lower store, it is the store itself: ";
    refused(&layers.sandbox.store(), own);
    let twin = layers.sandbox.path("twin");
    symlink(layers.sandbox.store(), &twin).unwrap();
    refused(&twin, own);
    refused(&layers.sandbox.work(), "it is no store: [WORK]");
    refused(&layers.sandbox.work().join("vm.tar"), "it is no folder");
    let marker = layers.base().join("layout.json");
    for (text, found) in [
        ("{\"layout\": 2}", "store layout 2"),
        ("{}", "store layout unreadable"),
    ] {
        fs_err::write(&marker, text).unwrap();
        refused(&layers.base(), found);
    }
    fs_err::write(&marker, "{\"layout\": 1}").unwrap();
    fs_err::rename(layers.base().join("store"), layers.base().join("else")).unwrap();
    refused(&layers.base(), "it has no `store` folder");
}

#[test]
fn a_folder_with_lowers_of_its_own_becomes_no_store() {
    let sandbox = Sandbox::new();
    fs_err::create_dir_all(sandbox.store().join("lowers/theirs")).unwrap();
    sandbox.write("envs.toml", "schema = 1\n");
    let ended = sandbox.pyro(["realize"]).run().code(78);
    assert!(
        ended.stderr.contains("has a `lowers` of its own"),
        "{ended}"
    );
}

/// The lower store belongs to somebody else and the upper one is an account's own: it is checked in full once, and
/// that is remembered above.
#[test]
fn what_another_account_made_below_is_checked_in_full_once() {
    if !there_are_accounts() {
        return;
    }
    let mut team = Team::new(0o2775);
    team.declare("1", &Tree::vm(1));
    let (_, path) = team.realize(ALICE, "077", &[]);
    let lower = team.store().to_owned();
    let home = team.home(CAROL);
    let before = everything(&lower);
    team.put_beneath(&home.join("mine"));
    assert_eq!(
        team.realize(CAROL, "077", &["--offline"]),
        ("ready".to_owned(), path.clone())
    );
    let records = home.join("mine/realisations/61003");
    let remembered = |records: &Path| {
        let names = inside::names(records);
        names
            .iter()
            .filter(|name| name.starts_with("checked-"))
            .count()
    };
    assert_eq!(remembered(&records), 1);
    assert_eq!(everything(&lower), before);
    let record = records.join(&inside::names(&records)[0]);
    let written = fs_err::metadata(&record).unwrap().ino();
    assert_eq!(team.realize(CAROL, "077", &[]).0, "ready");
    assert_eq!(fs_err::metadata(&record).unwrap().ino(), written);
    // Collecting above forgets nothing of what is there below.
    team.run(CAROL, "077", &["gc"]).code(0);
    assert_eq!(remembered(&records), 1);
    // Hidden damage is found, and built above instead.
    hide_damage(&path.join("vmlinux"));
    let (status, above) = team.realize(CAROL, "077", &[]);
    assert_eq!(status, "built");
    assert!(above.starts_with(&home), "{above:?}");
    // What may not be looked at is denied, and says so.
    set_mode(&lower, 0o700);
    let ended = team.run(CAROL, "077", &["path", "vm"]).code(77);
    assert!(
        ended.stderr.contains("cannot read [STORE]/layout.json"),
        "{ended}"
    );
    set_mode(&lower, 0o755);
    // Two of the group, each above the same store.
    team.put_above(&team.home(BOB).join("mine"));
    assert_eq!(team.realize(BOB, "022", &[]).0, "built");
}
