//! The agent as process 1 of a set of namespaces: from the host's mounts to a root that holds nothing of them.
//!
//! pyro has started it with namespaces of its own for users, processes, mounts, network, IPC and names, as their root.
//!
//! 1. Take a copy of the mounts that the command shall find of this machine.
//! 2. Mount a tmpfs, on which everything that is written goes: one limit for all of it. The tree, which may be hidden
//!    by that, was opened before; not by pyro, since what is opened among other mounts cannot be a layer here.
//! 3. Mount the overlay of the tree, and prepare devices and processes beside it.
//! 4. Make the overlay the root, and let the host's mounts go. What the image has at any place, symlinks too, is looked
//!    at only then, from within it: while nothing else is there.
//! 5. Place there what was prepared, and then what was taken: from here on, nothing is replaced and nothing removed.
//! 6. Give up what the command shall not have: the power to mount, and to make namespaces, in which it had that again.
//!    Where it writes to this machine, also the calls by which files become set-user-id.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::mounts::{
    BIND, Doing as _, NO_DEV, NO_EXEC, NO_SUID, PRIVATE, READ_ONLY, RECURSIVE, Trouble,
    make_folder, mount, text,
};
use super::place::{Root, Taken, look_up};
use super::serve::{self, tell_trouble};
use super::{filter, net, sys};

/// Where the tmpfs is mounted: the first that is there. Nothing of these is needed from the host.
const PLACES: [&str; 5] = ["/tmp", "/run", "/mnt", "/home", "/usr"];

/// Who is asked for the addresses of names.
const RESOLVERS: &str = "/etc/resolv.conf";

/// The devices that a command has.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Links among the devices.
const LINKS: [(&str, &str); 5] = [
    ("ptmx", "pts/ptmx"),
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// What in /proc tells of the whole kernel, and to everybody; what it tells to root only is hidden in any case.
const HIDDEN: [&str; 3] = ["keys", "latency_stats", "sched_debug"];

/// CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD,
/// AUDIT_WRITE: what a root needs that installs and serves. None of them makes or changes mounts, and none gives a file
/// capabilities, which would hold on this machine as well.
const CAPABILITIES: [u32; 13] = [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29];

/// What lies beside the overlay, and where it goes.
const OWN: [(&str, &str); 4] = [
    ("dev", "/dev"),
    ("proc", "/proc"),
    ("run", "/run"),
    ("tmp", "/tmp"),
];

/// What pyro asks for.
pub struct Plan<'p> {
    /// The tree that the root is made of.
    pub tree: &'p Path,
    /// How large what is written may get, in the words of tmpfs.
    pub scratch: &'p str,
    /// The name that the command finds.
    pub hostname: &'p str,
    /// `own`, or `shared` with this machine.
    pub network: &'p str,
    /// Source, target, and `ro` or `rw` of folders of this machine.
    pub mounts: &'p [OsString],
}

/// A folder of this machine that the command shall find.
struct Share<'p> {
    taken: Taken,
    target: &'p str,
    is_written: bool,
}

/// Runs one command from the making of its root to its end.
pub fn enclose(mut socket: File, plan: &Plan<'_>) -> io::Result<()> {
    sys::end_with_parent()?;
    let children = sys::children()?;
    match prepare(plan) {
        Ok(()) => serve::serve(socket, children).map(|_ended| ()),
        Err(trouble) => tell_trouble(&mut socket, &trouble),
    }
}

fn prepare(plan: &Plan<'_>) -> Result<(), Trouble> {
    sys::set_umask(0o022);
    mount(c"none", "/", c"", RECURSIVE | PRIVATE, c"")?;
    let host = look_up(Path::new("/"))?;
    let tree = look_up(plan.tree)?;
    let shares = take_shares(plan)?;
    let is_written = shares.iter().any(|share| share.is_written);
    let resolvers = match plan.network {
        // Where there are none, there are none inside.
        "shared" => fs::read(RESOLVERS).ok(),
        _ => None,
    };
    enter_scratch(plan.scratch)?;
    let number = tree.as_raw_fd();
    let layers = format!("lowerdir=/proc/self/fd/{number},upperdir=upper,workdir=work,userxattr");
    mount(c"overlay", "root", c"overlay", 0, &text(&layers)?)?;
    drop(tree);
    make_devices()?;
    make_processes()?;
    let own = OWN.map(|(name, place)| (Taken::take(Path::new(name)), place));
    sys::pivot_root(c"root").doing("change the root")?;
    sys::enter(&host).doing("go back to the old root")?;
    drop(host);
    sys::let_go(c".").doing("let the old root go")?;
    std::env::set_current_dir("/").doing("enter the root")?;
    if let Some(resolvers) = resolvers {
        put_resolvers(&resolvers)?;
    }
    let root = Root::open()?;
    let places = own.map(|(taken, place)| (taken, root.replace(place), place));
    for (taken, folder, place) in places {
        taken?.place(&folder?, place)?;
    }
    for share in shares {
        let folder = root.make(share.target)?;
        share.taken.place(&folder, share.target)?;
    }
    drop(root);
    sys::set_hostname(plan.hostname).doing("set the host name")?;
    sys::leave_keyring();
    if plan.network != "shared" {
        net::raise_loopback().doing("raise the loopback interface")?;
    }
    sys::bound_capabilities(&CAPABILITIES).doing("give up capabilities")?;
    if is_written {
        filter::refuse_set_id()?;
    }
    Ok(())
}

