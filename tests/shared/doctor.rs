//! What a store needs of its file system, and what `pyro doctor` says of it.
//!
//! File systems whose locks and renames do not work are not at hand; strace makes one of any other, by what it lets the
//! kernel answer.

use serde_json::{Value, json};

use crate::accounts::{ALICE, BOB, CAROL, TEAM, Team, not_run, set_mode, there_are_accounts};
use crate::disk::{Disk, KINDS, Kind};
use crate::inside;
use crate::support::{Ended, Sandbox};
use crate::tree::Tree;

/// Answers of the kernel, for strace.
const TYPE_OF_NFS: [&str; 2] = [
    "inject=fstatfs:poke_exit=@arg2=6969000000000000",
    "inject=statfs:poke_exit=@arg2=6969000000000000",
];
const TYPE_OF_NOBODY: [&str; 2] = [
    "inject=fstatfs:poke_exit=@arg2=3412000000000000",
    "inject=statfs:poke_exit=@arg2=3412000000000000",
];
const FLOCK_ALWAYS: &str = "inject=flock:retval=0";
const NO_NOREPLACE: &str = "inject=renameat2:error=EINVAL";

/// A sandbox that declares one environment.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    Tree::vm(1).write(&sandbox.work().join("vm"));
    let text = "schema = 1\nprofile = \"p\"\n[environments.vm]\nversion = \"1\"\n\
                [[environments.vm.sources]]\nlocal = \"vm\"\n";
    sandbox.write("envs.toml", text);
    sandbox
}

/// pyro where the kernel gives these answers.
fn answered(sandbox: &Sandbox, answers: &[&[&str]], words: &[&str]) -> Ended {
    let plain = sandbox.pyro(words).command;
    let mut strace = std::process::Command::new("strace");
    let log = sandbox.path("strace.log");
    strace.args(["-f", "-qq", "-o", log.to_str().unwrap()]);
    strace.args(["-e", "trace=statfs,fstatfs,flock,renameat2,openat"]);
    for answer in answers.iter().copied().flatten() {
        strace.args(["-e", answer]);
    }
    strace.arg(plain.get_program()).args(words);
    strace.env_clear().current_dir(sandbox.work());
    for (name, value) in plain.get_envs() {
        strace.env(name, value.unwrap_or_default());
    }
    let mut pyro = sandbox.pyro([""; 0]);
    pyro.command = strace;
    pyro.run()
}

fn has_strace() -> bool {
    let found = std::process::Command::new("strace").arg("-V").output();
    if found.is_err() {
        not_run("strace");
    }
    found.is_ok()
}

fn document(sandbox: &Sandbox, words: &[&str], code: i32) -> Value {
    let words = [&["doctor", "--json"], words].concat();
    sandbox.pyro(words).run().code(code).document(sandbox)
}

