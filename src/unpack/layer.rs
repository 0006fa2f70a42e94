//! A layer of an image, laid over what the layers before it made.
//!
//! - An entry replaces what an earlier layer has at its name; a folder over a folder is merged.
//! - `.wh.NAME` hides what earlier layers have at NAME, `.wh..wh..opq` all that they have in its folder. Neither
//!   touches what this layer itself makes, wherever in the layer they stand. To hide what is not there is fine.
//! - Nothing is written through a link of an earlier layer: a layer that has `lib/x` over `lib -> usr/lib` is refused,
//!   though some runtimes follow such links within the root. One that has a folder `lib` of its own replaces the link.
//! - A hard link may name an earlier entry of this layer, or one of earlier layers that is not hidden yet.

use std::io::Read;

use super::Unpacked;
use super::error::{Error, Fault};
use super::limits::Allowance;
use super::member::{Kind, Member};
use super::member_name;
use super::members::Members;
use super::placing::{Earlier, How, Placing, Stop};
use crate::model::manifest::EntryKind;
use crate::model::path::{EntryPath, PathFault};
use crate::model::tree::TreeError;
use crate::store::Staging;

const PREFIX: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// Which layer of an image is unpacked.
///
/// ```
/// use pyro::unpack::Layer;
/// assert_eq!(Layer { number: 1 }.number, 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// Counted from 1, the lowest; for messages.
    pub number: u32,
}

/// Unpacks a layer over those before it and reads `bytes` to their end.
///
/// # Errors
/// As for [`archive`](super::archive()).
pub fn layer(
    bytes: &mut dyn Read,
    staging: &mut Staging<'_>,
    layer: Layer,
    allowance: &Allowance,
) -> Result<Unpacked, Error> {
    let number = Some(layer.number);
    let mut members = Members::new(bytes, number, allowance);
    let mut placing = Placing::new(staging, Earlier::Replaced, allowance);
    while let Some(member) = members.next()? {
        let refused = |fault| members.refused(&member.name, fault);
        if member.kind == Kind::VolumeLabel {
            placing.pass_over(&members, &member)?;
            continue;
        }
        match member_name::path(&member.name).map_err(|fault| refused(Fault::Name(fault)))? {
            None if member.kind == Kind::Directory => placing.pass_over(&members, &member)?,
            None => return Err(refused(Fault::Name(PathFault::Dots))),
            Some(path) if path.name().starts_with(PREFIX) => {
                placing.pass_over(&members, &member)?;
                whiteout(&mut placing, &member, &path)
                    .map_err(|stop| stop.at(&members, &member.name))?;
            }
            Some(path) if member_name::has_whiteout(&path) => {
                return Err(refused(Fault::BadWhiteout("it is used as a folder")));
            }
            Some(path) => placing.place(&mut members, &member, &path, 0)?,
        }
    }
    placing.finish(number)
}

fn whiteout(placing: &mut Placing<'_, '_>, member: &Member, path: &EntryPath) -> Result<(), Stop> {
    if !matches!(member.kind, Kind::File { size: 0, map: None }) {
        return Err(Fault::BadWhiteout("it is no empty file").into());
    }
    let folder = path.parent();
    if folder.as_ref().is_some_and(member_name::has_whiteout) {
        return Err(Fault::BadWhiteout("it stands below another").into());
    }
    placing.take_name(path, member.number, How::Other)?;
    if path.name() == OPAQUE {
        return hide_below(placing, folder.as_ref());
    }
    let hidden = match &path.name()[PREFIX.len()..] {
        b"" => return Err(Fault::BadWhiteout("it names nothing").into()),
        b"." | b".." => return Err(Fault::BadWhiteout("it climbs").into()),
        name if name.starts_with(PREFIX) => {
            return Err(Fault::BadWhiteout("it hides a whiteout").into());
        }
        name => match &folder {
            Some(folder) => folder.join(name).map_err(TreeError::from)?,
            None => EntryPath::new(name).map_err(TreeError::from)?,
        },
    };
    placing.check_above(&hidden)?;
    if placing.made(&hidden) {
        // A folder that this layer has too: what earlier layers have in it goes, what it has itself stays.
        if placing.staging.tree().get(&hidden) == Some(&EntryKind::Directory) {
            return hide_below(placing, Some(&hidden));
        }
        return Ok(());
    }
    placing.staging.remove(&hidden)?;
    Ok(())
}

/// Removes what earlier layers have below `folder`, or in the whole tree.
fn hide_below(placing: &mut Placing<'_, '_>, folder: Option<&EntryPath>) -> Result<(), Stop> {
    if let Some(folder) = folder {
        placing.check_above(folder)?;
        if placing
            .staging
            .tree()
            .get(folder)
            .is_some_and(|kind| *kind != EntryKind::Directory)
        {
            return Err(Fault::Through {
                above: folder.clone(),
            }
            .into());
        }
    }
    let tree = placing.staging.tree();
    let earlier = |(path, _): &(&EntryPath, &EntryKind)| !placing.made(path);
    let hidden: Vec<EntryPath> = match folder {
        Some(folder) => tree
            .below(folder)
            .filter(earlier)
            .map(|(path, _)| path.clone())
            .collect(),
        None => tree
            .iter()
            .filter(earlier)
            .map(|(path, _)| path.clone())
            .collect(),
    };
    for path in &hidden {
        placing.staging.remove(path)?;
    }
    Ok(())
}
