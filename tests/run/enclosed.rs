//! `pyro run` without a machine: the same list as for machines, by this account and by an ordinary one.

use std::io::Write as _;
use std::process::Stdio;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};

use super::ends::{children, paths};
use super::inside;
use super::room::{Room, rooms};
use super::streams::{Hears, noise};

#[test]
fn a_command_runs_from_nothing_and_says_so_in_one_document() {
    for room in rooms() {
        let line = "printf 'a\\377'; echo b >&2; exit 7";
        let document = room.document(&["run", "box", "--json", "--", "sh", "-c", line], 7);
        assert_eq!(document["stdout_base64"], "Yf8=");
        assert_eq!(document["stderr"], "b\n");
        assert_eq!(document["exit_code"], 7);
        assert_eq!(document["engine"], "namespace");
        assert_eq!(document["execution_mode"], "namespace");
        assert_eq!(document["cleanup"]["deleted"], true);
        let store = room.sandbox.store();
        assert_eq!(inside::names(&store.join("roots")), [""; 0]);
        let document = room.document(&["run", "box", "--json", "--", "true"], 0);
        assert_eq!(
            (&document["stdout"], &document["stderr"]),
            (&"".into(), &"".into())
        );
    }
}

#[test]
fn there_is_nothing_of_the_host_inside() {
    for room in rooms() {
        let said = room.says(
            "id -u; uname -n; echo $(ls /); echo $(ls /dev); echo /tmp/* /run/* /proc/[0-9]*; wc -l < /proc/net/route; \
             ifconfig lo | grep -c UP; pwd; umask; echo x > /dev/null && head -c 3 /dev/zero | od -An -tx1",
        );
        insta::allow_duplicates! {
            insta::assert_snapshot!(said, @"
            0
            box
            bin dev etc proc root run tmp
            fd full null ptmx pts random shm stderr stdin stdout tty urandom zero
            /tmp/* /run/* /proc/1 /proc/2
            1
            1
            /
            0022
             00 00 00
            ");
        }
    }
}

#[test]
fn what_was_left_open_does_not_come_along() {
    for room in rooms() {
        let line = "exec 2> /dev/null; ls /proc/$$/fd/; ls /proc/$$/fd/9/";
        let words = ["run", "-q", "box", "--", "sh", "-c", line];
        let output = room.command_with_open_folder(&words).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "0\n1\n2\n");
    }
}

#[test]
fn its_root_is_no_root_of_the_host() {
    for room in rooms() {
        let said = room.says(
            "chmod 666 /dev/null; mount -t tmpfs x /tmp; unshare -U true; umount /proc/sys; \
             echo x > /proc/sys/kernel/hostname; ls /proc/1/root; poweroff -f; mknod /null c 1 3; \
             cat /proc/sys/user/max_user_namespaces; cat /proc/keys /proc/slabinfo /proc/kmsg 2> /dev/null; \
             find /proc -maxdepth 1 -type f ! -perm -004; \
             for file in $(find /proc -type f -perm -200 ! -path '/proc/[0-9]*' ! -path '/proc/sys/*/*' 2> /dev/null); do \
             (: >> $file) 2> /dev/null && echo $file; done",
        );
        // Not one of them worked; if one did, it would harm nothing here.
        insta::allow_duplicates! {
            insta::assert_snapshot!(said, @"
            chmod: /dev/null: Read-only file system
            mount: permission denied (are you root?)
            unshare: unshare(0x10000000): No space left on device
            umount: can't unmount /proc/sys: Operation not permitted
            sh: can't create /proc/sys/kernel/hostname: Read-only file system
            ls: /proc/1/root: Permission denied
            poweroff: (null): Operation not permitted
            mknod: /null: Operation not permitted
            0
            ");
        }
        let file = room.sandbox.path("host");
        let line = format!("echo inside > {}", file.display());
        room.says(&line);
        assert!(!file.exists());
    }
}

#[test]
fn five_megabytes_go_in_and_come_back() {
    let bytes = noise(5_000_000);
    for room in rooms() {
        let mut command = room.command(&["run", "-q", "box", "--", "cat"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let sent = bytes.clone();
        let writer = std::thread::spawn(move || stdin.write_all(&sent));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stdout == bytes);
    }
}

#[test]
fn what_is_written_has_a_limit_wherever_it_is() {
    for room in rooms() {
        for place in ["/", "/tmp/", "/run/", "/dev/shm/"] {
            let line = format!("head -c 2000000 /dev/zero > {place}new");
            for (limit, code) in [("1M", 1), ("3M", 0)] {
                let words = [
                    "run",
                    "-q",
                    "box",
                    "--scratch-size",
                    limit,
                    "--",
                    "sh",
                    "-c",
                ];
                let mut words = words.to_vec();
                words.push(&line);
                let output = room.command(&words).output().unwrap();
                assert_eq!(output.status.code(), Some(code), "{place} {limit}");
            }
        }
    }
}

#[test]
fn a_signal_goes_to_the_command_and_time_is_limited() {
    for room in rooms() {
        let mut running =
            room.start("trap 'echo caught; exit 3' TERM; echo ready; while :; do sleep 1; done");
        running.signal(Signal::TERM);
        assert_eq!(running.line(), "caught\n");
        assert_eq!(running.finish(), (Some(3), String::new()));
        let line = "echo partial; echo more >&2; exec sleep 1000";
        let words = ["run", "box", "--json", "--timeout-seconds", "1", "--", "sh"];
        let words: Vec<&str> = words.into_iter().chain(["-c", line]).collect();
        let document = room.document(&words, 124);
        assert_eq!(document["stdout"], "partial\n");
        assert_eq!(document["stderr"], "more\n");
        assert_eq!(
            (&document["timed_out"], &document["signal"]),
            (&true.into(), &15.into())
        );
        let document = room.document(&["run", "box", "--json", "--", "no-such"], 127);
        assert_eq!(document["error"]["kind"], "no-command");
    }
}

#[test]
fn the_tree_stays_as_it_is_and_is_kept_while_it_is_in_use() {
    for room in rooms() {
        let line = "[ ! -e /mine ] && echo mine > /mine && rm -rf /etc /root && [ ! -e /etc ] && echo ready; cat";
        let first = room.start(line);
        let second = room.start(line);
        let path = inside::path(&room.sandbox);
        let prune = || room.document(&["env", "prune", "--json"], 0)["count"].as_u64();
        assert_eq!(prune(), Some(0));
        assert_eq!(first.finish(), (Some(0), String::new()));
        assert_eq!(prune(), Some(0));
        room.document(&["verify", "--full", "--json"], 0);
        assert!(path.join("rootfs/etc/issue").exists());
        assert_eq!(second.finish(), (Some(0), String::new()));
        assert_eq!(prune(), Some(1));
        assert!(!path.exists());
    }
}

#[test]
fn a_pyro_that_is_killed_leaves_no_process_and_no_file() {
    for room in rooms() {
        room.document(&["realize", "--json"], 0);
        let before = paths(&room.sandbox.path(""));
        // One in a session of its own, as a service would be.
        let mut running = room.start("setsid sleep 1000 & echo ready; exec sleep 1000");
        assert_eq!(paths(&room.sandbox.path("")), before);
        let agents = children(running.child.id());
        assert_eq!(agents.len(), 1);
        let mut all = agents.clone();
        all.extend(below(agents[0]));
        assert!(all.len() >= 3, "{all:?}");
        let open = |pid: &Pid| pidfd_open(*pid, PidfdFlags::empty()).unwrap();
        let all: Vec<_> = all.iter().map(open).collect();
        running.child.kill().unwrap();
        running.child.wait().unwrap();
        for process in &all {
            poll(&mut [PollFd::new(process, PollFlags::IN)], None).unwrap();
        }
        assert_eq!(paths(&room.sandbox.path("")), before);
    }
}

/// All processes that were started by this one, or by those.
fn below(pid: Pid) -> Vec<Pid> {
    let direct = children(pid.as_raw_nonzero().get().unsigned_abs());
    let further: Vec<Pid> = direct.iter().flat_map(|pid| below(*pid)).collect();
    direct.into_iter().chain(further).collect()
}

#[test]
fn a_weaker_wall_is_never_taken_silently() {
    let room = Room::own();
    let text = "schema = 1\nprofile = \"p\"\n[environments.box]\nversion = \"1\"\nlayout = \"rootfs\"\n\
                artifacts = { kernel = \"etc/issue\" }\n[[environments.box.sources]]\nlocal = 'box'\n";
    room.sandbox.write("envs.toml", text);
    let document = room.document(&["run", "box", "--json", "--", "true"], 125);
    let told = "the environment has no artifact `rootfs`, which a virtual machine needs";
    assert_eq!(document["error"]["message"], told);
    let words = [
        "run",
        "box",
        "--json",
        "--engine",
        "namespace",
        "--",
        "true",
    ];
    assert_eq!(room.document(&words, 0)["engine"], "namespace");
    // Nor the other way round: what is no root cannot be run in one.
    let text = text.replace("layout = \"rootfs\"\n", "");
    room.sandbox.write("envs.toml", &text);
    let document = room.document(&words, 125);
    let told = "the environment has no tree of files to run in: it is not of layout `rootfs`";
    assert_eq!(document["error"]["message"], told);
}

#[test]
fn who_forbids_namespaces_is_named_and_what_fits_is_shown() {
    let room = Room::own();
    let seen = |name: &str, words: &[&str]| {
        let document = room.document(words, 0);
        let engines = document[name].clone();
        engines.as_array().unwrap().clone()
    };
    let doctor = ["doctor", "--json"];
    let found = seen("engines", &doctor);
    let own = found
        .iter()
        .find(|one| one["execution_mode"] == "namespace");
    assert_eq!(own.unwrap()["usable"], true);
    room.document(&["realize", "--json"], 0);
    assert_eq!(
        seen("engines", &["env", "inspect", "box", "--json"]),
        ["namespace"]
    );
    // In a namespace that allows none below it, even root cannot make one.
    let forbidding = room.forbidding(&["run", "box", "-q", "--", "true"]);
    insta::assert_snapshot!(forbidding, @"
    error: no engine can run this environment here: namespace: namespaces cannot be made: user.max_user_namespaces is 0
    hint: sysctl -w user.max_user_namespaces=10000
    ");
}

#[test]
fn a_folder_of_the_host_is_there_where_it_is_asked_for() {
    for room in rooms() {
        let sandbox = &room.sandbox;
        let line = "cat /srv/in/file; echo x > /srv/in/file; mount -o remount,rw /srv/in; echo x > /srv/in/file; \
                    echo new > /out/new; [ -O /out/new ] && echo mine; \
                    grep ' /srv/in \\| /out ' /proc/mounts | grep -c nosuid,nodev";
        let folder = |name: &str| {
            let folder = sandbox.work().join(name);
            room.gives(&folder);
            folder
        };
        let (into, out) = (folder("in"), folder("out"));
        fs_err::write(into.join("file"), "found\n").unwrap();
        let to = format!("{}:/srv/in:ro", into.display());
        let words = [
            "run", "-q", "box", "--mount", &to, "--mount", "out:/out", "--",
        ];
        let words: Vec<&str> = words.into_iter().chain(["sh", "-c", line]).collect();
        let output = room.command(&words).output().unwrap();
        insta::allow_duplicates! {
            insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @"
            found
            mine
            2
            ");
        }
        assert_eq!(fs_err::read_to_string(out.join("new")).unwrap(), "new\n");
        assert_eq!(
            fs_err::read_to_string(into.join("file")).unwrap(),
            "found\n"
        );
    }
}

#[test]
fn a_link_in_the_tree_leads_no_mount_out_of_it() {
    for room in rooms() {
        // `run` of the tree is a link to a folder of the host, which is not there.
        room.gives(&room.sandbox.work().join("in"));
        let words = [
            "run",
            "-q",
            "box",
            "--mount",
            "in:/run",
            "--",
            "sh",
            "-c",
            "echo x > /run/new",
        ];
        let output = room.command(&words).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(inside::names(&room.sandbox.work().join("in")), ["new"]);
        assert!(!room.sandbox.path("away").exists());
    }
}

/// Both streams of a line of shell with these mounts.
fn says_with(room: &Room, mounts: &[&str], flags: &[&str], line: &str) -> String {
    let line = format!("exec 2>&1; {line}");
    let mut words = vec!["run", "-q", "box"];
    words.extend(flags);
    words.extend(mounts.iter().flat_map(|mount| ["--mount", mount]));
    words.extend(["--", "sh", "-c", &line]);
    let output = room.command(&words).output().unwrap();
    let said = [output.stderr, output.stdout].concat();
    room.sandbox.filtered(&String::from_utf8(said).unwrap())
}

#[test]
fn what_is_mounted_is_never_replaced() {
    for room in rooms() {
        let at = |name: &str| room.sandbox.work().join(name);
        for (folder, file) in [("etc", "resolv.conf"), ("a", "b"), ("c", "d")] {
            room.gives(&at(folder));
            fs_err::write(at(folder).join(file), "mine\n").unwrap();
        }
        let said = says_with(&room, &["etc:/etc"], &["--network"], "cat /etc/resolv.conf");
        assert_eq!(said, "mine\n");
        // A file of this machine, and one of the image.
        for (mounts, told) in [
            (
                ["a:/a", "c:/a/b"],
                "cannot mount at /a/b: /a/b is no folder",
            ),
            (
                ["a:/a", "c:/etc/issue/x"],
                "cannot mount at /etc/issue/x: /etc/issue is no folder",
            ),
        ] {
            let said = says_with(&room, &mounts, &[], "echo ran");
            assert!(said.contains(told) && !said.contains("ran"), "{said}");
        }
        for file in ["etc/resolv.conf", "a/b", "c/d"] {
            assert_eq!(fs_err::read_to_string(at(file)).unwrap(), "mine\n");
        }
        // The inner one is seen, whichever is named first, and its place is made.
        let said = says_with(
            &room,
            &["c:/a/new/in", "a:/a/"],
            &[],
            "cat /a/b /a/new/in/d",
        );
        assert_eq!(said, "mine\nmine\n");
        assert_eq!(inside::names(&at("a/new/in")), [""; 0]);
    }
}

#[test]
fn no_link_of_an_image_leads_to_what_is_open() {
    for room in rooms() {
        let work = room.sandbox.work();
        let victim = work.join("victim");
        room.gives(&victim);
        room.gives(&work.join("in"));
        fs_err::write(victim.join("file"), "kept\n").unwrap();
        let shown = victim.display();
        // Whatever is open while folders are placed, by the number that it may have: the root, or the folder itself.
        let open = (3..10).map(|number| format!("/proc/self/fd/{number}"));
        let open = open.flat_map(|fd| [format!("{fd}{shown}"), format!("{fd}/../victim")]);
        let roots = ["/..", "/proc/1/root", "/proc/self/cwd"];
        let roots = roots.map(|root| format!("{root}{shown}"));
        let ways: Vec<String> = open.chain(roots).collect();
        for (number, way) in ways.iter().enumerate() {
            for (name, to) in [
                ("file", format!("{way}/file")),
                ("new", format!("{way}/new")),
                ("over", way.clone()),
            ] {
                let link = work.join(format!("box/{name}{number}"));
                fs_err::os::unix::fs::symlink(to, link).unwrap();
            }
        }
        room.document(&["realize", "--json"], 0);
        for number in 0..ways.len() {
            for name in ["file", "new", "over"] {
                let place = format!(
                    "{name}{number}{}",
                    if name == "over" { "/made" } else { "" }
                );
                let mount = format!("in:/{place}");
                let words = ["run", "-q", "box", "--mount", &mount, "--", "true"];
                let _said = room.command(&words).output().unwrap();
                assert_eq!(inside::names(&victim), ["file"], "{place}");
            }
        }
        assert_eq!(
            fs_err::read_to_string(victim.join("file")).unwrap(),
            "kept\n"
        );
    }
}

#[test]
fn a_link_to_a_folder_of_the_host_is_that_folder() {
    for room in rooms() {
        let work = room.sandbox.work();
        room.gives(&work.join("in"));
        fs_err::write(work.join("in/file"), "found\n").unwrap();
        fs_err::os::unix::fs::symlink("in", work.join("link")).unwrap();
        let said = says_with(&room, &["link:/x"], &[], "cat /x/file");
        assert_eq!(said, "found\n");
    }
}

/// Each way there is to give a file its mode; those that work are named, and what they made has set-user-id.
const PLANTS: &str = r#"
    use Fcntl qw(O_CREAT O_WRONLY);
    my ($mode, $n) = (oct($ARGV[0]), 0);
    my $file = sub { my $at = "/out/" . $n++; open(my $new, ">", $at); close($new); $at };
    my $try = sub { print "$_[0] " if $_[1] };
    $try->("chmod", chmod($mode, $file->()));
    open(my $held, "<", $file->()); $try->("fchmod", chmod($mode, $held));
    $try->("open", sysopen(my $made, "/out/made", O_CREAT | O_WRONLY, $mode));
    $try->("temporary", sysopen(my $none, "/out", oct($ARGV[3]) | O_WRONLY, $mode));
    my $at = $file->(); $try->("fchmodat2", syscall(452, -100, $at, $mode, 0) == 0);
    my $ring = "\0" x 120; $try->("ring", syscall(425, 1, $ring) >= 0);
    my $path = "/out/how"; my $how = pack("QQQ", O_CREAT | O_WRONLY, $mode, 0);
    $try->("openat2", syscall(437, -100, $path, $how, 24) >= 0);
    $at = $file->(); $try->("x32", syscall(0x40000000 | 90, $at, $mode) == 0);
    $at = "/out/pipe"; $try->("mknod", syscall($ARGV[1], -100, $at, 010000 | $mode, 0) == 0);
    my $rights = pack("VVVVV", 0x02000001, 0xffffffff, 0, 0xffffffff, 0);
    my $name = "security.capability"; $path = $file->();
    $try->("capability", syscall($ARGV[2], $path, $name, $rights, 20, 0) == 0);
    print "\n";
"#;

#[test]
fn nothing_that_is_made_in_a_mount_has_more_rights_than_its_user() {
    let numbers = if cfg!(target_arch = "aarch64") {
        "33 5 020040000"
    } else {
        "259 188 020200000"
    };
    for room in rooms() {
        let out = room.sandbox.work().join("out");
        room.gives(&out);
        // Perl of this machine, which has all system calls.
        let mut mounts = vec!["out:/out"];
        mounts.extend(["/usr:/usr:ro", "/lib:/lib:ro", "/lib64:/lib64:ro"]);
        mounts.retain(|mount| {
            !mount.starts_with("/lib64") || std::path::Path::new("/lib64").exists()
        });
        let says = |mode: &str| {
            let line = format!("/usr/bin/perl -e '{PLANTS}' {mode} {numbers}");
            says_with(&room, &mounts, &[], &line)
        };
        assert_eq!(says("4755"), "\n");
        assert_eq!(says("2755"), "\n");
        for name in inside::names(&out) {
            let mode = fs_err::metadata(out.join(&name)).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions());
            assert_eq!(mode & 0o6000, 0, "{name}");
        }
        let works = "chmod fchmod open temporary fchmodat2 mknod \n";
        assert_eq!(says("755"), works);
        // Without a mount that is written to, nobody else could execute it.
        let line = "chmod 4755 /etc/issue && echo made";
        let refused = "chmod: /etc/issue: Operation not permitted\n";
        assert_eq!(says_with(&room, &["out:/out"], &[], line), refused);
        assert_eq!(says_with(&room, &["out:/out:ro"], &[], line), "made\n");
    }
}

#[test]
fn what_cannot_be_mounted_is_said_before_anything_runs() {
    let room = Room::own();
    let sandbox = &room.sandbox;
    sandbox.write("file", "");
    let says = |word: &str, code: i32| {
        let words = ["run", "-q", "box", "--mount", word, "--", "true"];
        sandbox.pyro(words).run().code(code).stderr.clone()
    };
    insta::assert_snapshot!(says("none:/x", 125), @"
    error: cannot mount [WORK]/none
      caused by: No such file or directory (os error 2)
    ");
    insta::assert_snapshot!(says("file:/x", 125), @"
    error: cannot mount [WORK]/file
      caused by: Not a directory (os error 20)
    ");
    insta::assert_snapshot!(says("file", 125), @"
    error: `file` is no mount: it has no colon; expected SRC:DST or SRC:DST:ro, such as .:/src
    hint: try `--help`
    ");
    for word in [":/x", "in:x", "in:", "in:/", "in:/a/../b", "in:/a\nb"] {
        let said = says(word, 125);
        assert!(said.contains("is no mount"), "{said}");
    }
    for word in ["in:/proc", "in:/dev/x", "in:/sys/", "in://./proc/1"] {
        let said = says(word, 125);
        let told = "is no mount: nothing can be mounted in /dev, /proc and /sys";
        assert!(said.contains(told), "{said}");
    }
    let twice = ["--mount", "in:/x/y", "--mount", "other:/x//y/"];
    let words = ["run", "-q", "box"].into_iter().chain(twice);
    let ended = sandbox.pyro(words.chain(["--", "true"])).run().code(125);
    let told = "error: more than one folder is to be mounted at `/x/y`\n";
    assert!(ended.stderr.starts_with(told), "{ended}");
    let many = ["--mount", "in:/in"].repeat(17);
    let words = ["run", "-q", "box"].into_iter().chain(many);
    let ended = sandbox.pyro(words.chain(["--", "true"])).run().code(125);
    let told = "error: more than 16 folders are to be mounted\n";
    assert!(ended.stderr.starts_with(told), "{ended}");
}

#[test]
fn the_network_is_the_hosts_where_it_is_asked_for() {
    for room in rooms() {
        let hears = Hears::new();
        let line = format!("echo me | nc 127.0.0.1 {}", hears.port);
        let says = |words: &[&str]| {
            let words = words.iter().copied().chain(["--", "sh", "-c", &line]);
            let words: Vec<&str> = words.collect();
            let output = room.command(&words).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(says(&["run", "-q", "box", "--network"]), "heard me\n");
        assert_eq!(says(&["run", "-q", "box"]), "");
    }
}
