//! Syncs in the right order, out of a trace: what file systems that write in order hide, and others will not.
//!
//! A model of a disk that keeps nothing until it is told: each write, name and change is pending until its file or
//! folder is synced after it. The rules that [`Pending`] holds pyro to are those of the crash argument in
//! `docs/architecture.md`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::trace::{self, Call, Deed};

/// What a deed leaves to be synced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// The name, in its folder.
    Name(PathBuf),
    /// Content, mode and times.
    Itself(PathBuf),
}

impl Part {
    fn path(&self) -> &Path {
        match self {
            Self::Name(path) | Self::Itself(path) => path,
        }
    }

    /// Whose sync brings it to the disk.
    fn is_of(&self, synced: &Path) -> bool {
        match self {
            Self::Name(path) => path.parent() == Some(synced),
            Self::Itself(path) => path == synced,
        }
    }
}

/// What was done and is not on the disk, by the line of the trace that did it last.
#[derive(Default)]
struct Pending {
    store: PathBuf,
    project: PathBuf,
    parts: BTreeMap<Part, usize>,
    symlinks: Vec<PathBuf>,
    /// What trash was before it was retired.
    retired: BTreeMap<PathBuf, PathBuf>,
    /// When something below each staging tree was written or named for the first time.
    first: BTreeMap<PathBuf, usize>,
    seen: Seen,
}

/// What a trace had in it: a test that saw nothing would pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// Trees that became a store path.
    pub published: usize,
    /// Trees that changed places with a damaged one.
    pub repaired: usize,
    /// Store paths that became trash.
    pub retired: usize,
    /// Generations that got their number.
    pub generations: usize,
    /// Moves of a profile's link.
    pub moves: usize,
    /// Moves of an out-link.
    pub out_links: usize,
    /// Times that all was synced at once.
    pub all_synced: usize,
}

/// Holds a command that ended with exit code 0 to the rules; tells what it did, or which rule it broke.
///
/// The names in `found` were made by somebody who has not come to the sync: it is for the command to make up for that.
pub fn check(trace: &str, store: &Path, project: &Path, found: &[PathBuf]) -> Result<Seen, String> {
    let mut pending = Pending {
        store: store.to_owned(),
        project: project.to_owned(),
        parts: found
            .iter()
            .map(|path| (Part::Name(path.clone()), 0))
            .collect(),
        ..Pending::default()
    };
    for call in trace::read(trace) {
        pending.take(&call)?;
    }
    pending.require_synced("exit 0", |_| true)?;
    Ok(pending.seen)
}

impl Pending {
    fn take(&mut self, call: &Call) -> Result<(), String> {
        match &call.deed {
            Deed::Synced(path) => self.sync(call, |part| part.is_of(path)),
            Deed::AllSynced(path, opened) => {
                let first = self.first.get(path);
                if first.is_some_and(|first| first < opened) {
                    return Err(format!(
                        "all is synced through a descriptor opened at line {opened}, after the first write at {first:?}"
                    ));
                }
                self.seen.all_synced += 1;
                self.sync(call, |_| true);
            }
            Deed::Written(path) | Deed::Changed(path) => {
                self.must_be_unsealed(path)?;
                self.add(call, self.itself(path));
            }
            Deed::Named(path) | Deed::Linked(path) => {
                self.must_be_unsealed(path)?;
                if matches!(call.deed, Deed::Linked(_)) {
                    self.symlinks.push(path.clone());
                }
                self.add(call, Part::Name(path.clone()));
            }
            Deed::Twinned(old, new) => {
                if !is_hidden(new, &self.store) {
                    self.require_whole(old, new)?;
                }
                self.add(call, Part::Name(new.clone()));
            }
            Deed::Unnamed(path) => {
                self.must_be_removable(path)?;
                // With a folder goes what was in it.
                self.parts.retain(|part, _| !part.path().starts_with(path));
                self.add(call, Part::Name(path.clone()));
            }
            Deed::Renamed(from, to) => {
                self.rename(from, to)?;
                self.relocate(from, to);
                self.add(call, Part::Name(from.clone()));
                self.add(call, Part::Name(to.clone()));
            }
            Deed::Exchanged(one, other) => {
                self.seen.repaired += 1;
                self.require_whole(one, other)?;
                let aside = one.with_file_name(".aside");
                self.relocate(one, &aside);
                self.relocate(other, one);
                self.relocate(&aside, other);
                self.add(call, Part::Name(one.clone()));
                self.add(call, Part::Name(other.clone()));
            }
        }
        Ok(())
    }

    /// Notes what a deed leaves to be synced, if it is in a place that matters.
    fn add(&mut self, call: &Call, part: Part) {
        let path = part.path();
        let matters = path.starts_with(&self.store)
            || path.starts_with(&self.project)
            || self.store.starts_with(path);
        if !matters {
            return;
        }
        if let Ok(below) = path.strip_prefix(self.store.join("store"))
            && let Some(top) = below.components().next()
            && below.components().count() > 1
        {
            let tree = self.store.join("store").join(top);
            self.first.entry(tree).or_insert(call.begun);
        }
        self.parts.insert(part, call.done);
    }

    /// A change of a symlink can be synced by nobody but its folder.
    fn itself(&self, path: &Path) -> Part {
        if self.symlinks.iter().any(|link| link == path) {
            Part::Name(path.to_owned())
        } else {
            Part::Itself(path.to_owned())
        }
    }

