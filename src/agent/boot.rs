//! The agent as process 1 of a virtual machine: from the kernel's first file system to a root that a command can use.
//!
//! 1. Mount the kernel's own file systems and load the modules that pyro put beside the agent, in their order.
//! 2. Find the port that pyro is at the other end of, or call it by vsock. Until then the console is all there is to complain on.
//! 3. Mount the image read-only, and over it an overlay in memory, where everything that is written goes.
//! 4. Make that the root, and give the memory of the first one back.
//!
//! What is to be done is said by `/pyro/boot`, a line `key=value` each, which pyro writes.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::net::Ipv4Addr;
use std::os::unix::fs::chroot;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::enclose::put_resolvers;
use super::mounts::{
    Doing as _, MOVE, NO_DEV, NO_EXEC, NO_SUID, READ_ONLY, Trouble, make_folder, mount, text,
};
use super::net::{self, Addresses};
use super::serve::{self, tell_trouble};
use super::{share, sys};

/// How long a device may take to come once its driver is there.
const PATIENCE: Duration = Duration::from_secs(30);

/// What pyro is at the other end of.
enum Channel {
    /// The virtio-serial port of this name.
    Port(String),
    /// This port of the machine's owner, by vsock.
    Vsock(u32),
}

/// What pyro asks for.
struct Plan {
    /// Where pyro is.
    channel: Channel,
    /// The image's device.
    device: String,
    /// The type of file system in it.
    kind: String,
    /// How large what is written may get, in the words of tmpfs.
    scratch: String,
    /// The machine's name.
    hostname: String,
    /// Own address, mask, gateway and resolver, where there is a network.
    network: Option<String>,
    /// The folders of pyro's machine: how each is mounted, and where.
    mounts: Vec<(String, String)>,
}

impl Plan {
    fn read() -> Result<Self, Trouble> {
        let text = fs::read_to_string("/pyro/boot").doing("read /pyro/boot")?;
        let value = |key: &str| {
            let mut lines = text.lines();
            let value = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            value
                .map(str::to_owned)
                .ok_or_else(|| format!("/pyro/boot has no `{key}`"))
        };
        let mounts = text.lines().filter_map(|line| {
            let (access, target) = line.strip_prefix("mount=")?.split_once(' ')?;
            Some((access.to_owned(), target.to_owned()))
        });
        let channel = match value("vsock") {
            Ok(port) => {
                let port = port.parse();
                Channel::Vsock(port.map_err(|_none| "`vsock` is no number of a port".to_owned())?)
            }
            Err(_none) => Channel::Port(value("port")?),
        };
        Ok(Self {
            channel,
            network: value("network").ok(),
            mounts: mounts.collect(),
            device: value("device")?,
            kind: value("type")?,
            scratch: value("scratch")?,
            hostname: value("hostname")?,
        })
    }
}

/// Runs a virtual machine from its first process to its end; never comes back.
pub fn boot() -> ! {
    let plan = Plan::read();
    // Whoever has the vsock of a machine cannot switch it off, but a reset ends it.
    let is_reset = matches!(&plan, Ok(plan) if matches!(plan.channel, Channel::Vsock(_)));
    if let Err(trouble) = plan.and_then(|plan| run(&plan)) {
        // The console is read by pyro, and shown where there was no hello.
        eprintln!("pyro-agent: {trouble}");
    }
    let error = sys::end_machine(is_reset);
    // The kernel panics when its first process ends, which ends the machine as well.
    panic!("cannot power off: {error}");
}

fn run(plan: &Plan) -> Result<(), Trouble> {
    mount_kernel_file_systems()?;
    let children = sys::children().doing("watch for ended processes")?;
    let events = sys::uevents(PATIENCE).doing("listen for devices")?;
    load_modules()?;
    let mut port = match &plan.channel {
        Channel::Port(name) => open_port(name, &events)?,
        Channel::Vsock(port) => dial(*port, &events)?,
    };
    let call = match &plan.channel {
        Channel::Port(_) => None,
        Channel::Vsock(_) => Some(port.try_clone().doing("hold the line to pyro")?),
    };
    let prepared = prepare(plan, &events);
    drop(events);
    let talked = match prepared {
        Ok(()) => serve::serve(port, children)
            .map(|_ended| ())
            .doing("talk to pyro"),
        Err(trouble) => tell_trouble(&mut port, &trouble).doing("talk to pyro"),
    };
    // What was said last is still on its way, and a reset would overtake it: pyro hangs up when it has heard it.
    if talked.is_ok()
        && let Some(mut call) = call
    {
        let _hung_up = io::copy(&mut call, &mut io::sink());
    }
    talked
}

