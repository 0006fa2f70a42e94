//! What an account may not do is said and not done: in sticky folders, to another account's things, from outside of the
//! group.

use fs_err::os::unix::fs::symlink;

use crate::accounts::{ALICE, BOB, CAROL, Team, hide_damage, owner, set_mode, there_are_accounts};
use crate::inside;
use crate::tree::Tree;

/// A store with one path of the first account's, shown by the profile `p`.
fn with_path(tree: &Tree) -> (Team, std::path::PathBuf) {
    let team = Team::new(0o2775);
    team.declare("1", tree);
    let (_, path) = team.realize(ALICE, "077", &[]);
    (team, path)
}

#[test]
fn who_is_not_of_the_group_reads() {
    if !there_are_accounts() {
        return;
    }
    let (team, path) = with_path(&Tree::vm(1));
    let run = |words: &[&str]| team.run(CAROL, "022", words);
    let before = inside::names(&team.store().join("realisations"));
    // All that is there is used as it is: nothing is made, moved or fetched.
    let shown = run(&["path", "vm"]).code(0);
    assert_eq!(shown.raw_stdout.trim_end(), path.to_str().unwrap());
    run(&["verify"]).code(0);
    run(&["verify", "vm", "--quick"]).code(0);
    for words in [
        &["store", "info"][..],
        &["du"],
        &["why", "vm"],
        &["gc", "--dry-run"],
        &["gc", "roots", "list"],
    ] {
        let ended = run(words);
        assert_eq!(ended.code, 0, "{words:?}: {ended}");
    }
    run(&["profile", "history", "--profile", "p"]).code(0);
    let found = team.ask(CAROL, "022", &["env", "inspect", "vm"]);
    assert_eq!(found["installed"], true);
    assert_eq!(team.realize(CAROL, "022", &["--offline"]).0, "ready");
    // A lease that is not there and may not be made does not hide the path.
    let name = path.file_name().unwrap().to_str().unwrap();
    fs_err::remove_file(team.store().join("leases").join(&name[..64])).unwrap();
    run(&["path", "vm"]).code(0);
    assert_eq!(team.realize(CAROL, "022", &["--offline"]).0, "ready");
    // What would have to be written is denied, and the hint says what can be done.
    for words in [
        &["realize", "--profile", "other"][..],
        &["env", "pull", "vm"],
        &["realize", "--out-link", "../home-61003/result"],
    ] {
        let ended = run(words).code(77);
        assert!(
            ended.stderr.contains("hint: this account may not"),
            "{ended}"
        );
    }
    // Nothing is hers to remove, so nothing goes.
    fs_err::remove_dir_all(team.store().join("profiles/p")).unwrap();
    for collect in [&["env", "prune"][..], &["gc"]] {
        let ended = run(collect).code(0);
        assert!(ended.stderr.contains("note: left "), "{ended}");
    }
    assert!(path.is_dir());
    run(&["store", "delete", "--yes"]).code(77);
    assert!(path.join("vmlinux").is_file());
    assert_eq!(inside::names(&team.store().join("realisations")), before);
    hide_damage(&path.join("vmlinux"));
    run(&["verify"]).code(65);
}

