//! A scene that can be made as it was before a command, again and again.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::debris::{age, debris, unfinished};
use crate::inside::names;
use crate::rows::{COLLECT, Row, declare_elsewhere};
use crate::shown::{Shown, held};
use crate::support::scene::{Scene, remove_sealed};
use crate::support::stepper::{Call, Calls, Deed, Step, Stepped, Stepper, follow, read_trace};
use crate::{sealed, sources};

/// One row of the table, ready to be run.
pub struct World {
    pub scene: Scene,
    stepper: Stepper,
    row: &'static Row,
    /// What is shown before the command, and after it.
    pub old: Shown,
    pub new: Shown,
    /// What is shown after the next command and a collection, when this one did nothing and when it did all.
    settled: [Shown; 2],
    /// Store paths that are damaged before the command.
    damaged: Vec<String>,
}

impl World {
    /// Seeds a scene and finds out what the command does when nothing is in its way; `None` where there is no stepper.
    pub fn new(row: &'static Row) -> Option<Self> {
        let stepper = Stepper::new()?;
        let scene = Scene::in_memory();
        sources::write(&scene);
        declare_elsewhere(&scene);
        (row.seed)(&scene);
        let old = Shown::now(&scene);
        let mut world = Self {
            scene,
            stepper,
            row,
            new: old.clone(),
            settled: [old.clone(), old.clone()],
            old,
            damaged: Vec::new(),
        };
        world.damaged = world.wrong_paths();
        world.keep();
        world.new = world.shown_after(&[row.words]);
        world.settled = [
            world.shown_after(&[row.next, COLLECT]),
            world.shown_after(&[row.words, row.next, COLLECT]),
        ];
        Some(world)
    }

    /// Copies what is there, for [`World::reset`].
    fn keep(&self) {
        let seed = self.scene.path("seed");
        fs_err::create_dir(&seed).unwrap();
        copy(&self.scene.project(), &seed.join("work"));
        // Sources stay where they are: a copy would be another folder.
        remove_sealed(&seed.join("work/sources"));
        if self.scene.store().exists() {
            copy(self.scene.store(), &seed.join("store"));
        }
    }

    /// Makes everything as it was before the command. The project's folder itself stays: a root knows it.
    pub fn reset(&self) {
        let seed = self.scene.path("seed");
        remove_sealed(self.scene.store());
        if seed.join("store").exists() {
            copy(&seed.join("store"), self.scene.store());
        }
        let project = self.scene.project();
        for name in names(&project).iter().filter(|name| *name != "sources") {
            fs_err::remove_file(project.join(name)).unwrap();
        }
        copy(&seed.join("work/."), &project);
    }

    /// The calls of the command when nothing is in its way.
    pub fn trace(&self, calls: Calls) -> Vec<Call> {
        let step = Step {
            at: 0,
            deed: Deed::Watch,
            calls,
        };
        let watched = self.watch(step, self.row.words);
        assert_eq!(watched.code, 0, "{}", watched.stderr);
        self.reset();
        watched.trace
    }

    /// Runs words of pyro with a deed at a step.
    pub fn step(&self, step: Step, words: &[&str], standing: impl FnMut(&Call)) -> Stepped {
        follow(self.command(step, words, None), standing)
    }

    /// The same, and every call is told.
    pub fn watch(&self, step: Step, words: &[&str]) -> Stepped {
        let trace = tempfile::NamedTempFile::new().unwrap();
        let command = self.command(step, words, Some(trace.path()));
        let stepped = follow(command, |_| {});
        Stepped {
            trace: read_trace(trace.path()),
            ..stepped
        }
    }

    /// Runs the row's command with a deed at a step; while it stands still, gets its calls so far.
    pub fn stand_watched(&self, step: Step, mut standing: impl FnMut(&[Call])) {
        let trace = tempfile::NamedTempFile::new().unwrap();
        let command = self.command(step, self.row.words, Some(trace.path()));
        let ended = follow(command, |_| standing(&read_trace(trace.path())));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }

    /// The folder that everything is in, as calls name it.
    pub fn root(&self) -> PathBuf {
        fs_err::canonicalize(self.scene.path("")).unwrap()
    }

