//! `pyro gc`.

use clap::{Args, Subcommand};

mod answer;
pub mod holders;
pub mod roots;

use crate::cli::failure::Failure;
use crate::cli::quantity::{Size, Timespan};
use crate::cli::report::Outcome;
use crate::cli::report::events::escaped_path;
use crate::cli::session::Session;
use crate::cli::settings::gc::GcFlags;
use crate::cli::settings::{Flags, Settings};
use crate::cli::workbench::{Workbench, depth};
use crate::gc::{Limits, Reach};
use crate::run::sweep;
use crate::verb::{collect, forecast};

/// Remove what nothing holds, or say what holds it
///
/// Without limits every store path goes that no generation, no root and no process holds, with what killed writers
/// left and downloads of two weeks ago; no generation goes. With limits a path goes only when one of them asks for it,
/// the least recently used first. The generation that a profile shows and the one before it always stay. Sockets of machines
/// whose pyro was killed go as well.
///
/// Example: `pyro gc --older-than 14d --max-size 20G --dry-run`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct GcArgs {
    /// What to do instead.
    #[command(subcommand)]
    pub command: Option<GcCommand>,
    /// What may stay.
    #[command(flatten)]
    pub limits: LimitFlags,
    /// Only say what would go, how many bytes that frees, and who holds what stays
    #[arg(long)]
    pub dry_run: bool,
    /// Exit with 1 if there is something to remove (with --dry-run), or if something stayed that should have gone
    #[arg(long)]
    pub exit_code: bool,
}

/// What a collection is limited to.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct LimitFlags {
    /// Drop generations that have not been live for so long; keep paths that were used since [env: PYRO_OLDER_THAN]
    #[arg(long, value_name = "DURATION")]
    pub older_than: Option<Timespan>,
    /// Make the store paths fit into this size, as far as nothing holds them: 20G, 0 [env: PYRO_MAX_SIZE]
    #[arg(long, value_name = "SIZE")]
    pub max_size: Option<Size>,
    /// Remove unheld paths until so much of the file system is free [env: PYRO_MIN_FREE]
    #[arg(long, value_name = "SIZE")]
    pub min_free: Option<Size>,
    /// Drop generations, but the newest N of each profile [env: PYRO_KEEP]
    #[arg(long, value_name = "N")]
    pub keep: Option<usize>,
}

/// What else there is to do.
#[derive(Debug, Subcommand)]
#[expect(
    missing_docs,
    reason = "a text here would hide the help of the variant's own type"
)]
pub enum GcCommand {
    Roots(roots::GcRootsArgs),
}

impl GcArgs {
    /// Collects.
    ///
    /// # Errors
    /// When a root cannot be read: nothing is collected then.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        if let Some(GcCommand::Roots(args)) = self.command {
            return args.run(session);
        }
        let settings = session.settings(Flags {
            gc: GcFlags {
                older_than: self.limits.older_than,
                max_size: self.limits.max_size,
                min_free: self.limits.min_free,
                keep: self.limits.keep,
            },
            ..Flags::default()
        })?;
        let limits = settings.gc.limits();
        let bench = Workbench::open_if_there(session, &settings, "gc")?;
        let outcome = if self.dry_run {
            foretell(session, &settings, bench.as_ref(), &limits)?
        } else {
            remove(session, &settings, bench.as_ref(), &limits)?
        };
        Ok(if self.exit_code {
            outcome
        } else {
            Outcome::Done
        })
    }

    /// The name of its document.
    #[must_use]
    pub const fn document_name(&self) -> &'static str {
        match &self.command {
            None => "gc",
            Some(GcCommand::Roots(args)) => args.document_name(),
        }
    }
}

fn foretell(
    session: &Session,
    settings: &Settings,
    bench: Option<&Workbench<'_>>,
    limits: &Limits,
) -> Result<Outcome, Failure> {
    let document = match bench {
        None => answer::nothing(true),
        Some(bench) => bench.run(depth(settings), |cx| {
            let found = forecast(cx, limits)?;
            for root in &found.plan.unclear {
                cx.observer.event(crate::progress::Event::Note {
                    text: &format!(
                        "the root {} is out of reach, so that all it kept stays",
                        root.subject()
                    ),
                });
            }
            Ok(answer::of_forecast(cx, &found))
        })?,
    };
    session.report().answer(&document, answer::foretold)?;
    for refused in &document.refused {
        let path = escaped_path(refused.path.as_ref()).to_string();
        let text = format!("would leave {path}: {}", refused.reason);
        session.report().note(&text);
    }
    let idle = answer::is_idle(&document);
    if !document.limits_met {
        session.report().note(
            "the limits would still not be met: what stays is held, and `pyro why PATH` says by whom",
        );
    }
    Ok(if idle && document.limits_met {
        Outcome::Done
    } else {
        Outcome::No
    })
}

fn remove(
    session: &Session,
    settings: &Settings,
    bench: Option<&Workbench<'_>>,
    limits: &Limits,
) -> Result<Outcome, Failure> {
    // They are in no store, and of no size.
    let folders = sweep(&settings.engines.runtime);
    if folders > 0 {
        let amount = answer::amount(folders, "run folder", "run folders");
        let text = format!("removed {amount} of machines whose pyro was killed");
        session.report().note(&text);
    }
    let document = match bench {
        None => answer::nothing(false),
        Some(bench) => bench.run(depth(settings), |cx| {
            let collected = collect(cx, limits, Reach::All)?;
            Ok(answer::of_collected(cx, &collected))
        })?,
    };
    session.report().answer(&document, answer::done)?;
    for refused in &document.refused {
        let path = escaped_path(refused.path.as_ref()).to_string();
        session
            .report()
            .note(&format!("left {path}: {}", refused.reason));
    }
    if !document.limits_met {
        session.report().note(
            "the limits are still not met: what stays is held, and `pyro why PATH` says by whom",
        );
    }
    let all_gone = document.refused.is_empty() && document.kept.is_empty();
    Ok(if all_gone && document.limits_met {
        Outcome::Done
    } else {
        Outcome::No
    })
}

/// Collects a little after something was added, where a limit is set: without waiting for anybody, one batch of paths
/// at most. What goes wrong then is a note, since what was asked for is done.
pub fn collect_a_little(session: &Session, settings: &Settings, bench: &Workbench<'_>) {
    let limits = settings.gc.limits();
    if limits.is_none() {
        return;
    }
    match bench.run(depth(settings), |cx| collect(cx, &limits, Reach::Batch)) {
        Ok(collected) if collected.paths.is_empty() && collected.generations.is_empty() => {}
        Ok(collected) => session.report().note(&format!(
            "the limits of [gc] removed {}: {}",
            answer::amount(collected.paths.len(), "path", "paths"),
            crate::cli::quantity::Bytes(collected.bytes())
        )),
        Err(failure) => session
            .report()
            .note(&format!("nothing was collected: {}", failure.message)),
    }
}
