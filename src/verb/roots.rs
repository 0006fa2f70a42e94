//! Root records that people set by hand.

use std::path::Path;

use super::context::Context;
use super::error::Error;
use crate::gc::{self, Records, Shows};
use crate::lock::{self, Lock};
use crate::model::name::ProfileName;
use crate::model::root::{LinkRoot, LockRoot, OutLinkRoot, PathRoot, Root};
use crate::model::store_path::StorePathName;
use crate::profile::folders_above;
use crate::store::read_record;

/// Why something is no root.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// A link that leads elsewhere.
    #[error("the link does not lead into this store: {link}")]
    LeadsElsewhere {
        /// The link.
        link: String,
    },
    /// No path, no lock, no link.
    #[error("neither a store path, nor a lock, nor a link into the store: {what}")]
    NoRoot {
        /// What was named.
        what: String,
    },
    /// No such record.
    #[error("not a root: {what}")]
    Unknown {
        /// What was named.
        what: String,
    },
    /// A path that cannot be written into a record.
    #[error("the path is not UTF-8: {what}")]
    NotText {
        /// The path, with what is wrong replaced.
        what: String,
    },
}

/// A root record and what it keeps now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRoot {
    /// The record.
    pub root: Root,
    /// What it keeps.
    pub shows: Shows,
}

/// Every root record, out-links included.
///
/// # Errors
/// When one cannot be read.
pub fn roots(cx: &Context<'_>) -> Result<Vec<ListedRoot>, Error> {
    let records = Records::read(cx.store)?.0.into_iter();
    Ok(records
        .map(|(_, root)| ListedRoot {
            shows: gc::shows(cx.store, &root),
            root,
        })
        .collect())
}

/// Makes `subject` a root: a store path by its name or place, a lock, or a link into the store, as an absolute path.
///
/// # Errors
/// When it is none of these, or the record cannot be written.
pub fn add_root(cx: &Context<'_>, subject: &Path) -> Result<ListedRoot, Error> {
    let root = root_of(cx, subject)?;
    // Leased until the record is there: what is about to be held must not go meanwhile.
    let lease = match &root {
        Root::Path(root) => Some(cx.store.lease(root.path.hash(), cx.observer)?),
        _ => None,
    };
    if let Root::Path(root) = &root
        && fs_err::symlink_metadata(cx.store.layout().path(&root.path)).is_err()
    {
        return Err(Error::not_here(cx.store, &root.path));
    }
    let record = cx.store.layout().root_record(root.id());
    if read_record::<Root>(&record).ok().flatten().as_ref() != Some(&root) {
        cx.store.write_record(&record, &root)?;
    }
    drop(lease);
    let shows = gc::shows(cx.store, &root);
    Ok(ListedRoot { root, shows })
}

/// Removes the record of `subject`, named as for [`add_root`] or by the digits that its id begins with.
///
/// # Errors
/// When there is none, or it cannot be removed.
pub fn remove_root(cx: &Context<'_>, subject: &Path) -> Result<Root, Error> {
    let what = subject.display().to_string();
    let place = placed(subject);
    let name = subject
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let is_it = |root: &Root| {
        root.subject() == place
            || root.subject() == what
            || matches!(root, Root::Path(_)) && root.subject() == name
            || name.len() >= 8 && root.id().to_string().starts_with(name)
    };
    let found = Records::read(cx.store)?;
    let Some((file, root)) = found.0.into_iter().find(|(_, root)| is_it(root)) else {
        return Err(RootError::Unknown { what }.into());
    };
    fs_err::remove_file(&file).map_err(|source| Error::io("remove", file, source))?;
    Ok(root)
}

/// The path with every folder above it resolved, and itself as it is.
fn placed(path: &Path) -> String {
    let folder = path
        .parent()
        .and_then(|folder| fs_err::canonicalize(folder).ok());
    match (folder, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name).display().to_string(),
        _ => path.display().to_string(),
    }
}

fn root_of(cx: &Context<'_>, subject: &Path) -> Result<Root, Error> {
    let what = || subject.display().to_string();
    let name = subject.file_name().and_then(|name| name.to_str());
    let meta = fs_err::symlink_metadata(subject).ok();
    if meta.as_ref().is_some_and(std::fs::Metadata::is_symlink) {
        return root_of_link(cx, subject);
    }
    if meta.as_ref().is_some_and(std::fs::Metadata::is_file) {
        return root_of_lock(subject);
    }
    match name.map(str::parse::<StorePathName>) {
        Some(Ok(path)) => Ok(Root::Path(PathRoot { schema: 1, path })),
        _ => Err(RootError::NoRoot { what: what() }.into()),
    }
}

fn text_of(path: &Path) -> Result<String, Error> {
    let text = placed(path);
    if path.to_str().is_none() {
        return Err(RootError::NotText { what: text }.into());
    }
    Ok(text)
}

fn root_of_link(cx: &Context<'_>, subject: &Path) -> Result<Root, Error> {
    let link = text_of(subject)?;
    let folders = folders_above(Path::new(&link))?;
    let target = fs_err::read_link(subject).map_err(|e| Error::io("read", subject, e))?;
    let profiles = cx.store.layout().profiles();
    // `…/profiles/<profile>/generations/<n>`, as an out-link has it.
    let words: Option<Vec<&str>> = target
        .strip_prefix(&profiles)
        .ok()
        .map(|rest| rest.iter().filter_map(|word| word.to_str()).collect());
    if let Some([profile, "generations", number]) = words.as_deref()
        && let (Ok(profile), Ok(_)) = (ProfileName::from_folder(profile), number.parse::<u64>())
    {
        return Ok(Root::OutLink(OutLinkRoot {
            schema: 1,
            link,
            profile: profile.to_string(),
            folders,
        }));
    }
    match gc::link_target(cx.store, subject) {
        Some(path) => Ok(Root::Link(LinkRoot {
            schema: 1,
            link,
            folders,
            path,
        })),
        None => Err(RootError::LeadsElsewhere { link }.into()),
    }
}

fn root_of_lock(subject: &Path) -> Result<Root, Error> {
    // A declaration is not a root, but it is clear what was meant.
    let lock = if subject.extension().is_some_and(|end| end == "toml") {
        lock::lock_path(subject)
    } else {
        subject.to_owned()
    };
    let text = fs_err::read_to_string(&lock).map_err(|e| Error::io("read", &lock, e))?;
    let parsed = Lock::parse(&text, &lock, &|_, _| None)?;
    let text = text_of(&lock)?;
    Ok(Root::Lock(LockRoot {
        schema: 1,
        folders: folders_above(Path::new(&text))?,
        lock: text,
        outputs: gc::outputs(&parsed.lock),
    }))
}
