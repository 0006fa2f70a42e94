//! Reads a lock, also one that git could not merge: the union of both sides' blocks.

use std::path::Path;

use super::block::Block;
use super::{Lock, LockError, conflict, plain, text, wire};
use crate::declare::Ledger;
use crate::model::digest::DeclarationHash;
use crate::model::name::EnvName;
use crate::model::platform::Platform;

/// A lock as read, and what had to be decided to read it.
///
/// ```
/// use pyro::lock::Lock;
/// let text = "schema = 1\n<<<<<<< ours\n=======\n>>>>>>> theirs\n";
/// let parsed = Lock::parse(text, "envs.lock".as_ref(), &|_, _| None)?;
/// assert!(parsed.merged && parsed.contested.is_empty());
/// # Ok::<(), pyro::lock::LockError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The blocks, those of both sides where there were sides.
    pub lock: Lock,
    /// The blocks that both sides have and that differ, sorted; the lock has one of them.
    pub contested: Vec<(EnvName, Platform)>,
    /// Whether there were conflict markers, so that the file should be written anew.
    pub merged: bool,
}

impl Lock {
    /// Reads the text of `file`, which is named in mistakes and not opened.
    ///
    /// Where git left conflict markers, blocks of either side are taken. Of a block that both sides have and that
    /// differs, the one is taken whose declaration digest `prefer` gives; where that does not decide, the one with
    /// more pins and outputs, and of two equal in that the one whose text sorts first, so that it does not matter who
    /// merges whom.
    ///
    /// # Errors
    /// When the text, or one side of it, is not a lock of this schema; nothing in it is passed over.
    pub fn parse(
        text: &str,
        file: &Path,
        prefer: &dyn Fn(&EnvName, &Platform) -> Option<DeclarationHash>,
    ) -> Result<Parsed, LockError> {
        let whole = |lock| Parsed {
            lock,
            contested: Vec::new(),
            merged: false,
        };
        if let Some(lock) = plain::read(text) {
            return Ok(whole(lock));
        }
        let mut ledger = Ledger::new();
        let parsed = if conflict::is_conflicted(text) {
            union(text, prefer, &mut ledger)
        } else {
            wire::read(text, &mut ledger).map(whole)
        };
        ledger.finish(parsed, file, text).map_err(LockError)
    }
}

fn union(
    text: &str,
    prefer: &dyn Fn(&EnvName, &Platform) -> Option<DeclarationHash>,
    ledger: &mut Ledger,
) -> Option<Parsed> {
    let sides = conflict::sides(text, ledger)?;
    let ours = wire::read(&sides.ours, ledger)?;
    let theirs = wire::read(&sides.theirs, ledger)?;
    let mut contested = Vec::new();
    let mut lock = ours;
    for ((name, platform), block) in theirs.blocks {
        let chosen = match lock.get(&name, &platform) {
            Some(ours) if *ours != block => {
                contested.push((name.clone(), platform.clone()));
                let rank = |block: &Block| {
                    let preferred = prefer(&name, &platform) == Some(block.declaration());
                    (preferred, block.knowledge())
                };
                let text = |block: &Block| text::block_text(&name, &platform, block);
                let order = rank(ours)
                    .cmp(&rank(&block))
                    .then_with(|| text(&block).cmp(&text(ours)));
                if order.is_ge() { ours.clone() } else { block }
            }
            _ => block,
        };
        lock.blocks.insert((name, platform), chosen);
    }
    Some(Parsed {
        lock,
        contested,
        merged: true,
    })
}
