//! The life of an environment through the library: inspect, pull, use, prune, run.
//!
//! ```sh
//! cargo run --example lifecycle -- STORE examples/envs.toml
//! cargo run --example lifecycle -- STORE examples/machines/envs.toml busybox
//! ```
//!
//! `run` always cleans up after itself, with success or failure; what was pulled stays until `env prune` or `gc`.
//!
//! What keeps a path: the profile `pulled` from the moment `pull` returns, and until then the lease in its result.
//! Keep that result for as long as you use the path, and nobody can take it away, not even a `prune` of another
//! process after the declaration has changed. The head of `lifecycle.py` says what is cleaned up by itself.

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pyro::fetch::{Fetcher, Network, Settings};
use pyro::model::name::EnvName;
use pyro::model::platform::Platform;
use pyro::progress::{Event, Observer};
use pyro::run::engine::{Choice, Places};
use pyro::run::reach::Reach;
use pyro::run::{Exec, Limits, Size, Streams};
use pyro::store::{Depth, Patience, Store};
use pyro::unpack;
use pyro::verb::{Context, Policy, RunRequest, Scope, inspect, prune, pull, run};

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
    in_store(root, |context| walk(context, declaration, out))
}

/// Runs a command in a virtual machine of the environment `name`, which must be able to boot.
///
/// # Errors
/// When it cannot be had or does not come up, or the command fails.
pub fn end_with_a_run(
    root: &Path,
    declaration: &Path,
    name: &EnvName,
    out: &mut dyn Write,
) -> Result<(), Box<dyn Error>> {
    in_store(root, |context| run_in(context, declaration, name, out))
}

type Work<'w> = dyn FnMut(&Context<'_>) -> Result<(), Box<dyn Error>> + 'w;

fn in_store(
    root: &Path,
    mut work: impl FnMut(&Context<'_>) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let work: &mut Work<'_> = &mut work;
    let store = Store::open(root, Patience::default())?;
    // This example stays on the machine; with `Settings::default()` registries and URLs may be used.
    let settings = Settings {
        network: Network::Forbidden,
        ..Settings::default()
    };
    let fetcher = Fetcher::new(settings, store.layout().downloads(store.uid()), &Teller);
    let context = Context {
        store: &store,
        fetcher: &fetcher,
        observer: &Teller,
        now: jiff::Timestamp::now(),
        host: Platform::host(),
        depth: Depth::Quick,
        bundle: PathBuf::new(),
        jobs: 1,
        limits: unpack::Limits::default(),
        records: std::sync::OnceLock::new(),
    };
    work(&context)
}

fn walk(
    context: &Context<'_>,
    declaration: &Path,
    out: &mut dyn Write,
) -> Result<(), Box<dyn Error>> {
    let scope = Scope::new(Some(declaration), &context.bundle)?;
    // Without the built-in catalog, which has no file.
    for found in scope.all().filter(|found| found.project.file().is_some()) {
        let name = &found.environment.name;
        let before = inspect(Some(context), found, &context.host)?;
        let state = match before.outcome {
            Some(_) => "installed",
            None => "not installed",
        };
        writeln!(out, "{name}: {state}")?;
        drop(before);

        let pulled = pull(context, found, &context.host)?;
        let published = &pulled.outcome.published;
        writeln!(out, "  from {}", pulled.outcome.source)?;
        writeln!(out, "  in {}", published.path().display())?;
        for (role, path) in published.artifacts() {
            writeln!(out, "  {role}: {}", path.display())?;
        }
    }

    let pruned = prune(context)?;
    writeln!(out, "pruned {}", pruned.deleted().len())?;
    Ok(())
}

fn run_in(
    context: &Context<'_>,
    declaration: &Path,
    name: &EnvName,
    out: &mut dyn Write,
) -> Result<(), Box<dyn Error>> {
    let scope = Scope::new(Some(declaration), &context.bundle)?;
    let words = ["uname", "-s"].map(|word| word.as_bytes().to_vec());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let request = RunRequest {
        platform: context.host.clone(),
        policy: Policy::Update,
        exec: Exec {
            cwd: b"/".to_vec(),
            argv: words.to_vec(),
            env: vec![(b"PATH".to_vec(), b"/usr/bin:/bin".to_vec())],
            ..Exec::default()
        },
        engine: Choice::Auto,
        reach: Reach::default(),
        size: Size {
            vcpus: 1,
            memory_mib: 512,
            scratch: None,
        },
        limits: Limits {
            boot: Duration::from_secs(60),
            command: Some(Duration::from_secs(60)),
        },
        places: Places {
            search_path: std::env::split_paths(&path).collect(),
            ..Places::default()
        },
    };
    let streams = Streams {
        stdin: None,
        stdout: Box::new(std::io::stdout()),
        stderr: Box::new(std::io::stderr()),
        terminal: None,
    };
    let ran = run(context, scope.find(name)?, &request, streams)?;
    let code = ran.ended.ending.exit_code();
    writeln!(out, "{name}: {} ended with {code}", ran.mode)?;
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
        [store, declaration, name] => {
            let name = name.to_str().ok_or("the name is no text")?.parse()?;
            let (store, out) = (std::path::absolute(store)?, &mut std::io::stdout());
            live(&store, declaration, out)?;
            end_with_a_run(&store, declaration, &name, out)
        }
        _ => Err(
            "expected the store's folder, a declaration, and perhaps an environment to run".into(),
        ),
    }
}
