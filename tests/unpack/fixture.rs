//! What came out of an archive, as lines of text.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use pyro::model::digest::FileHash;
use pyro::model::manifest::{EntryKind, Manifest};
use pyro::model::recipe::{Layout, Recipe};
use pyro::store::{Patience, Staging, Store};
use pyro::unpack::{Allowance, Error, Limits};

pub use crate::tar_bytes::{Tar, header};

/// What became of a source.
#[derive(Debug)]
pub struct Outcome {
    /// `d PATH`, `l PATH -> TARGET`, `f PATH SIZE` with ` x` for executables.
    pub lines: Vec<String>,
    pub notes: Vec<String>,
    pub hashes: BTreeMap<String, FileHash>,
    /// `None` for an empty tree.
    pub manifest: Option<Manifest>,
}

pub fn store(temp: &Path) -> Store {
    Store::open(&temp.join("store"), Patience::default()).unwrap()
}

pub fn recipe(layout: Layout) -> Recipe {
    Recipe {
        name: "test".parse().unwrap(),
        version: "1.0.0".parse().unwrap(),
        platform: "linux/amd64".parse().unwrap(),
        layout,
        artifacts: BTreeMap::new(),
    }
}

thread_local! {
    /// One store for all scenarios of a test: each has a staging tree of its own.
    static STORE: (tempfile::TempDir, Store) = {
        let temp = tempfile::tempdir().unwrap();
        let store = store(temp.path());
        (temp, store)
    };
}

/// Fills a staging tree and seals it, so that the second walk looks at it too.
pub fn stage(
    layout: Layout,
    fill: impl FnOnce(&mut Staging<'_>) -> Result<(), Error>,
) -> Result<Outcome, Error> {
    STORE.with(|(_, store)| {
        let mut staging = Staging::begin(store, layout).unwrap();
        fill(&mut staging)?;
        let mut outcome = Outcome {
            lines: Vec::new(),
            notes: Vec::new(),
            hashes: BTreeMap::new(),
            manifest: None,
        };
        for (path, kind) in staging.tree().iter() {
            outcome.lines.push(match kind {
                EntryKind::Directory => format!("d {path}"),
                EntryKind::Symlink { target } => format!("l {path} -> {target}"),
                EntryKind::File {
                    size,
                    executable,
                    blake3,
                } => {
                    outcome.hashes.insert(path.to_string(), *blake3);
                    format!("f {path} {size}{}", if *executable { " x" } else { "" })
                }
            });
        }
        // An empty tree cannot be sealed.
        if !staging.tree().is_empty() {
            let staged = staging.seal(&recipe(layout)).unwrap();
            outcome.notes = staged.notes().to_vec();
            outcome.manifest = Some(staged.manifest().clone());
        }
        Ok(outcome)
    })
}

/// As much as anybody gets who sets nothing.
pub fn allowance() -> Allowance {
    Allowance::new(Limits::default())
}

/// Unpacks one archive of plain bytes, and checks that it was read to its end.
pub fn archive(layout: Layout, strip_components: u32, tar: &[u8]) -> Result<Outcome, Error> {
    stage(layout, |staging| {
        let mut bytes = tar;
        pyro::unpack::archive(
            &mut bytes,
            staging,
            pyro::unpack::Archive { strip_components },
            &allowance(),
        )?;
        assert_eq!(bytes.read(&mut [0]).unwrap(), 0, "read to the end");
        Ok(())
    })
}

/// Unpacks layers over each other.
pub fn layers(layers: &[Vec<u8>]) -> Result<Outcome, Error> {
    stage(Layout::Rootfs, |staging| {
        let allowance = allowance();
        for (number, tar) in (1..).zip(layers) {
            let mut bytes = &tar[..];
            pyro::unpack::layer(
                &mut bytes,
                staging,
                pyro::unpack::Layer { number },
                &allowance,
            )?;
            assert!(bytes.is_empty(), "read to the end");
        }
        Ok(())
    })
}

/// What is expected of a scenario.
pub enum Expected {
    /// Exactly these lines.
    Tree(&'static [&'static str]),
    /// An error, always of the kind that says the source is bad, with this in its message.
    Refused(&'static str),
}

pub fn check(name: &str, expected: &Expected, outcome: Result<Outcome, Error>) {
    match (expected, outcome) {
        (Expected::Tree(lines), Ok(outcome)) => assert_eq!(outcome.lines, *lines, "{name}"),
        (Expected::Refused(text), Err(error)) => {
            let message = error.to_string();
            assert!(
                message.contains(text),
                "{name}: `{message}` has no `{text}`"
            );
            assert!(error.is_bad_source(), "{name}: {error:?}");
        }
        (Expected::Tree(_), Err(error)) => panic!("{name}: {error}"),
        (Expected::Refused(_), Ok(outcome)) => panic!("{name}: became {:?}", outcome.lines),
    }
}
