//! When this account last read each path in full: a scrub goes on with what it has not read for the longest time.
//!
//! A memory, not a truth: without it a path is only read sooner. So nobody locks it: of two that write at the same
//! time, one may be forgotten.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::store_path::StorePathName;
use crate::store::error::Error;
use crate::store::{Store, read_record};

/// `realisations/<uid>/last-checks.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "pyro last full checks")]
pub struct LastChecks {
    /// Always 1.
    pub schema: u32,
    /// Paths that the last full check found valid, and when.
    #[schemars(with = "BTreeMap<String, String>")]
    pub valid: BTreeMap<StorePathName, Timestamp>,
    /// Paths that it found damaged, and when.
    #[schemars(with = "BTreeMap<String, String>")]
    pub damaged: BTreeMap<StorePathName, Timestamp>,
}

impl Default for LastChecks {
    fn default() -> Self {
        Self {
            schema: 1,
            valid: BTreeMap::new(),
            damaged: BTreeMap::new(),
        }
    }
}

impl LastChecks {
    /// Forgets one path: it was replaced, or is gone.
    pub fn forget(&mut self, name: &StorePathName) {
        self.valid.remove(name);
        self.damaged.remove(name);
    }

    /// Forgets every path that is not one of these.
    pub(super) fn keep(&mut self, is_there: impl Fn(&StorePathName) -> bool) {
        self.valid.retain(|name, _| is_there(name));
        self.damaged.retain(|name, _| is_there(name));
    }
}

impl Store {
    /// When this account last read each path in full.
    ///
    /// # Errors
    /// When the system will not give the record.
    pub fn last_checks(&self) -> Result<LastChecks, Error> {
        match read_record::<LastChecks>(&self.layout().last_checks(self.uid())) {
            Ok(found) => Ok(found.filter(|found| found.schema == 1).unwrap_or_default()),
            Err(Error::Record { .. }) => Ok(LastChecks::default()),
            Err(error) => Err(error),
        }
    }

    /// Changes that record as it is now, durably.
    ///
    /// # Errors
    /// When the system refuses; the old record is then still whole.
    pub fn update_last_checks(&self, change: impl FnOnce(&mut LastChecks)) -> Result<(), Error> {
        let before = self.last_checks()?;
        let mut after = before.clone();
        change(&mut after);
        if after == before {
            return Ok(());
        }
        self.make_folder(&self.layout().realisations(self.uid()))?;
        let path = self.layout().last_checks(self.uid());
        self.write_record(&path, &after)
    }
}
