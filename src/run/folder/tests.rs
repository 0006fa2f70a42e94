use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;

use super::*;

fn names(home: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(home).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn it_is_ours_alone_and_goes_when_it_is_dropped() {
    let around = tempfile::tempdir().unwrap();
    let home = around.path().join("home");
    let folder = RunFolder::make(std::slice::from_ref(&home)).unwrap();
    for path in [&home, folder.path()] {
        let meta = fs_err::metadata(path).unwrap();
        assert_eq!(meta.mode() & 0o7777, 0o700, "{}", path.display());
    }
    let listener = folder.listen("a").unwrap();
    UnixStream::connect(folder.socket("a")).unwrap();
    listener.accept().unwrap();
    let twice = folder.listen("a").unwrap_err().to_string();
    assert!(
        twice.starts_with("cannot listen on") && twice.ends_with("/a"),
        "{twice}"
    );
    drop(folder);
    assert_eq!(names(&home), [""; 0]);
}

#[test]
fn however_long_the_path_of_a_folder_its_sockets_can_be_reached() {
    let around = tempfile::tempdir().unwrap();
    let home = around.path().join("h".repeat(200));
    let folder = RunFolder::make(&[home]).unwrap();
    let _listener = folder.listen("vsock_1024").unwrap();
    UnixStream::connect(folder.socket("vsock_1024")).unwrap();
}

#[test]
fn what_a_killed_pyro_left_is_swept_and_what_runs_is_not() {
    let around = tempfile::tempdir().unwrap();
    let home = around.path().join("home");
    let homes = [home.clone(), around.path().join("never made")];
    let running = RunFolder::make(&homes).unwrap();
    let _socket = running.listen("vsock").unwrap();
    // As it is when the process that had the lock is gone.
    fs_err::create_dir(home.join("run-00")).unwrap();
    fs_err::write(home.join("run-00/api"), "").unwrap();
    fs_err::create_dir(home.join("another")).unwrap();
    assert_eq!(sweep(&homes), 1);
    let own = running.path().file_name().unwrap().to_str().unwrap();
    let mut found = names(&home);
    found.sort();
    assert_eq!(found, ["another", own]);
    assert!(running.socket("vsock").exists());
    assert!(!homes[1].exists());
    // The next start does it as well.
    fs_err::create_dir(home.join("run-01")).unwrap();
    let _next = RunFolder::make(&homes).unwrap();
    assert!(!home.join("run-01").exists());
}

#[test]
fn a_home_that_others_may_enter_is_not_used() {
    let around = tempfile::tempdir().unwrap();
    let (open, link) = (around.path().join("open"), around.path().join("link"));
    fs_err::create_dir(&open).unwrap();
    fs_err::set_permissions(&open, std::fs::Permissions::from_mode(0o750)).unwrap();
    fs_err::create_dir(open.join("run-00")).unwrap();
    fs_err::os::unix::fs::symlink(around.path(), &link).unwrap();
    let away = around.path().join("no/such");
    for home in [&open, &link, &away] {
        let error = RunFolder::make(std::slice::from_ref(home)).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error:?}");
        assert!(
            error.to_string().contains(home.to_str().unwrap()),
            "{error}"
        );
    }
    assert!(open.join("run-00").exists());
    // The next one is.
    let own = around.path().join("own");
    let folder = RunFolder::make(&[away, open, own.clone()]).unwrap();
    assert!(folder.path().starts_with(own));
    assert!(RunFolder::make(&[]).is_err());
}