fn prepare(plan: &Plan, events: &File) -> Result<(), Trouble> {
    let device = Path::new(&plan.device);
    until(events, &format!("find {}", plan.device), || {
        device.exists().then_some(())
    })?;
    mount_root(plan)?;
    enter_root()?;
    fs::write("/proc/sys/kernel/hostname", &plan.hostname).doing("name the machine")?;
    // A kernel without a network has none of it to raise.
    let _none = net::raise_loopback();
    if let Some(network) = &plan.network {
        join_network(network, events)?;
    }
    for (number, (access, target)) in plan.mounts.iter().enumerate() {
        let Channel::Port(name) = &plan.channel else {
            return Err("there are ports for folders only beside another port".to_owned());
        };
        let port = open_port(&format!("{name}.{number}"), events)?;
        share::share(&port, target, access)?;
    }
    Ok(())
}

fn join_network(network: &str, events: &File) -> Result<(), Trouble> {
    let addresses: Vec<Ipv4Addr> = network
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    let [own, mask, gateway, resolver] = addresses[..] else {
        return Err(format!("`{network}` is no network"));
    };
    let interface = until(events, "find the network interface", || {
        let entries = fs::read_dir("/sys/class/net").ok()?;
        let names = entries.flatten().map(|entry| entry.file_name());
        let mut names = names.filter_map(|name| name.into_string().ok());
        names.find(|name| name != "lo")
    })?;
    let addresses = Addresses { own, mask, gateway };
    net::set_up(&interface, &addresses).doing(&format!("set up {interface}"))?;
    put_resolvers(format!("nameserver {resolver}\n").as_bytes())
}

fn mount_kernel_file_systems() -> Result<(), Trouble> {
    let hard = NO_SUID | NO_DEV | NO_EXEC;
    for folder in ["/proc", "/sys", "/dev"] {
        make_folder(folder)?;
    }
    mount(c"proc", "/proc", c"proc", hard, c"")?;
    mount(c"sysfs", "/sys", c"sysfs", hard, c"")?;
    // The kernel may have mounted it already.
    let devices = mount(c"devtmpfs", "/dev", c"devtmpfs", NO_SUID, c"mode=0755");
    if Path::new("/dev/null").exists() {
        return Ok(());
    }
    devices
}

fn load_modules() -> Result<(), Trouble> {
    let Ok(entries) = fs::read_dir("/pyro/modules") else {
        return Ok(());
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    for file in files {
        let doing = format!("load {}", file.display());
        let module = File::open(&file).doing(&doing)?;
        match sys::load_module(&module, &options_of(&file)?) {
            // It is a part of this kernel.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other.doing(&doing)?,
        }
    }
    Ok(())
}

/// What the kernel's own words say to a module: they are for what is built in, and nobody else hands them on. Firecracker
/// names its devices there, which only that driver asks for, and not where ACPI names them as well.
fn options_of(module: &Path) -> Result<CString, Trouble> {
    let name = "virtio_mmio";
    let is_it = module.to_string_lossy().ends_with(&format!("-{name}.ko"));
    let acpi = fs::read_dir("/sys/bus/acpi/devices").into_iter().flatten();
    let mut acpi = acpi.flatten().map(|entry| entry.file_name());
    if !is_it || acpi.any(|device| device.to_string_lossy().starts_with("LNRO0005")) {
        return text("");
    }
    let words = fs::read_to_string("/proc/cmdline").doing("read /proc/cmdline")?;
    let words = words.split_whitespace();
    let own = words.filter_map(|word| word.strip_prefix(name)?.strip_prefix('.'));
    text(&own.collect::<Vec<_>>().join(" "))
}

/// Looks until something is there; between two looks a device must have come.
fn until<T>(
    mut events: &File,
    doing: &str,
    mut look: impl FnMut() -> Option<T>,
) -> Result<T, Trouble> {
    let begun = Instant::now();
    let mut event = [0; 4096];
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        // An overrun says that there were many: a look is due all the same.
        let heard = events.read(&mut event);
        let silent = heard.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        if silent || begun.elapsed() > PATIENCE {
            return Err(format!("cannot {doing}: no such device came"));
        }
    }
}

