//! A disk whose power can fail: `tests/instruments/recorded_device.py`, and file systems on it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use tempfile::TempDir;

use crate::support::{memory, needs};

/// A file system of the running kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    Ext4,
    Xfs,
    Btrfs,
}

impl FileSystem {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
        }
    }

    /// The program that makes one, and its package.
    fn maker(self) -> (&'static str, &'static str) {
        match self {
            Self::Ext4 => ("mkfs.ext4", "e2fsprogs"),
            Self::Xfs => ("mkfs.xfs", "xfsprogs"),
            Self::Btrfs => ("mkfs.btrfs", "btrfs-progs"),
        }
    }

    fn options(self) -> &'static [&'static str] {
        match self {
            // All of it now, so that the kernel has nothing to finish later.
            Self::Ext4 => &["-q", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
            Self::Xfs | Self::Btrfs => &["-q"],
        }
    }

    /// As small as its maker allows.
    fn size(self) -> u64 {
        match self {
            Self::Ext4 => 64 << 20,
            Self::Btrfs => 128 << 20,
            Self::Xfs => 320 << 20,
        }
    }

    /// Mount options with which it writes nothing by itself while a test lasts: only what is synced is there.
    fn patient(self) -> &'static str {
        match self {
            Self::Ext4 | Self::Btrfs => "commit=300",
            Self::Xfs => "defaults",
        }
    }

    /// Whether root, the program and the kernel are there for it.
    fn is_possible(self) -> bool {
        let (program, package) = self.maker();
        if !needs::root("to mount a file system of its own")
            || !needs::met(Path::new("/dev/fuse").exists(), "/dev/fuse")
            || !needs::met(Path::new("/dev/loop-control").exists(), "loop devices")
            || !needs::program(program, package)
        {
            return false;
        }
        // A module is loaded by name; where it is built in, or missing, that fails and changes nothing.
        let mut load = Command::new("modprobe");
        let _built_in = load.arg(self.name()).stderr(Stdio::null()).status();
        let known = fs_err::read_to_string("/proc/filesystems").unwrap();
        let is_known = known
            .lines()
            .any(|line| line.split_whitespace().last() == Some(self.name()));
        needs::met(is_known, &format!("a kernel that mounts {}", self.name()))
    }
}

/// A file system that is mounted until this is dropped.
pub struct Mounted(PathBuf);

impl Mounted {
    fn new(what: &str, at: &Path, options: &str) -> Self {
        let mut mount = Command::new("mount");
        succeeds(mount.args(["-o", options, what]).arg(at));
        Self(at.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// What stays of what was written after the last flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    Nothing,
    Everything,
    /// A random half, by this seed.
    Half(u64),
}

/// A moment at which the power fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Just before this entry of the device's log.
    pub position: usize,
    pub rest: Rest,
}

/// The disk; detached when dropped.
pub struct Device {
    file_system: FileSystem,
    process: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    name: String,
    folder: TempDir,
}

impl Device {
    /// A disk with an empty file system; `None` where the machine lacks something, which is then said.
    pub fn start(file_system: FileSystem) -> Option<Self> {
        if !file_system.is_possible() {
            return None;
        }
        let folder = memory::folder();
        let program = Path::new(env!("CARGO_MANIFEST_DIR"));
        let program = program.join("tests/instruments/recorded_device.py");
        let mut command = Command::new("python3");
        command.arg(program).arg(folder.path());
        command.arg(file_system.size().to_string());
        // A version manager that stands before it takes long to start.
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("python3 is installed");
        let orders = process.stdin.take();
        let mut answers = BufReader::new(process.stdout.take().unwrap());
        let mut name = String::new();
        answers.read_line(&mut name).unwrap();
        assert!(!name.is_empty(), "the device could not be made");
        let mut device = Self {
            file_system,
            process,
            orders,
            answers,
            name: name.trim_end().to_owned(),
            folder,
        };
        let mut make = Command::new(file_system.maker().0);
        make.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        succeeds(make.args(file_system.options()).arg(&device.name));
        device.ask("idle");
        Some(device)
    }

    pub fn mount(&self, at: &Path) -> Mounted {
        Mounted::new(&self.name, at, self.file_system.patient())
    }

    /// From here on every write and every flush is in the log; the file system must not be mounted.
    pub fn record(&mut self) {
        self.ask("record");
    }

    /// How long the log is.
    pub fn position(&mut self) -> usize {
        self.ask("position").parse().unwrap()
    }

    /// Where in the log the flushes are.
    pub fn flushes(&mut self) -> Vec<usize> {
        let positions = self.ask("flushes");
        positions
            .split_whitespace()
            .map(|position| position.parse().unwrap())
            .collect()
    }

    /// From here on whatever writes these bytes fails, as on a disk with a bad place; with no bytes, nothing does.
    pub fn spoil(&mut self, bytes: &[u8]) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.ask(format!("spoil {hex}").trim_end());
    }

    /// How many writes failed.
    pub fn spoiled(&mut self) -> usize {
        self.ask("spoiled").parse().unwrap()
    }

    /// Mounts what a power failure leaves: the file system mends itself by its journal, as at the next start.
    pub fn mount_after(&mut self, failure: Failure, at: &Path) -> Mounted {
        let image = self.folder.path().join("state");
        let (rest, seed) = match failure.rest {
            Rest::Nothing => ("none", 0),
            Rest::Everything => ("all", 0),
            Rest::Half(seed) => ("half", seed),
        };
        self.ask(&format!(
            "state {} {rest} {seed} {}",
            failure.position,
            image.display()
        ));
        Mounted::new(image.to_str().unwrap(), at, "loop")
    }

    fn ask(&mut self, order: &str) -> String {
        writeln!(self.orders.as_ref().unwrap(), "{order}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        let Some(answer) = answer.strip_prefix("ok") else {
            panic!("{order}: {answer}");
        };
        answer.trim().to_owned()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // The end of its input tells the device to take itself apart.
        drop(self.orders.take());
        let _ = self.process.wait();
    }
}

fn succeeds(command: &mut Command) {
    let ended = command.output().unwrap();
    assert!(ended.status.success(), "{command:?}: {ended:?}");
}
