//! Things that take long to make: made once by whichever test wants them first, kept below `target/tmp/`.
//!
//! Each test may be a process of its own, so a lock file and a rename make sure that nobody sees half of one.

use std::path::{Path, PathBuf};

/// The folder called `name`, made by `make` unless one made from the same `key` is there.
///
/// What stands for other keys is removed; `make` gets an empty folder.
pub fn kept(name: &str, key: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs_err::create_dir_all(all).unwrap();
    let lock = fs_err::File::create(all.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let hash = blake3::hash(key.as_bytes()).to_hex();
    let folder = all.join(format!("{name}.{}", &hash[..16]));
    if !folder.exists() {
        for old in fs_err::read_dir(all).unwrap().map(Result::unwrap) {
            let other = old
                .file_name()
                .to_string_lossy()
                .starts_with(&format!("{name}."));
            if other && old.file_type().unwrap().is_dir() {
                fs_err::remove_dir_all(old.path()).unwrap();
            }
        }
        let unfinished = all.join(format!("{name}.unfinished"));
        fs_err::create_dir(&unfinished).unwrap();
        make(&unfinished);
        fs_err::rename(&unfinished, &folder).unwrap();
    }
    folder
}
