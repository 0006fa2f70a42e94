//! `pyro profile switch`, `rollback` and `delete`.

use super::{ProfileDeleteArgs, ProfileRollbackArgs, ProfileSwitchArgs, Which};
use crate::cli::failure::{Failure, Kind};
use crate::cli::json::profile as json;
use crate::cli::report::Outcome;
use crate::cli::session::Session;
use crate::cli::settings::Flags;
use crate::cli::workbench::Workbench;
use crate::profile::{Locked, current, generations};
use crate::store::Depth;
use crate::verb::restore;

impl ProfileSwitchArgs {
    /// Switches.
    ///
    /// # Errors
    /// When there is no such generation, or its paths are not valid any more.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let moved = go(session, &self.which, Some(self.generation))?;
        session
            .report()
            .answer(&json::ProfileSwitch(moved), |document| text(&document.0))?;
        Ok(Outcome::Done)
    }
}

impl ProfileRollbackArgs {
    /// Goes back.
    ///
    /// # Errors
    /// When there is nothing to go back to, or its paths are not valid any more.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let moved = go(session, &self.which, None)?;
        session
            .report()
            .answer(&json::ProfileRollback(moved), |document| text(&document.0))?;
        Ok(Outcome::Done)
    }
}

fn go(session: &Session, which: &Which, number: Option<u64>) -> Result<json::Move, Failure> {
    let (settings, name) = which.resolve(session)?;
    let bench = Workbench::open(session, &settings, "profile")?;
    let previous = current(bench.store(), &name)?.map(|live| live.number);
    let (committed, target) = bench.run(Depth::Quick, |cx| restore(cx, &name, number))?;
    Ok(json::Move {
        profile: name.to_string(),
        generation: committed.number,
        previous,
        restores: target.number,
        changed: committed.changed,
    })
}

fn text(moved: &json::Move) -> String {
    if moved.changed {
        format!(
            "{} shows generation {}, which restores {}\n",
            moved.profile, moved.generation, moved.restores
        )
    } else {
        format!(
            "{} shows the same already, in generation {}\n",
            moved.profile, moved.generation
        )
    }
}

impl ProfileDeleteArgs {
    /// Deletes it.
    ///
    /// # Errors
    /// When there is no such profile, or nobody said that it was meant.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let settings = session.settings(Flags::default())?;
        let bench = Workbench::open(session, &settings, "profile")?;
        if !self.yes.yes {
            let numbers = generations(bench.store(), &self.profile)?.len();
            let text = format!(
                "this deletes profile `{}` and its {numbers} generations",
                self.profile
            );
            return Err(Failure::new(Kind::Usage, text).hint("add --yes if that is meant"));
        }
        let locked = Locked::existing(bench.store(), &self.profile, bench.observer())?;
        let numbers = generations(bench.store(), &self.profile)?.len();
        locked.delete()?;
        let document = json::ProfileDelete {
            profile: self.profile.to_string(),
            generations: numbers,
        };
        session.report().answer(&document, |document| {
            format!(
                "deleted {} and its {} generations\n",
                document.profile, document.generations
            )
        })?;
        session
            .report()
            .note("what only it held is removed by `pyro gc`");
        Ok(Outcome::Done)
    }
}
