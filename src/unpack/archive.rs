//! An archive that is one source: every name once, nothing hidden, nothing replaced.

use std::io::Read;

use super::Unpacked;
use super::error::{Error, Fault};
use super::limits::Allowance;
use super::member::{Kind, Member};
use super::member_name;
use super::members::Members;
use super::placing::{Earlier, Placing};
use crate::model::path::{EntryPath, PathFault};
use crate::store::Staging;

/// How the members of an archive become entries.
///
/// ```
/// use pyro::unpack::Archive;
/// assert_eq!(Archive::default().strip_components, 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Archive {
    /// How many leading components of names and hard-link targets are taken off; a folder with no more than that is
    /// left out, anything else with no more than that is refused.
    pub strip_components: u32,
}

/// Unpacks a tar archive and reads `bytes` to their end.
///
/// # Errors
/// When an entry is refused, the archive is damaged or cut off, goes on after its end or comes to more than it may,
/// or the store cannot take it.
pub fn archive(
    bytes: &mut dyn Read,
    staging: &mut Staging<'_>,
    rules: Archive,
    allowance: &Allowance,
) -> Result<Unpacked, Error> {
    let mut members = Members::new(bytes, None, allowance);
    let mut placing = Placing::new(staging, Earlier::Stays, allowance);
    while let Some(member) = members.next()? {
        match path(&member, rules.strip_components)
            .map_err(|fault| members.refused(&member.name, fault))?
        {
            Some(path) => placing.place(&mut members, &member, &path, rules.strip_components)?,
            None => placing.pass_over(&members, &member)?,
        }
    }
    placing.finish(None)
}

/// Where a member stands; `None` where it makes nothing.
fn path(member: &Member, strip: u32) -> Result<Option<EntryPath>, Fault> {
    if member.kind == Kind::VolumeLabel {
        return Ok(None);
    }
    let path = member_name::path(&member.name).map_err(Fault::Name)?;
    let is_folder = member.kind == Kind::Directory;
    match path {
        None if is_folder => Ok(None),
        None => Err(Fault::Name(PathFault::Dots)),
        Some(path) if member_name::has_whiteout(&path) => Err(Fault::Whiteout),
        Some(path) => match path.strip(strip as usize) {
            None if is_folder => Ok(None),
            None => Err(Fault::Strip(strip)),
            stripped => Ok(stripped),
        },
    }
}