/// Copies the mounts of all folders of this machine, with what may be done through them.
fn take_shares<'p>(plan: &Plan<'p>) -> Result<Vec<Share<'p>>, Trouble> {
    let shares = plan.mounts.chunks_exact(3).map(|words| {
        let said = |word: &'p OsString| word.to_str().ok_or("a mount is no text");
        let (source, target) = (Path::new(&words[0]), said(&words[1])?);
        let is_written = said(&words[2])? != "ro";
        let taken = Taken::take(source)?;
        let read_only = if is_written { 0 } else { READ_ONLY };
        let restricted = taken.restrict(NO_SUID | NO_DEV | read_only);
        restricted.doing(&format!("protect {}", source.display()))?;
        Ok(Share {
            taken,
            target,
            is_written,
        })
    });
    shares.collect()
}

/// Says whom to ask for the addresses of names.
pub fn put_resolvers(resolvers: &[u8]) -> Result<(), Trouble> {
    make_folder("/etc")?;
    // The image may have a link there, to a place that only a whole system fills.
    let _none = fs::remove_file(RESOLVERS);
    fs::write(RESOLVERS, resolvers).doing(&format!("write {RESOLVERS}"))
}

/// Mounts the tmpfs and goes there.
fn enter_scratch(size: &str) -> Result<(), Trouble> {
    let place = PLACES.into_iter().find(|place| Path::new(place).is_dir());
    let place = place.ok_or("there is no folder to mount at")?;
    let options = text(&format!("mode=0755,size={size}"))?;
    mount(c"tmpfs", place, c"tmpfs", NO_SUID | NO_DEV, &options)?;
    std::env::set_current_dir(place).doing(&format!("enter {place}"))?;
    for folder in [
        "upper", "work", "root", "dev", "dev/pts", "dev/shm", "proc", "run", "tmp",
    ] {
        make_folder(folder)?;
    }
    for folder in ["dev/shm", "tmp"] {
        let everybody = fs::Permissions::from_mode(0o1777);
        fs::set_permissions(folder, everybody).doing(&format!("open {folder} to all"))?;
    }
    Ok(())
}

/// Shows at `target` what is at `source`, which may be the host's: it keeps its mode, owner and times.
fn bring(source: &str, target: &str) -> Result<(), Trouble> {
    mount(&text(source)?, target, c"", BIND, c"")?;
    sys::restrict(&text(target)?, READ_ONLY.into()).doing(&format!("protect {target}"))
}

fn make_devices() -> Result<(), Trouble> {
    for name in DEVICES {
        let device = format!("dev/{name}");
        File::create(&device).doing(&format!("make {device}"))?;
        bring(&format!("/dev/{name}"), &device)?;
    }
    for (name, target) in LINKS {
        let link = format!("dev/{name}");
        symlink(target, &link).doing(&format!("make {link}"))?;
    }
    let options = c"newinstance,mode=0620,ptmxmode=0666";
    mount(c"devpts", "dev/pts", c"devpts", NO_SUID | NO_EXEC, options)
}

fn make_processes() -> Result<(), Trouble> {
    let hard = NO_SUID | NO_DEV | NO_EXEC;
    mount(c"proc", "proc", c"proc", hard, c"")?;
    // In namespaces of its own the command had every power again.
    fs::write("proc/sys/user/max_user_namespaces", "0").doing("forbid namespaces")?;
    let unread = |error: io::Error| format!("cannot read /proc: {error}");
    for entry in fs::read_dir("proc").map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            // A process.
            continue;
        }
        let path = format!("proc/{name}");
        let meta = fs::symlink_metadata(&path).doing(&format!("look at {path}"))?;
        let mode = meta.permissions().mode();
        // Where root runs pyro, the command is this root to what looks at nothing but the user.
        let is_for_root = mode & 0o004 == 0 || HIDDEN.contains(&name);
        if meta.is_dir() || (meta.is_file() && !is_for_root && mode & 0o222 != 0) {
            bring(&path, &path)?;
        } else if meta.is_file() && is_for_root {
            bring("/dev/null", &path)?;
        }
    }
    Ok(())
}
