//! Puts the members of one archive or layer into a staging tree, each name once.
//!
//! The staging tree itself refuses to write through links and over what is there. What it cannot know is kept here:
//! which entry of *this* archive took a name, so that the same name twice is told from a layer that replaces what an
//! earlier one had, and what was left out, so that nothing is made below it.

use std::collections::HashMap;

use super::Unpacked;
use super::error::{Error, Fault, Place};
use super::limits::{Allowance, Limit};
use super::member::{Kind, Member};
use super::member_name;
use super::members::Members;
use super::tally::Special;
use crate::model::manifest::{EntryKind, SIZE_MAX};
use crate::model::path::{EntryPath, LinkTarget, PathFault};
use crate::model::recipe::Layout;
use crate::model::tree::TreeError;
use crate::store::{self, Executable, Staging};

/// Bits that would lend the file's owner or group to whoever executes it.
const SETUID: u32 = 0o6000;

/// What happens to what an earlier part of the source has at the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Earlier {
    /// It stays, and the name is refused.
    Stays,
    /// It is replaced, unless both are folders.
    Replaced,
}

/// How a name was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Folder,
    Other,
    LeftOut(Special),
}

/// One archive on its way into a tree.
pub(super) struct Placing<'a, 's> {
    pub(super) staging: &'a mut Staging<'s>,
    allowance: &'a Allowance,
    earlier: Earlier,
    /// Every path that this archive made or implied, with the number of the entry that did so first.
    taken: HashMap<EntryPath, (u64, How)>,
    done: Unpacked,
}

impl<'a, 's> Placing<'a, 's> {
    pub(super) fn new(
        staging: &'a mut Staging<'s>,
        earlier: Earlier,
        allowance: &'a Allowance,
    ) -> Self {
        Self {
            staging,
            allowance,
            earlier,
            taken: HashMap::new(),
            done: Unpacked::default(),
        }
    }

    /// Ends, when all is written, after saying what was left out.
    pub(super) fn finish(self, layer: Option<u32>) -> Result<Unpacked, Error> {
        if let Some((entry, error)) = self.staging.settle() {
            return Err(self.of_earlier(layer, &entry, error));
        }
        self.done.left_out.note(self.staging, layer);
        Ok(self.done)
    }

    /// The error of an entry before the one that was read last.
    fn of_earlier(&self, layer: Option<u32>, entry: &EntryPath, error: store::Error) -> Error {
        let number = self.taken.get(entry).map_or(0, |(number, _)| *number);
        Error::of_store(Place::Entry { layer, number }, entry.as_bytes(), error)
    }

    /// Checks that nothing but folders stands above `path`.
    pub(super) fn check_above(&self, path: &EntryPath) -> Result<(), Stop> {
        self.staging.tree().check_place(path)?;
        let mut above = path.parent();
        while let Some(folder) = above {
            match self.taken.get(&folder) {
                Some((_, How::Folder)) => break,
                Some(_) => return Err(Fault::Through { above: folder }.into()),
                None => above = folder.parent(),
            }
        }
        Ok(())
    }

    /// Whether this archive made `path` or something below it.
    pub(super) fn made(&self, path: &EntryPath) -> bool {
        self.taken.contains_key(path)
    }

    /// Counts a member that makes nothing at its own name.
    pub(super) fn pass_over(
        &mut self,
        members: &Members<'_>,
        member: &Member,
    ) -> Result<(), Error> {
        self.done.entries += 1;
        self.done.left_out.labels += u64::from(member.kind == Kind::VolumeLabel);
        let taken = self.allowance.entry(member.name.len());
        taken.map_err(|limit| members.refused(&member.name, limit.into()))
    }

    /// Makes `member` at `path`; `strip` components are taken off the target if it is a hard link.
    pub(super) fn place(
        &mut self,
        members: &mut Members<'_>,
        member: &Member,
        path: &EntryPath,
        strip: u32,
    ) -> Result<(), Error> {
        // A hard link may have to be a copy of what is not written yet.
        let failed = match member.kind {
            Kind::HardLink { .. } => self.staging.settle(),
            _ => self.staging.failed(),
        };
        if let Some((entry, error)) = failed {
            return Err(self.of_earlier(members.layer(), &entry, error));
        }
        self.try_place(members, member, path, strip)
            .map_err(|stop| self.with_number(stop).at(members, &member.name))
    }

