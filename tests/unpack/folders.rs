//! Local folders: what is copied, what is refused, when a record shows a change.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use fs_err::os::unix::fs::symlink;
use pyro::model::realisation::FolderRecord;
use pyro::model::recipe::Layout;
use pyro::unpack::{Error, folder, folder_record};

use super::fixture::{Outcome, stage};

/// Long after anything in these tests was touched.
const LATER: i64 = i64::MAX;

fn copy(path: &Path, layout: Layout) -> Result<(Outcome, FolderRecord), Error> {
    let mut record = None;
    let outcome = stage(layout, |staging| {
        record = Some(folder(path, staging, LATER)?.1);
        Ok(())
    })?;
    Ok((outcome, record.unwrap()))
}

fn record(path: &Path) -> FolderRecord {
    folder_record(path, LATER).unwrap().unwrap()
}

fn fill(path: &Path) {
    fs_err::create_dir_all(path.join("a/empty")).unwrap();
    fs_err::write(path.join("a/file"), "content").unwrap();
    fs_err::write(path.join("a-b"), "sorts before a/file").unwrap();
    fs_err::set_permissions(path.join("a-b"), PermissionsExt::from_mode(0o700)).unwrap();
    symlink("/nowhere", path.join("link")).unwrap();
}

#[test]
fn a_folder_is_copied_as_it_is_and_its_record_is_that_of_a_walk() {
    let temp = tempfile::tempdir().unwrap();
    fill(temp.path());
    let (outcome, copied) = copy(temp.path(), Layout::Files).unwrap();
    let expected = [
        "d a",
        "f a-b 19 x",
        "d a/empty",
        "f a/file 7",
        "l link -> /nowhere",
    ];
    assert_eq!(outcome.lines, expected);
    assert_eq!(copied.entries, 5);
    assert_eq!(copied, record(temp.path()));
    assert!(copied.same_as(&record(temp.path())));
    symlink(temp.path(), temp.path().with_extension("link")).unwrap();
    assert_eq!(
        record(&temp.path().with_extension("link")).record,
        copied.record,
        "a link to the folder is the folder"
    );
    fs_err::remove_file(temp.path().with_extension("link")).unwrap();
}

#[test]
fn every_kind_of_change_shows() {
    let temp = tempfile::tempdir().unwrap();
    fill(temp.path());
    let path = |name: &str| temp.path().join(name);
    let mut before = record(temp.path());
    let changes: [(&str, &dyn Fn()); 7] = [
        ("content", &|| {
            fs_err::write(path("a/file"), "CONTENT").unwrap();
        }),
        ("size", &|| {
            fs_err::write(path("a/file"), "longer content").unwrap();
        }),
        ("mode", &|| {
            fs_err::set_permissions(path("a/file"), PermissionsExt::from_mode(0o600)).unwrap();
        }),
        ("name", &|| {
            fs_err::rename(path("a/file"), path("a/file2")).unwrap();
        }),
        ("new", &|| fs_err::write(path("new"), "").unwrap()),
        ("gone", &|| fs_err::remove_file(path("new")).unwrap()),
        ("type", &|| {
            fs_err::remove_file(path("link")).unwrap();
            fs_err::write(path("link"), "").unwrap();
        }),
    ];
    for (name, change) in changes {
        // So that the times differ whatever the clock's tick is.
        for file in ["a/file", "a/file2"] {
            if let Ok(file) = fs_err::OpenOptions::new().write(true).open(path(file)) {
                file.file().set_modified(std::time::UNIX_EPOCH).unwrap();
                before = record(temp.path());
            }
        }
        change();
        let after = record(temp.path());
        assert_ne!(before.record, after.record, "{name}");
        before = after;
    }
}

#[test]
fn a_record_of_files_at_work_cannot_be_trusted() {
    let temp = tempfile::tempdir().unwrap();
    fill(temp.path());
    let newest = record(temp.path()).newest_ns;
    let at_once = folder_record(temp.path(), newest + 1).unwrap().unwrap();
    assert!(!at_once.same_as(&record(temp.path())));
    let settled = folder_record(temp.path(), newest + 2_000_000_001)
        .unwrap()
        .unwrap();
    assert!(settled.same_as(&record(temp.path())));
}

#[test]
fn absent_and_empty_folders_are_no_source() {
    let temp = tempfile::tempdir().unwrap();
    assert_eq!(folder_record(temp.path(), 0).unwrap(), None);
    assert_eq!(folder_record(&temp.path().join("absent"), 0).unwrap(), None);
    let error = copy(temp.path(), Layout::Files).unwrap_err();
    assert!(
        error.to_string().starts_with("an empty folder: /"),
        "{error}"
    );
    let error = copy(&temp.path().join("absent"), Layout::Files).unwrap_err();
    assert!(
        error.to_string().starts_with("no such folder: /"),
        "{error}"
    );
    fs_err::write(temp.path().join("file"), "").unwrap();
    let error = folder_record(&temp.path().join("file"), 0).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot read as a folder /"),
        "{error}"
    );
}

#[test]
fn what_cannot_stand_in_a_tree_is_named() {
    let temp = tempfile::tempdir().unwrap();
    fill(temp.path());
    let fifo = temp.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(temp.path().join("socket")).unwrap();
    let error = copy(temp.path(), Layout::Files).unwrap_err();
    let expected = format!(
        "local file `{}`: a fifo cannot stand in layout `files`",
        fifo.display()
    );
    assert_eq!(error.to_string(), expected);
    let (outcome, _) = copy(temp.path(), Layout::Rootfs).unwrap();
    assert_eq!(outcome.notes, ["1 fifo left out", "1 socket left out"]);
    assert_eq!(outcome.lines.len(), 5);
    fs_err::write(temp.path().join("a/.wh.x"), "").unwrap();
    let error = copy(temp.path(), Layout::Rootfs).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("/a/.wh.x`: named like a whiteout, which only image layers may have"),
        "{error}"
    );
}

#[test]
fn an_unreadable_file_is_named() {
    let temp = tempfile::tempdir().unwrap();
    fill(temp.path());
    fs_err::set_permissions(temp.path(), PermissionsExt::from_mode(0o755)).unwrap();
    fs_err::set_permissions(temp.path().join("a/file"), PermissionsExt::from_mode(0o0)).unwrap();
    let path = temp.path().to_owned();
    // A thread of its own, because root reads everything and must become somebody else.
    let tried = std::thread::spawn(move || {
        if rustix::process::geteuid().is_root() {
            rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(65_534)).unwrap();
        }
        copy(&path, Layout::Files).map(|_| ())
    });
    let error = tried.join().unwrap().unwrap_err();
    let expected = format!("cannot open {}", temp.path().join("a/file").display());
    assert_eq!(error.to_string(), expected);
    assert!(!error.is_bad_source());
}

#[test]
fn a_file_that_is_not_what_its_size_says_has_changed() {
    // These have a size of 0 and something to read.
    let error = copy(Path::new("/proc/sys/kernel/random"), Layout::Files).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with(": changed while it was being copied"),
        "{error}"
    );
    assert!(!error.is_bad_source());
}
