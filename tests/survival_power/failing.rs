//! A disk with a bad place: the write of one file fails, long after pyro wrote it, and a sync is the only one to say so.
//!
//! The kernel tells such an error once to each descriptor that was open when it happened, and to one opened later only
//! if nobody has been told. So somebody else may be told first, and pyro must still hear of it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::device::{Device, FileSystem};
use crate::inside;
use crate::support::http::{Response, Server};
use crate::support::needs;
use crate::tree::{Packing, Tree};
use crate::world::{Contents, REALIZE, Version, World};

/// What the disk refuses to write. Long enough that nothing else has it.
const BAD: &[u8; 32] = b"no disk keeps these thirty-two b";
/// Nothing here takes long; a test must fail, not hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// The same files behind one that cannot be written, and a large one to be read while that is tried.
fn with_bad_file(contents: Contents) -> Tree {
    let tree = Tree::new().file("bad", BAD.repeat(256));
    contents.after(tree.file("large", vec![5; 2 << 20]))
}

/// A world on a disk that shows the version of few files.
fn on_disk(file_system: FileSystem) -> Option<(Device, World)> {
    let device = Device::start(file_system)?;
    Some((device, World::new()))
}

/// The realize failed for what the disk said, and nothing came of it; without the bad place it succeeds.
#[track_caller]
fn assert_refused(
    world: &World,
    device: &mut Device,
    code: Option<i32>,
    shown: &Path,
    moment: &str,
) {
    assert_eq!(code, Some(74), "{moment}");
    assert!(device.spoiled() > 0, "{moment}: no write failed");
    assert_eq!(world.shown(), shown, "{moment}");
    let names = inside::names(&world.store().join("store"));
    assert_eq!(names.len(), 1, "{moment}: {names:?}");
    world.succeed(&["verify", "--full"], moment);
    device.spoil(b"");
    world.succeed(REALIZE, moment);
    assert_ne!(world.shown(), shown, "{moment}");
    world.succeed(&["verify", "--full"], moment);
}

/// The sync of pyro itself makes the disk write, and is told.
fn is_told(file_system: FileSystem, contents: Contents, moment: &str) -> usize {
    let Some((mut device, world)) = on_disk(file_system) else {
        return 0;
    };
    let _mounted = device.mount(&world.disk());
    fs_err::create_dir(world.project()).unwrap();
    world.declare(Version::Few);
    world.succeed(REALIZE, moment);
    let shown = world.shown();
    let folder = world.beside("bad");
    with_bad_file(contents).write(&folder);
    world.declare_source(2, &format!("local = '{}'", folder.display()));
    device.spoil(BAD);
    let ended = world.run(REALIZE);
    assert_refused(&world, &mut device, Some(ended.code), &shown, moment);
    1
}

/// Somebody else syncs while pyro still waits for the rest of an archive, and is told instead.
fn is_told_after_others(file_system: FileSystem, contents: Contents, moment: &str) -> usize {
    let Some((mut device, world)) = on_disk(file_system) else {
        return 0;
    };
    let _mounted = device.mount(&world.disk());
    fs_err::create_dir(world.project()).unwrap();
    world.declare(Version::Few);
    world.succeed(REALIZE, moment);
    let shown = world.shown();
    let archive = world.beside("bad.tar");
    with_bad_file(contents).pack(&archive, Packing::Plain);
    let halting = Halting::start(fs_err::read(&archive).unwrap());
    let url = format!("http://{}/bad.tar", halting.server.address());
    world.declare_source(2, &format!("archive = '{url}'"));
    // Once its digest is known, an archive is unpacked as it comes.
    world.succeed(&["lock"], moment);
    fs_err::remove_dir_all(world.downloads()).unwrap();
    let go = halting.halt();
    device.spoil(BAD);
    let mut command = world.command(REALIZE);
    let pyro = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn();
    let pyro = pyro.unwrap();
    let bad = written(&world.store().join("store"));
    let sync = Command::new("sync").arg("-f").arg(world.disk()).output();
    assert!(!sync.unwrap().status.success(), "{moment}: nobody was told");
    let _told_too = fs_err::File::open(bad).unwrap().sync_all();
    drop(go);
    let ended = pyro.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr);
    let moment = format!("{moment}: {told}");
    assert_refused(&world, &mut device, ended.status.code(), &shown, &moment);
    1
}

/// A server that stops after the first MiB of a body for as long as it is told to.
struct Halting {
    server: Server,
    halted: Arc<Mutex<Option<Receiver<()>>>>,
}

impl Halting {
    fn start(body: Vec<u8>) -> Self {
        let halted = Arc::new(Mutex::new(None::<Receiver<()>>));
        let known = Arc::clone(&halted);
        let server = Server::start(move |request, stream| {
            let answer = Response::new(200, "application/x-tar", body.clone());
            let first = 1 << 20;
            answer.write(&request.method, first, stream)?;
            if let Some(halted) = known.lock().unwrap().take() {
                let _dropped = halted.recv_timeout(PATIENCE);
            }
            stream.write_all(&body[first..])
        });
        Self { server, halted }
    }

    /// The next answer stops until what this gives is dropped.
    fn halt(&self) -> Sender<()> {
        let (go, gone) = mpsc::channel();
        *self.halted.lock().unwrap() = Some(gone);
        go
    }
}

/// Waits until the bad file of the one staging tree is written to its end and sealed; tells where it is.
fn written(store: &Path) -> PathBuf {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let names = inside::names(store).into_iter();
        let staging = names.filter(|name| name.starts_with(".s-"));
        for bad in staging.map(|name| store.join(name).join("bad")) {
            if bad.exists() && inside::mode(&bad) == 0o444 {
                return bad;
            }
        }
        std::thread::yield_now();
    }
    panic!("the bad file was never written");
}

fn no_error_is_lost(file_system: FileSystem) -> usize {
    let all = [Contents::Few, Contents::Many, Contents::Crowd];
    let of_one = all.map(|contents| {
        let moment = format!("{}, {contents:?}", file_system.name());
        is_told(file_system, contents, &moment)
            + is_told_after_others(file_system, contents, &format!("{moment}, others told"))
    });
    of_one.iter().sum()
}

#[test]
fn what_the_disk_could_not_write_is_not_told_to_be_there() {
    let mut systems = vec![FileSystem::Ext4];
    if needs::full_size() {
        systems.extend([FileSystem::Xfs, FileSystem::Btrfs]);
    }
    for file_system in systems {
        let tried = no_error_is_lost(file_system);
        println!("{}: {tried} lost writes, all told", file_system.name());
        assert!(matches!(tried, 0 | 6));
    }
}
