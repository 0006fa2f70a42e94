use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use super::*;

fn path(name: &str) -> EntryPath {
    EntryPath::new(name.as_bytes()).unwrap()
}

fn content(number: usize) -> Vec<u8> {
    // Sizes around all borders, and holes at either end.
    let size = [0, 1, 63, 64, 65, 4096, 12_288, 100_000, CHUNK - 1][number % 9];
    let mut content = vec![u8::try_from(number % 251).unwrap(); size];
    if number.is_multiple_of(2) && size > 8192 {
        content[..4096].fill(0);
        content[size - 5000..].fill(0);
    }
    content
}

fn executable(number: usize) -> Executable {
    let mode = if number.is_multiple_of(3) { 0o755 } else { 0 };
    Executable::of_mode(mode)
}

fn folder(path: &std::path::Path) -> OwnedFd {
    let folder = fs_err::File::open(path).unwrap();
    folder.into_parts().0.into()
}

#[test]
fn every_file_is_made_with_mode_and_time_in_its_folder() {
    let temp = tempfile::tempdir().unwrap();
    let mut behind = Behind::start().unwrap();
    // Runs of files in one folder, and turns from folder to folder.
    let name = |number: usize| format!("{}/{number}", number / 40 % 2 + number % 40 / 35);
    let folders = ["0", "1", "2"].map(|name| {
        fs_err::create_dir(temp.path().join(name)).unwrap();
        folder(&temp.path().join(name))
    });
    for number in 0..300 {
        let name = path(&name(number));
        let expected = content(number);
        let read = behind.read(&name, &mut expected.as_slice()).unwrap();
        assert_eq!(read.unwrap(), expected);
        let above = usize::from(name.as_bytes()[0] - b'0');
        let above = folders[above].as_fd();
        behind.write(name, above, executable(number)).unwrap();
    }
    behind.settle();
    assert!(behind.failure().is_none());
    for number in 0..300 {
        let file = temp.path().join(name(number));
        let meta = fs_err::metadata(&file).unwrap();
        assert_eq!(fs_err::read(&file).unwrap(), content(number));
        let mode = match executable(number) {
            Executable::Yes => 0o555,
            Executable::No => 0o444,
        };
        assert_eq!((meta.mode() & 0o7777, meta.mtime()), (mode, 1));
    }
}

#[test]
fn a_large_file_has_a_buffer_to_itself() {
    let temp = tempfile::tempdir().unwrap();
    let mut behind = Behind::start().unwrap();
    behind.read(&path("small"), &mut &b"small"[..]).unwrap();
    let top = folder(temp.path());
    behind
        .write(path("small"), top.as_fd(), Executable::No)
        .unwrap();
    for extra in [0, 1] {
        let large: Vec<u8> = (0..CHUNK + extra).map(|n| n.to_le_bytes()[1]).collect();
        let mut rest = large.as_slice();
        assert!(behind.read(&path("large"), &mut rest).unwrap().is_none());
        assert_eq!(rest.len(), extra);
        assert_eq!(*behind.buffer(), large[..CHUNK]);
    }
    behind.settle();
    assert_eq!(fs_err::read(temp.path().join("small")).unwrap(), b"small");
}

#[test]
fn a_file_is_coming_until_all_is_settled() {
    let temp = tempfile::tempdir().unwrap();
    fs_err::create_dir(temp.path().join("in")).unwrap();
    let inner = folder(&temp.path().join("in"));
    let mut behind = Behind::start().unwrap();
    let names = (0..=2 * FILES).map(|number| path(&format!("in/{number}")));
    for name in names.clone() {
        assert!(!behind.is_coming(&name));
        behind.read(&name, &mut &b"content"[..]).unwrap();
        behind
            .write(name.clone(), inner.as_fd(), Executable::No)
            .unwrap();
        assert!(behind.is_coming(&name));
    }
    assert!(behind.is_coming(&path("in")));
    assert!(!behind.is_coming(&path("i")));
    behind.settle();
    for name in names.chain([path("in")]) {
        assert!(!behind.is_coming(&name));
        assert!(temp.path().join(name.as_os_str()).exists());
    }
}

#[test]
fn who_reads_does_what_the_thread_has_no_time_for() {
    let temp = tempfile::tempdir().unwrap();
    let top = folder(temp.path());
    // A thread that does nothing before it is told to.
    let mut behind = Behind::start().unwrap();
    let (batches, held) = channel();
    let batches = behind.batches.replace(batches).unwrap();
    let count = (BATCHES + 2) * FILES;
    for number in 0..count {
        let name = path(&number.to_string());
        behind.read(&name, &mut &b"content"[..]).unwrap();
        behind.write(name, top.as_fd(), Executable::No).unwrap();
    }
    let made = || fs_err::read_dir(temp.path()).unwrap().count();
    assert_eq!(made(), 2 * FILES);
    let held: Vec<Batch> = held.try_iter().collect();
    assert_eq!(held.len(), BATCHES);
    for batch in held {
        batches.send(batch).unwrap();
    }
    behind.settle();
    assert_eq!(made(), count);
}

#[test]
fn what_cannot_be_made_is_told_once_with_its_name() {
    let temp = tempfile::tempdir().unwrap();
    fs_err::write(temp.path().join("40"), "theirs").unwrap();
    let top = folder(temp.path());
    let mut behind = Behind::start().unwrap();
    for number in 0..100 {
        let name = path(&number.to_string());
        behind.read(&name, &mut &b"content"[..]).unwrap();
        behind.write(name, top.as_fd(), Executable::No).unwrap();
    }
    behind.settle();
    let (entry, error) = behind.failure().unwrap();
    assert_eq!(entry, path("40"));
    assert_eq!(error.to_string(), "cannot make 40");
    assert!(behind.failure().is_none());
    assert_eq!(
        fs_err::read_to_string(temp.path().join("40")).unwrap(),
        "theirs"
    );
}
