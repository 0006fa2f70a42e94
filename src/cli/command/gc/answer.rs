//! What `pyro gc` answers.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::holders::{line, of_chain, of_process};
use crate::cli::json::gc as json;
use crate::cli::quantity::Bytes;
use crate::cli::report::events::escaped;
use crate::gc::{Collected, Gone, Kept, KeptWhy};
use crate::model::root::Root;
use crate::verb::{Context, Forecast, chain};

/// The answer where there is no store.
pub(super) fn nothing(dry_run: bool) -> json::Gc {
    json::Gc {
        dry_run,
        bytes: 0,
        paths: Vec::new(),
        junk: Vec::new(),
        generations: Vec::new(),
        profiles: Vec::new(),
        roots: Vec::new(),
        kept: Vec::new(),
        refused: Vec::new(),
        limits_met: true,
    }
}

pub(super) fn of_forecast(cx: &Context<'_>, found: &Forecast) -> json::Gc {
    let layout = cx.store.layout();
    let paths = found.plan.paths.iter().zip(&found.bytes);
    json::Gc {
        dry_run: true,
        bytes: found.total(),
        paths: paths
            .map(|(path, bytes)| place(&layout.path(&path.name), *bytes))
            .collect(),
        junk: found
            .junk
            .iter()
            .map(|(path, bytes)| place(path, *bytes))
            .collect(),
        generations: generations(&found.plan.generations),
        profiles: profiles(&found.plan.profiles),
        roots: found.plan.records.iter().map(root).collect(),
        kept: found
            .plan
            .kept
            .iter()
            .map(|kept| of_kept(cx, found, kept))
            .collect(),
        refused: refused(&found.plan.unread),
        limits_met: found.plan.meets_limits,
    }
}

fn refused(left: &[(PathBuf, String)]) -> Vec<json::Refused> {
    let refused = left.iter().map(|(path, reason)| json::Refused {
        path: text(path),
        reason: reason.clone(),
    });
    refused.collect()
}

fn of_kept(cx: &Context<'_>, found: &Forecast, kept: &Kept) -> json::Kept {
    let (why, by) = match &kept.why {
        KeptWhy::Held(holding) => {
            let chains = holding.iter().map(|one| chain(cx, one.clone()));
            (
                json::KeptWhy::Held,
                chains.map(|chain| of_chain(&chain)).collect(),
            )
        }
        KeptWhy::Leased => {
            let leases = found.leases.get(&kept.name);
            let leases = leases.into_iter().flatten();
            (json::KeptWhy::Leased, leases.map(of_process).collect())
        }
        KeptWhy::Limits => (json::KeptWhy::Limits, Vec::new()),
    };
    json::Kept {
        path: text(&cx.store.layout().path(&kept.name)),
        why,
        by,
    }
}

pub(super) fn of_collected(cx: &Context<'_>, collected: &Collected) -> json::Gc {
    let layout = cx.store.layout();
    let gone = |gone: &Gone| place(&gone.path, gone.bytes);
    let junk = collected.staging.iter().chain(&collected.trash);
    let kept = collected.in_use.iter().map(|name| json::Kept {
        path: text(&layout.path(name)),
        why: json::KeptWhy::Leased,
        by: Vec::new(),
    });
    json::Gc {
        dry_run: false,
        bytes: collected.bytes(),
        paths: collected.paths.iter().map(gone).collect(),
        junk: junk.chain(&collected.downloads).map(gone).collect(),
        generations: generations(&collected.generations),
        profiles: profiles(&collected.profiles),
        roots: collected.records.iter().map(root).collect(),
        kept: kept.collect(),
        refused: refused(&collected.refused),
        limits_met: collected.meets_limits,
    }
}

fn place(path: &Path, bytes: u64) -> json::Place {
    json::Place {
        path: text(path),
        bytes,
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn generations(doomed: &[crate::gc::DoomedGeneration]) -> Vec<json::Generation> {
    let of = |one: &crate::gc::DoomedGeneration| json::Generation {
        profile: one.profile.clone(),
        number: one.number,
    };
    doomed.iter().map(of).collect()
}

fn profiles(doomed: &[crate::gc::DoomedProfile]) -> Vec<crate::model::name::ProfileName> {
    doomed.iter().map(|one| one.profile.clone()).collect()
}

/// A root record.
pub(super) fn root(root: &Root) -> json::Root {
    json::Root {
        id: root.id().to_string(),
        kind: root.kind().to_owned(),
        subject: root.subject().to_owned(),
    }
}

/// Whether nothing goes.
pub(super) fn is_idle(document: &json::Gc) -> bool {
    document.paths.is_empty()
        && document.junk.is_empty()
        && document.generations.is_empty()
        && document.profiles.is_empty()
        && document.roots.is_empty()
}

/// A dry run in words: what would go, then what stays.
pub(super) fn foretold(document: &json::Gc) -> String {
    let mut text = gone(document, "would remove", "would drop");
    for kept in &document.kept {
        let path = escaped(&kept.path);
        let _infallible = match kept.why {
            json::KeptWhy::Limits => writeln!(text, "keeps {path}\n  within the limits"),
            json::KeptWhy::Held | json::KeptWhy::Leased => writeln!(text, "keeps {path}"),
        };
        for holder in &kept.by {
            let _infallible = writeln!(text, "  {}", line(holder));
        }
    }
    text + &closing(document, "would free")
}

/// A collection in words.
pub(super) fn done(document: &json::Gc) -> String {
    let mut text = gone(document, "removed", "dropped");
    for kept in &document.kept {
        let _infallible = writeln!(text, "in use: {}", escaped(&kept.path));
    }
    text + &closing(document, "freed")
}

fn gone(document: &json::Gc, removed: &str, dropped: &str) -> String {
    let mut text = String::new();
    for root in &document.roots {
        let _infallible = writeln!(
            text,
            "{dropped} the {} root {}, which is gone",
            root.kind,
            escaped(&root.subject)
        );
    }
    for profile in &document.profiles {
        let _infallible = writeln!(text, "{dropped} profile {profile}");
    }
    for one in &document.generations {
        let (number, profile) = (one.number, &one.profile);
        let _infallible = writeln!(text, "{dropped} generation {number} of profile {profile}");
    }
    for place in document.junk.iter().chain(&document.paths) {
        let (path, bytes) = (escaped(&place.path), Bytes(place.bytes));
        let _infallible = writeln!(text, "{removed} {path} ({bytes})");
    }
    text
}

fn closing(document: &json::Gc, freed: &str) -> String {
    let mut parts = vec![amount(document.paths.len(), "path", "paths")];
    for (count, one, many) in [
        (document.junk.len(), "leftover", "leftovers"),
        (document.generations.len(), "generation", "generations"),
        (document.profiles.len(), "profile", "profiles"),
    ] {
        if count > 0 {
            parts.push(amount(count, one, many));
        }
    }
    format!("{freed} {}: {}\n", Bytes(document.bytes), parts.join(", "))
}

/// `1 path`, `2 paths`.
pub(super) fn amount(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
