//! A tree as it grows: every folder known, every rule of the manifest kept at each step, then turned into one.
//!
//! Whoever unpacks inserts in any order and may remove (image layers do); folders that are only implied by a name
//! are made on the way. Paths are relative to the source's tree; the layout's prefix comes in at the end.

use std::collections::BTreeMap;

use super::artifact::{self, ArtifactError};
use super::manifest::{Entry, EntryKind, MANIFEST_NAME, Manifest, SIZE_MAX};
use super::path::{EntryPath, PathError};
use super::recipe::{Layout, Recipe};

/// Why something cannot stand in a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// Named before, and not a folder both times.
    #[error("`{0}` is there twice")]
    Twice(EntryPath),
    /// A part of its path is a file or a link.
    #[error("`{path}` would stand below `{above}`, which is not a folder")]
    NotAFolder {
        /// What was to be inserted.
        path: EntryPath,
        /// The file or link in its way.
        above: EntryPath,
    },
    /// A whiteout name outside an image layer.
    #[error("`{0}` is named like a whiteout, which only image layers may have")]
    Whiteout(EntryPath),
    /// A file that JSON numbers cannot describe.
    #[error("`{0}` is larger than 2^53-1 bytes")]
    Size(EntryPath),
    /// A manifest at the top of layout `files`.
    #[error("`{0}` at the top of a source would hide the manifest")]
    ManifestName(EntryPath),
    /// Nothing at all: such a source is never used.
    #[error("there is nothing in it")]
    Empty,
    /// A path that gets too long or malformed by the layout's prefix.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The artifacts cannot be found.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// What stands at which path.
///
/// ```
/// use pyro::model::{manifest::EntryKind, path::EntryPath, tree::Tree};
/// let mut tree = Tree::default();
/// tree.insert(EntryPath::new(b"a/b")?, EntryKind::Directory)?;
/// assert_eq!(tree.get(&EntryPath::new(b"a")?), Some(&EntryKind::Directory));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    entries: BTreeMap<EntryPath, EntryKind>,
}

impl Tree {
    /// What stands at `path`.
    #[must_use]
    pub fn get(&self, path: &EntryPath) -> Option<&EntryKind> {
        self.entries.get(path)
    }

    /// Every entry, ascending by path.
    pub fn iter(&self) -> impl Iterator<Item = (&EntryPath, &EntryKind)> {
        self.entries.iter()
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Checks that `path` may be inserted: its name, and that nothing but folders stands above it.
    ///
    /// # Errors
    /// When the name is a whiteout's or a file or link is in its way.
    pub fn check_place(&self, path: &EntryPath) -> Result<(), TreeError> {
        if path
            .components()
            .any(|component| component.starts_with(b".wh."))
        {
            return Err(TreeError::Whiteout(path.clone()));
        }
        let mut above = path.parent();
        while let Some(folder) = above {
            match self.entries.get(&folder) {
                Some(EntryKind::Directory) => return Ok(()),
                Some(_) => {
                    return Err(TreeError::NotAFolder {
                        path: path.clone(),
                        above: folder,
                    });
                }
                None => above = folder.parent(),
            }
        }
        Ok(())
    }

    /// Puts `kind` at `path` and the folders above it where they are missing.
    ///
    /// A folder may be inserted again; anything else that is already there must be removed first.
    ///
    /// # Errors
    /// When the place is taken, lies below something that is no folder, or the entry breaks a rule.
    pub fn insert(&mut self, path: EntryPath, kind: EntryKind) -> Result<(), TreeError> {
        self.check_place(&path)?;
        if matches!(kind, EntryKind::File { size, .. } if size > SIZE_MAX) {
            return Err(TreeError::Size(path));
        }
        match self.entries.get(&path) {
            Some(EntryKind::Directory) if kind == EntryKind::Directory => return Ok(()),
            Some(_) => return Err(TreeError::Twice(path)),
            None => {}
        }
        let mut above = path.parent();
        while let Some(folder) = above {
            above = folder.parent();
            if self.entries.insert(folder, EntryKind::Directory).is_some() {
                break;
            }
        }
        self.entries.insert(path, kind);
        Ok(())
    }

    /// Takes `path` and all below it out; tells whether anything was there.
    pub fn remove(&mut self, path: &EntryPath) -> bool {
        let below: Vec<EntryPath> = self.below(path).map(|(path, _)| path.clone()).collect();
        for path in &below {
            self.entries.remove(path);
        }
        self.entries.remove(path).is_some()
    }

    /// Every entry below `folder`, ascending; the folder itself is not one of them.
    pub fn below<'t>(
        &'t self,
        folder: &EntryPath,
    ) -> impl Iterator<Item = (&'t EntryPath, &'t EntryKind)> {
        // A path below `folder` begins with `folder/`; nothing else sorts into that range.
        let start = [folder.as_bytes(), b"/"].concat();
        self.entries
            .range(folder.clone()..)
            .skip_while({
                let start = start.clone();
                move |(path, _)| path.as_bytes() < start.as_slice()
            })
            .take_while(move |(path, _)| path.as_bytes().starts_with(&start))
    }