    fn command(&self, step: Step, words: &[&str], trace: Option<&Path>) -> Command {
        let runner = self.stepper.runner(step, &self.root(), trace);
        let runner: Vec<&OsStr> = runner.iter().map(OsStr::new).collect();
        self.scene.command(&runner, words)
    }

    /// The row's command.
    pub fn words(&self) -> &'static [&'static str] {
        self.row.words
    }

    /// Whether the row's command is a collection.
    pub fn collects(&self) -> bool {
        self.row.words == COLLECT || self.row.words[0] == "gc"
    }

    /// What is shown after these commands, one after the other; everything is then as it was.
    pub fn shown_after(&self, commands: &[&[&str]]) -> Shown {
        for words in commands {
            self.scene.quick_json(words);
        }
        let shown = Shown::now(&self.scene);
        self.reset();
        shown
    }

    /// The row's command with a deed at a step.
    pub fn run(&self, step: Step) -> Stepped {
        self.step(step, self.row.words, |_| {})
    }

    /// What must be true wherever the command ended: what is shown is old or new, whole and right; nothing wrong is
    /// taken for right; the next command and a collection go through, and nothing is left behind.
    #[track_caller]
    pub fn assert_survived(&self) {
        let shown = Shown::now(&self.scene);
        shown.assert_between(&self.old, &self.new);
        self.assert_right();
        self.assert_goes_on();
    }

    /// Every store path is right, but for what was damaged before, and pyro finds that.
    #[track_caller]
    pub fn assert_right(&self) {
        let wrong = self.wrong_paths();
        let new: Vec<_> = wrong
            .iter()
            .filter(|path| !self.damaged.contains(path))
            .collect();
        assert!(new.is_empty(), "{new:?}");
        let paths = names(&self.scene.store().join("store"));
        for path in &self.damaged {
            assert!(paths.contains(path), "the damaged path {path} is gone");
        }
        held(self.scene.store());
        if !wrong.is_empty() {
            let ended = self.scene.run(&["verify", "--full", "--json"]).code(65);
            for path in wrong {
                assert!(ended.raw_stdout.contains(&path), "{path} was not found");
            }
        }
    }

    /// Nothing of a command that came to its end is left in the making; what it took away may be there as trash.
    #[track_caller]
    pub fn assert_finished(&self) {
        let is_done = Shown::now(&self.scene) == self.new;
        let is_trash = |path: &String| {
            path.contains("/.t-") || path.contains("/.d-") || (is_done && path.contains("/.g-"))
        };
        let mut unfinished = unfinished(&self.scene);
        unfinished.retain(|path| !is_trash(path));
        assert_eq!(unfinished, [""; 0]);
    }

    /// The next command goes through and leads where it should, a collection goes through and leaves no debris.
    #[track_caller]
    pub fn assert_goes_on(&self) {
        self.scene.run(self.row.next).code(0);
        assert_eq!(self.wrong_paths(), [""; 0]);
        self.assert_collects();
        let shown = Shown::now(&self.scene);
        assert!(self.settled.contains(&shown), "{shown:?}");
    }

    /// A collection goes through, takes nothing that is held, and leaves no debris.
    #[track_caller]
    pub fn assert_collects(&self) {
        let held_before = held(self.scene.store());
        age(&self.scene);
        let collected = self.scene.run(COLLECT).code(0);
        assert!(!collected.stderr.contains("note: left"), "{collected}");
        let held = held(self.scene.store());
        assert!(held.is_subset(&held_before));
        assert_eq!(debris(&self.scene), [""; 0]);
    }

    pub fn wrong(&self) -> Vec<String> {
        let mut wrong = self.wrong_paths();
        wrong.retain(|path| !self.damaged.contains(path));
        wrong
    }

    fn wrong_paths(&self) -> Vec<String> {
        let store = self.scene.store().join("store");
        let paths = names(&store).into_iter();
        let paths = paths.filter(|name| !name.starts_with('.'));
        paths
            .filter(|name| match sealed::fault(&store.join(name)) {
                Some(fault) => {
                    println!("  {name}: {fault}");
                    true
                }
                None => false,
            })
            .collect()
    }
}

/// Copies a folder with all times, modes and links.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.unwrap().success());
}
