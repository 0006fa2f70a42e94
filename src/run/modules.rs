//! The kernel modules that a machine needs, each after those that it depends on.
//!
//! The artifact `modules` is a folder as `/lib/modules` is: `<release>/kernel/….ko`, perhaps with `.xz`, `.zst` or `.gz`.
//! It is read recursively. What is wanted and not there is taken for a part of the kernel; what a module says that it
//! depends on must be there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::error::Error;

mod modinfo;

use modinfo::ModInfo;

/// What one module may unpack to.
const MOST: u64 = 64 << 20;

/// A module, ready to be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Module {
    /// Its name, with `_`.
    pub(super) name: String,
    /// The module itself, unpacked.
    pub(super) bytes: Vec<u8>,
}

/// The modules below one folder, of one kernel.
#[derive(Debug)]
pub(super) struct Modules {
    files: BTreeMap<String, PathBuf>,
}

impl Modules {
    /// Those in `folder` for the kernel `release`, where that is known.
    pub(super) fn find(folder: &Path, release: Option<&str>) -> Result<Self, Error> {
        // `kernel/` at the top: the folder is that of one release itself.
        let mut releases: BTreeMap<String, BTreeMap<String, PathBuf>> = BTreeMap::new();
        for entry in WalkDir::new(folder).sort_by_file_name() {
            let entry = entry.map_err(|error| {
                let path = error.path().unwrap_or(folder).to_owned();
                Error::io("read", path, error)
            })?;
            let path = entry.into_path();
            let Some(name) = module_name(&path) else {
                continue;
            };
            let below = path.strip_prefix(folder).unwrap_or(&path);
            let first = below.iter().next().unwrap_or_default();
            let files = releases.entry(first.to_string_lossy().into_owned());
            files.or_default().insert(name, path);
        }
        if releases.len() > 1 {
            let own = release.and_then(|release| releases.remove(release));
            let files = own.ok_or_else(|| Error::WhichRelease {
                path: folder.to_owned(),
                releases: releases.into_keys().collect(),
            })?;
            return Ok(Self { files });
        }
        let files = releases.into_values().next().unwrap_or_default();
        Ok(Self { files })
    }

    /// `wanted` in this order, each behind what it needs.
    pub(super) fn load(&self, wanted: &[&str]) -> Result<Vec<Module>, Error> {
        let mut order = Order {
            all: self,
            seen: BTreeSet::new(),
            modules: Vec::new(),
        };
        for name in wanted {
            if self.files.contains_key(*name) {
                order.visit(name, None)?;
            }
        }
        Ok(order.modules)
    }
}

struct Order<'m> {
    all: &'m Modules,
    seen: BTreeSet<String>,
    modules: Vec<Module>,
}

impl Order<'_> {
    fn visit(&mut self, name: &str, needed_by: Option<&Path>) -> Result<(), Error> {
        if !self.seen.insert(name.to_owned()) {
            return Ok(());
        }
        let Some(path) = self.all.files.get(name) else {
            return Err(Error::Module {
                path: needed_by.unwrap_or(Path::new(name)).to_owned(),
                why: format!("it needs `{name}`, which is not there"),
            });
        };
        let bytes = read(path)?;
        let info = ModInfo::read(&bytes).map_err(|why| Error::Module {
            path: path.clone(),
            why: why.to_owned(),
        })?;
        for other in info.depends {
            self.visit(&other, Some(path))?;
        }
        // A wish, often for something by another name: taken where it is a module here.
        for other in info.wishes {
            if self.all.files.contains_key(&other) {
                self.visit(&other, Some(path))?;
            }
        }
        let name = name.to_owned();
        self.modules.push(Module { name, bytes });
        Ok(())
    }
}

/// The name of the module in a file, or that it holds none.
fn module_name(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    let packed = [".xz", ".zst", ".gz"];
    let file = packed
        .iter()
        .find_map(|end| file.strip_suffix(end))
        .unwrap_or(file);
    file.strip_suffix(".ko").map(|name| name.replace('-', "_"))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |error| Error::io("read", path, error);
    let file = fs_err::File::open(path).map_err(failed)?;
    let end = path.extension().and_then(|end| end.to_str());
    let unpacked: Box<dyn Read> = match end {
        Some("xz") => Box::new(liblzma::read::XzDecoder::new(file)),
        Some("zst") => Box::new(zstd::stream::read::Decoder::new(file).map_err(failed)?),
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(file)),
        _ => Box::new(file),
    };
    let mut bytes = Vec::new();
    let mut limited = unpacked.take(MOST + 1);
    limited.read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST {
        let (path, why) = (path.to_owned(), format!("it is larger than {MOST} bytes"));
        return Err(Error::Module { path, why });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
