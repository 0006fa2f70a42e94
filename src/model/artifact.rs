//! Which entry of a tree is which artifact.
//!
//! At the declared path, if an ordinary file (a folder for `modules`) stands there; else the one such entry of that
//! name anywhere. It stays where it is; only its path is written down.

use std::collections::BTreeMap;

use super::manifest::EntryKind;
use super::name::Role;
use super::path::EntryPath;
use super::tree::Tree;

/// Why an artifact cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactError {
    /// No ordinary file of that name: the source is unusable, the next one may do.
    #[error("no {} named `{name}` for artifact `{role}`", if role.is_file() { "ordinary file" } else { "folder" })]
    Missing {
        /// The artifact.
        role: Role,
        /// The path that it was declared at.
        name: EntryPath,
    },
    /// More than one: the declaration must say which.
    #[error("artifact `{role}` could be `{first}` or `{second}`; declare the whole path")]
    Several {
        /// The artifact.
        role: Role,
        /// One candidate.
        first: EntryPath,
        /// Another candidate.
        second: EntryPath,
    },
    /// Manifests name artifacts as text.
    #[error("the path of artifact `{role}` is not UTF-8: `{path}`")]
    NotText {
        /// The artifact.
        role: Role,
        /// Where it was found.
        path: EntryPath,
    },
}

/// Finds every declared artifact in `tree`.
///
/// # Errors
/// When one is missing, could be several, or has a path that is not UTF-8. What makes the source wrong is said
/// before what makes it merely unusable, whatever the order of the roles.
pub fn find(
    tree: &Tree,
    declared: &BTreeMap<Role, EntryPath>,
) -> Result<BTreeMap<Role, EntryPath>, ArtifactError> {
    let mut found = BTreeMap::new();
    let mut missing = None;
    for (role, name) in declared {
        match find_one(tree, role, name) {
            Ok(path) => {
                found.insert(role.clone(), path);
            }
            Err(error @ ArtifactError::Missing { .. }) => missing = missing.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    match missing {
        Some(error) => Err(error),
        None => Ok(found),
    }
}

fn find_one(tree: &Tree, role: &Role, declared: &EntryPath) -> Result<EntryPath, ArtifactError> {
    let fits = |kind: &EntryKind| match kind {
        EntryKind::File { .. } => role.is_file(),
        EntryKind::Directory => !role.is_file(),
        EntryKind::Symlink { .. } => false,
    };
    if tree.get(declared).is_some_and(fits) {
        return Ok(declared.clone());
    }
    let mut candidates = tree
        .iter()
        .filter(|(path, kind)| path.name() == declared.name() && fits(kind))
        .map(|(path, _)| path);
    let Some(first) = candidates.next() else {
        return Err(ArtifactError::Missing {
            role: role.clone(),
            name: declared.clone(),
        });
    };
    if let Some(second) = candidates.next() {
        return Err(ArtifactError::Several {
            role: role.clone(),
            first: first.clone(),
            second: second.clone(),
        });
    }
    if first.as_str().is_none() {
        return Err(ArtifactError::NotText {
            role: role.clone(),
            path: first.clone(),
        });
    }
    Ok(first.clone())
}
