//! The full check: every byte read and hashed, every folder listed.

use std::collections::HashSet;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::Dir;

use super::content;
use super::findings::Findings;
use super::is_shortage;
use crate::model::digest::StoreHash;
use crate::model::escape::Escaped;
use crate::model::manifest::{EntryKind, MANIFEST_NAME, Manifest};
use crate::store::crew::Crew;
use crate::store::error::Error;
use crate::store::folders::Folders;

/// Reads and hashes every file, lists every folder, and holds the manifest against its own canonical form.
pub(super) fn full(
    top: &OwnedFd,
    manifest: &Manifest,
    hash: StoreHash,
    crew: &Crew,
    findings: &mut Findings,
) -> Result<(), Error> {
    if StoreHash::of(&manifest.to_bytes()) != hash {
        findings.fault(MANIFEST_NAME, "cannot be read");
    }
    for (index, what) in content::read_all(top, manifest, crew)? {
        findings.fault(&manifest.entries()[index].path, what);
    }
    let mut folders = Folders::new(top);
    list_all(&mut folders, manifest, findings)
}

/// Lists every folder for what is not in the manifest.
fn list_all(
    folders: &mut Folders<&OwnedFd>,
    manifest: &Manifest,
    findings: &mut Findings,
) -> Result<(), Error> {
    let known: HashSet<&[u8]> = manifest
        .entries()
        .iter()
        .map(|entry| entry.path.as_bytes())
        .collect();
    let all = manifest
        .entries()
        .iter()
        .filter(|entry| entry.kind == EntryKind::Directory);
    for folder in all.map(|entry| entry.path.as_bytes()).chain([&b""[..]]) {
        match list_one(folders, folder, &known, findings) {
            Ok(()) => {}
            Err(error) if is_shortage(error) => {
                return Err(Error::io("list", Escaped(folder).to_string(), error));
            }
            Err(_unreadable) => findings.fault(Escaped(folder), "cannot be read"),
        }
    }
    Ok(())
}

fn list_one(
    folders: &mut Folders<&OwnedFd>,
    folder: &[u8],
    known: &HashSet<&[u8]>,
    findings: &mut Findings,
) -> rustix::io::Result<()> {
    let fd = folders.folder(folder)?;
    for entry in Dir::read_from(fd.as_fd())? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." || (folder.is_empty() && name == MANIFEST_NAME.as_bytes())
        {
            continue;
        }
        let whole = if folder.is_empty() {
            name.to_vec()
        } else {
            [folder, b"/", name].concat()
        };
        if !known.contains(whole.as_slice()) {
            findings.fault(Escaped(&whole), "does not belong there");
        }
    }
    Ok(())
}
