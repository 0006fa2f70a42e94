//! The life of an environment through the library: inspect, pull, use, prune.
//!
//! ```sh
//! cargo run --example lifecycle -- STORE examples/envs.toml
//! ```
//!
//! What keeps a path: the profile `pulled` from the moment `pull` returns, and until then the lease in its result.
//! Keep that result for as long as you use the path, and nobody can take it away, not even a `prune` of another
//! process after the declaration has changed. The head of `lifecycle.py` says what is cleaned up by itself.

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

use pyro::fetch::{Fetcher, Network, Settings};
use pyro::model::platform::Platform;
use pyro::progress::{Event, Observer};
use pyro::store::{Depth, Patience, Store};
use pyro::unpack::Limits;
use pyro::verb::{Context, Scope, inspect, prune, pull};

/// Tells repairs and sources that could not be used; a program may show phases and transfers too.
struct Teller;

impl Observer for Teller {
    fn event(&self, event: Event<'_>) {
        if matches!(event, Event::Repaired { .. } | Event::Skipped { .. }) {
            // What comes from outside may hold escapes; `Debug` shows them as text.
            let _ = writeln!(std::io::stderr(), "{event:?}");
        }
    }
}

/// Takes every environment of `declaration` through its life, in the store at `root`.
///
/// # Errors
/// When one of them cannot be had, or the system refuses.
pub fn live(root: &Path, declaration: &Path, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    let store = Store::open(root, Patience::default())?;
    // This example stays on the machine; with `Settings::default()` registries and URLs may be used.
    let settings = Settings {
        network: Network::Forbidden,
        ..Settings::default()
    };
    let fetcher = Fetcher::new(settings, store.layout().downloads(store.uid()), &Teller);
    let bundle = PathBuf::new();
    let context = Context {
        store: &store,
        fetcher: &fetcher,
        observer: &Teller,
        now: jiff::Timestamp::now(),
        host: Platform::host(),
        depth: Depth::Quick,
        bundle: bundle.clone(),
        jobs: 1,
        limits: Limits::default(),
        records: std::sync::OnceLock::new(),
    };

    let scope = Scope::new(Some(declaration), &bundle)?;
    // Without the built-in catalog, which has no file.
    for found in scope.all().filter(|found| found.project.file().is_some()) {
        let name = &found.environment.name;
        let before = inspect(Some(&context), found, &context.host)?;
        let state = match before.outcome {
            Some(_) => "installed",
            None => "not installed",
        };
        writeln!(out, "{name}: {state}")?;
        drop(before);

        let pulled = pull(&context, found, &context.host)?;
        let published = &pulled.outcome.published;
        writeln!(out, "  from {}", pulled.outcome.source)?;
        writeln!(out, "  in {}", published.path().display())?;
        for (role, path) in published.artifacts() {
            writeln!(out, "  {role}: {}", path.display())?;
        }
    }

    let pruned = prune(&context)?;
    writeln!(out, "pruned {}", pruned.deleted().len())?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    match words.as_slice() {
        [store, declaration] => live(
            &std::path::absolute(store)?,
            declaration,
            &mut std::io::stdout(),
        ),
        _ => Err("expected the store's folder and a declaration".into()),
    }
}