#[test]
fn in_sticky_folders_each_removes_and_replaces_what_is_its_own() {
    if !there_are_accounts() {
        return;
    }
    let (team, path) = with_path(&Tree::vm(1));
    team.ask(ALICE, "077", &["env", "pull", "vm"]);
    for folder in ["store", "leases", "roots", "profiles/p", "profiles/pulled"] {
        set_mode(&team.store().join(folder), 0o3775);
    }
    let bob = |words: &[&str]| team.run(BOB, "077", words);
    let told = format!("belongs to account {}", ALICE.uid);
    // A profile that shows what is asked for is not moved.
    assert_eq!(team.realize(BOB, "077", &[]).0, "ready");
    // A damaged path of another account is not exchanged; nothing stays behind.
    let file = path.join("vmlinux");
    let whole = fs_err::read(&file).unwrap();
    hide_damage(&file);
    let ended = bob(&["realize"]).code(77);
    assert!(ended.stderr.contains(&told), "{ended}");
    assert!(ended.stderr.contains("or root can do that"), "{ended}");
    assert_eq!(team.names().len(), 1);
    inside::overwrite(&file, whole);
    set_mode(&file, 0o444);
    assert_eq!(team.realize(ALICE, "077", &[]).0, "ready");
    // Nor is a profile moved that another account moved last; no generation is made for nothing.
    team.declare("2", &Tree::vm(2));
    for words in [&["realize"][..], &["env", "pull", "vm"]] {
        let ended = bob(words).code(77);
        assert!(ended.stderr.contains(&told), "{ended}");
    }
    for profile in ["p", "pulled"] {
        let generations = team.store().join(format!("profiles/{profile}/generations"));
        assert_eq!(inside::names(&generations), ["1"], "{profile}");
    }
    assert_eq!(team.realize(BOB, "077", &["--profile", "mine"]).0, "ready");
    // Collecting takes what it may and tells of the rest, by whoever it is.
    for profile in ["p", "pulled"] {
        let ended = team.run(ALICE, "077", &["profile", "delete", profile, "--yes"]);
        assert_eq!(ended.code, 0, "{ended}");
    }
    let pruned = bob(&["env", "prune"]).code(0);
    assert!(pruned.stderr.contains(&told), "{pruned}");
    assert!(path.is_dir());
    bob(&["profile", "delete", "mine", "--yes"]).code(0);
    let pruned = team.ask(BOB, "077", &["env", "prune"]);
    assert_eq!(pruned["count"], 1);
    assert_eq!(team.names().len(), 1);
    team.run(ALICE, "077", &["env", "prune"]).code(0);
    assert_eq!(team.names(), [""; 0]);
}

#[test]
fn what_was_pulled_and_may_not_be_let_go_of_stays_and_the_rest_goes() {
    if !there_are_accounts() {
        return;
    }
    let (team, path) = with_path(&Tree::vm(1));
    team.ask(ALICE, "077", &["env", "pull", "vm"]);
    team.run(ALICE, "077", &["profile", "delete", "p", "--yes"])
        .code(0);
    // Pulled by its maker, and declared by nobody any more.
    team.declare("2", &Tree::vm(2));
    team.realize(BOB, "022", &["--profile", "mine"]);
    team.run(BOB, "022", &["profile", "delete", "mine", "--yes"])
        .code(0);
    set_mode(&team.store().join("profiles/pulled"), 0o3775);
    let pruned = team.run(BOB, "022", &["env", "prune"]).code(0);
    assert!(pruned.stderr.contains("left what was pulled"), "{pruned}");
    assert!(pruned.stdout.ends_with("1 removed\n"), "{pruned}");
    assert_eq!(team.names(), [path.file_name().unwrap().to_str().unwrap()]);
}

#[test]
fn an_out_link_in_a_closed_home_is_kept_by_others() {
    if !there_are_accounts() {
        return;
    }
    let (team, path) = with_path(&Tree::vm(1));
    let link = team.home(ALICE).join("result");
    let out_link = ["realize", "--out-link", link.to_str().unwrap()];
    team.run(ALICE, "077", &out_link).code(0);
    let deeper = team.home(ALICE).join("deeper");
    fs_err::create_dir(&deeper).unwrap();
    std::os::unix::fs::chown(&deeper, Some(ALICE.uid), None).unwrap();
    let out_link = [
        "realize",
        "--out-link",
        deeper.join("result").to_str().unwrap(),
    ]
    .map(str::to_owned);
    team.run(ALICE, "077", &out_link.each_ref().map(String::as_str))
        .code(0);
    team.run(ALICE, "077", &["profile", "delete", "p", "--yes"])
        .code(0);
    for collect in [&["env", "prune"][..], &["gc", "--dry-run"], &["gc"]] {
        let ended = team.run(BOB, "077", collect).code(0);
        let hidden = ended.stderr.matches("this account may not look there");
        let expected = if collect.contains(&"--dry-run") { 0 } else { 2 };
        assert_eq!(hidden.count(), expected, "{ended}");
    }
    assert!(path.join("vmlinux").is_file());
    assert_eq!(inside::names(&team.store().join("roots")).len(), 2);
    assert_eq!(
        fs_err::canonicalize(link.join("vm")).unwrap(),
        fs_err::canonicalize(&path).unwrap()
    );
    // Who made them can tell that they are gone.
    fs_err::remove_file(link).unwrap();
    fs_err::remove_dir_all(deeper).unwrap();
    team.run(ALICE, "077", &["env", "prune"]).code(0);
    assert_eq!(team.names(), [""; 0]);
}