fn open_port(name: &str, events: &File) -> Result<File, Trouble> {
    let device = until(events, &format!("find the port {name}"), || {
        let ports = fs::read_dir("/sys/class/virtio-ports").ok()?;
        let mut ports = ports.flatten();
        let port = ports.find(|port| {
            let known = fs::read_to_string(port.path().join("name"));
            known.is_ok_and(|known| known.trim_end() == name)
        })?;
        let device = Path::new("/dev").join(port.file_name());
        device.exists().then_some(device)
    })?;
    let options = &mut File::options();
    let port = options.read(true).write(true).open(&device);
    port.doing(&format!("open {}", device.display()))
}

/// Calls pyro; until the device is there, nobody can be called.
fn dial(port: u32, events: &File) -> Result<File, Trouble> {
    let doing = format!("call port {port} by vsock");
    until(events, &doing, || match sys::dial(port) {
        Err(error) if error.raw_os_error() == Some(sys::ENODEV) => None,
        other => Some(other),
    })?
    .doing(&doing)
}

fn mount_root(plan: &Plan) -> Result<(), Trouble> {
    for folder in ["/pyro/lower", "/pyro/scratch", "/root.new"] {
        make_folder(folder)?;
    }
    let (device, kind) = (text(&plan.device)?, text(&plan.kind)?);
    let lower = mount(&device, "/pyro/lower", &kind, READ_ONLY, c"");
    if lower.is_err() && plan.kind == "ext4" {
        // A journal that was not finished cannot be replayed here; what it has not told is not there.
        mount(&device, "/pyro/lower", &kind, READ_ONLY, c"noload")?;
    } else {
        lower?;
    }
    let size = text(&format!("mode=0755,size={}", plan.scratch))?;
    mount(c"tmpfs", "/pyro/scratch", c"tmpfs", 0, &size)?;
    make_folder("/pyro/scratch/upper")?;
    make_folder("/pyro/scratch/work")?;
    let layers = c"lowerdir=/pyro/lower,upperdir=/pyro/scratch/upper,workdir=/pyro/scratch/work";
    mount(c"overlay", "/root.new", c"overlay", 0, layers)
}

fn enter_root() -> Result<(), Trouble> {
    for (folder, moved) in [("/dev", c"/dev"), ("/proc", c"/proc"), ("/sys", c"/sys")] {
        let target = format!("/root.new{folder}");
        make_folder(&target)?;
        mount(moved, &target, c"", MOVE, c"")?;
    }
    // The kernel has read them; what they take is memory of the machine.
    let _kept = fs::remove_dir_all("/pyro/modules");
    std::env::set_current_dir("/root.new").doing("enter the root")?;
    mount(c".", "/", c"", MOVE, c"")?;
    chroot(".").doing("change the root")?;
    std::env::set_current_dir("/").doing("enter the root")?;
    let hard = NO_SUID | NO_DEV;
    let rest = [
        (
            "/dev/pts",
            c"devpts",
            hard | NO_EXEC,
            c"mode=0620,ptmxmode=0666",
        ),
        ("/dev/shm", c"tmpfs", hard, c"mode=1777"),
        ("/run", c"tmpfs", hard, c"mode=0755"),
        ("/tmp", c"", 0, c""),
    ];
    for (folder, kind, flags, options) in rest {
        make_folder(folder)?;
        if !kind.is_empty() {
            mount(kind, folder, kind, flags, options)?;
        }
    }
    Ok(())
}
