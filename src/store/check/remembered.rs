//! Full checks that this account has made and need not make again.
//!
//! Of a path whose times may not be set back, and of one that another account owns. The record holds what an `lstat`
//! of every entry showed then: inode and ctime. Whoever writes to a file changes its ctime.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::digest::RecordHash;
use crate::model::store_path::StorePathName;
use crate::store::error::Error;
use crate::store::{Store, read_record};

/// `realisations/<uid>/checked-<blake3>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "pyro full check")]
pub struct FullCheck {
    /// Always 1.
    pub schema: u32,
    /// The path.
    pub path: StorePathName,
    /// BLAKE3 over inode and ctime of the path and of each entry, in the order of the manifest.
    pub seen: RecordHash,
}

impl Store {
    /// Whether this account has checked just this in full before.
    pub(super) fn was_checked(
        &self,
        name: &StorePathName,
        seen: RecordHash,
    ) -> Result<bool, Error> {
        let path = self.records().full_check(self.uid(), name.hash());
        match read_record::<FullCheck>(&path) {
            Ok(found) => Ok(found.is_some_and(|check| check.path == *name && check.seen == seen)),
            // A memory that cannot be read costs a check, no more.
            Err(Error::Record { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Remembers a full check; where this account may not write, it is made again next time.
    pub(in crate::store) fn remember_check(
        &self,
        name: &StorePathName,
        seen: RecordHash,
    ) -> Result<(), Error> {
        let record = FullCheck {
            schema: 1,
            path: name.clone(),
            seen,
        };
        let path = self.records().full_check(self.uid(), name.hash());
        let folder = self.records().realisations(self.uid());
        let written = self
            .make_folder(&folder)
            .and_then(|()| self.write_record(&path, &record));
        match written {
            Err(Error::Io { source, .. }) if super::is_refusal(&source) => Ok(()),
            other => other,
        }
    }
}