#[test]
fn a_root_that_is_a_link_in_a_closed_home_is_kept_with_what_it_led_to() {
    if !there_are_accounts() {
        return;
    }
    let (team, path) = with_path(&Tree::vm(1));
    let link = team.home(ALICE).join("mine");
    symlink(&path, &link).unwrap();
    let add = ["gc", "roots", "add", link.to_str().unwrap()];
    team.run(ALICE, "077", &add).code(0);
    let delete = ["profile", "delete", "p", "--yes"];
    team.run(BOB, "077", &delete).code(0);
    let collected = team.run(BOB, "077", &["gc"]).code(0);
    let told = "this account may not look there";
    assert!(collected.stderr.contains(told), "{collected}");
    assert!(path.is_dir());
    team.run(ALICE, "077", &["gc"]).code(0);
    assert!(path.is_dir());
    fs_err::remove_file(link).unwrap();
    team.run(ALICE, "077", &["gc"]).code(0);
    assert_eq!(team.names(), [""; 0]);
}

#[test]
fn a_store_with_things_of_others_is_deleted_by_nobody_but_root() {
    if !there_are_accounts() {
        return;
    }
    let (team, path) = with_path(&Tree::vm(1));
    let ended = team.run(BOB, "022", &["store", "delete", "--yes"]).code(77);
    let told = format!("belongs to account {}", ALICE.uid);
    assert!(ended.stderr.contains(&told), "{ended}");
    assert_eq!(owner(&path), ALICE.uid);
    assert_eq!(team.realize(BOB, "022", &["--offline"]).0, "ready");
    let delete = team.sandbox().pyro(["store", "delete", "--yes"]);
    delete.env("PYRO_STORE", team.store()).run().code(0);
    assert!(!team.store().exists());
}

#[test]
fn what_others_downloaded_and_what_root_made_is_left_and_said() {
    if !there_are_accounts() {
        return;
    }
    let (team, path) = with_path(&Tree::vm(1));
    let spools = team.store().join("downloads/61001");
    fs_err::create_dir(&spools).unwrap();
    let spool = spools.join("sha256-0");
    fs_err::write(&spool, "old").unwrap();
    let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1);
    let opened = fs_err::File::options().append(true).open(&spool).unwrap();
    opened.set_modified(old).unwrap();
    for own in [&spool, &spools] {
        std::os::unix::fs::chown(own, Some(ALICE.uid), None).unwrap();
    }
    set_mode(&spools, 0o700);
    // Of another primary group, without the team: nobody but root may delete it.
    team.declare("2", &Tree::vm(2));
    let roots = team.sandbox().pyro(["realize", "--profile", "r"]);
    roots.env("PYRO_STORE", team.store()).run().code(0);
    let delete = ["profile", "delete", "r", "--yes"];
    assert_eq!(team.realize(BOB, "077", &["--profile", "r"]).0, "ready");
    team.run(BOB, "077", &delete).code(0);
    let pruned = team.run(BOB, "077", &["env", "prune"]).code(0);
    assert!(pruned.stderr.contains("belongs to account 0"), "{pruned}");
    assert!(spool.is_file() && path.is_dir());
    assert_eq!(team.names().len(), 2);
    let prune = team.sandbox().pyro(["env", "prune"]);
    let pruned = prune.env("PYRO_STORE", team.store()).run().code(0);
    assert!(!pruned.stderr.contains("left"), "{pruned}");
    assert_eq!(team.names(), [path.file_name().unwrap().to_str().unwrap()]);
}
