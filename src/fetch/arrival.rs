//! What a transfer's task and whoever waits for its bytes know of each other.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::error::Error;
use super::spool::{Spool, Used};
use super::verify::{Seen, Verifier};

/// How a transfer ended.
pub(super) enum End {
    /// All bytes are in the spool and are what they should be.
    Done(Seen, Used),
    /// The connection gave no more; what came so far is kept, and the spool still locked.
    Broke(Error, Half),
    /// Nothing can go on from here; the spool was dealt with and is unlocked.
    Failed(Error),
}

/// A transfer that another request may complete.
pub(super) struct Half {
    pub(super) spool: Spool,
    pub(super) verifier: Box<Verifier>,
}

/// What there is to know at some moment.
pub(super) enum News {
    /// So many bytes are in the spool, more than before.
    Bytes(u64),
    /// It ended, and all that came was told before.
    End(End),
}

#[derive(Default)]
struct State {
    /// Bytes in the spool, from its start.
    arrived: u64,
    end: Option<End>,
    /// Whether it is or was told how it ended.
    over: bool,
    /// Whether it failed in a way that asking anew may put right.
    may_be_asked_again: bool,
    /// Whether somebody waits, who can send another request.
    driven: bool,
}

/// Shared by the task that writes and the thread that waits.
#[derive(Default)]
pub(super) struct Arrival {
    state: Mutex<State>,
    news: Condvar,
}

impl Arrival {
    /// The next one of the same transfer, which goes on from what is there.
    pub(super) fn followed_by(&self, arrived: u64) -> Arc<Self> {
        let driven = self.state().driven;
        let state = State {
            arrived,
            driven,
            ..State::default()
        };
        Arc::new(Self {
            state: Mutex::new(state),
            news: Condvar::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one assignment: it is whole whoever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The task has so many bytes in the spool now.
    pub(super) fn advance(&self, arrived: u64) {
        self.state().arrived = arrived;
        self.news.notify_all();
    }

    /// The task is over.
    pub(super) fn end(&self, end: End) {
        let mut state = self.state();
        if !state.over {
            let end = match end {
                // Nobody may come for a long time, and others may want the lock.
                End::Broke(error, half) if !state.driven => {
                    drop(half);
                    End::Failed(error)
                }
                end => end,
            };
            state.may_be_asked_again = matches!(end, End::Failed(Error::Temporary { .. }));
            (state.end, state.over) = (Some(end), true);
        }
        drop(state);
        self.news.notify_all();
    }

    /// Somebody waits from now on; `false` where it has failed before, and should be asked for anew.
    pub(super) fn drive(&self) -> bool {
        let mut state = self.state();
        state.driven = true;
        !state.may_be_asked_again
    }

    /// Waits until more than `known` bytes are there, or no more will come.
    pub(super) fn wait(&self, known: u64) -> News {
        let mut state = self.state();
        loop {
            if state.arrived > known {
                return News::Bytes(state.arrived);
            }
            if let Some(end) = state.end.take() {
                return News::End(end);
            }
            if state.over {
                let gone = Error::temporary("the transfer", "it has ended before");
                return News::End(End::Failed(gone));
            }
            state = self
                .news
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}
