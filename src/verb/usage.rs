//! What a store takes on the disk, and for whom.

use std::collections::BTreeMap;

use super::context::Context;
use super::error::Error;
use crate::gc::{Holding, Roots};
use crate::model::store_path::StorePathName;
use crate::store::Usage;

/// Bytes that one user of a store holds alone, and bytes that others hold too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    /// These would be freed without it.
    pub exclusive: u64,
    /// These would stay, for others.
    pub shared: u64,
}

/// What one profile takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProfileUsage {
    /// All of its generations.
    pub share: Share,
    /// Each link, over all generations.
    pub environments: BTreeMap<String, Share>,
}

/// What a store takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DiskUsage {
    /// By the name of the profile's folder.
    pub profiles: BTreeMap<String, ProfileUsage>,
    /// Root records together.
    pub roots: Share,
    /// How many store paths there are.
    pub paths: usize,
    /// All store paths.
    pub total: u64,
    /// Store paths that something holds.
    pub held: u64,
    /// Store paths that nothing holds.
    pub loose: u64,
    /// Staging trees.
    pub staging: u64,
    /// Trees that wait for deletion.
    pub trash: u64,
    /// Downloads.
    pub downloads: u64,
}

/// Looks at every file of the store.
///
/// # Errors
/// When a root cannot be read, or the store cannot be listed.
pub fn disk_usage(cx: &Context<'_>) -> Result<DiskUsage, Error> {
    let layout = cx.store.layout();
    let roots = Roots::read(cx.store)?;
    let all = cx.store.list()?;
    let mut found = DiskUsage {
        paths: all.paths.len(),
        ..DiskUsage::default()
    };
    let mut usage = Usage::default();
    for name in &all.paths {
        let bytes = usage.of(&layout.path(name));
        found.total += bytes;
        add(&mut found, &roots, name, bytes);
    }
    let of = |usage: &mut Usage, path: std::path::PathBuf| usage.of(&path);
    for id in &all.staging {
        found.staging += of(&mut usage, layout.staging(id));
    }
    for (_, name) in &all.trash {
        found.trash += of(&mut usage, layout.store().join(name));
    }
    found.downloads = of(&mut usage, layout.all_downloads());
    Ok(found)
}

/// Adds a path to the shares of those who hold it.
fn add(found: &mut DiskUsage, roots: &Roots, name: &StorePathName, bytes: u64) {
    let mut by_profile: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut by_root = false;
    for holding in roots.of(name) {
        match holding {
            Holding::Generation(hold) => {
                let links = by_profile.entry(hold.profile).or_default();
                if !links.contains(&hold.link) {
                    links.push(hold.link);
                }
            }
            Holding::Root(_) => by_root = true,
        }
    }
    let holders = by_profile.len() + usize::from(by_root);
    if holders == 0 {
        found.loose += bytes;
        return;
    }
    found.held += bytes;
    let give = |share: &mut Share, alone: bool| {
        let part = if alone {
            &mut share.exclusive
        } else {
            &mut share.shared
        };
        *part += bytes;
    };
    if by_root {
        give(&mut found.roots, holders == 1);
    }
    for (profile, links) in by_profile {
        let usage = found.profiles.entry(profile).or_default();
        give(&mut usage.share, holders == 1);
        let alone = holders == 1 && links.len() == 1;
        for link in links {
            give(usage.environments.entry(link).or_default(), alone);
        }
    }
}
