//! From bytes to a staging tree: archives, image layers, plain blobs, local folders.
//!
//! ```text
//! bytes -> decompress::reader -> ahead -> archive | layer -> Staging
//! bytes -----------------------> ahead -> blob -----------> Staging
//! folder on this machine ---------------> folder ---------> Staging, FolderRecord
//! ```
//!
//! Everything here comes from outside and may be hostile. A name is checked before anything is made at it, nothing is
//! written through a link, and nothing is passed over in silence: what a tree cannot hold is either refused or
//! counted, and the count ends up in the notes of the staging tree. What a source may come to is limited; a local
//! folder is not, for it is as large already as it will be.

mod ahead;
mod archive;
mod blob;
pub mod decompress;
mod error;
mod folder;
mod folder_record;
mod header;
mod layer;
mod limits;
mod member;
mod member_name;
mod members;
mod pax;
mod placing;
mod sparse;
mod tally;

pub use ahead::ahead;
pub use archive::{Archive, archive};
pub use blob::blob;
pub use error::{Error, Fault, Place};
pub use folder::folder;
pub use folder_record::folder_record;
pub use layer::{Layer, layer};
pub use limits::{Allowance, Counted, Limit, Limits};
pub use tally::LeftOut;

/// What came out of one archive, layer, blob or folder.
///
/// ```
/// use pyro::unpack::Unpacked;
/// assert_eq!(Unpacked::default().entries, 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unpacked {
    /// Members or files that were looked at, with those that were left out.
    pub entries: u64,
    /// Bytes of all files, holes and all; a hard link counts once.
    pub bytes: u64,
    /// What a tree does not keep.
    pub left_out: LeftOut,
}