    /// The manifest of this tree.
    ///
    /// # Errors
    /// When the tree is empty, an artifact is missing or ambiguous, or a name cannot stand in the recipe's layout.
    pub fn into_manifest(self, recipe: &Recipe) -> Result<Manifest, TreeError> {
        if self.is_empty() {
            return Err(TreeError::Empty);
        }
        if recipe.layout == Layout::Files {
            let name = EntryPath::new(MANIFEST_NAME.as_bytes())?;
            if self.entries.contains_key(&name) {
                return Err(TreeError::ManifestName(name));
            }
        }
        let mut artifacts = artifact::find(&self, &recipe.artifacts)?;
        let mut entries = Vec::with_capacity(self.entries.len() + 1);
        let mut tree = self.entries;
        for (role, path) in &artifacts {
            if let Some(EntryKind::File { executable, .. }) = tree.get_mut(path) {
                debug_assert!(role.is_file(), "only files are found for a file's role");
                *executable = false;
            }
        }
        if let Some(prefix) = recipe.layout.prefix() {
            let prefix = EntryPath::new(prefix.as_bytes())?;
            for path in artifacts.values_mut() {
                *path = prefix.join(path.as_bytes())?;
            }
            entries.push(Entry {
                path: prefix.clone(),
                kind: EntryKind::Directory,
            });
            for (path, kind) in tree {
                entries.push(Entry {
                    path: prefix.join(path.as_bytes())?,
                    kind,
                });
            }
        } else {
            entries.extend(tree.into_iter().map(|(path, kind)| Entry { path, kind }));
        }
        Ok(Manifest::assemble(recipe, artifacts, entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> EntryPath {
        EntryPath::new(text.as_bytes()).unwrap()
    }

    fn link() -> EntryKind {
        EntryKind::Symlink {
            target: crate::model::path::LinkTarget::new(b"x").unwrap(),
        }
    }

    #[test]
    fn nothing_is_inserted_below_a_link() {
        let mut tree = Tree::default();
        tree.insert(path("a"), link()).unwrap();
        let error = tree
            .insert(path("a/b/c"), EntryKind::Directory)
            .unwrap_err();
        assert_eq!(
            error,
            TreeError::NotAFolder {
                path: path("a/b/c"),
                above: path("a")
            }
        );
        assert_eq!(tree.len(), 1);
    }

    #[test]
    fn a_folder_may_come_twice_and_nothing_else_may() {
        let mut tree = Tree::default();
        tree.insert(path("a"), EntryKind::Directory).unwrap();
        tree.insert(path("a"), EntryKind::Directory).unwrap();
        assert_eq!(
            tree.insert(path("a"), link()),
            Err(TreeError::Twice(path("a")))
        );
    }

    #[test]
    fn removing_takes_what_is_below_and_not_the_neighbours() {
        let mut tree = Tree::default();
        for name in ["a", "a-b", "a/c/d", "a0"] {
            tree.insert(path(name), EntryKind::Directory).unwrap();
        }
        assert_eq!(tree.below(&path("a")).count(), 2);
        assert!(tree.remove(&path("a")));
        let left: Vec<_> = tree.iter().map(|(path, _)| path.to_string()).collect();
        assert_eq!(left, ["a-b", "a0"]);
        assert!(!tree.remove(&path("a")));
    }
}
