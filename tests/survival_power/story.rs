//! What pyro does on the disk before its power fails, command by command, and what each one leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::device::{Device, Mounted};
use crate::inside;
use crate::world::{REALIZE, Version, World, damage};

/// What is done to the store by others before a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    None,
    /// The path of this version loses a file.
    Damage(Version),
}

/// A command and what comes before it.
struct Plan {
    version: Version,
    mishap: Mishap,
    words: &'static [&'static str],
}

const PLANS: &[Plan] = &[
    plan(Version::Few, REALIZE),
    plan(Version::Many, REALIZE),
    plan(Version::Download, REALIZE),
    plan(
        Version::Download,
        &["profile", "rollback", "--profile", "ci"],
    ),
    plan(Version::Few, &["profile", "switch", "1", "--profile", "ci"]),
    damaged(Version::Few, REALIZE),
    damaged(Version::Many, REALIZE),
    plan(Version::Spare, &["realize", "--profile", "spare"]),
    plan(Version::Many, &["profile", "delete", "spare", "--yes"]),
    plan(Version::Many, &["env", "prune"]),
    plan(Version::Spare, &["realize", "--profile", "spare"]),
    plan(Version::Many, &["profile", "delete", "spare", "--yes"]),
    plan(Version::Many, &["gc"]),
    plan(Version::Many, &["gc", "--keep", "1"]),
];

const fn plan(version: Version, words: &'static [&'static str]) -> Plan {
    let mishap = Mishap::None;
    Plan {
        version,
        mishap,
        words,
    }
}

const fn damaged(version: Version, words: &'static [&'static str]) -> Plan {
    let mishap = Mishap::Damage(version);
    Plan {
        version,
        mishap,
        words,
    }
}

/// What a user sees of a store: store paths by their names, and who shows which.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Picture {
    /// What each profile shows as `env`.
    pub profiles: BTreeMap<String, String>,
    /// What the out-link shows.
    pub out_link: Option<String>,
    /// What is in `store/`, without staging and trash.
    pub paths: BTreeSet<String>,
}

impl Picture {
    /// Looks at the disk mounted at `disk`; whatever is shown must be whole.
    pub fn of(disk: &Path) -> Self {
        let store = disk.join("store");
        let mut profiles = BTreeMap::new();
        for profile in inside::names(&store.join("profiles")) {
            // One that was deleted has a dot name until a collection takes the rest of it.
            if profile.starts_with('.') {
                continue;
            }
            let current = store.join("profiles").join(&profile).join("current");
            if current.is_symlink() {
                profiles.insert(profile, shown(&current));
            }
        }
        let out_link = disk.join("project/result");
        let mut paths: BTreeSet<String> = inside::names(&store.join("store")).into_iter().collect();
        paths.retain(|name| !name.starts_with('.'));
        Self {
            profiles,
            out_link: out_link.is_symlink().then(|| shown(&out_link)),
            paths,
        }
    }
}

/// The store path that a link to a generation shows as `env`: the generation's record must say the same.
fn shown(link: &Path) -> String {
    let path = fs_err::canonicalize(link.join("env")).unwrap();
    assert!(path.is_dir(), "{}", path.display());
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let record = fs_err::read(link.join("generation.json")).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    assert_eq!(record["environments"]["env"], name.as_str(), "{record:#}");
    name
}

/// A command that has been run, with the positions in the device's log around it.
#[derive(Debug, Clone)]
pub struct Step {
    pub words: &'static [&'static str],
    /// What the declaration asks for while it runs.
    pub version: Version,
    /// The damage before it, if any, began here.
    pub prepared: usize,
    pub started: usize,
    /// It had said that it was done.
    pub ended: usize,
    /// Whether what is shown may be damaged while it runs.
    pub damaged: bool,
    pub before: Picture,
    pub after: Picture,
}

/// What was recorded: the device, and each command with its place in the log.
pub struct Recording {
    pub world: World,
    pub device: Device,
    pub steps: Vec<Step>,
}

impl Recording {
    /// Runs all commands; a `bystander` writes and syncs a file of its own meanwhile, without a pause.
    pub fn make(world: World, mut device: Device, bystander: bool) -> Self {
        let disk = world.disk();
        {
            let _mounted = device.mount(&disk);
            fs_err::create_dir(disk.join("project")).unwrap();
            fs_err::write(disk.join("bystander"), "").unwrap();
        }
        device.record();
        let mounted = device.mount(&disk);
        let stop = AtomicBool::new(false);
        let steps = std::thread::scope(|scope| {
            if bystander {
                scope.spawn(|| sync_on(&disk.join("bystander"), &stop));
            }
            let steps = steps(&world, &mut device, &mounted);
            stop.store(true, Ordering::Relaxed);
            steps
        });
        drop(mounted);
        Self {
            world,
            device,
            steps,
        }
    }
}

fn sync_on(file: &Path, stop: &AtomicBool) {
    let file = fs_err::OpenOptions::new().append(true).open(file);
    let mut file = file.unwrap();
    while !stop.load(Ordering::Relaxed) {
        std::io::Write::write_all(&mut file, b"bystander\n").unwrap();
        file.sync_all().unwrap();
    }
}

fn steps(world: &World, device: &mut Device, _on: &Mounted) -> Vec<Step> {
    let disk = world.disk();
    let mut paths = BTreeMap::new();
    let mut before = Picture::default();
    let mut steps = Vec::new();
    for plan in PLANS {
        let prepared = device.position();
        world.declare(plan.version);
        if let Mishap::Damage(version) = plan.mishap {
            let path: &PathBuf = &paths[&version];
            damage(path);
        }
        sync(&disk);
        let started = device.position();
        world.succeed(plan.words, "as the disk is recorded");
        let ended = device.position();
        let after = Picture::of(&disk);
        if plan.words[0] == "realize" {
            let profile = plan.words[2];
            let path = world.store().join("store").join(&after.profiles[profile]);
            paths.insert(plan.version, path);
        }
        steps.push(Step {
            words: plan.words,
            version: plan.version,
            prepared,
            started,
            ended,
            damaged: plan.mishap != Mishap::None,
            before: std::mem::replace(&mut before, after.clone()),
            after,
        });
    }
    steps
}

/// Syncs the whole file system.
fn sync(disk: &Path) {
    let synced = Command::new("sync").arg("-f").arg(disk).status();
    assert!(synced.unwrap().success());
}
