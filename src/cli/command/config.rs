//! `pyro config`: each setting, its value, and where it came from.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::args::{CheckChoice, DurabilityChoice, EngineChoice};
use crate::cli::failure::Failure;
use crate::cli::json::config::{Config, File, OriginKind, Setting, Value};
use crate::cli::report::Outcome;
use crate::cli::report::events::escaped;
use crate::cli::report::table::table;
use crate::cli::session::Session;
use crate::cli::settings::origin::{Origin, Sourced};
use crate::cli::settings::run::RunSettings;
use crate::cli::settings::{Flags, LockMode, Network, Settings};

/// Print each setting and where it came from
///
/// A setting is a flag, else its variable (`--lock-timeout` is `PYRO_LOCK_TIMEOUT`), else what `$PYRO_CONFIG` or
/// `$XDG_CONFIG_HOME/pyro/config.toml` says, else what `/etc/pyro/config.toml` says, else a default.
///
/// Example: `PYRO_STORE=/srv/pyro pyro config`
#[derive(Debug, Args)]
pub struct ConfigArgs {}

impl ConfigArgs {
    /// Prints them.
    ///
    /// # Errors
    /// When they cannot be resolved, or stdout cannot be written.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let Self {} = self;
        let settings = session.settings(Flags::default())?;
        session.report().answer(&document(&settings), text)?;
        Ok(Outcome::Done)
    }
}

fn document(settings: &Settings) -> Config {
    let mut rows = vec![
        row("check", &settings.check, |check| {
            Some(text_of(check_word(*check)))
        }),
        row("file", &settings.file, |path| {
            path.as_deref().map(path_value)
        }),
        row("firecracker", &settings.engines.firecracker, |path| {
            path.as_deref().map(path_value)
        }),
        row("jobs", &settings.jobs, |jobs| {
            Some(Value::Number(u64::try_from(jobs.get()).unwrap_or(u64::MAX)))
        }),
        row("lock", &settings.lock_mode, |mode| {
            Some(text_of(lock_word(*mode)))
        }),
        row("login-files", &settings.login_files, |files| {
            let shown = |path: &PathBuf| path.to_string_lossy().into_owned();
            Some(Value::List(files.iter().map(shown).collect()))
        }),
        row("offline", &settings.network, |network| {
            Some(Value::Switch(*network == Network::Offline))
        }),
        row("platform", &settings.platform, |platform| {
            Some(text_of(platform))
        }),
        row("profile", &settings.profile, |profile| {
            profile.as_ref().map(text_of)
        }),
        row("runtime-bundle-dir", &settings.bundle_dir, |path| {
            path.as_deref().map(path_value)
        }),
        row("store.durability", &settings.durability, |durability| {
            Some(text_of(durability_word(*durability)))
        }),
        row("store.lock-timeout", &settings.lock_timeout, |timeout| {
            Some(text_of(timeout))
        }),
        row("store.lower", &settings.lower, |path| {
            path.as_deref().map(path_value)
        }),
        row("store.path", &settings.store, |path| Some(path_value(path))),
    ];
    rows.extend(sections(settings));
    for (host, registry) in &settings.registries {
        let name = |key| format!("registry.\"{host}\".{key}");
        rows.push(row(name("insecure"), &registry.insecure, |on| {
            Some(Value::Switch(*on))
        }));
        rows.push(row(name("token-realms"), &registry.token_realms, |hosts| {
            Some(Value::List(hosts.clone()))
        }));
        rows.push(row(name("mirrors"), &registry.mirrors, |hosts| {
            Some(Value::List(hosts.clone()))
        }));
        rows.push(row(name("fallback"), &registry.fallback, |on| {
            Some(Value::Switch(*on))
        }));
        rows.push(row(name("ca"), &registry.ca, |path| {
            path.as_deref().map(path_value)
        }));
    }
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    let files = settings.config_files.iter().map(|(path, exists)| File {
        path: path.to_string_lossy().into_owned(),
        exists: *exists,
    });
    Config {
        settings: rows,
        files: files.collect(),
    }
}

