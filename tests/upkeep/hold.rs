//! `pyro hold`: what it tells the command, how it becomes the command, and that nothing takes away what is held.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::fs::FlockOperation;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::inside::{self, overwrite};
use super::other::{Other, Said, show};
use super::support::{Ended, Sandbox};
use super::tree::Tree;
use super::world::{ask, declare, path_of, run, with_folders};

/// A sandbox with the environments `vm` (kernel and root file system), `base:1.0` (nothing but files), realized.
fn with_artifacts() -> Sandbox {
    let sandbox = Sandbox::new();
    Tree::vm(1).below("boot").write(&sandbox.work().join("vm"));
    Tree::vm(2).write(&sandbox.work().join("base"));
    declare(
        &sandbox,
        &[
            ("vm", &["local = \"vm\""]),
            ("\"base:1.0\"", &["local = \"base\""]),
        ],
    );
    let text = fs_err::read_to_string(sandbox.work().join("envs.toml")).unwrap();
    let roles = "kernel = \"vmlinux\"\nrootfs = \"rootfs.ext4\"\nother = \"vmlinux\"";
    sandbox.write(
        "envs.toml",
        &format!("{text}\n[environments.vm.artifacts]\n{roles}\n"),
    );
    run(&sandbox, &["realize"]).code(0);
    sandbox
}