    /// What was done before the sync began is on the disk.
    fn sync(&mut self, call: &Call, covers: impl Fn(&Part) -> bool) {
        self.parts
            .retain(|part, line| *line >= call.begun || !covers(part));
    }

    fn relocate(&mut self, from: &Path, to: &Path) {
        let moved = |path: &Path| match path.strip_prefix(from) {
            Ok(rest) if rest.as_os_str().is_empty() => Some(to.to_owned()),
            Ok(rest) => Some(to.join(rest)),
            Err(_elsewhere) => None,
        };
        self.parts = std::mem::take(&mut self.parts)
            .into_iter()
            .map(|(part, line)| match (moved(part.path()), &part) {
                (Some(path), Part::Name(_)) => (Part::Name(path), line),
                (Some(path), Part::Itself(_)) => (Part::Itself(path), line),
                (None, _) => (part, line),
            })
            .collect();
        for link in &mut self.symlinks {
            *link = moved(link).unwrap_or(std::mem::take(link));
        }
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<(), String> {
        let shows = !is_hidden(to, &self.store) && !is_lock(to, &self.store);
        if shows || is_trash(to) {
            self.require_whole(from, to)?;
        }
        let paths = self.store.join("store");
        if to.parent() == Some(&paths) {
            if shows {
                self.seen.published += 1;
            } else if !is_hidden(from, &self.store) {
                self.seen.retired += 1;
                self.retired.insert(to.to_owned(), from.to_owned());
            }
        }
        if shows
            && to
                .parent()
                .is_some_and(|above| above.ends_with("generations"))
        {
            self.seen.generations += 1;
        }
        if to.file_name() == Some("current".as_ref()) && to.starts_with(&self.store) {
            self.seen.moves += 1;
            // The paths are there, and the generation that names them, before the link shows it.
            let profiles = self.store.join("profiles");
            self.require_synced("the move of a profile", |path| {
                path.starts_with(&paths) || path.starts_with(&profiles)
            })?;
        }
        if to.starts_with(&self.project) && self.symlinks.iter().any(|link| link == from) {
            self.seen.out_links += 1;
            let store = self.store.clone();
            self.require_synced("the move of an out-link", |path| path.starts_with(&store))?;
        }
        Ok(())
    }

    /// All of a tree or file is on the disk before it gets a name that counts.
    fn require_whole(&self, from: &Path, to: &Path) -> Result<(), String> {
        let lacks = self.parts.iter().find(|(part, _)| {
            part.path().starts_with(from) && **part != Part::Name(from.to_owned())
        });
        match lacks {
            Some(part) => Err(format!(
                "{} becomes {} before {part:?} is synced",
                from.display(),
                to.display()
            )),
            None => Ok(()),
        }
    }

    /// Everything that counts, where it is asked for, is on the disk.
    fn require_synced(&self, before: &str, place: impl Fn(&Path) -> bool) -> Result<(), String> {
        let lacks = self.parts.iter().find(|(part, _)| {
            let path = part.path();
            place(path) && !is_hidden(path, &self.store) && !is_lock(path, &self.store)
        });
        match lacks {
            Some(part) => Err(format!("{before} comes before {part:?} is synced")),
            None => Ok(()),
        }
    }

    /// What has a name that counts is not written again.
    fn must_be_unsealed(&self, path: &Path) -> Result<(), String> {
        let below = path.strip_prefix(self.store.join("store"));
        match below.map(|below| below.components().count()) {
            Ok(1..) if !is_hidden(path, &self.store) => {
                Err(format!("{} is written again", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Trash is emptied after its name is on the disk; nothing else is.
    fn must_be_removable(&self, path: &Path) -> Result<(), String> {
        self.must_be_unsealed(path)?;
        let paths = self.store.join("store");
        match path.strip_prefix(&paths) {
            Ok(below) if is_trash(below) => {
                let trash = below.components().next().map(|name| paths.join(name));
                let old = trash.and_then(|trash| self.retired.get(&trash));
                self.require_synced("the removal of trash", |path| match old {
                    Some(old) => path == old,
                    None => path.starts_with(&paths),
                })
            }
            _ => Ok(()),
        }
    }
}

/// Whether some component below the store's root, or the name of a file elsewhere, begins with a dot: unfinished work,
/// or trash.
fn is_hidden(path: &Path, store: &Path) -> bool {
    let below = path.strip_prefix(store);
    let dot = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".");
    match below {
        Ok(below) => below.components().any(|part| dot(part.as_os_str())),
        Err(_outside) => path.file_name().is_some_and(dot),
    }
}

fn is_trash(path: &Path) -> bool {
    path.components()
        .any(|part| part.as_os_str().as_encoded_bytes().starts_with(b".t-"))
}

/// Locks need no sync, nor do downloads, which are checked before they are used again.
fn is_lock(path: &Path, store: &Path) -> bool {
    let Ok(below) = path.strip_prefix(store) else {
        return false;
    };
    let inside = |folder: &str| below.starts_with(folder) && below != Path::new(folder);
    inside("leases")
        || inside("downloads")
        || (inside("profiles") && below.file_name() == Some("lock".as_ref()))
}
