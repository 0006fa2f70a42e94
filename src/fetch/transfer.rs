//! One body on its way: a task writes it to the spool and hands it to whoever reads along.
//!
//! The task hashes and counts as bytes arrive. The channel is bounded, so a slow reader slows the sender down and
//! memory stays at a few blocks. The spool's lock goes as soon as the last byte is in, before the reader is told;
//! bytes that break the promise of their digest are removed, an interrupted transfer is kept.

use tokio::sync::mpsc;

use super::error::Error;
use super::http::{Answer, Web};
use super::spool::{Spool, Used};
use super::verify::{Seen, Verifier};

/// Chunks between task and reader; each is what one read from the connection gave, under half a MiB.
const AHEAD: usize = 8;

/// What the task tells the reader.
enum Message {
    Chunk(Vec<u8>),
    Done(Seen, Used),
    Failed(Error),
}

/// What the reader gets next.
pub(super) enum Next {
    /// Bytes.
    Chunk(Vec<u8>),
    /// All bytes came and are what they should be.
    Done(Seen, Used),
}

/// The reader's end.
pub(super) struct Stream {
    what: String,
    messages: mpsc::Receiver<Message>,
}

impl Stream {
    /// Starts the task; `answer` is a 200 and `spool` empty.
    pub(super) fn start(
        web: &Web,
        what: &str,
        answer: Answer,
        spool: Spool,
        verifier: Verifier,
    ) -> Result<Self, Error> {
        let (sender, messages) = mpsc::channel(AHEAD);
        web.spawn(carry(answer, spool, verifier, sender))?;
        Ok(Self {
            what: what.to_owned(),
            messages,
        })
    }

    /// Waits for the task.
    pub(super) fn next(&mut self) -> Result<Next, Error> {
        match self.messages.blocking_recv() {
            Some(Message::Chunk(chunk)) => Ok(Next::Chunk(chunk)),
            Some(Message::Done(seen, used)) => Ok(Next::Done(seen, used)),
            Some(Message::Failed(error)) => Err(error),
            None => Err(Error::temporary(&self.what, "the transfer was given up")),
        }
    }
}

async fn carry(
    mut answer: Answer,
    mut spool: Spool,
    mut verifier: Verifier,
    sender: mpsc::Sender<Message>,
) {
    let failure = loop {
        match step(&mut answer, &mut spool, &mut verifier).await {
            Ok(None) => {
                let last = match settle(spool, verifier) {
                    Ok((seen, used)) => Message::Done(seen, used),
                    Err(error) => Message::Failed(error),
                };
                // A reader that is gone needs no news.
                drop(sender.send(last).await);
                return;
            }
            Ok(Some(chunk)) => {
                if sender.send(Message::Chunk(chunk)).await.is_err() {
                    return;
                }
            }
            Err(error) => break error,
        }
    };
    // Either way the file is closed, and its lock gone, before the reader hears of it.
    let failure = if matches!(failure, Error::Integrity { .. }) {
        spool.remove().err().unwrap_or(failure)
    } else {
        drop(spool);
        failure
    };
    drop(sender.send(Message::Failed(failure)).await);
}

/// One chunk from the connection through the hash into the spool. The write goes to the page cache; a disk that
/// makes it wait is what should hold this transfer up.
async fn step(
    answer: &mut Answer,
    spool: &mut Spool,
    verifier: &mut Verifier,
) -> Result<Option<Vec<u8>>, Error> {
    let Some(chunk) = answer.chunk().await? else {
        return Ok(None);
    };
    verifier.update(&chunk)?;
    spool.write(&chunk)?;
    Ok(Some(chunk))
}

fn settle(mut spool: Spool, verifier: Verifier) -> Result<(Seen, Used), Error> {
    match verifier.finish() {
        Ok(seen) => {
            spool.rename(&seen.digest)?;
            Ok((seen, spool.release()?))
        }
        Err(error) => {
            spool.remove()?;
            Err(error)
        }
    }
}