/// `[gc]`, `[http]`, `[limits]` and `[run]`.
fn sections(settings: &Settings) -> Vec<Setting> {
    let (gc, http, limits) = (&settings.gc, &settings.http, &settings.limits);
    let mut rows = vec![
        row("gc.keep", &gc.keep, |keep| {
            keep.map(|keep| Value::Number(u64::try_from(keep).unwrap_or(u64::MAX)))
        }),
        row("gc.max-size", &gc.max_size, |size| {
            size.as_ref().map(text_of)
        }),
        row("gc.min-free", &gc.min_free, |size| {
            size.as_ref().map(text_of)
        }),
        row("gc.older-than", &gc.older_than, |age| {
            age.as_ref().map(text_of)
        }),
        row("http.connect-seconds", &http.connect_seconds, |n| {
            Some(Value::Number(n.get().into()))
        }),
        row("http.idle-seconds", &http.idle_seconds, |n| {
            Some(Value::Number(n.get().into()))
        }),
        row("http.min-rate", &http.min_rate, |rate| Some(text_of(rate))),
        row("http.helper-seconds", &http.helper_seconds, |n| {
            Some(Value::Number(n.get().into()))
        }),
        row("http.retries", &http.retries, |n| {
            Some(Value::Number((*n).into()))
        }),
        row("limits.max-entries", &limits.max_entries, |most| {
            Some(Value::Number(*most))
        }),
        row("limits.max-manifest", &limits.max_manifest, |most| {
            Some(text_of(most))
        }),
        row("limits.max-ratio", &limits.max_ratio, |most| {
            Some(Value::Number(*most))
        }),
        row("limits.max-unpacked", &limits.max_unpacked, |most| {
            Some(text_of(most))
        }),
    ];
    rows.extend(run_section(&settings.run));
    rows
}

fn run_section(run: &RunSettings) -> [Setting; 6] {
    let number = |n: &NonZeroU32| Some(Value::Number(n.get().into()));
    [
        row(
            "run.boot-timeout-seconds",
            &run.boot_timeout_seconds,
            number,
        ),
        row("run.engine", &run.engine, |engine| {
            Some(text_of(engine_word(*engine)))
        }),
        row("run.mem-mib", &run.mem_mib, number),
        row("run.scratch-size", &run.scratch_size, |size| {
            size.as_ref().map(text_of)
        }),
        row("run.timeout-seconds", &run.timeout_seconds, |n| {
            n.as_ref().and_then(number)
        }),
        row("run.vcpu-count", &run.vcpu_count, number),
    ]
}

fn row<T>(
    name: impl Into<String>,
    setting: &Sourced<T>,
    value: impl FnOnce(&T) -> Option<Value>,
) -> Setting {
    let origin_name = match &setting.origin {
        Origin::Default => None,
        origin => Some(origin.to_string()),
    };
    Setting {
        name: name.into(),
        value: value(&setting.value),
        origin: OriginKind::from(&setting.origin),
        origin_name,
    }
}

fn text_of(value: &(impl ToString + ?Sized)) -> Value {
    Value::Text(value.to_string())
}

fn path_value(path: &Path) -> Value {
    Value::Text(path.to_string_lossy().into_owned())
}

fn check_word(check: CheckChoice) -> &'static str {
    match check {
        CheckChoice::Quick => "quick",
        CheckChoice::Full => "full",
    }
}

fn engine_word(engine: EngineChoice) -> &'static str {
    match engine {
        EngineChoice::Auto => "auto",
        EngineChoice::Firecracker => "firecracker",
        EngineChoice::Qemu => "qemu",
        EngineChoice::QemuKvm => "qemu-kvm",
        EngineChoice::QemuTcg => "qemu-tcg",
        EngineChoice::Namespace => "namespace",
    }
}

fn lock_word(mode: LockMode) -> &'static str {
    match mode {
        LockMode::Update => "update",
        LockMode::Locked => "locked",
        LockMode::Frozen => "frozen",
    }
}

fn durability_word(durability: DurabilityChoice) -> &'static str {
    match durability {
        DurabilityChoice::Durable => "durable",
        DurabilityChoice::Fast => "fast",
    }
}

fn text(config: &Config) -> String {
    let rows = config.settings.iter().map(|setting| {
        [
            escaped(&setting.name).to_string(),
            setting.value.as_ref().map_or_else(|| "-".into(), shown),
            escaped(setting.origin_name.as_deref().unwrap_or("default")).to_string(),
        ]
    });
    table(&["SETTING", "VALUE", "FROM"], rows)
}

fn shown(value: &Value) -> String {
    match value {
        Value::Switch(on) => on.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => escaped(text).to_string(),
        Value::List(items) if items.is_empty() => "-".into(),
        Value::List(items) => escaped(&items.join(" ")).to_string(),
    }
}
