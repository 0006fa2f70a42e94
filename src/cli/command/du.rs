//! `pyro du`.

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::json::gc as json;
use crate::cli::quantity::Bytes;
use crate::cli::report::Outcome;
use crate::cli::report::events::escaped;
use crate::cli::report::table::table;
use crate::cli::session::Session;
use crate::cli::settings::Flags;
use crate::cli::workbench::{Workbench, depth};
use crate::verb::{DiskUsage, Share, disk_usage};

/// Show what the store takes on the disk, and for whom
///
/// Exclusive bytes would be freed without that profile or link, shared ones would stay for another.
///
/// Example: `pyro du`
#[derive(Debug, Args)]
pub struct DuArgs {}

impl DuArgs {
    /// Shows it.
    ///
    /// # Errors
    /// When a root or the store cannot be read.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let Self {} = self;
        let settings = session.settings(Flags::default())?;
        let usage = match Workbench::open_if_there(session, &settings, "du")? {
            Some(bench) => bench.run(depth(&settings), disk_usage)?,
            None => DiskUsage::default(),
        };
        session.report().answer(&document(&usage), text)?;
        Ok(Outcome::Done)
    }
}

fn document(usage: &DiskUsage) -> json::Du {
    let environment = |(link, share): (&String, &Share)| json::DuEnvironment {
        link: link.clone(),
        exclusive_bytes: share.exclusive,
        shared_bytes: share.shared,
    };
    let profiles = usage.profiles.iter().map(|(name, one)| json::DuProfile {
        profile: name.clone(),
        exclusive_bytes: one.share.exclusive,
        shared_bytes: one.share.shared,
        environments: one.environments.iter().map(environment).collect(),
    });
    json::Du {
        profiles: profiles.collect(),
        roots_exclusive_bytes: usage.roots.exclusive,
        roots_shared_bytes: usage.roots.shared,
        paths: u64::try_from(usage.paths).unwrap_or(u64::MAX),
        total_bytes: usage.total,
        held_bytes: usage.held,
        loose_bytes: usage.loose,
        staging_bytes: usage.staging,
        trash_bytes: usage.trash,
        download_bytes: usage.downloads,
    }
}

fn text(du: &json::Du) -> String {
    let mut rows = Vec::new();
    let row = |who: String, what: &str, exclusive, shared| {
        let shown = |bytes| Bytes(bytes).to_string();
        [who, what.to_owned(), shown(exclusive), shown(shared)]
    };
    for profile in &du.profiles {
        let name = escaped(&profile.profile).to_string();
        let (exclusive, shared) = (profile.exclusive_bytes, profile.shared_bytes);
        rows.push(row(name, "", exclusive, shared));
        for one in &profile.environments {
            let link = escaped(&one.link).to_string();
            let (exclusive, shared) = (one.exclusive_bytes, one.shared_bytes);
            rows.push(row(String::new(), &link, exclusive, shared));
        }
    }
    if du.roots_exclusive_bytes + du.roots_shared_bytes > 0 {
        let (exclusive, shared) = (du.roots_exclusive_bytes, du.roots_shared_bytes);
        rows.push(row("roots".to_owned(), "", exclusive, shared));
    }
    let mut text = String::new();
    if !rows.is_empty() {
        text = table(&["PROFILE", "LINK", "EXCLUSIVE", "SHARED"], rows) + "\n";
    }
    for (what, bytes) in [
        ("held", du.held_bytes),
        ("loose", du.loose_bytes),
        ("staging", du.staging_bytes),
        ("trash", du.trash_bytes),
        ("downloads", du.download_bytes),
    ] {
        text.push_str(&format!("{what:<10}{}\n", Bytes(bytes)));
    }
    let (total, paths) = (Bytes(du.total_bytes), du.paths);
    text + &format!("{:<10}{total} in {paths} paths\n", "total")
}
