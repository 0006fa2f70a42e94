//! What must hold whatever the bytes are. The fuzz targets call these, and so does `tests/corpus.rs`.

use std::io::Read as _;
use std::path::Path;

use pyro::lock::Lock;
use pyro::model::manifest::Manifest;
use pyro::model::recipe::{Layout, Recipe};
use pyro::store::{Patience, Staging, Store};
use pyro::unpack::{self, Allowance, Archive, Layer, Limits, decompress};

/// A declaration is read or its mistakes have a place in it.
pub fn declaration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Err(mistakes) = pyro::declare::parse(text, Path::new("envs.toml")) {
        let first = mistakes.first();
        assert!(!first.message().is_empty());
        assert!(first.line() <= text.split('\n').count(), "{first:?}");
        let _shown = mistakes.to_string();
    }
}

/// A lock that is read is written so that it reads the same again.
pub fn lock(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let read = |text: &str| Lock::parse(text, Path::new("envs.lock"), &|_, _| None);
    match read(text) {
        Ok(parsed) => {
            let written = parsed.lock.to_text();
            let again = read(&written).expect("what was written can be read");
            assert_eq!(again.lock, parsed.lock);
            assert_eq!(again.lock.to_text(), written);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// There is one way to write a manifest, and its content fits into a tree.
pub fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::parse(bytes) {
        assert_eq!(manifest.to_bytes(), bytes);
        let paths = manifest.entries().iter().map(|entry| entry.path.as_bytes());
        assert!(paths.is_sorted());
    }
}

/// An archive becomes a tree below its staging folder that is what it was taken for, or an error and nothing.
pub fn tar(bytes: &[u8]) {
    SHELF.with(|shelf| {
        let (how, bytes) = bytes
            .split_first()
            .map_or((0, bytes), |(how, rest)| (*how, rest));
        let summed = with_sums(bytes);
        let bytes = if how & 8 == 0 { bytes } else { &summed };
        let layout = match how & 1 {
            0 => Layout::Files,
            _ => Layout::Rootfs,
        };
        let allowance = Allowance::new(Limits {
            max_entries: 500,
            max_unpacked: 1 << 20,
            ..Limits::default()
        });
        let mut staging = Staging::begin(&shelf.store, layout).unwrap();
        let unpacked = match how & 6 {
            0 => archive(bytes, &mut staging, &allowance),
            2 => layers(bytes, &mut staging, &allowance),
            _ => packed(bytes, &mut staging, &allowance),
        };
        match unpacked {
            Ok(()) => seal(staging, layout),
            Err(error) => {
                drop(staging);
                assert!(!error.to_string().is_empty());
                // What the bytes were, and not what happened on this machine.
                assert!(error.is_bad_source(), "{error:?}");
            }
        }
        shelf.assert_tidy();
    });
}

/// The same with the sum of every header made right, so that a change gets further than the sum.
fn with_sums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for block in bytes.chunks_exact_mut(512) {
        if &block[257..262] == b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    bytes
}

fn archive(
    mut bytes: &[u8],
    staging: &mut Staging<'_>,
    allowance: &Allowance,
) -> Result<(), unpack::Error> {
    let rules = Archive {
        strip_components: 0,
    };
    unpack::archive(&mut bytes, staging, rules, allowance)?;
    assert!(bytes.is_empty(), "read to the end");
    Ok(())
}

/// The same bytes as two layers, so that the second meets what the first made.
fn layers(
    bytes: &[u8],
    staging: &mut Staging<'_>,
    allowance: &Allowance,
) -> Result<(), unpack::Error> {
    for number in 1..=2 {
        let mut rest = bytes;
        unpack::layer(&mut rest, staging, Layer { number }, allowance)?;
    }
    Ok(())
}

fn packed(
    bytes: &[u8],
    staging: &mut Staging<'_>,
    allowance: &Allowance,
) -> Result<(), unpack::Error> {
    let (_, mut tar) = decompress::reader(Box::new(allowance.counting(bytes)))?;
    let mut tar = (&mut *tar).take(4 << 20);
    let rules = Archive {
        strip_components: 1,
    };
    unpack::archive(&mut tar, staging, rules, allowance).map(|_done| ())
}

/// The second walk of staging, which the seal makes, finds what the stream gave.
fn seal(staging: Staging<'_>, layout: Layout) {
    use pyro::store::Error;
    let recipe = Recipe {
        name: "fuzz".parse().unwrap(),
        version: "1".parse().unwrap(),
        platform: "linux/amd64".parse().unwrap(),
        layout,
        artifacts: std::collections::BTreeMap::new(),
    };
    match staging.seal(&recipe) {
        Ok(staged) => {
            let bytes = staged.manifest().to_bytes();
            assert_eq!(&Manifest::parse(&bytes).unwrap(), staged.manifest());
        }
        Err(Error::Tree(_) | Error::OwnManifest) => {}
        Err(error) => panic!("{error:?}"),
    }
}

/// A store in memory for all runs of one process, and what stands beside it.
struct Shelf {
    folder: tempfile::TempDir,
    store: Store,
}

thread_local! {
    static SHELF: Shelf = Shelf::new();
}

impl Shelf {
    fn new() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_none| tempfile::tempdir());
        let folder = folder.unwrap();
        let store = Store::open(&folder.path().join("store"), Patience::default()).unwrap();
        Self { folder, store }
    }

    /// Nothing stands beside the store, and no staging tree is left in it.
    fn assert_tidy(&self) {
        let names = |folder: &Path| -> Vec<_> {
            let entries = fs_err::read_dir(folder).unwrap();
            entries.map(|entry| entry.unwrap().file_name()).collect()
        };
        assert_eq!(names(self.folder.path()), ["store"]);
        assert_eq!(names(&self.folder.path().join("store/store")), [""; 0]);
    }
}
