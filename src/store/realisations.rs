//! The realisation records of the account that uses the store.
//!
//! They are a memory, not a truth: one that is missing or cannot be read costs a look at the source, no more. A
//! path that a record names is checked like any other before it is used.

use super::Store;
use super::error::{Doing, Error};
use super::record_file::read_record;
use crate::model::input::Input;
use crate::model::realisation::Realisation;

impl Store {
    /// The record of `input`, if this account has one.
    ///
    /// # Errors
    /// When it is there and the system will not give it.
    pub fn realisation(&self, input: &Input) -> Result<Option<Realisation>, Error> {
        let path = self.layout().realisation(self.uid(), input.hash());
        match read_record::<Realisation>(&path) {
            Ok(found) => Ok(found.filter(|record| record.schema == 1 && record.input == *input)),
            Err(Error::Record { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Remembers a realisation, unless just this is remembered already.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn remember(&self, record: &Realisation) -> Result<(), Error> {
        let path = self.layout().realisation(self.uid(), record.input.hash());
        if let Ok(Some(known)) = read_record::<Realisation>(&path) {
            let same = Realisation {
                realized: known.realized,
                ..record.clone()
            };
            if same == known {
                return Ok(());
            }
        }
        self.make_folder(&self.layout().realisations(self.uid()))?;
        self.write_record(&path, record)
    }

    /// All readable records of this account.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn realisations(&self) -> Result<Vec<Realisation>, Error> {
        let folder = self.layout().realisations(self.uid());
        let entries = match fs_err::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("list", &folder, error)),
        };
        let mut records = Vec::new();
        for entry in entries {
            let entry = entry.doing("list", &folder)?;
            let name = entry.file_name();
            let Some(stem) = name.to_str().and_then(|name| name.strip_suffix(".json")) else {
                continue;
            };
            if stem.starts_with('.') {
                continue;
            }
            if let Ok(Some(record)) = read_record::<Realisation>(&entry.path())
                && record.schema == 1
                && record.input.hash().to_string() == stem
            {
                records.push(record);
            }
        }
        records.sort_by(|a, b| {
            a.realized
                .cmp(&b.realized)
                .then_with(|| a.path.cmp(&b.path))
        });
        Ok(records)
    }
}
