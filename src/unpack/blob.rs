//! A layer of an artifact that is one plain file.

use std::io::Read;

use super::Unpacked;
use super::error::{Error, Fault, Place};
use super::limits::Allowance;
use super::tally::LeftOut;
use crate::model::path::EntryPath;
use crate::store::{Executable, Staging};

/// Writes `bytes`, which must be `size` long, to the file `title`; never executable, for a blob has no mode.
///
/// # Errors
/// When there are more or fewer bytes or more than there may be, they cannot be read, or the store cannot take the
/// file.
pub fn blob(
    bytes: &mut dyn Read,
    staging: &mut Staging<'_>,
    title: &EntryPath,
    size: u64,
    allowance: &Allowance,
) -> Result<Unpacked, Error> {
    let place = Place::Blob;
    let refused = |fault| Error::Entry {
        place,
        name: title.as_bytes().to_vec(),
        fault,
    };
    let taken = allowance.entry(title.as_bytes().len());
    taken
        .and_then(|()| allowance.unpacked(size))
        .map_err(|limit| refused(limit.into()))?;
    // One byte more than announced tells that there are too many, without writing all of them.
    let mut content = bytes.take(size.saturating_add(1));
    let found = staging.file(title, Executable::No, &mut content);
    let found = found.map_err(|error| Error::of_store(place, title.as_bytes(), error))?;
    if found != size {
        return Err(refused(Fault::Length {
            expected: size,
            found,
        }));
    }
    if let Some((file, error)) = staging.settle() {
        return Err(Error::of_store(place, file.as_bytes(), error));
    }
    Ok(Unpacked {
        entries: 1,
        bytes: size,
        left_out: LeftOut::default(),
    })
}
