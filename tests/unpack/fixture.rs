//! Archives made byte by byte, and what came out of them as lines of text.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use pyro::model::digest::FileHash;
use pyro::model::manifest::{EntryKind, Manifest};
use pyro::model::recipe::{Layout, Recipe};
use pyro::store::{Patience, Staging, Store};
use pyro::unpack::{Allowance, Error, Limits};

/// An archive in the making.
#[derive(Clone, Default)]
pub struct Tar(pub Vec<u8>);

/// A ustar header with these fields and a right checksum.
pub fn header(kind: u8, name: &[u8], target: &[u8], size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    let old = header.as_old_mut();
    old.name[..name.len()].copy_from_slice(name);
    old.linkname[..target.len()].copy_from_slice(target);
    old.linkflag = [kind];
    header.set_size(size);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    header
}

impl Tar {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Bytes and their padding.
    pub fn data(self, bytes: &[u8]) -> Self {
        let padding = vec![0; bytes.len().next_multiple_of(512) - bytes.len()];
        self.raw(bytes).raw(&padding)
    }

    pub fn member(self, kind: u8, name: impl AsRef<[u8]>, target: &str, content: &[u8]) -> Self {
        let mode = if kind == b'5' { 0o755 } else { 0o644 };
        let header = header(
            kind,
            name.as_ref(),
            target.as_bytes(),
            content.len() as u64,
            mode,
        );
        self.raw(header.as_bytes()).data(content)
    }

    pub fn file(self, name: impl AsRef<[u8]>, content: &str) -> Self {
        self.member(b'0', name, "", content.as_bytes())
    }

    pub fn mode(self, name: &str, mode: u32) -> Self {
        self.raw(header(b'0', name.as_bytes(), b"", 0, mode).as_bytes())
    }

    pub fn dir(self, name: impl AsRef<[u8]>) -> Self {
        self.member(b'5', name, "", b"")
    }

    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.member(b'2', name, target, b"")
    }

    pub fn hard_link(self, name: &str, target: &str) -> Self {
        self.member(b'1', name, target, b"")
    }

    pub fn device(self, kind: u8, name: &str, major: u32, minor: u32) -> Self {
        let mut header = header(kind, name.as_bytes(), b"", 0, 0o644);
        header.set_device_major(major).unwrap();
        header.set_device_minor(minor).unwrap();
        header.set_cksum();
        self.raw(header.as_bytes())
    }

    /// An extended header of type `x` or `g`.
    pub fn pax(self, kind: u8, records: &[(&str, &[u8])]) -> Self {
        let mut data = Vec::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let mut length = rest + 1;
            while rest + length.to_string().len() != length {
                length += 1;
            }
            data.extend_from_slice(format!("{length} {key}=").as_bytes());
            data.extend_from_slice(value);
            data.push(b'\n');
        }
        self.member(kind, "pax", "", &data)
    }

    pub fn x(self, key: &str, value: &[u8]) -> Self {
        self.pax(b'x', &[(key, value)])
    }

    /// A GNU long name (`L`) or long link target (`K`).
    pub fn long(self, kind: u8, name: &[u8]) -> Self {
        self.member(kind, "././@LongLink", "", &[name, b"\0"].concat())
    }

    pub fn end(self) -> Vec<u8> {
        self.raw(&[0; 1024]).0
    }
}

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
