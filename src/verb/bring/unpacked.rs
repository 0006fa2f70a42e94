//! Bytes that were unpacked as they came: whether they are the pinned ones, and what was wrong if something was.

use crate::fetch::{self, Fetched};
use crate::unpack;
use crate::verb::error::Error;

/// What was wrong with a read: what the fetching says, or the system.
pub(super) fn read_error(error: std::io::Error, source_text: &str) -> Error {
    match fetch::Error::from_io(error) {
        Ok(ours) => ours.into(),
        Err(other) => Error::io("read", source_text, other),
    }
}

/// Reads what is left and decides what was wrong: bytes that are not the pinned ones explain every other fault.
pub(super) fn finish(
    unpacked: Result<unpack::Unpacked, unpack::Error>,
    fetched: Fetched<'_>,
    source_text: &str,
) -> Result<fetch::Provenance, Error> {
    match unpacked {
        Ok(_) => Ok(fetched.finish()?),
        Err(error) => {
            if let Some(io) = error.content_io()
                && let Some(ours) = fetch::Error::in_io(io)
            {
                return Err(ours.into());
            }
            if error.is_bad_source() {
                // Damaged on the way, or packed like this? The digest of all bytes tells, and nobody is advised to
                // raise a limit for bytes that were never meant.
                fetched.finish()?;
            }
            Err(Error::Unpack {
                source_text: source_text.to_owned(),
                source: error,
            })
        }
    }
}