/// The variables of ours that a command gets, without the settings.
fn told(ended: &Ended) -> Vec<&str> {
    let ours = ["DIR", "KERNEL", "ROOTFS", "INITRD", "MODULES"];
    let is_ours = |line: &&str| {
        line.starts_with("PYRO_")
            && !line.starts_with("PYRO_STORE=")
            && ours.iter().any(|word| line.contains(word))
    };
    let mut lines: Vec<&str> = ended.stdout.lines().filter(is_ours).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn the_command_is_told_where_everything_is() {
    let sandbox = with_artifacts();
    let one = run(&sandbox, &["hold", "vm", "--", "env"]).code(0);
    let vm = "[STORE]/store/[HASH]-vm-1";
    let of_vm = |name: &str, below: &str| format!("{name}={vm}{below}");
    assert_eq!(
        told(&one),
        [
            of_vm("PYRO_ENV_DIR", ""),
            of_vm("PYRO_ENV_DIRS", ""),
            of_vm("PYRO_ENV_DIR_VM", ""),
            of_vm("PYRO_KERNEL", "/boot/vmlinux"),
            of_vm("PYRO_KERNEL_VM", "/boot/vmlinux"),
            of_vm("PYRO_ROOTFS", "/boot/rootfs.ext4"),
            of_vm("PYRO_ROOTFS_VM", "/boot/rootfs.ext4"),
        ]
    );
    // What was set before says nothing of another environment.
    let base = sandbox.pyro(["hold", "base:1.0", "--", "env"]);
    let base = base
        .env("PYRO_KERNEL", "/old")
        .env("PYRO_ENV_DIR_OUTER", "/outer");
    let base = base.run().code(0);
    let path = "[STORE]/store/[HASH]-base_1.0-1";
    assert_eq!(
        told(&base),
        [
            format!("PYRO_ENV_DIR={path}"),
            format!("PYRO_ENV_DIRS={path}"),
            format!("PYRO_ENV_DIR_BASE_1_0={path}"),
            "PYRO_ENV_DIR_OUTER=/outer".to_owned(),
        ]
    );
    let both = run(&sandbox, &["hold", "vm", "base:1.0", "vm", "--", "env"]).code(0);
    assert_eq!(
        told(&both),
        [
            format!("PYRO_ENV_DIRS={vm}:{path}"),
            format!("PYRO_ENV_DIR_BASE_1_0={path}"),
            of_vm("PYRO_ENV_DIR_VM", ""),
            of_vm("PYRO_KERNEL_VM", "/boot/vmlinux"),
            of_vm("PYRO_ROOTFS_VM", "/boot/rootfs.ext4"),
        ]
    );
    // The paths are real ones.
    let shell = "cat \"$PYRO_KERNEL\" \"$PYRO_ENV_DIR/environment.json\" >/dev/null";
    run(&sandbox, &["hold", "vm", "--", "sh", "-c", shell]).code(0);
}

#[test]
fn names_that_cannot_be_told_apart_are_refused() {
    let sandbox = Sandbox::new();
    Tree::vm(1).write(&sandbox.work().join("a"));
    let source: &[&str] = &["local = \"a\""];
    declare(&sandbox, &[("a-b", source), ("\"a.b\"", source)]);
    run(&sandbox, &["realize"]).code(0);
    insta::assert_snapshot!(run(&sandbox, &["hold", "a-b", "a.b", "--", "true"]), @"
    exit code 2
    ----- stderr
    error: `a-b` and `a.b` would both be PYRO_ENV_DIR_A_B
    hint: give one of them another name
    ");
}

#[test]
fn what_is_not_installed_cannot_be_held() {
    let sandbox = with_folders(2);
    let path = run(&sandbox, &["path", "nothing"]).code(78).stderr;
    assert_eq!(
        run(&sandbox, &["hold", "nothing", "--", "true"])
            .code(78)
            .stderr,
        path
    );
    overwrite(&path_of(&sandbox, "e1").join("vmlinux"), "short");
    let path = run(&sandbox, &["path", "e1"]).code(69).stderr;
    assert!(path.contains("hint: `pyro realize`"), "{path}");
    assert_eq!(
        run(&sandbox, &["hold", "e0", "e1", "--", "true"])
            .code(69)
            .stderr,
        path
    );
    let empty = Sandbox::new();
    fs_err::copy(
        sandbox.work().join("envs.toml"),
        empty.work().join("envs.toml"),
    )
    .unwrap();
    run(&empty, &["hold", "e0", "--", "true"]).code(69);
    run(&sandbox, &["hold", "e0"]).code(2);
    // Words behind `--` are the command's, whatever they look like.
    let ended = run(&sandbox, &["hold", "e0", "--", "echo", "--json", "--help"]).code(0);
    assert_eq!(ended.stdout, "--json --help\n");
}

#[test]
fn a_command_that_cannot_be_run_is_126_and_one_that_is_not_there_127() {
    let sandbox = with_folders(1);
    let plain = sandbox.write("plain", "no program");
    insta::assert_snapshot!(run(&sandbox, &["hold", "e0", "--", plain.to_str().unwrap()]), @"
    exit code 126
    ----- stderr
    error: cannot run `[WORK]/plain`
      caused by: Permission denied (os error 13)
    ");
    insta::assert_snapshot!(run(&sandbox, &["hold", "e0", "--", "no-such-program"]), @"
    exit code 127
    ----- stderr
    error: cannot run `no-such-program`
      caused by: No such file or directory (os error 2)
    hint: name a program in PATH, or its path
    ");
    run(&sandbox, &["hold", "e0", "--", "/"]).code(126);
    run(&sandbox, &["hold", "e0", "--", "/no/such/program"]).code(127);
    for (program, code, kind) in [
        ("no-such-program", 127, "no-command"),
        ("/", 126, "cannot-execute"),
    ] {
        let ended = run(&sandbox, &["hold", "e0", "--json", "--", program]).code(code);
        let document = ended.document(&sandbox);
        assert_eq!(document["schema"], "pyro.hold/1");
        assert_eq!(document["error"]["kind"], kind);
    }
}

/// Asks a command, run by these words before it, about itself.
fn about(sandbox: &Sandbox, before: &[&str]) -> String {
    let shell = "grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status; ulimit -n; ls /proc/self/fd; umask; pwd; cat";
    let mut command = Command::new("bash");
    // As few open files as a shell of old would allow, so that a limit that was raised shows.
    command.args(["-c", "ulimit -S -n 256 && exec \"$@\"", "bash"]);
    command.args(before).args(["sh", "-c", shell]);
    let pyro = sandbox.pyro(["x"]).command;
    command.env_clear().current_dir(sandbox.work());
    for (name, value) in pyro.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"by stdin").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_command_is_as_if_it_had_been_run_without_pyro() {
    let sandbox = with_folders(2);
    let pyro = env!("CARGO_BIN_EXE_pyro");
    let alone = about(&sandbox, &[]);
    let held = about(&sandbox, &[pyro, "hold", "e0", "e1", "--"]);
    // Besides the two leases it has what it would have had.
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (alone, mut held) = (lines(&alone), lines(&held));
    assert_eq!(held.len(), alone.len() + 2, "{held:#?}");
    let with_numbers = |lines: &[String]| {
        let numbers = lines.iter().filter(|line| line.parse::<u8>().is_ok());
        numbers.count()
    };
    assert_eq!(with_numbers(&held), with_numbers(&alone) + 2);
    held.retain(|line| line.parse::<u8>().is_err());
    let alone: Vec<String> = alone
        .into_iter()
        .filter(|line| line.parse::<u8>().is_err())
        .collect();
    assert_eq!(held, alone);
    assert_eq!(held.last().unwrap(), "by stdin");
    assert!(held.contains(&"256".to_owned()), "{held:#?}");

    // Its process, its exit code, its death.
    let words = ["hold", "e0", "--", "sh", "-c", "echo $$; exit 7"];
    let mut command = sandbox.pyro(words).command;
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!("{pid}\n")
    );
    assert_eq!(output.status.code(), Some(7));
    let mut held = Holder::start(&sandbox, &["e0"], "echo ready; exec sleep 1000");
    kill_process(Pid::from_child(&held.child), Signal::TERM).unwrap();
    assert_eq!(
        held.child.wait().unwrap().signal(),
        Some(Signal::TERM.as_raw())
    );
}

/// A `pyro hold` that has become its command and said so.
struct Holder {
    child: Child,
    /// What it said behind `ready`.
    said: String,
}

impl Holder {
    fn start(sandbox: &Sandbox, names: &[&str], shell: &str) -> Self {
        let words = [&["hold"], names, &["--", "sh", "-c", shell]].concat();
        Self::of(&mut sandbox.pyro(words).command)
    }

    fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let said = line.strip_prefix("ready").expect("it did not come to run");
        let said = said.trim().to_owned();
        Self { child, said }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Waits until nobody holds the lease of `path` any more.
fn until_let_go(sandbox: &Sandbox, path: &Path) {
    let hash = &path.file_name().unwrap().to_str().unwrap()[..64];
    let lease = fs_err::File::open(sandbox.store().join("leases").join(hash)).unwrap();
    rustix::fs::flock(&lease, FlockOperation::LockExclusive).unwrap();
}

/// Takes every root away: nothing but leases keeps a path now.
fn unroot(sandbox: &Sandbox) {
    run(sandbox, &["profile", "delete", "p", "--yes"]).code(0);
}

fn prune(sandbox: &Sandbox) -> usize {
    let document = ask(sandbox, &["env", "prune"], 0);
    usize::try_from(document["count"].as_u64().unwrap()).unwrap()
}

#[test]
fn what_is_held_stays_until_the_command_has_ended() {
    let sandbox = with_folders(4);
    let paths = ["e0", "e1", "e2"].map(|name| path_of(&sandbox, name));
    let roots = || {
        let generations = sandbox.store().join("profiles/p/generations");
        (
            inside::names(&sandbox.store().join("roots")),
            inside::names(&generations),
        )
    };
    let before = roots();
    let killed = Holder::start(&sandbox, &["e0", "e1"], "echo ready; exec sleep 1000");
    let other = Holder::start(&sandbox, &["e1", "e2"], "echo ready; exec sleep 1000");
    assert_eq!(roots(), before, "a root was added");
    unroot(&sandbox);
    assert_eq!(prune(&sandbox), 1);
    assert_eq!(inside::paths(&sandbox).len(), 3);
    run(&sandbox, &["verify", "--full"]).code(0);
    // Killed, it lets go of what nobody else holds.
    killed.kill();
    assert_eq!(prune(&sandbox), 1);
    assert!(!paths[0].exists() && paths[1].exists() && paths[2].exists());
    other.kill();
    assert_eq!(prune(&sandbox), 2);
    assert_eq!(inside::paths(&sandbox), [""; 0].map(Path::new));
    assert_eq!(inside::names(&sandbox.store().join("leases")), [""; 0]);
}

#[test]
fn what_the_command_started_holds_too() {
    let sandbox = with_folders(1);
    let path = path_of(&sandbox, "e0");
    // It leaves a child behind and ends.
    let shell = "sleep 1000 >/dev/null 2>&1 & echo ready $!";
    let mut held = Holder::start(&sandbox, &["e0"], shell);
    assert!(held.child.wait().unwrap().success());
    unroot(&sandbox);
    assert_eq!(prune(&sandbox), 0);
    assert!(path.exists());
    let child = Pid::from_raw(held.said.parse().unwrap()).unwrap();
    kill_process(child, Signal::KILL).unwrap();
    until_let_go(&sandbox, &path);
    assert_eq!(prune(&sandbox), 1);
    assert!(!path.exists());
}

#[test]
fn one_account_holds_what_another_one_collects() {
    let Some(other) = Other::new(54_341) else {
        return;
    };
    let sandbox = with_folders(2);
    show(&sandbox.path(""));
    let folder = other.folder();
    fs_err::copy(
        sandbox.work().join("envs.toml"),
        folder.path().join("envs.toml"),
    )
    .unwrap();
    let words = |name| {
        [
            "hold",
            name,
            "--",
            "sh",
            "-c",
            "echo ready; exec sleep 1000",
        ]
    };
    let mut command = other.command(other.program(), folder.path());
    command.args(words("e0")).env("PYRO_STORE", sandbox.store());
    let held = Holder::of(&mut command);
    // Without a lease file, which that account may not make, it could not keep its word.
    let hash = path_of(&sandbox, "e1")
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()[..64]
        .to_owned();
    fs_err::remove_file(sandbox.store().join("leases").join(hash)).unwrap();
    let said: Said = other.pyro(&sandbox.store(), folder.path(), &words("e1"));
    let said = said.code(77);
    assert!(said.stderr.contains("cannot lock"), "{said:#?}");
    let path = other.pyro(&sandbox.store(), folder.path(), &["path", "e1", "--json"]);
    assert_eq!(path.code(0).document()["name"], json!("e1"));
    unroot(&sandbox);
    assert_eq!(prune(&sandbox), 1);
    assert_eq!(inside::paths(&sandbox).len(), 1);
    held.kill();
    assert_eq!(prune(&sandbox), 1);
}
