//! Taking generations away, and what killed writers left of them.

use rustix::io::Errno;

use super::error::Error;
use super::locked::Locked;
use super::read::{current_number, folder_of};
use crate::store::random_id;

impl Locked<'_> {
    /// Drops the generation `number`, unless it is live.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn drop_generation(&self, number: u64) -> Result<bool, Error> {
        if current_number(self.store, &self.name)? == Some(number) {
            return Ok(false);
        }
        let all = self.folder().join("generations");
        let folder = folder_of(self.store, &self.name, number);
        // Under its number it is whole or gone at every moment.
        let doomed = all.join(format!(".g-{}", random_id()?));
        let doomed = match rustix::fs::rename(&folder, &doomed) {
            Ok(()) => {
                self.store.sync_names(&all)?;
                doomed
            }
            Err(Errno::NOENT) => return Ok(false),
            // No room for another name, or a lower layer of overlayfs.
            Err(Errno::NOSPC | Errno::DQUOT | Errno::XDEV) => folder,
            Err(error) => return Err(Error::io("rename", folder, error)),
        };
        fs_err::remove_dir_all(&doomed).map_err(|error| Error::io("remove", doomed, error))?;
        self.store.sync_names(&all)?;
        Ok(true)
    }

    /// Removes what killed writers of this profile left under dot names.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn remove_leftovers(&self) -> Result<(), Error> {
        for (folder, prefix) in [
            (self.folder().join("generations"), ".g-"),
            (self.folder(), ".current-"),
            (self.folder(), ".new-"),
        ] {
            let names = match fs_err::read_dir(&folder) {
                Ok(names) => names,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::io("list", folder, error)),
            };
            for name in names {
                let path = name
                    .map_err(|source| Error::io("list", &folder, source))?
                    .path();
                let is_leftover = path
                    .file_name()
                    .is_some_and(|name| name.as_encoded_bytes().starts_with(prefix.as_bytes()));
                if !is_leftover {
                    continue;
                }
                let is_folder = fs_err::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir());
                // An empty one of another account goes too, even where nobody else may look into it.
                let removed = if !is_folder {
                    fs_err::remove_file(&path)
                } else if fs_err::remove_dir(&path).is_ok() {
                    Ok(())
                } else {
                    fs_err::remove_dir_all(&path)
                };
                removed.map_err(|source| Error::io("remove", &path, source))?;
            }
        }
        Ok(())
    }
}
