//! Deletes what was retired, while more is being retired.
//!
//! ```text
//! leased, renamed -> [names synced, many at once] -> deleted by every processor
//! ```

use std::mem::take;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, available_parallelism, scope};

use super::Error;
use super::collect::Collected;
use crate::store::{Retired, Store};

/// How many new names are synced at once at first, so that deleting begins soon.
const FIRST: usize = 64;
/// How many at most, after twice as many each time.
const TOGETHER: usize = 1024;

/// A retired path, with its place in [`Collected::paths`].
type Piece = (usize, Retired);

/// The way to those who delete.
pub(super) struct Deletion<'a> {
    store: &'a Store,
    /// Renamed, and not synced yet.
    renamed: Vec<Piece>,
    /// With how many of them the next sync comes.
    together: usize,
    synced: Sender<Piece>,
    /// Calls one more thread to help; tells whether one came.
    call: &'a dyn Fn() -> bool,
    /// How many would be of use, once there is something to do: one for each processor besides this thread, which waits for
    /// the disk at times, as they do.
    helpers: usize,
}

impl Deletion<'_> {
    /// Deletes what was `gone` at that place, sooner or later.
    pub(super) fn of(&mut self, gone: usize, retired: Retired) -> Result<(), Error> {
        self.renamed.push((gone, retired));
        if self.renamed.len() < self.together {
            return Ok(());
        }
        self.together = TOGETHER.min(2 * self.together);
        self.sync()
    }

    fn sync(&mut self) -> Result<(), Error> {
        if self.renamed.is_empty() {
            return Ok(());
        }
        self.store.sync_folder()?;
        // One piece is for this thread, which comes to it when there is nothing left to retire.
        let useful = self.renamed.len().min(take(&mut self.helpers) + 1);
        for _ in 1..useful {
            if !(self.call)() {
                break;
            }
        }
        for piece in self.renamed.drain(..) {
            // The other end is there as long as this one.
            let _taken = self.synced.send(piece);
        }
        Ok(())
    }
}

/// Runs `retire`, which retires paths, and deletes them.
pub(super) fn of_all_that(
    store: &Store,
    collected: &mut Collected,
    retire: impl FnOnce(&mut Deletion<'_>, &mut Collected) -> Result<(), Error>,
) -> Result<(), Error> {
    let (synced, pieces) = channel();
    let pieces = Mutex::new(pieces);
    let done = Mutex::new(Vec::new());
    let delete = || {
        while let Some((gone, retired)) = next(&pieces) {
            let freed = store.delete_retired(&retired);
            done.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((gone, freed));
        }
    };
    let outcome = scope(|scope| {
        let call = || {
            let helper = Builder::new().name("pyro-delete".to_owned());
            helper.spawn_scoped(scope, delete).is_ok()
        };
        let mut deletion = Deletion {
            store,
            renamed: Vec::new(),
            together: FIRST,
            synced,
            call: &call,
            helpers: available_parallelism().map_or(0, NonZero::get),
        };
        let outcome = retire(&mut deletion, collected).and_then(|()| deletion.sync());
        drop(deletion);
        delete();
        outcome
    });
    for (gone, freed) in done.into_inner().unwrap_or_else(PoisonError::into_inner) {
        match freed {
            Ok(bytes) => collected.paths[gone].bytes = bytes,
            Err(error) => {
                let path = collected.paths[gone].path.clone();
                collected.refuse(path, &error);
            }
        }
    }
    outcome
}

/// The next piece that is to be deleted; `None` when there will be no more.
fn next(pieces: &Mutex<Receiver<Piece>>) -> Option<Piece> {
    let pieces = pieces.lock().unwrap_or_else(PoisonError::into_inner);
    pieces.recv().ok()
}