#[test]
fn each_file_system_is_named_with_what_it_can() {
    let mut points = 0;
    for kind in KINDS {
        let sandbox = sandbox();
        let store = sandbox.store();
        fs_err::create_dir(&store).unwrap();
        let Some(disk) = Disk::mount(kind, &store, &sandbox.path("tmp")) else {
            continue;
        };
        sandbox.pyro(["realize"]).run().code(0);
        let everything = || {
            let all = walkdir::WalkDir::new(&store).sort_by_file_name();
            let names = all
                .into_iter()
                .map(|entry| entry.unwrap().path().to_owned());
            names.collect::<Vec<_>>()
        };
        let before = everything();
        let found = document(&sandbox, &[], 0);
        assert_eq!(
            everything(),
            before,
            "{kind:?}: a probe that left something"
        );
        let name = match kind {
            Kind::Here => found["file_system"].as_str().unwrap().to_owned(),
            kind => format!("{kind:?}").to_lowercase(),
        };
        assert_eq!(
            (&found["usable"], &found["exists"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(
            (&found["file_system"], &found["trust"]),
            (&json!(name), &json!("known"))
        );
        let can = &found["abilities"];
        for needed in ["flock", "rename_noreplace", "exchange", "holes"] {
            assert_eq!(can[needed], json!(true), "{kind:?}: {needed}");
        }
        if kind != Kind::Here {
            let shares = matches!(kind, Kind::Xfs | Kind::Btrfs);
            assert_eq!(can["reflink"], json!(shares), "{kind:?}");
            assert_eq!(found["free_inodes"].is_null(), kind == Kind::Btrfs);
        }
        assert!(found["free_bytes"].as_u64().unwrap() > 0);
        assert_eq!(found["problems"], json!([]), "{kind:?}");
        drop(disk);
        points += 1;
    }
    println!("{points} file systems");
    assert!(points >= 1);
}

#[test]
fn where_there_is_no_store_nothing_is_made() {
    let sandbox = sandbox();
    let ended = sandbox.pyro(["doctor"]).run().code(0);
    let told = "state  not there yet; the first `pyro realize` makes it";
    assert!(ended.stdout.contains(told), "{ended}");
    assert!(ended.stdout.contains("can  not tried"), "{ended}");
    assert!(!sandbox.store().exists());
    // What runs virtual machines is looked for where programs are.
    let told = "engine  qemu-tcg usable";
    assert!(ended.stdout.contains(told), "{ended}");
    let nowhere = sandbox
        .pyro(["doctor"])
        .env("PATH", "/nowhere")
        .run()
        .code(0);
    let told = "engine  qemu-tcg not usable: there is no qemu-system-";
    assert!(nowhere.stdout.contains(told), "{nowhere}");
    // What is no store and cannot become one.
    fs_err::create_dir_all(sandbox.store().join("store/theirs")).unwrap();
    let found = document(&sandbox, &[], 78);
    assert_eq!(
        (&found["usable"], &found["exists"]),
        (&json!(false), &json!(false))
    );
    assert!(
        found["problems"][0]["message"]
            .as_str()
            .unwrap()
            .contains("has a `store` of its own")
    );
    fs_err::write(sandbox.store().join("layout.json"), "{\"layout\": 7}").unwrap();
    let found = document(&sandbox, &[], 78);
    assert_eq!(found["problems"][0]["kind"], "configuration");
    assert_eq!(found["layout"], Value::Null);
}

#[test]
fn the_configuration_and_the_lower_store_are_told() {
    let sandbox = sandbox();
    sandbox.pyro(["realize"]).run().code(0);
    let file = sandbox.write(
        "../home/.config/pyro/config.toml",
        "[store]\nlower = \"/nowhere\"\n",
    );
    let found = document(&sandbox, &[], 0);
    assert_eq!(
        found["files"][0],
        json!({"path": file_of(&sandbox), "exists": true})
    );
    assert_eq!(found["lower"], json!({"path": "/nowhere", "exists": false}));
    let problem = &found["problems"][0];
    assert_eq!(problem["fatal"], false);
    assert!(
        problem["message"]
            .as_str()
            .unwrap()
            .starts_with("the lower store is not there")
    );
    let work = sandbox.work();
    let found = document(&sandbox, &["--lower", work.to_str().unwrap()], 78);
    assert_eq!(found["problems"][0]["fatal"], true);
    let own = sandbox.store();
    let ended = sandbox
        .pyro(["doctor", "--lower", own.to_str().unwrap()])
        .run()
        .code(78);
    assert!(ended.stdout.contains("state  cannot be used"), "{ended}");
    assert!(
        ended
            .stdout
            .contains("problem: cannot be a lower store, it is the store itself"),
        "{ended}"
    );
    fs_err::write(file, "[store]\nlowre = \"/x\"\n").unwrap();
    let ended = sandbox.pyro(["doctor"]).run().code(78);
    assert!(ended.stderr.contains("unknown field `lowre`"), "{ended}");
}

fn file_of(sandbox: &Sandbox) -> String {
    let path = sandbox.path("home/.config/pyro/config.toml");
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_full_disk_and_a_read_only_one_have_their_codes() {
    let sandbox = sandbox();
    let store = sandbox.store();
    fs_err::create_dir(&store).unwrap();
    let Some(disk) = Disk::small(&store) else {
        return;
    };
    sandbox.pyro(["realize"]).run().code(0);
    disk.fill();
    let found = document(&sandbox, &[], 73);
    let messages: Vec<&str> = found["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["message"].as_str().unwrap())
        .collect();
    assert!(messages[0].starts_with("no byte is free: "), "{messages:?}");
    assert_eq!(found["free_bytes"], json!(0));
    drop(disk);

    let sandbox = self::sandbox();
    sandbox.pyro(["realize"]).run().code(0);
    let Some(disk) = Disk::read_only(&sandbox.store()) else {
        return;
    };
    let found = document(&sandbox, &[], 77);
    assert_eq!(
        (
            &found["account"]["may_read"],
            &found["account"]["may_write"]
        ),
        (&json!(true), &json!(false))
    );
    assert_eq!(found["abilities"], Value::Null);
    drop(disk);
}

#[test]
fn each_account_is_told_what_it_may() {
    if !there_are_accounts() {
        return;
    }
    let team = Team::new(0o2775);
    team.declare("1", &Tree::vm(1));
    team.realize(ALICE, "077", &[]);
    let doctor = ["doctor", "--json"];
    let found = |who| team.run(who, "077", &doctor).document(team.sandbox());
    let bob = found(BOB);
    assert_eq!(
        (&bob["group"], &bob["problems"]),
        (&json!(TEAM), &json!([]))
    );
    assert_eq!(bob["account"]["groups"], json!([TEAM, BOB.uid]));
    let ended = team.run(CAROL, "022", &["doctor"]).code(77);
    assert!(ended.stdout.contains("state  may only be read"), "{ended}");
    assert!(ended.stdout.contains(", may read\n"), "{ended}");
    assert!(
        ended.stdout.contains("hint: what is there can be used"),
        "{ended}"
    );
    // A folder that the group cannot use is named, with what makes it the group's.
    let leases = team.store().join("leases");
    set_mode(&leases, 0o755);
    let bob = found(BOB);
    assert_eq!(bob["usable"], json!(false));
    let alice = found(ALICE);
    assert_eq!(alice["usable"], json!(true));
    let hint = alice["problems"][0]["hint"].as_str().unwrap();
    assert!(hint.contains("chmod 2775 /"), "{hint}");
    set_mode(&leases, 0o2775);
    // Who may not even look.
    set_mode(team.store(), 0o2770);
    team.run(CAROL, "022", &doctor).code(77);
    // Who may not make a store.
    let nowhere = ["doctor", "--store", "/proc/none"];
    team.run(CAROL, "022", &nowhere).code(77);
}

#[test]
fn where_locks_or_renames_do_not_work_no_store_is_made_or_opened() {
    if !has_strace() {
        return;
    }
    let lies = [
        (FLOCK_ALWAYS, "locks (flock) do not exclude"),
        (NO_NOREPLACE, "a rename cannot be told not to replace"),
    ];
    let mut points = 0;
    for kind in [TYPE_OF_NFS, TYPE_OF_NOBODY] {
        for (lie, told) in lies {
            let sandbox = sandbox();
            let answers: &[&[&str]] = &[&kind, &[lie]];
            let refused = |words: &[&str]| {
                let ended = answered(&sandbox, answers, words).code(78);
                assert!(ended.stderr.contains("no store can be kept on "), "{ended}");
                assert!(ended.stderr.contains(told), "{ended}");
                assert!(
                    ended.stderr.contains("hint: name a folder on ext4"),
                    "{ended}"
                );
            };
            refused(&["realize"]);
            assert!(!sandbox.store().exists(), "a store was begun");
            sandbox.pyro(["realize"]).run().code(0);
            refused(&["realize"]);
            let leases = sandbox.store().join("leases");
            assert_eq!(
                inside::names(&leases).len(),
                1,
                "a probe that left something"
            );
            let ended = answered(&sandbox, answers, &["doctor", "--json"]).code(78);
            let found = ended.document(&sandbox);
            let can = &found["abilities"];
            let both = (can["flock"] == false, can["rename_noreplace"] == false);
            assert_eq!(both, (lie == FLOCK_ALWAYS, lie == NO_NOREPLACE));
            points += 1;
        }
    }
    println!("{points} file systems that do not work");
    assert!(points >= 4);
}

#[test]
fn where_other_machines_may_write_it_is_said_and_works() {
    if !has_strace() {
        return;
    }
    let sandbox = sandbox();
    let told = "note: the store is on nfs: its locks may not hold against other machines";
    for words in [&["realize"][..], &["path", "vm"], &["gc"]] {
        let ended = answered(&sandbox, &[&TYPE_OF_NFS], words).code(0);
        assert!(ended.stderr.contains(told), "{ended}");
    }
    let ended = answered(&sandbox, &[&TYPE_OF_NFS], &["doctor"]).code(0);
    assert!(ended.stdout.contains("file system  nfs"), "{ended}");
    assert!(
        ended.stdout.contains("remark: the store is on nfs"),
        "{ended}"
    );
    // A type that nobody knows is tried, and when it works there is nothing to say.
    let ended = answered(&sandbox, &[&TYPE_OF_NOBODY], &["realize"]).code(0);
    assert!(!ended.stderr.contains("the store is on"), "{ended}");
}

#[test]
fn on_a_known_file_system_one_question_is_all_that_is_asked() {
    if !has_strace() {
        return;
    }
    let sandbox = sandbox();
    sandbox.pyro(["realize"]).run().code(0);
    let calls = |answers: &[&[&str]]| {
        answered(&sandbox, answers, &["realize"]).code(0);
        let log = fs_err::read_to_string(sandbox.path("strace.log")).unwrap();
        let count = |word: &str| log.lines().filter(|line| line.contains(word)).count();
        (count("statfs("), count("/.probe-"))
    };
    assert_eq!(calls(&[]), (1, 0));
    let (asked, made) = calls(&[&TYPE_OF_NOBODY]);
    assert_eq!(asked, 1);
    assert!(made > 0, "nothing was tried");
}

#[test]
fn what_a_killed_probe_left_goes_when_it_is_old() {
    let sandbox = sandbox();
    sandbox.pyro(["realize"]).run().code(0);
    let left = ["leases/.probe-0123456789abcdef", ".probe-0123456789abcdef"];
    for name in left {
        fs_err::write(sandbox.store().join(name), "").unwrap();
    }
    let there = || left.map(|name| sandbox.store().join(name).exists());
    sandbox.pyro(["gc"]).run().code(0);
    assert_eq!(there(), [true, true]);
    for name in left {
        let path = sandbox.store().join(name);
        let file = fs_err::File::options().append(true).open(path).unwrap();
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
        file.set_modified(old).unwrap();
    }
    sandbox.pyro(["gc"]).run().code(0);
    assert_eq!(there(), [false, false]);
}