    fn try_place(
        &mut self,
        members: &mut Members<'_>,
        member: &Member,
        path: &EntryPath,
        strip: u32,
    ) -> Result<(), Stop> {
        self.done.entries += 1;
        self.done.left_out.xattrs += u64::from(member.xattrs);
        self.allowance
            .entry(path.as_bytes().len() + member.target().len())?;
        match &member.kind {
            Kind::HardLink { target } => {
                self.hard_link(member.number, path, &hard_link_target(target, strip)?)?;
            }
            Kind::Directory => {
                self.take(path, member.number, How::Folder)?;
                self.staging.directory(path)?;
            }
            Kind::Symlink { target } => {
                let target = LinkTarget::new(target).map_err(|error| Fault::Target(error.fault))?;
                self.take(path, member.number, How::Other)?;
                self.staging.symlink(path, &target)?;
            }
            Kind::File { size, .. } if *size > SIZE_MAX => return Err(Fault::Size.into()),
            Kind::File { map, size } => {
                self.allowance.unpacked(*size)?;
                self.take(path, member.number, How::Other)?;
                self.done.left_out.setuid += u64::from(member.mode & SETUID != 0);
                let executable = Executable::of_mode(member.mode);
                let mut content = self.allowance.metering(members.content(map.as_ref()));
                self.done.bytes += self.staging.file(path, executable, &mut content)?;
            }
            Kind::CharDevice { major: 0, minor: 0 } => return Err(Fault::OverlayWhiteout.into()),
            Kind::CharDevice { .. } => self.leave_out(member.number, path, Special::CharDevice)?,
            Kind::BlockDevice => self.leave_out(member.number, path, Special::BlockDevice)?,
            Kind::Fifo => self.leave_out(member.number, path, Special::Fifo)?,
            // Has no place: whoever reads the members passes over it.
            Kind::VolumeLabel => return Err(Fault::Type(b'V').into()),
        }
        Ok(())
    }

    fn leave_out(&mut self, number: u64, path: &EntryPath, special: Special) -> Result<(), Stop> {
        if self.staging.layout() == Layout::Files {
            return Err(Fault::Special(special.name()).into());
        }
        self.take(path, number, How::LeftOut(special))?;
        self.done.left_out.count(special);
        Ok(())
    }

    fn hard_link(&mut self, number: u64, path: &EntryPath, target: &EntryPath) -> Result<(), Stop> {
        if let Some((_, How::LeftOut(special))) = self.taken.get(target) {
            return self.leave_out(number, path, *special);
        }
        // What stands at `path` may have to go first, and must not take the target with it.
        let there = matches!(
            self.staging.tree().get(target),
            Some(EntryKind::File { .. } | EntryKind::Symlink { .. })
        );
        if !there || target == path || target.is_below(path) {
            return Err(Fault::HardLink {
                target: target.clone(),
            }
            .into());
        }
        self.take(path, number, How::Other)?;
        Ok(self.staging.hard_link(path, target)?)
    }

    /// Takes a name, and those of the folders above it, and clears it of what an earlier layer had there.
    fn take(&mut self, path: &EntryPath, number: u64, how: How) -> Result<(), Stop> {
        self.take_name(path, number, how)?;
        self.take_above(path, number)?;
        let kind = self.staging.tree().get(path);
        let merged = how == How::Folder && kind == Some(&EntryKind::Directory);
        if self.earlier == Earlier::Replaced && kind.is_some() && !merged {
            self.staging.tree().check_place(path)?;
            self.staging.remove(path)?;
        }
        if let How::LeftOut(_) = how {
            self.staging.tree().check_place(path)?;
            if self.staging.tree().get(path).is_some() {
                return Err(Fault::TwiceInSource.into());
            }
        }
        Ok(())
    }

    /// Remembers a name that nothing but a second folder may have again.
    pub(super) fn take_name(
        &mut self,
        path: &EntryPath,
        number: u64,
        how: How,
    ) -> Result<(), Stop> {
        match self.taken.get(path) {
            Some((_, How::Folder)) if how == How::Folder => {}
            Some((first, _)) => return Err(Fault::Twice { first: *first }.into()),
            None => {
                self.taken.insert(path.clone(), (number, how));
            }
        }
        Ok(())
    }

    /// Remembers the folders that `path` implies.
    fn take_above(&mut self, path: &EntryPath, number: u64) -> Result<(), Stop> {
        let mut above = path.parent();
        while let Some(folder) = above {
            match self.taken.get(&folder) {
                Some((_, How::Folder)) => break,
                Some(_) => return Err(Fault::Through { above: folder }.into()),
                None => {
                    self.allowance.entry(folder.as_bytes().len())?;
                    above = folder.parent();
                    self.taken.insert(folder, (number, How::Folder));
                }
            }
        }
        Ok(())
    }
}

impl Placing<'_, '_> {
    /// Names the entry of this archive that took what the file system holds for the same name.
    fn with_number(&self, stop: Stop) -> Stop {
        match stop {
            Stop::Store(store::Error::Folds { other, .. }) => {
                let first = self.taken.get(&other).map(|(first, _)| *first);
                Fault::Folds { other, first }.into()
            }
            stop => stop,
        }
    }
}

/// The target of a hard link as a path of the tree.
fn hard_link_target(target: &[u8], strip: u32) -> Result<EntryPath, Fault> {
    let path = member_name::path(target)
        .map_err(Fault::Target)?
        .ok_or(Fault::Target(PathFault::Dots))?;
    path.strip(strip as usize).ok_or(Fault::Strip(strip))
}

/// Why an entry cannot be placed.
pub(super) enum Stop {
    Fault(Fault),
    Store(store::Error),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Limit> for Stop {
    fn from(limit: Limit) -> Self {
        Self::Fault(limit.into())
    }
}

impl From<store::Error> for Stop {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<TreeError> for Stop {
    fn from(error: TreeError) -> Self {
        Self::Store(error.into())
    }
}

impl Stop {
    /// The error of the member that was read last.
    pub(super) fn at(self, members: &Members<'_>, name: &[u8]) -> Error {
        match self {
            Self::Fault(fault) => members.refused(name, fault),
            Self::Store(error) => Error::of_store(members.place(), name, error),
        }
    }
}
