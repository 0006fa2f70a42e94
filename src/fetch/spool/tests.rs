use std::os::unix::fs::PermissionsExt as _;

use super::super::server::{Recorder, digest};
use super::*;
use crate::progress::Silent;

fn patience(milliseconds: u64) -> Patience<'static> {
    Patience {
        limit: Duration::from_millis(milliseconds),
        observer: &Silent,
    }
}

fn mode(path: &Path) -> u32 {
    fs_err::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn folder_and_file_belong_to_this_account_alone() {
    let top = tempfile::tempdir().unwrap();
    let folder = top.path().join("1000");
    let name = SpoolName::of_url("https://example.org/");
    drop(Spool::lock(&folder, &name, patience(0)).unwrap());
    let file = folder.join(&name.0);
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
    fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    drop(Spool::lock(&folder, &name, patience(0)).unwrap());
    assert_eq!(mode(&file), 0o600);
}

#[test]
fn links_are_not_followed() {
    let top = tempfile::tempdir().unwrap();
    let name = SpoolName::of(&digest(b""));
    fs_err::write(top.path().join("victim"), b"precious").unwrap();
    fs_err::os::unix::fs::symlink("victim", top.path().join(&name.0)).unwrap();
    let error = Spool::lock(top.path(), &name, patience(0)).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}

#[test]
fn a_lock_that_is_taken_is_waited_for_and_then_given_up() {
    let top = tempfile::tempdir().unwrap();
    let name = SpoolName::of(&digest(b""));
    let held = Spool::lock(top.path(), &name, patience(0)).unwrap();
    let error = Spool::lock(top.path(), &name, patience(60)).unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    let used = held.release().unwrap();
    Spool::lock(top.path(), &name, patience(0)).unwrap();
    drop(used);
}

#[test]
fn a_wait_of_a_second_is_said_once() {
    let top = tempfile::tempdir().unwrap();
    let name = SpoolName::of(&digest(b""));
    let _held = Spool::lock(top.path(), &name, patience(0)).unwrap();
    let recorder = Recorder::default();
    let patience = Patience {
        limit: SAY + POLL * 3,
        observer: &recorder,
    };
    Spool::lock(top.path(), &name, patience).unwrap_err();
    let said = recorder.0.lock().unwrap();
    assert!(
        said.len() == 1 && said[0].starts_with("Waiting"),
        "{said:?}"
    );
}

#[test]
fn who_waited_for_a_file_that_is_gone_takes_the_new_one() {
    let top = tempfile::tempdir().unwrap();
    let name = SpoolName::of(&digest(b""));
    let folder = Arc::new(Folder::open(top.path()).unwrap());
    // Opened before the removal, locked after it: what a waiting process has in its hands.
    let early = Spool::open(Arc::clone(&folder), &name).unwrap();
    let holder = Spool::lock(top.path(), &name, patience(0)).unwrap();
    holder.remove().unwrap();
    assert!(early.try_lock().unwrap());
    assert!(!early.is_current().unwrap());
    let next = Spool::lock(top.path(), &name, patience(0)).unwrap();
    assert!(next.is_current().unwrap());
}

#[test]
fn a_used_file_that_was_replaced_is_left_alone() {
    let top = tempfile::tempdir().unwrap();
    let name = SpoolName::of(&digest(b""));
    let spool = Spool::lock(top.path(), &name, patience(0)).unwrap();
    let used = spool.release().unwrap();
    let path = top.path().join(&name.0);
    fs_err::remove_file(&path).unwrap();
    fs_err::write(&path, b"of somebody else").unwrap();
    used.remove().unwrap();
    assert_eq!(fs_err::read(&path).unwrap(), b"of somebody else");
}

#[test]
fn what_an_earlier_run_left_is_all_or_the_beginning_or_forgotten() {
    let top = tempfile::tempdir().unwrap();
    let wanted = digest(b"abc");
    let name = SpoolName::of(&wanted);
    let mut spool = Spool::lock(top.path(), &name, patience(0)).unwrap();
    let mut left = |bytes: &[u8], expected| {
        spool.begin_anew().unwrap();
        spool.write(bytes).unwrap();
        match spool.kept("a", expected).unwrap() {
            Kept::All(seen) => {
                assert_eq!(seen.size, 3);
                "all".to_owned()
            }
            Kept::Part(verifier) => {
                assert_eq!(spool.length().unwrap(), verifier.size());
                format!("{} bytes", verifier.size())
            }
        }
    };
    let exactly = Expected::exactly(wanted, 3);
    let of_any_size = Expected {
        digest: Some(wanted),
        size: None,
    };
    for (bytes, with_size, without) in [
        (&b""[..], "0 bytes", "0 bytes"),
        (b"abc", "all", "all"),
        (b"ab", "2 bytes", "2 bytes"),
        // It may be wrong, or the beginning of something that ends well; only the end tells.
        (b"xx", "2 bytes", "2 bytes"),
        (b"abd", "0 bytes", "3 bytes"),
        (b"abcd", "0 bytes", "4 bytes"),
    ] {
        assert_eq!(left(bytes, exactly), with_size, "{bytes:?}");
        assert_eq!(left(bytes, of_any_size), without, "{bytes:?}");
    }
    assert_eq!(left(b"abc", Expected::default()), "0 bytes");
}

#[test]
fn who_reads_keeps_what_is_begun_anew() {
    let top = tempfile::tempdir().unwrap();
    let name = SpoolName::of(&digest(b"abc"));
    let mut spool = Spool::lock(top.path(), &name, patience(0)).unwrap();
    spool.write(b"abc").unwrap();
    let reader = spool.reader().unwrap();
    // Left by somebody who was killed in the middle of this.
    fs_err::write(top.path().join(format!("{}.anew", name.0)), b"left").unwrap();
    spool.begin_anew().unwrap();
    spool.write(b"de").unwrap();
    let mut bytes = [0; 3];
    reader.file().read_exact_at(&mut bytes, 0).unwrap();
    assert_eq!(&bytes, b"abc");
    assert_eq!(fs_err::read(top.path().join(&name.0)).unwrap(), b"de");
    assert_eq!(fs_err::read_dir(top.path()).unwrap().count(), 1);
    let error = Spool::lock(top.path(), &name, patience(0)).unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    drop(spool);
    Spool::lock(top.path(), &name, patience(0)).unwrap();
}
