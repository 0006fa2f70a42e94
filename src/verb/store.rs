//! The store as a whole: what is in it, and its end.

use std::path::PathBuf;

use super::error::Error;
use crate::profile;
use crate::progress::Silent;
use crate::store::Store;

/// What is in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreInfo {
    /// Store paths, valid or not.
    pub paths: u64,
    /// Profiles.
    pub profiles: u64,
    /// Root records.
    pub roots: u64,
    /// Staging trees, of living and dead processes.
    pub staging: u64,
    /// Trees that wait for deletion.
    pub trash: u64,
    /// Bytes of downloads that are kept.
    pub download_bytes: u64,
    /// Bytes that this account may still write.
    pub free_bytes: Option<u64>,
}

/// Counts what is in a store.
///
/// # Errors
/// When it cannot be listed.
pub fn store_info(store: &Store) -> Result<StoreInfo, Error> {
    let all = store.list()?;
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let roots = store.layout().roots();
    let records = fs_err::read_dir(&roots).map_err(|source| Error::io("list", &roots, source))?;
    let downloads = store.layout().root().join("downloads");
    let sizes = walkdir::WalkDir::new(downloads)
        .into_iter()
        .filter_map(Result::ok);
    let sizes = sizes.filter_map(|entry| entry.metadata().ok().filter(std::fs::Metadata::is_file));
    let free = rustix::fs::statvfs(store.layout().root()).ok();
    Ok(StoreInfo {
        paths: count(all.paths.len()),
        profiles: count(profile::list(store, &Silent)?.len()),
        roots: count(records.count()),
        staging: count(all.staging.len()),
        trash: count(all.trash.len()),
        download_bytes: sizes.map(|meta| meta.len()).sum(),
        free_bytes: free.map(|free| free.f_bavail.saturating_mul(free.f_frsize)),
    })
}

/// Deletes a store that nobody uses; tells what stands in its folder and is not its.
///
/// # Errors
/// When somebody uses it, or the system refuses.
pub fn delete_store(store: &Store) -> Result<Vec<PathBuf>, Error> {
    Ok(store.delete()?)
}
