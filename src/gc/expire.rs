//! Removing root records whose links or locks are gone, and remembering what locks name.

use std::path::Path;

use super::collect::Collected;
use super::records::{Shows, shows};
use super::{Error, records};
use crate::model::name::ProfileName;
use crate::model::root::{LinkRoot, LockRoot, Root};
use crate::profile::{self, Locked, Tried};
use crate::progress::{Event, Observer};
use crate::store::{Store, read_record};

/// Removes the records that keep nothing any more.
pub(super) fn expire(
    store: &Store,
    observer: &dyn Observer,
    collected: &mut Collected,
) -> Result<(), Error> {
    for (file, root) in records::Records::read(store)?.0 {
        match &root {
            Root::OutLink(link) => {
                let Ok(name) = ProfileName::from_folder(&link.profile) else {
                    continue;
                };
                // Under the lock nobody moves the link; a busy profile holds all of its, and may be about to.
                let tried = match Locked::try_existing(store, &name) {
                    // What this account may not lock stays, with its root.
                    Err(error) if error.is_refusal() => {
                        collected.refuse(file, &error);
                        continue;
                    }
                    tried => tried?,
                };
                if matches!(tried, Tried::Locked(_)) {
                    let folder = store.layout().profile(&name);
                    match profile::remove_unfinished(Path::new(&link.link), &folder) {
                        Err(error) if error.is_refusal() => collected.refuse(file.clone(), &error),
                        removed => removed?,
                    }
                }
                if !matches!(tried, Tried::Busy) {
                    expire_one(store, &file, &root, observer, collected)?;
                }
                drop(tried);
            }
            _ => expire_one(store, &file, &root, observer, collected)?,
        }
    }
    Ok(())
}

fn expire_one(
    store: &Store,
    file: &Path,
    root: &Root,
    observer: &dyn Observer,
    collected: &mut Collected,
) -> Result<(), Error> {
    // Another profile may have got the link meanwhile.
    if read_record::<Root>(file)?.as_ref() != Some(root) {
        return Ok(());
    }
    let note = |why: &str| {
        let text = format!("kept the root {}: {why}", root.subject());
        observer.event(Event::Note { text: &text });
    };
    match (shows(store, root), root) {
        (Shows::Unknown(why), _) => note(why),
        (Shows::Nothing, _) => match fs_err::remove_file(file) {
            Ok(()) => collected.records.push(root.clone()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => collected.refuse(file.to_owned(), &error),
        },
        (
            Shows::Outputs {
                unread: Some(why), ..
            },
            _,
        ) => note(&format!("what it named last stays: {why}")),
        (Shows::Outputs { outputs, .. }, Root::Lock(lock)) if outputs != lock.outputs => {
            renew(
                store,
                file,
                &Root::Lock(LockRoot {
                    outputs,
                    ..lock.clone()
                }),
            );
        }
        (Shows::Path(path), Root::Link(link)) if path != link.path => {
            renew(
                store,
                file,
                &Root::Link(LinkRoot {
                    path,
                    ..link.clone()
                }),
            );
        }
        _ => {}
    }
    Ok(())
}

/// Writes down what a root names now. Where that fails (a full disk, another account's record) what it names is read
/// again next time.
fn renew(store: &Store, file: &Path, root: &Root) {
    let _ = store.write_record(file, root);
}
