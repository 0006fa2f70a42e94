//! Realizers, collectors, checkers, switchers and holders on one store, some of them killed.

use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use pyro::progress::Silent;
use pyro::store::{Depth, Found, Patience, Store};
use serde_json::Value;

use crate::chance::{Chance, rounds, seed};
use crate::shop::{IMAGES, Shop};
use crate::support::scene::{Scene, assert_profiles_show_paths};

/// One who does something again and again.
struct Actor<'a> {
    shop: &'a Shop,
    scene: Scene,
    chance: Chance,
    tally: &'a Tally,
}

/// What was done, by all together.
#[derive(Default)]
struct Tally {
    ended: AtomicUsize,
    killed: AtomicUsize,
    read: AtomicUsize,
}

/// How a command ended.
enum Ending {
    Killed,
    Code(i32, String, String),
}

impl Actor<'_> {
    /// Runs pyro; one in `risk` times it is killed, after some milliseconds.
    fn run(&mut self, words: &[&str], risk: u64) -> Ending {
        let mut command = self.scene.command(&[], words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        if self.chance.once_in(risk) && kill_after(&mut child, self.chance.below(150)) {
            child.wait().unwrap();
            self.tally.killed.fetch_add(1, Ordering::Relaxed);
            return Ending::Killed;
        }
        let output = child.wait_with_output().unwrap();
        self.tally.ended.fetch_add(1, Ordering::Relaxed);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let code = code_of(output.status);
        Ending::Code(code, text(output.stdout), text(output.stderr))
    }

    /// As [`Actor::run`]; whoever is not killed must end well. Gives stdout then.
    #[track_caller]
    fn must(&mut self, words: &[&str], risk: u64) -> Option<String> {
        match self.run(words, risk) {
            Ending::Killed => None,
            Ending::Code(0, stdout, _) => Some(stdout),
            Ending::Code(code, stdout, stderr) => panic!("{words:?}: {code}\n{stdout}\n{stderr}"),
        }
    }

    /// Realizes other images each time; what exit 0 says is there is there, whole, for as long as the profile shows it.
    fn realize(&mut self, profile: &str) {
        let mut numbers: Vec<usize> = (0..IMAGES).collect();
        numbers.retain(|_| self.chance.once_in(2));
        if numbers.is_empty() {
            numbers.push(0);
        }
        self.scene
            .declare(&self.shop.declaration(profile, &numbers));
        let Some(stdout) = self.must(&["realize", "--json"], 4) else {
            return;
        };
        let document: Value = serde_json::from_str(&stdout).unwrap();
        let paths = document["environments"].as_array().unwrap();
        assert_eq!(paths.len(), numbers.len());
        for environment in paths {
            let path = Path::new(environment["path"].as_str().unwrap());
            self.read_all(path, environment["name"].as_str().unwrap());
        }
    }

    /// Every file of an environment's path, to its end.
    fn read_all(&self, path: &Path, name: &str) {
        for folder in ["shared", &name[1..]] {
            for file in 0..6 {
                let file = path.join(folder).join(format!("file{file}"));
                let bytes = fs_err::read(&file).unwrap();
                assert_eq!(bytes.len(), 20_000, "{}", file.display());
                self.tally.read.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn collect(&mut self) {
        let words: &[&[&str]] = &[
            &["gc"],
            &["gc", "--keep", "2"],
            &["gc", "--max-size", "0"],
            &["env", "prune"],
            &["gc", "--dry-run"],
        ];
        let words = words[usize::try_from(self.chance.below(5)).unwrap()];
        self.must(words, 4);
    }

    /// Nothing that is looked at from outside is ever damaged.
    fn check(&mut self) {
        self.must(&["verify"], 8);
    }

    /// Goes back and forth; there may be nothing to go back to, or it was collected.
    fn switch(&mut self, profile: &str) {
        let word = ["rollback", "rollback", "history"];
        let word = word[usize::try_from(self.chance.below(3)).unwrap()];
        match self.run(&["profile", word, "--profile", profile], 4) {
            Ending::Killed | Ending::Code(0, ..) => {}
            Ending::Code(code, stdout, stderr) => {
                let known = code == 78 || code == 69;
                assert!(known, "{word}: {code}\n{stdout}\n{stderr}");
            }
        }
        self.realize(profile);
    }

    /// Holds a path that may be loose, and reads it again and again: nothing of it goes meanwhile.
    fn hold(&mut self) {
        let store = Store::open(self.scene.store(), Patience::default()).unwrap();
        let paths = store.list().unwrap().paths;
        if paths.is_empty() {
            return;
        }
        let pick = usize::try_from(self.chance.below(paths.len() as u64)).unwrap();
        let path = &paths[pick];
        if let Found::Valid(published) = store.find(path, Depth::Full, &Silent).unwrap() {
            let name = path.label().trim_end_matches("-1").to_owned();
            for _ in 0..20 {
                self.read_all(published.path(), &name);
            }
        }
    }
}

fn code_of(status: ExitStatus) -> i32 {
    status.code().unwrap_or(-1)
}

/// Kills a child some milliseconds from now, unless it ended before; tells whether it was killed.
fn kill_after(child: &mut Child, milliseconds: u64) -> bool {
    let (_never_told, told) = mpsc::channel::<()>();
    let _ = told.recv_timeout(Duration::from_millis(milliseconds));
    if child.try_wait().unwrap().is_some() {
        return false;
    }
    child.kill().unwrap();
    true
}

#[test]
fn a_crowd_loses_nothing() {
    let seed = seed();
    let shop = Shop::open();
    let tally = Tally::default();
    let first = Scene::new();
    first.declare(&shop.declaration("first", &[0]));
    first.run(&["realize"]).code(0);
    let rounds = rounds(40);
    let actor = |number: u64| Actor {
        shop: &shop,
        scene: Scene::beside(&first),
        chance: Chance::of(seed, number),
        tally: &tally,
    };
    std::thread::scope(|scope| {
        let start = |number: u64, act: fn(&str, &mut Actor<'_>)| {
            let mut actor = actor(number);
            scope.spawn(move || {
                let profile = format!("p{number}");
                for _ in 0..rounds {
                    act(&profile, &mut actor);
                }
            });
        };
        for number in 0..3 {
            start(number, |profile, actor| actor.realize(profile));
        }
        for number in 3..5 {
            start(number, |_, actor| actor.collect());
        }
        start(5, |_, actor| actor.check());
        start(6, |profile, actor| actor.switch(profile));
        start(7, |_, actor| actor.hold());
    });

    // What the killed left is nobody's: one collection takes it.
    first.run(&["gc"]).code(0);
    assert_tidy(first.store());
    assert_profiles_show_paths(first.store());
    first.assert_sound();
    first.run(&["realize"]).code(0);
    let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    let (ended, killed, read) = (of(&tally.ended), of(&tally.killed), of(&tally.read));
    println!("{ended} commands ended, {killed} were killed, {read} files were read");
    assert!(ended >= 150 && killed >= 15 && read >= 2000);
}

/// Neither staging nor trash, no lock file of what is gone, nothing in the making.
fn assert_tidy(store: &Path) {
    let names = |folder: PathBuf| -> Vec<String> {
        let entries = fs_err::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    let paths = names(store.join("store"));
    assert!(!paths.iter().any(|name| name.starts_with('.')), "{paths:?}");
    for lease in names(store.join("leases")) {
        let digest = lease.trim_end_matches(".w");
        let guards = paths.iter().any(|path| path.starts_with(digest));
        assert!(guards, "{lease} guards nothing");
    }
    for profile in names(store.join("profiles")) {
        let folder = store.join("profiles").join(profile);
        for name in names(folder.join("generations")) {
            assert!(name.parse::<u64>().is_ok(), "{name}");
        }
    }
}

/// `pyro hold` keeps a path for as long as its command lives.
#[test]
fn a_command_that_is_held_for_keeps_its_path_in_a_crowd() {
    let shop = Shop::open();
    let scene = Scene::new();
    scene.declare(&shop.declaration("held", &[1]));
    scene.run(&["realize"]).code(0);
    let mut held = scene.command(
        &[],
        &[
            "hold",
            "e1",
            "--",
            "sh",
            "-c",
            "echo ready; cat >/dev/null; cat \"$PYRO_ENV_DIR\"/1/file0 | wc -c",
        ],
    );
    let mut child = held
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 6];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
    scene.run(&["profile", "delete", "held", "--yes"]).code(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| scene.run(&["gc"]).code(0));
        }
    });
    assert_eq!(scene.store_names().len(), 1);
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "20000");

    scene.run(&["gc"]).code(0);
    assert_eq!(scene.store_names(), Vec::<String>::new());
}
